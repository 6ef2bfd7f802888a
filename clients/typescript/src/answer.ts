/** The model's answer as it comes, whole or in pieces. */

import type { ChatMessage, ChatToolCall } from "./chat.js";
import type { ThroughlineError } from "./errors.js";

const WHOLE: readonly string[] = ["stop", "tool_calls", "tool-calls", "function_call"];

/** The model answered, and the answer could not be stored: `completion` holds it
 * (undefined for a stream, which was handed out), `cause` says why. */
export class AnswerNotStoredError extends Error {
  override readonly name = "AnswerNotStoredError";

  constructor(
    readonly completion: unknown,
    override readonly cause: ThroughlineError,
  ) {
    super(`the answer could not be stored: ${cause.message}`);
  }
}

/** A piece of a call of a tool. */
export interface ToolCallPiece {
  id?: string | undefined;
  name?: string | undefined;
  arguments?: string | undefined;
}

/** An answer, put together. */
export class Answer {
  #content = "";
  #refusal = "";
  #finish: string | undefined;
  readonly #calls = new Map<string | number, Required<ToolCallPiece>>();

  /** It did not come to its own end. */
  get cutOff(): boolean {
    return this.#finish === undefined || !WHOLE.includes(this.#finish);
  }

  /** Takes text in. */
  addText(text: string | null | undefined): void {
    this.#content += text ?? "";
  }

  /** Takes a refusal in. */
  addRefusal(text: string | null | undefined): void {
    this.#refusal += text ?? "";
  }

  /** Takes a piece of a tool call in; pieces of one call have the same key. */
  addCall(key: string | number, piece: ToolCallPiece): void {
    const call = this.#calls.get(key) ?? { id: "", name: "", arguments: "" };
    call.id ||= piece.id ?? "";
    call.name += piece.name ?? "";
    call.arguments += piece.arguments ?? "";
    this.#calls.set(key, call);
  }

  /** Takes the finish reason in, if it is one. */
  finish(reason: string | null | undefined): void {
    this.#finish = reason ?? this.#finish;
  }

  /** As a chat message; undefined if nothing came. */
  message(): ChatMessage | undefined {
    if (!this.#content && !this.#refusal && this.#calls.size === 0) return undefined;
    const message: ChatMessage = { role: "assistant", content: this.#content };
    if (this.#refusal) message.refusal = this.#refusal;
    if (this.#calls.size > 0) {
      message.tool_calls = [...this.#calls.values()].map(toolCall);
    }
    return message;
  }
}

function toolCall(call: Required<ToolCallPiece>): ChatToolCall {
  const named = { name: call.name ?? "", arguments: call.arguments ?? "" };
  return { id: call.id ?? "", type: "function", function: named };
}
