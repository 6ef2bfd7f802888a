/** What becomes of images, audio and files in a turn. */

import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { type ChatContentPart, toMessages, toTurn } from "../src/index.js";
import { ContextMessageSchema, type Opaque, Role, type Turn } from "../src/v1.js";

const BYTES = Buffer.alloc(2 << 20, "PNG!");

function image(data: Buffer) {
  const url = `data:image/png;base64,${data.toString("base64")}`;
  return { type: "image_url", image_url: { url, detail: "high" } } as const;
}

function turn(...content: ChatContentPart[]): Turn {
  return toTurn({ role: "user", content });
}

function media({ parts }: Turn): Opaque[] {
  return parts.map((part) => part.content.value as Opaque);
}

/** The content of the turn in a later window. */
function shown({ parts }: Turn) {
  return toMessages([create(ContextMessageSchema, { role: Role.USER, parts })])[0]?.content;
}

test("a large image is kept as an address", () => {
  const stored = turn(image(BYTES));
  const value = `urn:sha256:${createHash("sha256").update(BYTES).digest("hex")}`;
  expect(media(stored)[0]?.source).toEqual({ case: "uri", value });
  expect(shown(stored)).toEqual([{ type: "text", text: "[image/png]" }]);
});

test("small images are kept as long as there is room", () => {
  const small = image(BYTES.subarray(0, 200 << 10));
  const stored = turn(small, small, small);
  expect(media(stored).map((part) => part.source.case)).toEqual(["data", "data", "uri"]);
  const { url } = small.image_url;
  expect(shown(stored)?.[0]).toEqual({ type: "image_url", image_url: { url } });
});

test("media cost tokens", () => {
  const stored = turn(
    image(BYTES),
    image(BYTES.subarray(0, 1)),
    { type: "image_url", image_url: { url: "https://example.org/cat.png" } },
    { type: "input_audio", input_audio: { data: "UklGRg==", format: "wav" } },
    { type: "file", file: { file_id: "file-1" } },
  );
  expect(media(stored).map((part) => part.tokenCost)).toEqual(Array(5).fill(1_000));
});
