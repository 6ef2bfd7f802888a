/** Prompts of the AI SDK as chat messages, and back. */

import type {
  LanguageModelV3FilePart,
  LanguageModelV3Message,
  LanguageModelV3Prompt,
  LanguageModelV3ToolResultOutput,
} from "@ai-sdk/provider";
import { type ChatContentPart, type ChatMessage, type ChatToolCall, called } from "./chat.js";

type AssistantPart = Extract<LanguageModelV3Message, { role: "assistant" }>["content"][number];
type UserPart = Extract<LanguageModelV3Message, { role: "user" }>["content"][number];

/** The chat messages of a prompt. Reasoning is not part of a conversation. */
export function toChat(prompt: LanguageModelV3Prompt): ChatMessage[] {
  return prompt.flatMap(chatMessages);
}

function chatMessages(message: LanguageModelV3Message): ChatMessage[] {
  switch (message.role) {
    case "system":
      return [{ role: "system", content: message.content }];
    case "user":
      return [{ role: "user", content: message.content.map(contentPart) }];
    case "assistant":
      return [assistantMessage(message.content)];
    case "tool":
      return message.content.flatMap((part) =>
        part.type === "tool-result"
          ? [{ role: "tool", tool_call_id: part.toolCallId, content: outputText(part.output) }]
          : [],
      );
  }
}

/** A prompt of chat messages. */
export function toPrompt(messages: ChatMessage[]): LanguageModelV3Prompt {
  const calls = messages.flatMap((message) => message.tool_calls ?? []);
  const names = new Map(calls.map((call) => [call.id, called(call).name]));
  return messages.map((message) => promptMessage(message, names));
}

function promptMessage(message: ChatMessage, names: Map<string, string>): LanguageModelV3Message {
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", content: textOf(message) };
    case "user":
      return { role: "user", content: userParts(message) };
    case "assistant": {
      const text = textOf(message);
      const said: AssistantPart[] = text ? [{ type: "text", text }] : [];
      return {
        role: "assistant",
        content: [...said, ...(message.tool_calls ?? []).map(callPart)],
      };
    }
    case "tool": {
      const toolCallId = message.tool_call_id ?? "";
      const toolName = names.get(toolCallId) ?? "";
      const output = { type: "text", value: textOf(message) } as const;
      return {
        role: "tool",
        content: [{ type: "tool-result", toolCallId, toolName, output }],
      };
    }
  }
}

function contentPart(part: UserPart): ChatContentPart {
  if (part.type === "text") return { type: "text", text: part.text };
  const url = fileUrl(part);
  if (part.mediaType.startsWith("image/")) return { type: "image_url", image_url: { url } };
  return { type: "file", file: { file_data: url } };
}

function fileUrl({ data, mediaType }: LanguageModelV3FilePart): string {
  if (data instanceof URL) return data.href;
  const base64 = typeof data === "string" ? data : Buffer.from(data).toString("base64");
  return `data:${mediaType};base64,${base64}`;
}

function assistantMessage(content: AssistantPart[]): ChatMessage {
  const text = content.map((part) => (part.type === "text" ? part.text : "")).join("");
  const calls = content.flatMap((part): ChatToolCall[] =>
    part.type === "tool-call"
      ? [
          {
            id: part.toolCallId,
            type: "function",
            function: { name: part.toolName, arguments: JSON.stringify(part.input) ?? "" },
          },
        ]
      : [],
  );
  return { role: "assistant", content: text, ...(calls.length > 0 ? { tool_calls: calls } : {}) };
}

function outputText(output: LanguageModelV3ToolResultOutput): string {
  if (output.type === "text" || output.type === "error-text") return output.value;
  return JSON.stringify(output.type === "execution-denied" ? output : output.value);
}

function textOf({ content }: ChatMessage): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => (part.type === "text" ? part.text : "")).join("\n");
}

function userParts({ content }: ChatMessage): UserPart[] {
  if (typeof content === "string") return [{ type: "text", text: content }];
  return (content ?? []).map((part): UserPart => {
    if (part.type === "image_url") return filePart(part.image_url.url, "image/*");
    if (part.type === "input_audio") {
      const { data, format } = part.input_audio;
      return { type: "file", data, mediaType: `audio/${format}` };
    }
    if (part.type === "file") {
      return filePart(part.file.file_data ?? part.file.file_id ?? "", "application/*");
    }
    return { type: "text", text: part.type === "text" ? part.text : part.refusal };
  });
}

function filePart(url: string, anyType: string): UserPart {
  const inline = /^data:([^;,]+);base64,(.*)$/s.exec(url);
  if (inline?.[1]) return { type: "file", mediaType: inline[1], data: inline[2] ?? "" };
  return { type: "file", mediaType: anyType, data: URL.canParse(url) ? new URL(url) : url };
}

function callPart(call: ChatToolCall): AssistantPart {
  const { name, argumentsJson } = called(call);
  return {
    type: "tool-call",
    toolCallId: call.id,
    toolName: name,
    input: parsed(argumentsJson),
  };
}

/** Arguments that a model wrote: none are an empty object, what is no JSON stays text. */
function parsed(json: string): unknown {
  if (json.trim() === "") return {};
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
