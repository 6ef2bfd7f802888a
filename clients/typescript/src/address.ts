/** Where the server is and who calls. */

export const DEFAULT_ADDRESS = "127.0.0.1:7420";

/** A server and what every call to it carries. */
export interface Endpoint {
  baseUrl: string;
  headers: Record<string, string>;
}

/** Reads an address: `host:port` (plain text) or a URL, `https` for TLS. What is
 * undefined comes from `THROUGHLINE_ADDRESS` and `THROUGHLINE_API_KEY`.
 *
 * @throws RangeError for another scheme */
export function endpoint(address: string | undefined, apiKey: string | undefined): Endpoint {
  const where = address || process.env.THROUGHLINE_ADDRESS || DEFAULT_ADDRESS;
  const key = apiKey ?? process.env.THROUGHLINE_API_KEY ?? "";
  const baseUrl = where.includes("://") ? where : `http://${where}`;
  if (!/^https?:/.test(baseUrl)) {
    throw new RangeError(`address must be host:port, http:// or https://, is ${where}`);
  }
  return { baseUrl, headers: key ? { authorization: `Bearer ${key}` } : {} };
}
