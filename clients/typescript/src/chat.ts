/** Turns and windows in the format of a chat completion, and back.
 *
 * Nothing is lost on the way in: text, tool calls, tool results, images, audio
 * and files become parts of a turn, in their order. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ContextMessage,
  type Opaque,
  type OpaqueSchema,
  type Part,
  type PartSchema,
  Role,
  type Turn,
  TurnSchema,
} from "./v1.js";

type PartInit = MessageInitShape<typeof PartSchema>;

/** A call of a tool, as a chat completion has it. */
export interface ChatToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

/** A part of a message's content, as a chat completion has it. */
export type ChatContentPart =
  | { type: "text"; text: string }
  | { type: "image_url"; image_url: { url: string } }
  | { type: "input_audio"; input_audio: { data: string; format: string } }
  | { type: "file"; file: { file_data?: string; file_id?: string } }
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
  const chat: ChatMessage = typeof message === "string" ? { role, content: message } : message;
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
    const { name, arguments: argumentsJson } = call.function;
    const value = { callId: call.id, name, argumentsJson };
    parts.push({ content: { case: "toolCall", value } });
  }
  return create(TurnSchema, { role: turnRole, parts, speaker: chat.name ?? "" });
}

/** The messages of a window, ready for a chat completion. */
export function toMessages(window: ContextMessage[]): ChatMessage[] {
  return window.flatMap(chatMessages);
}

function text(value: string): PartInit {
  return { content: { case: "text", value } };
}

function contentParts(content: ChatMessage["content"]): PartInit[] {
  if (typeof content === "string") return content === "" ? [] : [text(content)];
  return (content ?? []).map(contentPart);
}

function contentPart(item: ChatContentPart): PartInit {
  switch (item.type) {
    case "image_url":
      return opaque(item.image_url.url, "image/*");
    case "input_audio": {
      const { data, format } = item.input_audio;
      return inline(`audio/${format}`, data);
    }
    case "file":
      return opaque(item.file.file_data ?? item.file.file_id ?? "", "application/*");
    case "refusal":
      return text(item.refusal);
    case "text":
      return text(item.text);
  }
}

function opaque(source: string, mediaType: string): PartInit {
  const found = /^data:([^;,]+);base64,(.*)$/s.exec(source);
  if (found?.[1] && found[2] !== undefined) return inline(found[1], found[2]);
  const value: MessageInitShape<typeof OpaqueSchema> = {
    mediaType,
    source: { case: "uri", value: source },
  };
  return { content: { case: "opaque", value } };
}

function inline(mediaType: string, base64: string): PartInit {
  const value = new Uint8Array(Buffer.from(base64, "base64"));
  return { content: { case: "opaque", value: { mediaType, source: { case: "data", value } } } };
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
  if (message.speaker) chat.name = message.speaker.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, 64);
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
    chat.content = [...words, ...others.map(opaqueContent)];
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

function opaqueContent(part: Opaque): ChatContentPart {
  const data = part.source.case === "data" ? Buffer.from(part.source.value).toString("base64") : "";
  const uri = part.source.case === "uri" ? part.source.value : "";
  const url = uri || `data:${part.mediaType};base64,${data}`;
  const [kind, format = ""] = part.mediaType.split("/");
  if (kind === "image") return { type: "image_url", image_url: { url } };
  if (kind === "audio" && data) return { type: "input_audio", input_audio: { data, format } };
  return { type: "file", file: uri ? { file_id: url } : { file_data: url } };
}
