/** Memory for the Vercel AI SDK, as a middleware of the language model.
 *
 *     const model = wrapLanguageModel({ model: openai("..."), middleware: remember(new Client()) });
 *     const providerOptions = { throughline: { conversation: "trip" } };
 *     await generateText({ model, messages, providerOptions });
 *
 * The history is replaced by the window, the answer is stored: whole, in pieces, or
 * as far as it came. */

import type {
  LanguageModelV3CallOptions,
  LanguageModelV3Content,
  LanguageModelV3Middleware,
  LanguageModelV3StreamPart,
} from "@ai-sdk/provider";
import { Answer } from "./answer.js";
import type { Client } from "./client.js";
import { type Exchange, Exchanges, type MemoryOptions } from "./exchange.js";
import { toChat, toPrompt } from "./prompt.js";

export { AnswerNotStoredError } from "./answer.js";

/** What `remember` takes. */
export type RememberOptions = MemoryOptions;

/** The middleware. `providerOptions.throughline` takes `conversation`, without which
 * nothing is remembered, and `turnId`, which makes the turn exactly-once across
 * restarts. */
export function remember(memory: Client, options: RememberOptions = {}): LanguageModelV3Middleware {
  const exchanges = new Exchanges(memory, options);
  // The SDK hands the transformed parameters on to the call that they are for.
  const begun = new WeakMap<LanguageModelV3CallOptions, Exchange>();

  return {
    specificationVersion: "v3",

    async transformParams({ params }) {
      const given = params.providerOptions?.throughline ?? {};
      const conversation = given.conversation ?? options.conversation;
      if (typeof conversation !== "string") return params;
      const turnId = typeof given.turnId === "string" ? given.turnId : undefined;
      const exchange = await exchanges.begin(conversation, toChat(params.prompt), turnId);
      const prompt = withWindow(params.prompt, exchange);
      const transformed = { ...params, prompt };
      begun.set(transformed, exchange);
      return transformed;
    },

    async wrapGenerate({ doGenerate, params }) {
      const result = await doGenerate();
      const exchange = begun.get(params);
      if (exchange) {
        const answer = new Answer();
        for (const part of result.content) add(answer, part);
        answer.finish(result.finishReason.unified);
        await exchanges.end(exchange, answer, result);
      }
      return result;
    },

    async wrapStream({ doStream, params }) {
      const result = await doStream();
      const exchange = begun.get(params);
      if (!exchange) return result;
      const stream = recorded(result.stream, (answer) => exchanges.end(exchange, answer));
      return { ...result, stream };
    },
  };
}

/** The window between the application's instructions and the user's message, which goes
 * on as the SDK has it, with the tool calls in progress behind it. */
function withWindow(
  prompt: LanguageModelV3CallOptions["prompt"],
  exchange: Exchange,
): LanguageModelV3CallOptions["prompt"] {
  const roles = prompt.map((message) => message.role);
  const instructions = roles.findIndex((role) => role !== "system");
  return [
    ...prompt.slice(0, instructions),
    ...toPrompt(exchange.window),
    ...prompt.slice(roles.lastIndexOf("user")),
  ];
}

function add(answer: Answer, part: LanguageModelV3Content | LanguageModelV3StreamPart): void {
  if (part.type === "text") answer.addText(part.text);
  if (part.type === "text-delta") answer.addText(part.delta);
  if (part.type === "tool-call") {
    const { toolCallId, toolName, input } = part;
    answer.addCall(toolCallId, { id: toolCallId, name: toolName, arguments: input });
  }
  if (part.type === "finish") answer.finish(part.finishReason.unified);
}

/** The stream, recorded on its way to the application: what came is stored when it
 * ends, fails, or is left. */
function recorded(
  stream: ReadableStream<LanguageModelV3StreamPart>,
  end: (answer: Answer) => Promise<void>,
): ReadableStream<LanguageModelV3StreamPart> {
  const reader = stream.getReader();
  const answer = new Answer();
  let ended: Promise<void> | undefined;
  // Once: a reader may leave while a part is waited for.
  const store = () => {
    ended ??= end(answer);
    return ended;
  };
  let isLeft = false;
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          add(answer, value);
          controller.enqueue(value);
          return;
        }
      } catch (error) {
        await store();
        throw error;
      }
      await store();
      if (!isLeft) controller.close();
    },
    async cancel(reason) {
      isLeft = true;
      try {
        await reader.cancel(reason);
      } finally {
        await store();
      }
    },
  });
}
