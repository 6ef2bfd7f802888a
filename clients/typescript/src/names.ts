/** Resource names: callers may give the id alone. */

const PREFIX = "conversations/";

/** `conversations/{id}` of a name or an id. */
export function conversationName(conversation: string): string {
  return conversation.startsWith(PREFIX) ? conversation : PREFIX + conversation;
}

/** The id of a name or an id. */
export function conversationId(conversation: string): string {
  return conversation.startsWith(PREFIX) ? conversation.slice(PREFIX.length) : conversation;
}

/** The sequence of `conversations/{id}/turns/{sequence}`. */
export function sequenceOf(turn: string): number {
  return Number(turn.slice(turn.lastIndexOf("/") + 1));
}
