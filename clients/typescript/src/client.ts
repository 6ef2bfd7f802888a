/** The client: one connection, for as many calls as are made at the same time. */

import { setTimeout as sleep } from "node:timers/promises";
import {
  create,
  type DescMessage,
  type DescMethodClientStreaming,
  type DescMethodServerStreaming,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { endpoint } from "./address.js";
import { answering, type ChatInput, toChat, toMessages, toTurn } from "./chat.js";
import { AlreadyExistsError, fromThrown, ofFailure } from "./errors.js";
import { fillKeys, isRepeatable, newKey, type UnaryMethod } from "./methods.js";
import { conversationId, conversationName, sequenceOf } from "./names.js";
import type * as options from "./options.js";
import type { Context, Page, PreparedTurn, TurnKey } from "./results.js";
import { DEFAULT_RETRY, type RetryPolicy, retryDelayMs } from "./retry.js";
import * as v1 from "./v1.js";

const DEFAULT_TIMEOUT_MS = 30_000;

type Init<D extends DescMessage> = MessageInitShape<D>;

/** Calls a Throughline server. Every call throws `ThroughlineError`. */
export class Client {
  readonly #transport: Transport;
  readonly #sessions: Http2SessionManager;
  readonly #headers: Record<string, string>;
  readonly #timeoutMs: number;
  readonly #retry: RetryPolicy;

  constructor(settings: options.ClientOptions = {}) {
    const { baseUrl, headers } = endpoint(settings.address, settings.apiKey);
    this.#headers = headers;
    this.#timeoutMs = settings.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#retry = { ...DEFAULT_RETRY, ...settings.retry };
    this.#sessions = new Http2SessionManager(baseUrl);
    this.#transport = createGrpcTransport({ baseUrl, sessionManager: this.#sessions });
  }

  /** Closes the connection; open calls are cancelled. */
  close(): void {
    this.#sessions.abort();
  }

  /** Creates a conversation; the server draws an id if none is given. */
  async createConversation(
    conversation = "",
    given: options.CreateConversation = {},
  ): Promise<v1.Conversation> {
    const { userId = "", title = "", labels = {}, requestId = "" } = given;
    const request = {
      conversation: { userId, title, labels },
      conversationId: conversationId(conversation),
      requestId,
    };
    const method = v1.ConversationService.method.createConversation;
    return existing((await this.call(method, request, given)).conversation);
  }

  /** Creates the conversation if it is not there; says whether it was created. */
  async ensureConversation(
    conversation: string,
    given: { userId?: string | undefined } & options.Call = {},
  ): Promise<boolean> {
    try {
      await this.createConversation(conversation, { ...given, userId: given.userId ?? "" });
      return true;
    } catch (error) {
      if (error instanceof AlreadyExistsError) return false;
      throw error;
    }
  }

  /** Reads a conversation's metadata. */
  async getConversation(conversation: string, given: options.Call = {}): Promise<v1.Conversation> {
    const request = { name: conversationName(conversation) };
    const method = v1.ConversationService.method.getConversation;
    return existing((await this.call(method, request, given)).conversation);
  }

  /** Erases a conversation with all that was derived from it. */
  async deleteConversation(
    conversation: string,
    given: options.Call = {},
  ): Promise<v1.DeleteConversationResponse> {
    const request = { name: conversationName(conversation) };
    return this.call(v1.ConversationService.method.deleteConversation, request, given);
  }

  /** Stores the user's message and builds the window for its answer. `turnId` makes
   * the call exactly-once across restarts of the caller; without one it is so
   * within this call alone. A message that is larger than the budget is sent
   * nevertheless, and a shortfall of the window says so. */
  async prepareTurn(
    conversation: string,
    message: ChatInput,
    given: options.PrepareTurn = {},
  ): Promise<PreparedTurn> {
    const turn = toTurn(message);
    turn.clientTurnId = given.turnId || newKey();
    const name = conversationName(conversation);
    const request = {
      conversation: name,
      turn,
      options: windowOptions(given),
      ...optionalSequence(given.expectedLastSequence),
    };
    const answer = await this.call(v1.ContextService.method.prepareTurn, request, given);
    const window = existing(answer.window);
    return {
      conversation: name,
      turnId: turn.clientTurnId,
      sequence: sequenceOf(answer.turn),
      repeated: answer.repeatedAppend,
      messages: answering(window, toChat(message)),
      window,
    };
  }

  /** Stores the answer to a prepared turn: text, or the messages that it took (tool
   * calls, their results, the text). Exactly-once for each prepared turn. */
  async commitTurn(
    turn: TurnKey,
    answer: ChatInput | ChatInput[],
    given: options.CommitTurn = {},
  ): Promise<v1.AppendTurnsResponse> {
    const messages = Array.isArray(answer) ? answer : [answer];
    const turns = messages.map((message) => toTurn(message, "assistant"));
    for (const [index, stored] of turns.entries()) {
      stored.clientTurnId = `${turn.turnId}/${(given.position ?? 0) + index}`;
    }
    const last = turns.at(-1);
    if (given.cutOff && last) last.metadata = { cut_off: true };
    return this.appendTurns(turn.conversation, turns, given);
  }

  /** Stores turns, all or none. Ids that are missing are drawn. */
  async appendTurns(
    conversation: string,
    turns: v1.Turn[],
    given: options.AppendTurns = {},
  ): Promise<v1.AppendTurnsResponse> {
    const request = {
      conversation: conversationName(conversation),
      turns,
      waitIndexed: given.waitIndexed ?? false,
      ...optionalSequence(given.expectedLastSequence),
    };
    return this.call(v1.ConversationService.method.appendTurns, request, given);
  }

  /** One page of turns, in order. */
  async listTurns(conversation: string, given: options.ListTurns = {}): Promise<Page<v1.Turn>> {
    const request = {
      conversation: conversationName(conversation),
      fromSequence: BigInt(given.fromSequence ?? 0),
      descending: given.descending ?? false,
      ...page(given),
    };
    const answer = await this.call(v1.ConversationService.method.listTurns, request, given);
    return { items: answer.turns, nextPageToken: answer.nextPageToken };
  }

  /** All turns of a conversation in order, page by page. */
  async *turns(conversation: string, given: options.Turns = {}): AsyncIterable<v1.Turn> {
    let pageToken = "";
    do {
      const page = await this.listTurns(conversation, { ...given, pageToken });
      yield* page.items;
      pageToken = page.nextPageToken;
    } while (pageToken);
  }

  /** Builds a window without storing anything: for a query, or for the last user
   * turn if it is empty. */
  async buildContext(
    conversation: string,
    query = "",
    given: options.BuildContext = {},
  ): Promise<Context> {
    const request = {
      conversation: conversationName(conversation),
      query,
      options: windowOptions(given),
      asOfTurn: BigInt(given.asOfTurn ?? 0),
      minRevision: given.minRevision ?? 0n,
    };
    const answer = await this.call(v1.ContextService.method.buildContext, request, given);
    const window = existing(answer.window);
    return { messages: toMessages(window.messages), window };
  }

  /** Turns of a conversation, or of all of a user's, best first. */
  async searchTurns(query: string, given: options.SearchTurns): Promise<Page<v1.SearchHit>> {
    const scope: Init<typeof v1.SearchTurnsRequestSchema>["scope"] =
      "conversation" in given
        ? { case: "conversation", value: conversationName(given.conversation) }
        : { case: "userId", value: given.userId };
    const request = { query, scope, minRevision: given.minRevision ?? 0n, ...page(given) };
    const answer = await this.call(v1.MemoryService.method.searchTurns, request, given);
    return { items: answer.hits, nextPageToken: answer.nextPageToken };
  }

  /** Keeps a fact in the windows of a conversation, or of all of its user's, while it holds. */
  async pinFact(conversation: string, text: string, given: options.PinFact = {}): Promise<v1.Fact> {
    const { requestId = "", timeoutMs: _, sourceSequence = 0, ...fact } = given;
    const request = {
      conversation: conversationName(conversation),
      fact: {
        kind: v1.FactKind.FACT,
        ...fact,
        text,
        sourceSequence: BigInt(sourceSequence),
      },
      requestId,
    };
    return existing((await this.call(v1.MemoryService.method.pinFact, request, given)).fact);
  }

  /** One page of the pins of a conversation, oldest first. */
  async listFacts(conversation: string, given: options.ListFacts = {}): Promise<Page<v1.Fact>> {
    const request = {
      conversation: conversationName(conversation),
      includeRetired: given.includeRetired ?? false,
      ...page(given),
    };
    const answer = await this.call(v1.MemoryService.method.listFacts, request, given);
    return { items: answer.facts, nextPageToken: answer.nextPageToken };
  }

  /** Version, models and limits of the server. */
  async serverInfo(given: options.Call = {}): Promise<v1.GetServerInfoResponse> {
    return this.call(v1.ServerService.method.getServerInfo, {}, given);
  }

  /** Any method of the protocol (`throughline-memory/v1`), with retries and
   * idempotency keys. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: UnaryMethod<I, O>,
    init: Init<I>,
    given: options.Call = {},
  ): Promise<MessageShape<O>> {
    const request = create(method.input, init);
    fillKeys(request);
    const end = performance.now() + (given.timeoutMs ?? this.#timeoutMs);
    for (let attempt = 1; ; attempt++) {
      const left = end - performance.now();
      if (left <= 0) {
        const message = "the deadline passed before the call was sent";
        throw ofFailure({ code: "DEADLINE_EXCEEDED", message });
      }
      try {
        const headers = this.#headers;
        // Connect types a request by its initialiser alone.
        const input = request as unknown as Init<I>;
        const sent = this.#transport.unary(method, undefined, left, headers, input);
        return (await sent).message;
      } catch (thrown) {
        const error = fromThrown(thrown);
        const repeatable = isRepeatable(method);
        const remainingMs = end - performance.now();
        const delay = retryDelayMs(this.#retry, { error, attempt, repeatable, remainingMs });
        if (delay === undefined) throw error;
        await sleep(delay);
      }
    }
  }

  /** The answers of a streaming method, as they come; not retried, without a
   * deadline unless one is given. */
  async *stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodServerStreaming<I, O>,
    request: Init<I>,
    given: options.Call = {},
  ): AsyncIterable<MessageShape<O>> {
    const ended = new AbortController();
    try {
      const sent = this.#transport.stream(
        method,
        ended.signal,
        given.timeoutMs,
        this.#headers,
        once(request),
      );
      yield* (await sent).message;
    } catch (thrown) {
      throw fromThrown(thrown);
    } finally {
      ended.abort();
    }
  }

  /** Streams requests up; not retried, without a deadline unless one is given. */
  async upload<I extends DescMessage, O extends DescMessage>(
    method: DescMethodClientStreaming<I, O>,
    requests: AsyncIterable<Init<I>>,
    given: options.Call = {},
  ): Promise<MessageShape<O>> {
    const answers: MessageShape<O>[] = [];
    const source = new Source(requests);
    try {
      const { timeoutMs } = given;
      const sent = this.#transport.stream(method, undefined, timeoutMs, this.#headers, source);
      for await (const answer of (await sent).message) answers.push(answer);
    } catch (thrown) {
      throw source.failure ?? fromThrown(thrown);
    }
    return existing(answers[0]);
  }
}

/** Values of the caller; keeps what the caller's own code threw. */
class Source<T> {
  failure: unknown;

  constructor(private readonly values: AsyncIterable<T>) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      yield* this.values;
    } catch (thrown) {
      this.failure = thrown;
      throw thrown;
    }
  }
}

async function* once<T>(value: T): AsyncIterable<T> {
  yield value;
}

function existing<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw ofFailure({ code: "INTERNAL", message: "the server left out what the protocol promises" });
}

function windowOptions(given: options.Window): Init<typeof v1.ContextOptionsSchema> {
  return { ...given.options, ...(given.budget ? { tokenBudget: given.budget } : {}) };
}

function optionalSequence(sequence: number | undefined): { expectedLastSequence?: bigint } {
  return sequence === undefined ? {} : { expectedLastSequence: BigInt(sequence) };
}

function page(given: options.Paged): { pageSize: number; pageToken: string } {
  return { pageSize: given.pageSize ?? 0, pageToken: given.pageToken ?? "" };
}
