/** The middleware in the real AI SDK. */

import { randomUUID } from "node:crypto";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import {
  generateText,
  type ModelMessage,
  stepCountIs,
  streamText,
  tool,
  wrapLanguageModel,
} from "ai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { remember } from "../src/ai-sdk.js";
import { Client } from "../src/index.js";
import { Role, type Turn } from "../src/v1.js";
import { Server, Upstream } from "./processes.js";

const TOLD = "My dog is called Rex.";
const ASKED = "What is my dog called?";

describe("remember", () => {
  let server: Server;
  let upstream: Upstream;
  let memory: Client;

  beforeAll(async () => {
    server = await Server.start("--dev");
    upstream = await Upstream.start();
    memory = new Client({ address: server.address });
  });

  afterAll(async () => {
    memory.close();
    await upstream.stop();
    await server.stop();
  });

  function chat() {
    const conversation = randomUUID();
    const { baseURL } = upstream;
    const provider = createOpenAICompatible({ name: "upstream", baseURL });
    const middleware = remember(memory, { budget: 1000 });
    const model = wrapLanguageModel({ model: provider("extractive"), middleware });
    const providerOptions = { throughline: { conversation } };
    const ask = (...messages: ModelMessage[]) => ({ model, messages, providerOptions });
    const turns = async () => (await memory.listTurns(conversation)).items;
    return { model, ask, turns };
  }

  test("the history is replaced and the answer is stored", async () => {
    const { ask, turns } = chat();
    await generateText({ ...ask(user(TOLD)), system: "Be brief." });
    const madeUp = { role: "assistant", content: "made up" } as const;
    const { text } = await generateText({
      ...ask(user(TOLD), madeUp, user(ASKED)),
      system: "Be brief.",
    });
    expect(text).toContain(TOLD);
    const sent = (await upstream.asked()).at(-1).messages;
    expect(sent[0]).toEqual({ role: "system", content: "Be brief." });
    expect(JSON.stringify(sent)).not.toContain("made up");
    expect((await turns()).map(words)).toEqual([TOLD, "Noted.", ASKED, text]);
  });

  test("a stream is stored when it ends", async () => {
    const { ask, turns } = chat();
    await generateText(ask(user(TOLD)));
    const text = await streamText(ask(user(ASKED))).text;
    expect(text).toContain(TOLD);
    const last = (await turns()).at(-1) as Turn;
    expect(words(last)).toBe(text);
    expect(last.metadata).toBeUndefined();
  });

  test("what came of a stream that is left is stored", async () => {
    const { ask, model, turns } = chat();
    await generateText(ask(user(TOLD)));
    const { providerOptions } = ask();
    const prompt = [{ role: "user" as const, content: [{ type: "text" as const, text: ASKED }] }];
    const { stream } = await model.doStream({ prompt, providerOptions });
    let said = "";
    for await (const part of stream) {
      if (part.type === "text-delta") said += part.delta;
      if (said.includes(" ")) break;
    }
    const last = (await turns()).at(-1) as Turn;
    expect(words(last).startsWith(said)).toBe(true);
    expect(last.metadata).toEqual({ cut_off: true });
  });

  test("steps of tool calls are stored in order", async () => {
    const { ask, turns } = chat();
    const inputSchema = z.object({ query: z.string() });
    const execute = async ({ query }: { query: string }) => `Found for ${query}: forty-two.`;
    const tools = { lookup: tool({ inputSchema, execute }) };
    const stopWhen = stepCountIs(3);
    const { text } = await generateText({ ...ask(user("the answer")), tools, stopWhen });
    expect(text).toBe("Found for the answer: forty-two.");
    const roles = [Role.USER, Role.ASSISTANT, Role.TOOL, Role.ASSISTANT];
    expect((await turns()).map((turn) => turn.role)).toEqual(roles);
    const next = await generateText({ ...ask(user("Thanks")), tools, stopWhen });
    expect(next.text).toContain("Found for Thanks");
    const sent = (await upstream.asked()).at(-1).messages;
    expect(sent.filter((message: { role: string }) => message.role === "tool")).toHaveLength(2);
  });

  test("a message larger than the budget reaches the model", async () => {
    const { ask } = chat();
    await generateText(ask(user(TOLD)));
    const long = "Read this to its end. ".repeat(400);
    await generateText(ask(user(long)));
    expect((await upstream.asked()).at(-1).messages.at(-1).content).toBe(long);
  });

  test("an image reaches the model as it was given", async () => {
    const { ask, turns } = chat();
    const image = "iVBO".repeat(1 << 19);
    const shown = {
      role: "user",
      content: [
        { type: "text", text: "What is this" },
        { type: "image", image, mediaType: "image/png" },
      ],
      providerOptions: { openaiCompatible: { marked: true } },
    } as const satisfies ModelMessage;
    await generateText(ask(shown as unknown as ModelMessage));
    const sent = (await upstream.asked()).at(-1).messages.at(-1);
    expect(sent.marked).toBe(true);
    expect(sent.content[1].image_url.url).toBe(`data:image/png;base64,${image}`);
    expect((await turns())[0]?.parts[1]?.content.value).toMatchObject({ tokenCost: 1_000 });
  });

  test("without a conversation nothing is remembered", async () => {
    const { model } = chat();
    const messages = [user("a"), { role: "assistant", content: "b" } as const, user("c")];
    await generateText({ model, messages });
    expect((await upstream.asked()).at(-1).messages).toHaveLength(3);
  });
});

function user(content: string): ModelMessage {
  return { role: "user", content };
}

function words(turn: Turn): string {
  return turn.parts.map(({ content }) => (content.case === "text" ? content.value : "")).join("");
}
