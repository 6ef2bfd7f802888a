/** The model's answer as it comes, whole or in pieces. The caller paid for it: whatever
 * its form, it is read as well as it can be, and reading it throws nothing. */

import type { ChatMessage, ChatToolCall } from "./chat.js";

const WHOLE: readonly string[] = ["stop", "tool_calls", "tool-calls", "function_call"];

/** The model answered, and the answer could not be stored: `completion` holds it
 * (undefined for a stream, which was handed out), `cause` says why. */
export class AnswerNotStoredError extends Error {
  override readonly name = "AnswerNotStoredError";

  constructor(
    readonly completion: unknown,
    override readonly cause: unknown,
  ) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`the answer could not be stored: ${why}`);
  }
}

/** A piece of a call of a tool. */
export interface ToolCallPiece {
  id?: string | undefined;
  name?: string | undefined;
  arguments?: string | undefined;
  /** It takes text in place of JSON. */
  custom?: boolean;
}

/** An answer, put together. */
export class Answer {
  #content = "";
  #refusal = "";
  #finish: string | undefined;
  /** By their key, which several may share. */
  readonly #calls = new Map<string | number, Call[]>();

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

  /** Takes a piece of a tool call in; pieces of one call have the same key. Not every
   * service counts its calls: another id with a name begins another one. */
  addCall(key: string | number, piece: ToolCallPiece): void {
    const calls = this.#calls.get(key) ?? [];
    const newest = calls.at(-1);
    let call = calls.find(({ id }) => id && id === piece.id);
    if (!call && !(newest?.id && piece.id && piece.name)) call = newest;
    if (!call) {
      call = { id: "", name: "", arguments: "", custom: false };
      this.#calls.set(key, [...calls, call]);
    }
    call.id ||= piece.id ?? "";
    call.custom ||= piece.custom ?? false;
    call.name += piece.name ?? "";
    call.arguments += piece.arguments ?? "";
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
      message.tool_calls = [...this.#calls].flatMap(([key, calls]) =>
        calls.map((call) => toolCall(key, call)),
      );
    }
    return message;
  }
}

interface Call {
  id: string;
  name: string;
  arguments: string;
  custom: boolean;
}

/** A turn takes no call without id or name. */
function toolCall(key: string | number, call: Call): ChatToolCall {
  const id = call.id || `call-${key}`;
  const name = call.name || "unknown";
  return call.custom
    ? { id, type: "custom", custom: { name, input: call.arguments } }
    : { id, type: "function", function: { name, arguments: call.arguments } };
}
