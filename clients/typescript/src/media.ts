/** Images, audio and files: as parts of a turn, and back as contents of a chat
 * message.
 *
 * Small ones are stored themselves. Of a large one the address is, by its hash: a
 * turn has a limit, and what the service never reads need not lie there. An
 * application that keeps its media by their SHA-256 finds them again. */

import { createHash } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChatContentPart } from "./chat.js";
import type { Opaque, OpaqueSchema } from "./v1.js";

/** A content that is no text. */
export type ChatMedia = Extract<ChatContentPart, { type: "image_url" | "input_audio" | "file" }>;

type OpaqueInit = MessageInitShape<typeof OpaqueSchema>;

/** What one costs in a window: an image of a million pixels at the hosted models. */
const TOKENS = 1_000;
/** Bytes of the largest that is stored itself. */
const MAX_KEPT = 256 * 1024;
/** Bytes that are stored of one message: with its texts far below the limit of a turn. */
const MAX_KEPT_OF_TURN = 512 * 1024;
const HASH = "urn:sha256:";
/** The chat proxy stores the hash of the data URL. */
const HASHES = [HASH, "urn:blake3:"];

/** Makes the parts of one message; counts what is stored of it. */
export class MediaOfTurn {
  #kept = 0;

  /** What is stored of a content. */
  part(item: ChatMedia): OpaqueInit {
    switch (item.type) {
      case "image_url":
        return this.#ofUrl(item.image_url.url, "image/*");
      case "input_audio":
        return this.#inline(`audio/${item.input_audio.format}`, item.input_audio.data);
      case "file":
        return this.#ofUrl(item.file.file_data ?? item.file.file_id ?? "", "application/*");
    }
  }

  #ofUrl(url: string, mediaType: string): OpaqueInit {
    const found = /^data:([^;,]+);base64,(.*)$/s.exec(url);
    if (found?.[1] && found[2] !== undefined) return this.#inline(found[1], found[2]);
    return { mediaType, source: { case: "uri", value: url }, tokenCost: TOKENS };
  }

  #inline(mediaType: string, base64: string): OpaqueInit {
    const data = new Uint8Array(Buffer.from(base64, "base64"));
    if (data.length > Math.min(MAX_KEPT, MAX_KEPT_OF_TURN - this.#kept)) {
      const value = HASH + createHash("sha256").update(data).digest("hex");
      return { mediaType, source: { case: "uri", value }, tokenCost: TOKENS };
    }
    this.#kept += data.length;
    return { mediaType, source: { case: "data", value: data }, tokenCost: TOKENS };
  }
}

/** A content of a chat message; what is not kept here is named. */
export function contentOf(part: Opaque): ChatContentPart {
  const data = part.source.case === "data" ? Buffer.from(part.source.value).toString("base64") : "";
  const uri = part.source.case === "uri" ? part.source.value : "";
  if (HASHES.some((hash) => uri.startsWith(hash))) {
    return { type: "text", text: `[${part.mediaType}]` };
  }
  const url = uri || `data:${part.mediaType};base64,${data}`;
  const [kind, format = ""] = part.mediaType.split("/");
  if (kind === "image") return { type: "image_url", image_url: { url } };
  if (kind === "audio" && data) return { type: "input_audio", input_audio: { data, format } };
  return { type: "file", file: uri ? { file_id: url } : { file_data: url } };
}
