/** `wrap` with the real OpenAI SDK. */

import { randomUUID } from "node:crypto";
import OpenAI from "openai";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "../src/index.js";
import { AnswerNotStoredError, wrap } from "../src/openai.js";
import { Role, type Turn } from "../src/v1.js";
import { Server, Upstream } from "./processes.js";

const INSTRUCTION = { role: "system", content: "Be brief." } as const;
const TOOLS = [{ type: "function", function: { name: "lookup", parameters: {} } }] as const;
const TOLD = "My dog is called Rex.";
const ASKED = "What is my dog called?";
const model = "extractive";

function user(content: string): ChatCompletionMessageParam {
  return { role: "user", content };
}

describe("wrap", () => {
  let server: Server;
  let upstream: Upstream;
  let memory: Client;
  let client: OpenAI;

  beforeAll(async () => {
    server = await Server.start("--dev");
    upstream = await Upstream.start();
    memory = new Client({ address: server.address });
    client = new OpenAI({ baseURL: upstream.baseURL, apiKey: "none", maxRetries: 0 });
  });

  afterAll(async () => {
    memory.close();
    await upstream.stop();
    await server.stop();
  });

  function chat(conversation = randomUUID()) {
    const wrapped = wrap(client, memory, { conversation, budget: 1000 });
    const turns = async () => (await memory.listTurns(conversation)).items;
    const texts = async () => (await turns()).map(text);
    const create = (...messages: ChatCompletionMessageParam[]) =>
      wrapped.chat.completions.create({ model, messages });
    const stream = (...messages: ChatCompletionMessageParam[]) =>
      wrapped.chat.completions.create({ model, messages, stream: true });
    return { conversation, wrapped, create, stream, turns, texts };
  }

  test("the history is replaced and the answer is stored", async () => {
    const { create, texts } = chat();
    await create(INSTRUCTION, user(TOLD));
    const madeUp = { role: "assistant", content: "made up" } as const;
    const answer = await create(INSTRUCTION, user(TOLD), madeUp, user(ASKED));
    const said = answer.choices[0]?.message.content as string;
    expect(said).toContain(TOLD);
    const sent = (await upstream.asked()).at(-1).messages;
    expect(sent[0]).toEqual(INSTRUCTION);
    expect(sent.at(-1)).toEqual(user(ASKED));
    expect(JSON.stringify(sent)).not.toContain("made up");
    expect(await texts()).toEqual([TOLD, "Noted.", ASKED, said]);
  });

  test("a conversation of the application is taken in once", async () => {
    const { create, texts } = chat();
    const history = [user(TOLD), { role: "assistant", content: "Fine." }] as const;
    await create(...history, user("Hello"));
    await create(...history, user("Hello"), { role: "assistant", content: "x" }, user("Bye"));
    expect(await texts()).toEqual([TOLD, "Fine.", "Hello", "Noted.", "Bye", "Noted."]);
  });

  test("a stream is stored when it ends", async () => {
    const { create, stream, turns } = chat();
    await create(user(TOLD));
    let said = "";
    for await (const chunk of await stream(user(ASKED))) {
      said += chunk.choices[0]?.delta.content ?? "";
    }
    expect(said).toContain(TOLD);
    const last = (await turns()).at(-1) as Turn;
    expect(text(last)).toBe(said);
    expect(last.metadata).toBeUndefined();
  });

  test("what came of a stream that is left is stored", async () => {
    const { create, stream, turns } = chat();
    await create(user(TOLD));
    let said = "";
    for await (const chunk of await stream(user(ASKED))) {
      said += chunk.choices[0]?.delta.content ?? "";
      if (said.includes(" ")) break;
    }
    const last = (await turns()).at(-1) as Turn;
    expect(text(last)).toBe(said);
    expect(last.metadata).toEqual({ cut_off: true });
  });

  test("a stream is still a stream of the SDK", async () => {
    const { stream, texts } = chat();
    const readable = (await stream(user("Hello"))).toReadableStream();
    for await (const _ of readable as unknown as AsyncIterable<Uint8Array>);
    expect(await texts()).toEqual(["Hello", "Noted."]);
  });

  test("an answer at its token limit is marked", async () => {
    const { wrapped, turns, create } = chat();
    await create(user(TOLD));
    const limited = { model, messages: [user(ASKED)], max_tokens: 2 };
    await wrapped.chat.completions.create(limited);
    expect((await turns()).at(-1)?.metadata).toEqual({ cut_off: true });
  });

  test.each([false, true])("rounds of tool calls are in order, streamed: %s", async (streamed) => {
    const { wrapped, turns } = chat();
    const asked = { model, messages: [user("Look it up")], tools: [...TOOLS] };
    let id: string | undefined;
    if (streamed) {
      const stream = await wrapped.chat.completions.create({ ...asked, stream: true });
      for await (const { choices } of stream) id ??= choices[0]?.delta.tool_calls?.[0]?.id;
    } else {
      const first = await wrapped.chat.completions.create(asked);
      id = first.choices[0]?.message.tool_calls?.[0]?.id;
    }
    const call = { name: "lookup", arguments: '{"query": "Look it up"}' };
    const after: ChatCompletionMessageParam[] = [
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: id as string, type: "function", function: call }],
      },
      { role: "tool", tool_call_id: id as string, content: "Forty-two." },
    ];
    const messages = [...asked.messages, ...after];
    const second = await wrapped.chat.completions.create({ ...asked, messages });
    expect(second.choices[0]?.message.content).toBe("Forty-two.");
    expect((await upstream.asked()).at(-1).messages.slice(-2)).toEqual(after);
    const stored = await turns();
    const roles = [Role.USER, Role.ASSISTANT, Role.TOOL, Role.ASSISTANT];
    expect(stored.map((turn) => turn.role)).toEqual(roles);
    expect(stored[1]?.parts[0]?.content.value).toMatchObject({ argumentsJson: call.arguments });
  });

  test("a message whose answer failed is one turn when it is asked again", async () => {
    const { wrapped, create, texts } = chat();
    const failing = { model: "absent", messages: [user("Hello")] };
    await expect(wrapped.chat.completions.create(failing)).rejects.toThrow(OpenAI.NotFoundError);
    await expect(wrapped.chat.completions.create(failing)).rejects.toThrow(OpenAI.NotFoundError);
    await create(user("Hello"), user("Are you there"));
    expect(await texts()).toEqual(["Hello", "Are you there", "Noted."]);
    await create(user("Are you there"));
    expect((await texts()).slice(3)).toEqual(["Are you there", "Noted."]);
  });

  test("a message larger than the budget reaches the model", async () => {
    const { conversation, texts } = chat();
    const wrapped = wrap(client, memory, { conversation, budget: 20 });
    const long = user("Read this to its end. ".repeat(20));
    await wrapped.chat.completions.create({ model, messages: [INSTRUCTION, long] });
    const sent = (await upstream.asked()).at(-1).messages;
    expect([sent[0], sent.at(-1)]).toEqual([INSTRUCTION, long]);
    expect(await texts()).toEqual([long.content, "Noted."]);
  });

  test("an image reaches the model as it was given", async () => {
    const { create, turns } = chat();
    const url = `data:image/png;base64,${"iVBO".repeat(1 << 19)}`;
    const message: ChatCompletionMessageParam = {
      role: "user",
      content: [
        { type: "text", text: "What is this" },
        { type: "image_url", image_url: { url, detail: "high" } },
      ],
    };
    await create(message);
    expect((await upstream.asked()).at(-1).messages.at(-1)).toEqual(message);
    await create(user("And who made it"));
    expect(JSON.stringify((await upstream.asked()).at(-1).messages)).not.toContain("iVBO");
    const stored = (await turns())[0]?.parts[1]?.content;
    expect(stored?.value).toMatchObject({ tokenCost: 1_000, source: { case: "uri" } });
  });

  test("a turn asked again is asked without what was said since", async () => {
    const { wrapped } = chat();
    const create = (content: string, turnId: string) =>
      wrapped.chat.completions.create({ model, messages: [user(content)], turnId });
    await create(TOLD, "m1");
    await create("My cat is called Tom.", "m2");
    await create(TOLD, "m1");
    const sent = (await upstream.asked()).at(-1).messages;
    expect(sent.at(-1)).toEqual(user(TOLD));
    expect(JSON.stringify(sent)).not.toMatch(/Noted|Tom/);
  });

  test("of two messages at once the one without an answer still waits", async () => {
    const { wrapped, create, stream, texts } = chat();
    const first = await stream(user("One"));
    const failing = { model: "absent", messages: [user("Other")] };
    await expect(wrapped.chat.completions.create(failing)).rejects.toThrow(OpenAI.NotFoundError);
    for await (const _ of first);
    await create(user("Other"));
    expect((await texts()).filter((text) => text === "Other")).toHaveLength(1);
  });

  test("without a conversation nothing is remembered", async () => {
    const messages = [user("a"), { role: "assistant", content: "b" } as const, user("c")];
    await wrap(client, memory).chat.completions.create({ model, messages });
    expect((await upstream.asked()).at(-1).messages).toEqual(messages);
  });

  test("what cannot be remembered is refused", async () => {
    const { wrapped, create } = chat();
    const many = { model, messages: [user("Hello")], n: 2 };
    await expect(wrapped.chat.completions.create(many)).rejects.toThrow("n must be 1");
    await expect(create(INSTRUCTION)).rejects.toThrow("one of the user");
  });

  test("the rest of the client is its own", async () => {
    const { wrapped, texts } = chat();
    expect((await wrapped.models.list()).data[0]?.id).toBe(model);
    const patient = wrapped.withOptions({ timeout: 5_000 });
    await patient.chat.completions.create({ model, messages: [user("Hello")] });
    expect((await texts())[0]).toBe("Hello");
  });

  test("clients with other options know what was asked", async () => {
    const { wrapped, texts } = chat();
    for (const timeout of [5_000, 10_000]) {
      const failing = { model: "absent", messages: [user("Hello")] };
      const asked = wrapped.withOptions({ timeout }).chat.completions.create(failing);
      await expect(asked).rejects.toThrow(OpenAI.NotFoundError);
    }
    const asked = { model, messages: [user("Hello")] };
    await wrapped.withOptions({ timeout: 20_000 }).chat.completions.create(asked);
    expect(await texts()).toEqual(["Hello", "Noted."]);
  });

  test("an answer that could not be stored is not lost", async () => {
    const { wrapped, conversation } = chat();
    const asked = { model, messages: [user(TOLD)], turnId: "m1", conversation };
    await wrapped.chat.completions.create(asked);
    // The same turn with another answer: the id of the answer is taken.
    const again = wrapped.chat.completions.create({ ...asked, tools: [...TOOLS] });
    const error = await again.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AnswerNotStoredError);
    expect((error as AnswerNotStoredError).completion).toHaveProperty("choices");
  });

  test("an answer is not lost whatever fails", async () => {
    class Failing extends Client {
      override async commitTurn(): Promise<never> {
        throw new TypeError("no error of the service");
      }
    }
    const failing = new Failing({ address: server.address });
    const asked = { model, messages: [user(TOLD)], conversation: randomUUID() };
    const answer = wrap(client, failing).chat.completions.create(asked);
    const error = await answer.catch((thrown: unknown) => thrown);
    failing.close();
    expect((error as AnswerNotStoredError).message).toContain("no error of the service");
    expect((error as AnswerNotStoredError).completion).toHaveProperty("choices");
  });
});

function text(turn: Turn): string {
  return turn.parts.map(({ content }) => (content.case === "text" ? content.value : "")).join("");
}
