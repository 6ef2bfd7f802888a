/** The calls of the conformance cases, and their answers as plain data. */

import {
  type ChatInput,
  type Client,
  type PreparedTurn,
  type ThroughlineError,
  toTurn,
} from "../src/index.js";
import * as v1 from "../src/v1.js";

type Given = Record<string, unknown> & { conversation: string };

/** Makes the call of a step; gives the answer in plain form, and the prepared turn. */
export async function call(
  client: Client,
  name: string,
  given: Given,
  saved: Map<string, PreparedTurn>,
): Promise<{ result: unknown; turn?: PreparedTurn }> {
  const { conversation, ...options } = camelCase(given) as Given;
  switch (name) {
    case "create_conversation":
      return { result: await client.createConversation(conversation, options) };
    case "ensure_conversation":
      return { result: { created: await client.ensureConversation(conversation, options) } };
    case "get_conversation":
      return { result: await client.getConversation(conversation) };
    case "delete_conversation":
      return { result: await client.deleteConversation(conversation) };
    case "prepare_turn": {
      const turn = await client.prepareTurn(conversation, options.message as ChatInput, options);
      return { turn, result: { ...turn, total_tokens: turn.window.totalTokens } };
    }
    case "commit_turn": {
      const turn = saved.get(given.turn as string) as PreparedTurn;
      return { result: appended(await client.commitTurn(turn, given.answer as [], options)) };
    }
    case "append_turns": {
      const turns = (given.messages as ChatInput[]).map((message) => toTurn(message));
      return { result: appended(await client.appendTurns(conversation, turns, options)) };
    }
    case "list_turns": {
      const page = await client.listTurns(conversation, options);
      return { result: { turns: page.items.map(plainTurn) } };
    }
    case "turns": {
      const texts = [];
      for await (const turn of client.turns(conversation, options)) texts.push(text(turn));
      return { result: { texts } };
    }
    case "build_context": {
      const context = await client.buildContext(conversation, given.query as string, options);
      const said = context.messages.map((message) => String(message.content)).join("\n");
      const { totalTokens } = context.window;
      return { result: { ...context, text: said, total_tokens: totalTokens } };
    }
    case "search_turns": {
      const where = conversation ? { ...options, conversation } : options;
      const page = await client.searchTurns(given.query as string, where as { userId: string });
      return { result: { hits: page.items.map((hit) => ({ sequence: hit.turn?.sequence })) } };
    }
    case "pin_fact":
      return { result: await client.pinFact(conversation, options.text as string, options) };
    case "list_facts":
      return { result: { facts: (await client.listFacts(conversation)).items } };
    case "server_info":
      return { result: await client.serverInfo(options) };
    case "copy_conversation":
      return { result: await copy(client, conversation, options.to as string) };
    default:
      throw new Error(`no such call: ${name}`);
  }
}

/** Streams a conversation out, and in again under another id. */
async function copy(client: Client, from: string, to: string): Promise<unknown> {
  const { exportConversation, importConversation } = v1.ConversationService.method;
  const exported = client.stream(exportConversation, { name: `conversations/${from}` });
  async function* items() {
    let conversationId = to;
    for await (const { item } of exported) {
      yield { item, conversationId } as const;
      conversationId = "";
    }
  }
  const done = await client.upload(importConversation, items());
  return { turns: done.turns };
}

function appended(answer: v1.AppendTurnsResponse): unknown {
  const repeated = answer.turns.map((turn) => turn.repeatedAppend);
  return { last_sequence: answer.lastSequence, repeated };
}

function plainTurn(turn: v1.Turn): unknown {
  const role = v1.Role[turn.role]?.toLowerCase();
  return { sequence: turn.sequence, role, text: text(turn), metadata: turn.metadata };
}

function text(turn: v1.Turn): string {
  return turn.parts.map(({ content }) => (content.case === "text" ? content.value : "")).join("");
}

/** An error as the cases describe it. */
export function plainError(error: ThroughlineError) {
  const kind = error.name.replace(/Error$/, "").replace(/(?<!^)(?=[A-Z])/g, "_");
  return {
    kind: kind.toLowerCase(),
    code: error.code,
    reason: error.reason,
    fields: error.fieldViolations.map((violation) => violation.field),
    metadata: error.metadata,
  };
}

const RENAMED: Record<string, string> = { timeout: "timeoutMs" };

/** The names of a step's arguments in this language. */
function camelCase(given: Given): object {
  const entries = Object.entries(given).map(([key, value]) => {
    return [RENAMED[key] ?? camel(key), value];
  });
  return Object.fromEntries(entries);
}

/** A name in this language. */
export function camel(name: string): string {
  return name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
}
