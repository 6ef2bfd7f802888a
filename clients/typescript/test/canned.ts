/** A chat completions service that answers as a test says, and stalls where it says. */

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

/** In place of a delta: nothing more comes until the service is stopped. */
export const STALL = { stall: true };

/** Each request takes the next of `answers`: a message, or a list of deltas for a
 * stream. */
export class Canned {
  // biome-ignore lint/suspicious/noExplicitAny: what a test looks at differs.
  readonly asked: any[] = [];
  readonly answers: (object | object[])[] = [];
  /** Answers wait for it. */
  begins: Promise<void> = Promise.resolve();
  /** Clients that went before their answer had ended. */
  left = 0;
  #server: Server;

  private constructor() {
    this.#server = createServer(async (request, response) => {
      this.asked.push(await json(request));
      response.on("close", () => {
        if (!response.writableFinished) this.left += 1;
      });
      await this.begins;
      const answer = this.answers.shift();
      if (!Array.isArray(answer)) {
        response.setHeader("content-type", "application/json");
        response.end(completion("chat.completion", { message: answer, finish_reason: "stop" }));
        return;
      }
      response.setHeader("content-type", "text/event-stream");
      response.flushHeaders();
      for (const delta of answer) {
        if (delta === STALL) return;
        response.write(`data: ${completion("chat.completion.chunk", { delta })}\n\n`);
      }
      const last = completion("chat.completion.chunk", { delta: {}, finish_reason: "stop" });
      response.end(`data: ${last}\n\ndata: [DONE]\n\n`);
    });
  }

  static async start(): Promise<Canned> {
    const canned = new Canned();
    canned.#server.listen(0, "127.0.0.1");
    await once(canned.#server, "listening");
    return canned;
  }

  get baseURL(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

function completion(kind: string, choice: object): string {
  const choices = [{ index: 0, finish_reason: null, ...choice }];
  return JSON.stringify({ id: "chatcmpl-1", created: 0, model: "canned", object: kind, choices });
}
