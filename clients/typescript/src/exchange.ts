/** What a chat completion request means for a conversation: which of its messages
 * are new, what is sent to the model instead of the history, and what of the
 * answer is stored. */

import { equals } from "@bufbuild/protobuf";
import { type Answer, AnswerNotStoredError } from "./answer.js";
import { asDeclared, beforeQuery, type ChatMessage, toTurn } from "./chat.js";
import type { Client } from "./client.js";
import { append, type IdOf, takeIn } from "./history.js";
import { newKey } from "./methods.js";
import { conversationName } from "./names.js";
import type { Window } from "./options.js";
import { idOf, Recent } from "./recent.js";
import type { PreparedTurn, TurnKey } from "./results.js";
import { Role, TurnSchema } from "./v1.js";

/** A round of tool calls is shorter. */
const TURNS_LOOKED_AT = 100;

/** How the conversations of an application are remembered. */
export interface MemoryOptions extends Window {
  /** For calls that name no conversation. */
  conversation?: string;
  /** Whose conversations they are. */
  userId?: string;
}

/** A user's message on its way to the model. */
export interface Exchange {
  conversation: string;
  turn: PreparedTurn;
  /** The id under which it was asked: not that of the turn where tool calls in
   * progress are for one that is stored. */
  askedId: string;
  /** Where the answer stands behind the user's message. */
  position: number;
  /** What stands for the history, before the user's message. */
  window: ChatMessage[];
  /** For the model: instructions, window, the user's message as it was given, tool calls
   * in progress. */
  messages: ChatMessage[];
}

/** The messages of a chat completion request, by what they are. */
interface Request {
  /** Leading system messages: the application's own, sent as they are. */
  instructions: ChatMessage[];
  /** What was said before the user's newest message. */
  history: ChatMessage[];
  user: ChatMessage;
  /** Tool calls in progress, and their results. */
  after: ChatMessage[];
}

/** Remembers the exchanges of an application. */
export class Exchanges {
  readonly #client: Client;
  readonly #options: MemoryOptions;
  readonly #recent = new Recent();

  constructor(client: Client, options: MemoryOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Stores what is new and builds the window. A conversation that does not exist
   * is created; if it is empty, the history of the request is taken in. `tools` is
   * what the model may call, as the request has it.
   *
   * @throws RangeError if there is no message of the user */
  async begin(
    conversation: string,
    messages: ChatMessage[],
    turnId?: string,
    tools?: unknown,
  ): Promise<Exchange> {
    const request = sorted(messages);
    const asked = this.#recent.asked(conversation);
    const id = turnId || idOf(asked, request.user) || newKey();
    this.#recent.ask(conversation, { message: request.user, turnId: id });
    const idOfAsked: IdOf = (message) => idOf(asked, message);
    const known = this.#recent.knows(conversation);
    const isStored = !known && (await this.#takeIn(conversation, request.history, idOfAsked));
    if (!isStored) {
      await append(this.#client, conversation, sinceAnswer(request.history), idOfAsked);
    }
    const resumed = await this.#resume(conversation, request);
    const turn = resumed ?? (await this.#prepare(conversation, request.user, id));
    const { after, user } = request;
    const position = resumed ? after.length - sinceAnswer(after).length : 0;
    if (position < after.length) {
      await this.#client.commitTurn(turn, after.slice(position), { position });
    }
    this.#recent.learn(conversation);
    const window = asDeclared(beforeQuery(turn.window), tools);
    const sent = [...request.instructions, ...window, user, ...after];
    return { conversation, turn, askedId: id, position: after.length, window, messages: sent };
  }

  /** Stores what came of the model's answer, if anything did. `completion` is what
   * the application would lose with an error.
   *
   * @throws AnswerNotStoredError */
  async end(exchange: Exchange, answer: Answer, completion?: unknown): Promise<void> {
    const message = answer.message();
    if (!message) return;
    const { turn, askedId, position, conversation } = exchange;
    try {
      await this.#client.commitTurn(turn, message, { position, cutOff: answer.cutOff });
    } catch (error) {
      throw new AnswerNotStoredError(completion, error);
    }
    this.#recent.answered(conversation, askedId);
  }

  /** Creates the conversation if it does not exist. Says whether all of the history is
   * stored. */
  async #takeIn(conversation: string, history: ChatMessage[], idOf: IdOf): Promise<boolean> {
    const { userId } = this.#options;
    const created = await this.#client.ensureConversation(conversation, { userId });
    return takeIn(this.#client, conversation, history, idOf, created);
  }

  /** The stored turn that tool calls in progress are for, with its window. */
  async #resume(conversation: string, request: Request): Promise<PreparedTurn | undefined> {
    if (request.after.length === 0) return undefined;
    const newest = { descending: true, pageSize: TURNS_LOOKED_AT };
    const { items } = await this.#client.listTurns(conversation, newest);
    const stored = items.find((turn) => turn.role === Role.USER);
    const words = toTurn(request.user);
    if (!stored || !equals(TurnSchema, words, { ...words, parts: stored.parts })) return undefined;
    const key = { conversation: conversationName(conversation), turnId: stored.clientTurnId };
    return this.#asOf(key, Number(stored.sequence));
  }

  /** Stores the user's message. */
  async #prepare(conversation: string, user: ChatMessage, turnId: string): Promise<PreparedTurn> {
    const { budget, options } = this.#options;
    const turn = await this.#client.prepareTurn(conversation, user, { budget, options, turnId });
    // What was said since then is no part of what the model is asked.
    return turn.repeated ? this.#asOf(turn, turn.sequence) : turn;
  }

  /** A stored turn, with the window as it was when the turn was new. */
  async #asOf({ conversation, turnId }: TurnKey, sequence: number): Promise<PreparedTurn> {
    const { budget, options } = this.#options;
    const given = { budget, options, asOfTurn: sequence };
    const context = await this.#client.buildContext(conversation, "", given);
    return { ...context, conversation, turnId, sequence, repeated: true };
  }
}

function sorted(messages: ChatMessage[]): Request {
  const isSystem = ({ role }: ChatMessage) => role === "system" || role === "developer";
  const first = messages.findIndex((message) => !isSystem(message));
  const said = first < 0 ? [] : messages.slice(first);
  const last = said.map((message) => message.role).lastIndexOf("user");
  const user = said[last];
  if (!user) throw new RangeError("messages must hold one of the user");
  return {
    instructions: messages.slice(0, first),
    history: said.slice(0, last),
    user,
    after: said.slice(last + 1),
  };
}

/** The messages behind the last one of the assistant. */
function sinceAnswer(messages: ChatMessage[]): ChatMessage[] {
  return messages.slice(messages.map((message) => message.role).lastIndexOf("assistant") + 1);
}
