/** The history that an application brings along: taken in once, whole and in order,
 * whatever else happens at the time. */

import { randomUUID } from "node:crypto";
import OpenAI from "openai";
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ChatInput, Client, toTurn } from "../src/index.js";
import { wrap } from "../src/openai.js";
import { Canned } from "./canned.js";
import { Server } from "./processes.js";

const FINE = { role: "assistant", content: "Fine." } as const;
const HISTORY = Array.from({ length: 125 }, (_, place): ChatCompletionMessageParam[] => [
  { role: "user", content: `user ${place}` },
  { role: "assistant", content: `assistant ${place}` },
]).flat();
const SAID = HISTORY.map((message) => message.content);

let server: Server;
let upstream: Canned;

beforeAll(async () => {
  server = await Server.start("--dev");
  upstream = await Canned.start();
});

afterAll(async () => {
  upstream.stop();
  await server.stop();
});

function user(content: string): ChatCompletionMessageParam {
  return { role: "user", content };
}

/** A client that does something before an append: the n-th of them, from 0. */
function memory(before: (append: number, client: Client) => Promise<void> = async () => {}) {
  let appends = 0;
  class Meanwhile extends Client {
    override async appendTurns(...given: Parameters<Client["appendTurns"]>) {
      await before(appends++, this);
      return super.appendTurns(...given);
    }
  }
  return new Meanwhile({ address: server.address });
}

async function ask(
  client: Client,
  conversation: string,
  ...messages: ChatCompletionMessageParam[]
): Promise<void> {
  upstream.answers.push(FINE);
  const llm = new OpenAI({ baseURL: upstream.baseURL, apiKey: "none" });
  await wrap(llm, client, { conversation }).chat.completions.create({ model: "canned", messages });
}

async function said(conversation: string): Promise<unknown[]> {
  const client = new Client({ address: server.address });
  const texts = [];
  for await (const turn of client.turns(conversation)) texts.push(turn.parts[0]?.content.value);
  client.close();
  return texts;
}

test.each([0, 1, 2])("one that was taken in by half is gone on with: %i", async (batches) => {
  const conversation = randomUUID();
  const dying = memory(async (append) => {
    if (append === batches) throw new Error("the process ends");
  });
  const asked = ask(dying, conversation, ...HISTORY, user("Hello"));
  await expect(asked).rejects.toThrow("the process ends");
  upstream.answers.length = 0;
  expect(await said(conversation)).toHaveLength(100 * batches);
  // What was said meanwhile without memory is taken in too.
  const well: ChatCompletionMessageParam = { role: "assistant", content: "Well?" };
  const next = memory();
  await ask(next, conversation, ...HISTORY, user("Hello"), well, user("Bye"));
  expect(await said(conversation)).toEqual([...SAID, "Hello", "Well?", "Bye", "Fine."]);
  dying.close();
  next.close();
});

test("two first requests at once take it in once", async () => {
  const conversation = randomUUID();
  // Two processes: nothing is shared but the server.
  const clients = [memory(), memory()] as const;
  const asked = clients.map((client, place) =>
    ask(client, conversation, ...HISTORY, user(`Ask ${place}`)),
  );
  await Promise.all(asked);
  const stored = await said(conversation);
  expect(stored.slice(0, SAID.length)).toEqual(SAID);
  expect(stored.slice(SAID.length).sort()).toEqual(["Ask 0", "Ask 1", "Fine.", "Fine."]);
  for (const client of clients) client.close();
});

/** Another request appends messages before the first batch. */
function other(conversation: string, messages: ChatInput[], ids: string[]): Client {
  return memory(async (append) => {
    if (append > 0) return;
    const first = new Client({ address: server.address });
    const turns = messages.map((message) => toTurn(message));
    for (const [place, turn] of turns.entries()) turn.clientTurnId = ids[place] ?? "";
    await first.appendTurns(conversation, turns);
    first.close();
  });
}

test("what another request stored of it is gone on from", async () => {
  const conversation = randomUUID();
  const first = HISTORY.slice(0, 130) as ChatInput[];
  const ids = first.map((_, place) => `history/${place}`);
  const client = other(conversation, first, ids);
  await ask(client, conversation, ...HISTORY, user("Hello"));
  expect(await said(conversation)).toEqual([...SAID, "Hello", "Fine."]);
  client.close();
});

test.each(["m1", "history/0"])(
  "behind what another request began with only the new is stored: %s",
  async (id) => {
    const conversation = randomUUID();
    const client = other(conversation, ["Otherwise"], [id]);
    await ask(client, conversation, ...HISTORY, user("Hello"));
    expect(await said(conversation)).toEqual(["Otherwise", "Hello", "Fine."]);
    client.close();
  },
);
