/** The cases that all SDKs share. */

import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client, type PreparedTurn, ThroughlineError } from "../src/index.js";
import { call, camel, plainError } from "./caller.js";
import { CONFORMANCE, Server } from "./processes.js";

interface Step {
  call: string;
  as?: string;
  with?: Record<string, unknown>;
  save?: string;
  expect?: Record<string, unknown>;
  at_most?: Record<string, number>;
  contains?: Record<string, string>;
  error?: Record<string, unknown>;
}

const table = JSON.parse(readFileSync(`${CONFORMANCE}/cases.json`, "utf8"));
const cases: { name: string; steps: Step[] }[] = table.cases;
const keys: Record<string, string> = {
  acme: "acme-key",
  reader: "acme-read-key",
  globex: "globex-key",
  forged: "acme-kez",
  nobody: "",
};

describe("conformance", () => {
  let server: Server;
  const clients = new Map<string, Client>();

  beforeAll(async () => {
    server = await Server.start("--config", `${CONFORMANCE}/server.toml`);
    // A restarted server may take its time on a busy machine.
    const retry = { maxAttempts: 60, maxDelayMs: 1_000 };
    for (const [who, apiKey] of Object.entries(keys)) {
      const { address } = server;
      clients.set(who, new Client({ address, apiKey, retry, timeoutMs: 60_000 }));
    }
    const away = { address: await silentAddress(), retry: { maxAttempts: 2 } };
    clients.set("unreachable", new Client(away));
  });

  afterAll(async () => {
    for (const client of clients.values()) client.close();
    await server.stop();
  });

  test.each(cases)("$name", async ({ steps }) => {
    const saved = new Map<string, PreparedTurn>();
    for (const step of steps) {
      if (step.call === "restart_server") {
        await server.restart();
        continue;
      }
      const client = clients.get(step.as ?? "acme") as Client;
      const given = { conversation: "", ...step.with };
      const done = call(client, step.call, given, saved);
      if (step.error) {
        checkError(step.error, await done.catch((error: unknown) => error));
        continue;
      }
      const { result, turn } = await done;
      if (step.save && turn) saved.set(step.save, turn);
      check(step, result);
    }
  });
});

/** An address where nobody listens any more. */
async function silentAddress(): Promise<string> {
  const listener = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => listener.once("listening", resolve));
  const address = listener.address() as { port: number };
  await new Promise((resolve) => listener.close(resolve));
  return `127.0.0.1:${address.port}`;
}

function check(step: Step, result: unknown): void {
  for (const [path, expected] of Object.entries(step.expect ?? {})) {
    expect(at(result, path), `${path} of ${step.call}`).toEqual(expected);
  }
  for (const [path, most] of Object.entries(step.at_most ?? {})) {
    expect(at(result, path), `${path} of ${step.call}`).toBeGreaterThan(0);
    expect(at(result, path), `${path} of ${step.call}`).toBeLessThanOrEqual(most);
  }
  for (const [path, part] of Object.entries(step.contains ?? {})) {
    expect(at(result, path), `${path} of ${step.call}`).toContain(part);
  }
}

function checkError(expected: Record<string, unknown>, thrown: unknown): void {
  expect(thrown).toBeInstanceOf(ThroughlineError);
  const actual = plainError(thrown as ThroughlineError);
  const { fields_include: included = [], ...rest } = expected;
  expect(actual).toMatchObject(rest);
  expect(actual.fields).toEqual(expect.arrayContaining(included as string[]));
}

/** What stands at a path, numbers as numbers. */
function at(root: unknown, path: string): unknown {
  let value = root;
  for (const key of path.split(".")) {
    if (Array.isArray(value)) value = key === "length" ? value.length : value.at(Number(key));
    else value = member(value as Record<string, unknown>, key);
  }
  return typeof value === "bigint" ? Number(value) : value;
}

/** A field under the name that the protocol or this language gives it. */
function member(holder: Record<string, unknown>, key: string): unknown {
  return key in holder ? holder[key] : holder[camel(key)];
}
