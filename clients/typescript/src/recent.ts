/** What one process remembers of its conversations between two requests. Bounded;
 * what is forgotten costs a call, and nothing else. */

import { isDeepStrictEqual } from "node:util";
import type { ChatMessage } from "./chat.js";

const MAX_CONVERSATIONS = 10_000;

/** A message of the user that went out under an id and has no answer yet. Asked
 * again, it is the same turn. */
export interface Asked {
  message: ChatMessage;
  turnId: string;
}

/** The id, if this is the message that was asked. */
export function idOf(asked: Asked | undefined, message: ChatMessage): string | undefined {
  return asked && isDeepStrictEqual(asked.message, message) ? asked.turnId : undefined;
}

/** Conversations that were seen, and turns that were asked and not answered. */
export class Recent {
  readonly #asked = new Map<string, Asked>();
  readonly #known = new Map<string, true>();

  /** The turn that waits for its answer. */
  asked(conversation: string): Asked | undefined {
    return this.#asked.get(conversation);
  }

  /** From now on the turn waits for its answer. */
  ask(conversation: string, turn: Asked): void {
    put(this.#asked, conversation, turn);
  }

  /** The turn waits no more: the same words are from now on a new one. Another that
   * was asked meanwhile still waits. */
  answered(conversation: string, turnId: string): void {
    if (this.asked(conversation)?.turnId === turnId) this.#asked.delete(conversation);
  }

  /** The conversation exists, and its history was taken in. */
  knows(conversation: string): boolean {
    return this.#known.has(conversation);
  }

  /** From now on it is known. */
  learn(conversation: string): void {
    put(this.#known, conversation, true);
  }
}

function put<V>(entries: Map<string, V>, key: string, value: V): void {
  entries.set(key, value);
  const [oldest] = entries.keys();
  if (entries.size > MAX_CONVERSATIONS && oldest !== undefined) entries.delete(oldest);
}
