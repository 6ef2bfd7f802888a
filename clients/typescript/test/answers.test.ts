/** Answers of every form, and readers that go away: none costs the caller a completion,
 * and what came is stored. */

import { randomUUID } from "node:crypto";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { wrapLanguageModel } from "ai";
import OpenAI from "openai";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { remember } from "../src/ai-sdk.js";
import { Client, toTurn } from "../src/index.js";
import { wrap } from "../src/openai.js";
import { toPrompt } from "../src/prompt.js";
import { Canned, STALL } from "./canned.js";
import { Server } from "./processes.js";

const model = "canned";
const RUN = { id: "call_1", type: "custom", custom: { name: "run", input: "print(42)" } } as const;
const CUSTOM = [{ type: "custom", custom: { name: "run" } }] as const;
const HALF = [{ role: "assistant", content: "Half " }, { content: "an answer" }, STALL];
const DONE = { role: "assistant", content: "Done." } as const;
const LATER = { id: "call_1", type: "later", later: { of: ["that", 1] } };

let server: Server;
let upstream: Canned;
let memory: Client;

beforeAll(async () => {
  server = await Server.start("--dev");
  upstream = await Canned.start();
  memory = new Client({ address: server.address });
});

afterAll(async () => {
  memory.close();
  upstream.stop();
  await server.stop();
});

function user(content: string): ChatCompletionMessageParam {
  return { role: "user", content };
}

function chat(...answers: (object | object[])[]) {
  upstream.answers.push(...answers);
  const conversation = randomUUID();
  const client = new OpenAI({ baseURL: upstream.baseURL, apiKey: "none", maxRetries: 0 });
  const wrapped = wrap(client, memory, { conversation });
  const tools = [...CUSTOM];
  const create = (...messages: ChatCompletionMessageParam[]) =>
    wrapped.chat.completions.create({ model, messages, tools });
  const stream = (options?: OpenAI.RequestOptions) =>
    wrapped.chat.completions.create(
      { model, messages: [user("Tell me")], tools, stream: true },
      options,
    );
  const turns = async () => (await memory.listTurns(conversation)).items;
  const said = async () => (await turns()).map((turn) => turn.parts[0]?.content.value);
  return { client, wrapped, conversation, create, stream, turns, said };
}

function assistant(...calls: object[]): object {
  return { role: "assistant", content: null, tool_calls: calls };
}

function piece(call: object): object {
  return { tool_calls: [{ index: 0, ...call }] };
}

describe("readers that go away", () => {
  test("a stream that is left while a chunk is waited for is stored", async () => {
    const { stream, said, turns } = chat(HALF);
    const chunks = (await stream())[Symbol.asyncIterator]();
    await chunks.next();
    await chunks.next();
    const waiting = chunks.next();
    await chunks.return?.();
    expect((await waiting).done).toBe(true);
    expect((await chunks.next()).done).toBe(true);
    expect(await said()).toEqual(["Tell me", "Half an answer"]);
    expect((await turns())[1]?.metadata).toEqual({ cut_off: true });
  });

  test.each(["controller", "signal"])("a stream that its %s aborts is stored", async (by) => {
    const { stream, said } = chat(HALF);
    const aborting = new AbortController();
    const chunks = await stream({ signal: aborting.signal });
    for await (const { choices } of chunks) {
      if (choices[0]?.delta.content !== "an answer") continue;
      if (by === "signal") aborting.abort();
      else chunks.controller.abort();
    }
    expect(await said()).toEqual(["Tell me", "Half an answer"]);
  });

  test("a readable stream that is cancelled is stored", async () => {
    const { stream, said } = chat(HALF);
    const reader = (await stream()).toReadableStream().getReader();
    await reader.read();
    await reader.read();
    await reader.cancel();
    expect(await said()).toEqual(["Tell me", "Half an answer"]);
  });

  test("a stream of the AI SDK that is cancelled is stored once", async () => {
    upstream.answers.push(HALF);
    const conversation = randomUUID();
    const provider = createOpenAICompatible({ name: "canned", baseURL: upstream.baseURL });
    const wrapped = wrapLanguageModel({ model: provider(model), middleware: remember(memory) });
    const { stream } = await wrapped.doStream({
      prompt: [{ role: "user", content: [{ type: "text", text: "Tell me" }] }],
      providerOptions: { throughline: { conversation } },
    });
    const reader = stream.getReader();
    for (let text = ""; text !== "Half an answer"; ) {
      const { value } = await reader.read();
      if (value?.type === "text-delta") text += value.delta;
    }
    const waiting = reader.read();
    await reader.cancel();
    expect((await waiting).done).toBe(true);
    const { items } = await memory.listTurns(conversation);
    const said = items.map((turn) => turn.parts[0]?.content.value);
    expect(said).toEqual(["Tell me", "Half an answer"]);
  });
});

