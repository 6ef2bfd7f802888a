/** Turns and windows in the format of a chat completion, and back.
 *
 * Text, tool calls, tool results, images, audio and files become parts of a turn, in
 * their order. The message that a window is for stands in it as the caller gave it. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { MediaOfTurn, contentOf as mediaContent } from "./media.js";
import {
  type ContextMessage,
  type ContextWindow,
  type Part,
  type PartSchema,
  Role,
  Section,
  type Turn,
  TurnSchema,
} from "./v1.js";

type PartInit = MessageInitShape<typeof PartSchema>;

/** A call of a tool, as a chat completion has it. */
export type ChatToolCall =
  | { id: string; type: "function"; function: { name: string; arguments: string } }
  | { id: string; type: "custom"; custom: { name: string; input: string } };

/** A part of a message's content, as a chat completion has it. */
export type ChatContentPart =
  | { type: "text"; text: string }
  | { type: "image_url"; image_url: { url: string; detail?: string } }
  | { type: "input_audio"; input_audio: { data: string; format: string } }
  | { type: "file"; file: { file_data?: string; file_id?: string; filename?: string } }
  | { type: "refusal"; refusal: string };

/** A message of a chat completion request. */
export interface ChatMessage {
  role: "system" | "developer" | "user" | "assistant" | "tool";
  content?: string | ChatContentPart[] | null;
  name?: string;
  refusal?: string | null;
  tool_calls?: ChatToolCall[];
  tool_call_id?: string;
}

/** What becomes a turn: text alone, or a chat message. */
export type ChatInput = string | ChatMessage;

const ROLES: Record<ChatMessage["role"], Role> = {
  system: Role.SYSTEM,
  developer: Role.SYSTEM,
  user: Role.USER,
  assistant: Role.ASSISTANT,
  tool: Role.TOOL,
};

/** A turn of a chat message; `role` is that of text alone.
 *
 * @throws RangeError for a role that does not exist */
export function toTurn(message: ChatInput, role: "user" | "assistant" = "user"): Turn {
  const chat = toChat(message, role);
  const turnRole = ROLES[chat.role];
  if (turnRole === undefined) {
    throw new RangeError(`role must be one of ${Object.keys(ROLES).join(", ")}, is ${chat.role}`);
  }
  let parts = contentParts(chat.content);
  if (chat.role === "tool") {
    const content = parts.map((part) => (part.content?.case === "text" ? part.content.value : ""));
    const value = { callId: chat.tool_call_id ?? "", content: content.join("") };
    parts = [{ content: { case: "toolResult", value } }];
  }
  if (chat.refusal) parts.push(text(chat.refusal));
  for (const call of chat.tool_calls ?? []) {
    const value = { callId: call.id, ...called(call) };
    parts.push({ content: { case: "toolCall", value } });
  }
  return create(TurnSchema, { role: turnRole, parts, speaker: chat.name ?? "" });
}

/** The chat message that was given; `role` is that of text alone. */
export function toChat(message: ChatInput, role: "user" | "assistant" = "user"): ChatMessage {
  return typeof message === "string" ? { role, content: message } : message;
}

/** The messages of a window, ready for a chat completion. */
export function toMessages(window: ContextMessage[]): ChatMessage[] {
  return window.flatMap(chatMessages);
}

/** The messages of a window that was built for a message of the user: the window has it
 * as it is stored, or not at all if it had no room; the model gets it as it was given. */
export function answering(window: ContextWindow, asked: ChatMessage): ChatMessage[] {
  const given = asked.name ? { ...asked, name: nameOf(asked.name) } : asked;
  const query = queryOf(window);
  const chats = window.messages.flatMap((message, index) =>
    query.has(index) ? [given] : chatMessages(message),
  );
  return query.size > 0 ? chats : [...chats, given];
}

/** The messages of a window without the one that it was built for. */
export function beforeQuery(window: ContextWindow): ChatMessage[] {
  const query = queryOf(window);
  return toMessages(window.messages.filter((_, index) => !query.has(index)));
}

/** Messages of a window whose calls of custom tools stand as such: a stored call does not
 * say its kind, the tools of the request do. */
export function asDeclared(messages: ChatMessage[], tools: unknown): ChatMessage[] {
  const given = Array.isArray(tools) ? tools : [];
  const customs = new Set<unknown>(given.map((tool) => tool?.custom?.name));
  const declared = (call: ChatToolCall): ChatToolCall => {
    const { name, argumentsJson: input } = called(call);
    return customs.has(name) ? { id: call.id, type: "custom", custom: { name, input } } : call;
  };
  return messages.map((message) =>
    message.tool_calls ? { ...message, tool_calls: message.tool_calls.map(declared) } : message,
  );
}

/** What a call calls, of every kind: a custom tool takes text in place of JSON. */
export function called(call: ChatToolCall): { name: string; argumentsJson: string } {
  // What an application passes on may be of a kind that the types do not have.
  const { custom, function: named } = call as {
    custom?: { name?: string; input?: string };
    function?: { name?: string; arguments?: string };
  };
  const argumentsJson = named ? named.arguments : custom?.input;
  return { name: named?.name ?? custom?.name ?? "", argumentsJson: argumentsJson ?? "" };
}

function queryOf(window: ContextWindow): Set<number> {
  const query = window.items.filter((item) => item.section === Section.QUERY);
  return new Set(query.map((item) => item.messageIndex));
}

function text(value: string): PartInit {
  return { content: { case: "text", value } };
}

function contentParts(content: ChatMessage["content"]): PartInit[] {
  if (typeof content === "string") return content === "" ? [] : [text(content)];
  const media = new MediaOfTurn();
  return (content ?? []).map((item) => {
    if (item.type === "text") return text(item.text);
    if (item.type === "refusal") return text(item.refusal);
    return { content: { case: "opaque", value: media.part(item) } };
  });
}

function chatMessages(message: ContextMessage): ChatMessage[] {
  const results = message.parts.flatMap((part) => contentOf(part, "toolResult"));
  if (message.role === Role.TOOL && results.length > 0) {
    return results.map((result) => ({
      role: "tool",
      tool_call_id: result.callId,
      content: result.content,
    }));
  }
  const chat: ChatMessage = { role: chatRole(message.role), content: message.content };
  if (message.speaker) chat.name = nameOf(message.speaker);
  const calls = message.parts.flatMap((part) => contentOf(part, "toolCall"));
  if (calls.length > 0) {
    chat.content = message.content || null;
    chat.tool_calls = calls.map((call) => ({
      id: call.callId,
      type: "function",
      function: { name: call.name, arguments: call.argumentsJson },
    }));
  }
  const others = message.parts.flatMap((part) => contentOf(part, "opaque"));
  if (others.length > 0 && chat.role === "user") {
    const words: ChatContentPart[] = message.content
      ? [{ type: "text", text: message.content }]
      : [];
    chat.content = [...words, ...others.map(mediaContent)];
  }
  return [chat];
}

type Content = Exclude<Part["content"], { case: undefined }>;

function contentOf<C extends Content["case"]>(
  part: Part,
  name: C,
): Extract<Content, { case: C }>["value"][] {
  return part.content.case === name ? [part.content.value as never] : [];
}

/** A tool's words without the id of a call cannot stand under `tool`. */
function chatRole(role: Role): "system" | "user" | "assistant" {
  if (role === Role.SYSTEM) return "system";
  return role === Role.USER ? "user" : "assistant";
}

/** A name that a chat completion takes. */
function nameOf(speaker: string): string {
  return speaker.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64);
}
