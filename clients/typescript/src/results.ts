/** What the calls of the client give. */

import type { ChatMessage } from "./chat.js";
import type { ContextWindow } from "./v1.js";

/** Which turn of the user an answer is for. */
export interface TurnKey {
  /** `conversations/{id}`. */
  conversation: string;
  /** The client turn id: preparing the same id again appends nothing. */
  turnId: string;
}

/** A window that was built for a query or for the last user turn. */
export interface Context {
  /** Ready for a chat completion. */
  messages: ChatMessage[];
  /** What the messages are made of, what they cost, and what was missing. */
  window: ContextWindow;
}

/** A stored turn of the user with the window for its answer. The user's message stands
 * in `messages` as it was given, also where it is larger than the budget. */
export interface PreparedTurn extends TurnKey, Context {
  /** The place of the turn in the conversation. */
  sequence: number;
  /** The turn was stored before. */
  repeated: boolean;
}

/** A part of a list. */
export interface Page<T> {
  items: T[];
  /** For the next page; empty at the end. */
  nextPageToken: string;
}