describe("calls of tools", () => {
  test.each([false, true])("a custom one is stored, streamed: %s", async (streamed) => {
    const pieces = [
      piece({ id: "call_1", type: "custom", custom: { name: "run", input: "" } }),
      piece({ custom: { input: "print" } }),
      piece({ custom: { input: "(42)" } }),
    ];
    const { create, stream, said } = chat(streamed ? pieces : assistant(RUN));
    if (streamed) for await (const _ of await stream());
    else expect((await create(user("Tell me"))).choices[0]?.message.tool_calls).toEqual([RUN]);
    const call = { callId: "call_1", name: "run", argumentsJson: "print(42)" };
    expect((await said())[1]).toMatchObject(call);
  });

  test.each([{}, { index: null }, { index: 0 }, { index: 3 }])(
    "those that share an index or have none stay apart: %j",
    async (index) => {
      const pieces = [
        { id: "a", type: "function", function: { name: "run", arguments: "" } },
        { function: { arguments: '{"n": ' } },
        { function: { arguments: "1" } },
        { id: "b", type: "function", function: { name: "run", arguments: "{" } },
        // The first goes on.
        { id: "a", function: { arguments: "}" } },
        // An id alone is none of another call: some services draw one for each piece.
        { id: "x", function: { arguments: "}" } },
      ];
      const { stream, turns } = chat(
        pieces.map((call) => ({ tool_calls: [{ ...index, ...call }] })),
      );
      for await (const _ of await stream());
      expect((await turns())[1]?.parts.map((part) => part.content.value)).toMatchObject([
        { callId: "a", name: "run", argumentsJson: '{"n": 1}' },
        { callId: "b", name: "run", argumentsJson: "{}" },
      ]);
    },
  );

  test("a round of a custom one goes on, and stands as such in windows", async () => {
    const { create, turns } = chat(assistant(RUN), DONE, DONE);
    await create(user("Run it"));
    const called: ChatCompletionMessageParam = {
      role: "assistant",
      content: null,
      tool_calls: [RUN],
    };
    const result = { role: "tool", tool_call_id: "call_1", content: "42" } as const;
    await create(user("Run it"), called, result);
    expect(await turns()).toHaveLength(4);
    await create(user("And what did it say"));
    const sent = upstream.asked.at(-1).messages as { tool_calls?: unknown }[];
    expect(sent.map((message) => message.tool_calls)).toContainEqual([RUN]);
  });

  test.each([
    [LATER, "later", '"of":["that",1]'],
    [{ type: "function", function: { arguments: "{}" } }, "unknown", "{}"],
    [{ id: null, function: { name: "run", arguments: { a: 1 } } }, "run", '{"a":1}'],
  ])("one of another form is stored as well as it can be: %j", async (given, name, part) => {
    const { create, stream, said } = chat(assistant(given), [piece(given)]);
    await create(user("One"));
    for await (const _ of await stream());
    const stored = (await said()) as { name: string; argumentsJson: string }[];
    for (const call of [stored[1], stored[3]]) {
      expect(call?.name).toBe(name);
      expect(call?.argumentsJson).toContain(part);
    }
  });

  test("one in the form before tools is stored", async () => {
    const called = { name: "run", arguments: "{}" };
    const { create, said } = chat({ role: "assistant", content: null, function_call: called });
    await create(user("Run it"));
    expect((await said())[1]).toMatchObject({ callId: "function_call", name: "run" });
  });

  test("a call without arguments has an empty object for them", () => {
    const call = { id: "1", type: "function", function: { name: "run", arguments: "" } } as const;
    const prompt = toPrompt([{ role: "assistant", tool_calls: [call] }]);
    expect(prompt[0]?.content[0]).toMatchObject({ toolName: "run", input: {} });
    const custom = toPrompt([{ role: "assistant", tool_calls: [RUN] }]);
    expect(custom[0]?.content[0]).toMatchObject({ toolName: "run", input: "print(42)" });
    const { parts } = toTurn({ role: "assistant", tool_calls: [RUN] });
    expect(parts[0]?.content.value).toMatchObject({ name: "run", argumentsJson: "print(42)" });
  });
});

describe("what cannot be read or stored", () => {
  test("parts of a content, and half of a character, are stored", async () => {
    const parts = ["In ", "parts \ud83d"].map((text) => ({ type: "text", text }));
    const { create, said } = chat({ role: "assistant", content: parts });
    await create(user("Hello"));
    expect(await said()).toEqual(["Hello", "In parts \ufffd"]);
  });

  test("is warned of", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const { stream, said } = chat([
      { content: "Well " },
      { content: "said", tool_calls: [null] },
      { content: "." },
    ]);
    for await (const _ of await stream());
    expect(warned.mock.calls[0]?.[0]).toContain("cannot be read");
    warned.mockRestore();
    expect(await said()).toEqual(["Tell me", "Well said."]);
  });
});
