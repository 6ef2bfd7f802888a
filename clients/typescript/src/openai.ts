/** Memory for the OpenAI SDK: `wrap` a client, name the conversation.
 *
 *     const client = wrap(new OpenAI(), new Client(), { budget: 4000 });
 *     await client.chat.completions.create({ model, messages, conversation: "trip" });
 *
 * The history is replaced by the window, the answer is stored; everything else of
 * the client is untouched. */

import type OpenAI from "openai";
import type { Stream } from "openai/core/streaming";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionCreateParams,
  ChatCompletionCreateParamsNonStreaming,
  ChatCompletionCreateParamsStreaming,
} from "openai/resources/chat/completions";
import { Answer } from "./answer.js";
import type { ChatMessage } from "./chat.js";
import type { Client } from "./client.js";
import { read } from "./completion.js";
import { Exchanges, type MemoryOptions } from "./exchange.js";

export { AnswerNotStoredError } from "./answer.js";

/** What `create` takes beside its own parameters. */
export interface Remembered {
  /** Id of the conversation; that of `wrap` if absent. Without any, nothing is
   * remembered. */
  conversation?: string;
  /** Makes the turn exactly-once across restarts; drawn if absent. */
  turnId?: string;
}

/** What `wrap` takes. */
export type WrapOptions = MemoryOptions;

type Sent = OpenAI.RequestOptions | undefined;
type Chunks = Stream<ChatCompletionChunk>;

/** `create` with a conversation. */
export interface Create {
  (
    body: ChatCompletionCreateParamsNonStreaming & Remembered,
    options?: Sent,
  ): Promise<ChatCompletion>;
  (body: ChatCompletionCreateParamsStreaming & Remembered, options?: Sent): Promise<Chunks>;
}

/** A client that remembers. */
export type Wrapped<T extends OpenAI> = Omit<T, "chat"> & {
  chat: Omit<T["chat"], "completions"> & {
    completions: Omit<T["chat"]["completions"], "create"> & { create: Create };
  };
};

/** A client whose `chat.completions.create` remembers. Leading system messages are
 * sent as they are; of the other messages only the new ones count. `parse`,
 * `stream()` and `runTools()` are the client's own: they remember nothing. */
export function wrap<T extends OpenAI>(
  client: T,
  memory: Client,
  options: WrapOptions = {},
): Wrapped<T> {
  return wrapped(client, new Exchanges(memory, options), options);
}

/** Clients that are made of one with other options share what it remembers. */
function wrapped<T extends OpenAI>(
  client: T,
  exchanges: Exchanges,
  options: WrapOptions,
): Wrapped<T> {
  const create = async (body: ChatCompletionCreateParams & Remembered, sent?: Sent) => {
    const { conversation = options.conversation, turnId, ...request } = body;
    if (conversation === undefined) return client.chat.completions.create(request, sent);
    if ((request.n ?? 1) > 1) {
      throw new RangeError("n must be 1: a conversation goes on with one answer");
    }
    const messages = request.messages as ChatMessage[];
    const exchange = await exchanges.begin(conversation, messages, turnId, request.tools);
    const asked = { ...request, messages: exchange.messages } as ChatCompletionCreateParams;
    const given = await client.chat.completions.create(asked, sent);
    if (!("choices" in given)) return recorded(given, (answer) => exchanges.end(exchange, answer));
    await exchanges.end(exchange, whole(given), given);
    return given;
  };
  const completions = replaced(client.chat.completions, { create });
  const withOptions = (changes: Parameters<T["withOptions"]>[0]) =>
    wrapped(client.withOptions(changes), exchanges, options);
  const chat = replaced(client.chat, { completions });
  return replaced(client, { chat, withOptions }) as unknown as Wrapped<T>;
}

function whole(completion: ChatCompletion): Answer {
  const answer = new Answer();
  read(answer, completion);
  return answer;
}

/** The stream, recorded on its way to the application: what came is stored when it
 * ends, fails, or is left, also while a chunk is waited for. */
function recorded(stream: Chunks, end: (answer: Answer) => Promise<void>): Chunks {
  const chunks = (): AsyncIterator<ChatCompletionChunk> => {
    const inner = stream[Symbol.asyncIterator]();
    const answer = new Answer();
    let ended: Promise<void> | undefined;
    const store = () => {
      ended ??= end(answer);
      return ended;
    };
    return {
      async next() {
        let next: IteratorResult<ChatCompletionChunk>;
        try {
          next = await inner.next();
        } catch (error) {
          await store();
          throw error;
        }
        if (next.done || ended) {
          await store();
          return { done: true, value: undefined };
        }
        read(answer, next.value);
        return next;
      },
      async return() {
        stream.controller.abort();
        // Not awaited: it waits for the chunk that is under way.
        inner.return?.().catch(() => {});
        await store();
        return { done: true, value: undefined };
      },
    };
  };
  const Recorded = stream.constructor as typeof Stream<ChatCompletionChunk>;
  return new Recorded(chunks, stream.controller);
}

/** An object with some members replaced. */
function replaced<T extends object>(inner: T, changes: object): T {
  const handler: ProxyHandler<T> = {
    get(target, key) {
      if (key in changes) return Reflect.get(changes, key);
      const value: unknown = Reflect.get(target, key, target);
      // Private members are those of the object itself.
      return typeof value === "function" ? value.bind(target) : value;
    },
  };
  return new Proxy(inner, handler);
}
