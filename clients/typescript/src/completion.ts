/** Completions of OpenAI's format, whole or in chunks, also of services that keep to it
 * less closely. */

import type { ChatCompletion, ChatCompletionChunk } from "openai/resources/chat/completions";
import type { Answer, ToolCallPiece } from "./answer.js";

/** Takes a completion in, or a chunk of one. What has no known form is left out, with a
 * warning. */
export function read(answer: Answer, completion: ChatCompletion | ChatCompletionChunk): void {
  try {
    for (const choice of (completion.choices ?? []) as Choice[]) {
      if (!choice.index) readChoice(answer, choice);
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    process.emitWarning(`a part of an answer cannot be read and is not stored: ${why}`);
  }
}

/** What is read of a choice: that of a completion, or of a chunk, and what services give
 * that keep to the types less closely. */
interface Choice {
  index?: number | null;
  message?: Said;
  delta?: Said;
  finish_reason?: string | null;
}

interface Said {
  content?: unknown;
  refusal?: unknown;
  tool_calls?: Called[] | null;
  function_call?: { name?: unknown; arguments?: unknown } | null;
}

type Called = Record<string, unknown> & { index?: number | null };

function readChoice(answer: Answer, choice: Choice): void {
  const said = choice.delta ?? choice.message;
  answer.finish(choice.finish_reason);
  answer.addText(text(said?.content));
  answer.addRefusal(text(said?.refusal));
  for (const [place, call] of (said?.tool_calls ?? []).entries()) {
    answer.addCall(call.index ?? place, piece(call));
  }
  // The form that was before tools has no id.
  const before = said?.function_call;
  if (before) answer.addCall(0, piece({ id: "function_call", function: before }));
}

function piece(call: Called): ToolCallPiece {
  const id = text(call.id);
  const named = call.function as Record<string, unknown> | undefined;
  if (named) return { id, name: text(named.name), arguments: json(named.arguments) };
  const custom = call.custom as Record<string, unknown> | undefined;
  if (custom) return { id, name: text(custom.name), arguments: json(custom.input), custom: true };
  const kind = text(call.type);
  if (["", "function", "custom"].includes(kind)) return { id };
  // Of a kind that came later: kept as it is, under the name of its kind.
  return { id, name: kind, arguments: JSON.stringify(call), custom: true };
}

/** Text, or a list of parts of which some are text. */
function text(content: unknown): string {
  if (Array.isArray(content)) return content.map((part) => text(part?.text)).join("");
  return typeof content === "string" ? content : "";
}

function json(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}
