/** The generated messages are those of the protocol, and every key is filled. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { create, type DescMethodUnary, type DescService } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { fillKeys, isRepeatable } from "../src/methods.js";
import * as v1 from "../src/v1.js";

const PACKAGE = resolve(import.meta.dirname, "..");

function files(directory: string): Record<string, string> {
  const paths = readdirSync(directory, { recursive: true, encoding: "utf8" });
  const sources = paths.filter((path) => path.endsWith(".ts")).sort();
  return Object.fromEntries(
    sources.map((path) => [path, readFileSync(join(directory, path), "utf8")]),
  );
}

test("generated messages are fresh: else run `npm run generate`", () => {
  const out = mkdtempSync(join(tmpdir(), "generated-"));
  const bin = join(PACKAGE, "node_modules/.bin");
  execFileSync(join(bin, "buf"), ["generate", "--output", out], {
    cwd: PACKAGE,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });
  expect(files(join(PACKAGE, "src/gen"))).toEqual(files(join(out, "src/gen")));
  rmSync(out, { recursive: true });
});

const services: DescService[] = [
  v1.ConversationService,
  v1.MemoryService,
  v1.ItemService,
  v1.ContextService,
  v1.DegradationService,
  v1.UsageService,
  v1.ServerService,
];
const unary = services
  .flatMap((service) => service.methods)
  .filter((method): method is DescMethodUnary => method.methodKind === "unary");

test("every service of the protocol is known", () => {
  const known = services.map((service) => service.name);
  const exported = Object.keys(v1).filter((name) => name.endsWith("Service"));
  expect(known.sort()).toEqual(exported.sort());
});

test("what is sent twice is a read, carries a key, goes on where it was, or leaves the same", () => {
  const unsafe = unary.filter((method) => isRepeatable(method) && !isRead(method.name));
  expect(unsafe.map((method) => method.name).sort()).toEqual([
    "AppendTurns",
    "CreateConversation",
    "ForkConversation",
    "PinFact",
    "PrepareTurn",
    "PutItem",
    "RecordOutcome",
    "Summarize",
  ]);
});

test("every method that has a key field fills it", () => {
  for (const method of unary) {
    const request = create(method.input) as unknown as Record<string, unknown>;
    if ("turns" in method.input.field) request.turns = [create(v1.TurnSchema)];
    const { turn: field } = method.input.field;
    if (field?.message) request.turn = create(v1.TurnSchema);
    if ("outcome" in method.input.field) request.outcome = create(v1.OutcomeSchema);
    fillKeys(request as never);
    const { requestId, turn, turns, outcome } = request as {
      requestId?: string;
      turn?: v1.Turn | string;
      turns?: v1.Turn[];
      outcome?: v1.Outcome;
    };
    const prepared = typeof turn === "object" ? turn.clientTurnId : undefined;
    const keys = [requestId, prepared, turns?.[0]?.clientTurnId, outcome?.outcomeId];
    for (const key of keys) {
      if (key !== undefined) expect(key, method.name).toHaveLength(32);
    }
  }
});

function isRead(name: string): boolean {
  return /^(Get|List|Search|Build)/.test(name);
}
