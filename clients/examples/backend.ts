/** A chat backend with memory, on Node's own HTTP server.
 *
 *     python clients/examples/run.py typescript  # with all that it needs; or alone:
 *     npm --prefix clients/typescript run example
 *     curl -N localhost:8000/chat/trip -d '{"text": "I am allergic to nuts."}'
 *
 * The browser sends the user's words alone: the history is Throughline's. Settings:
 * `OPENAI_BASE_URL`, `OPENAI_API_KEY` and `MODEL` of any OpenAI-compatible service,
 * `THROUGHLINE_ADDRESS`, `THROUGHLINE_API_KEY`, `BUDGET` in tokens, `PORT`. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import OpenAI from "openai";
import { Client, InvalidArgumentError, NotFoundError } from "throughline-memory";
import { wrap } from "throughline-memory/openai";
import { Role } from "throughline-memory/v1";

const MODEL = process.env.MODEL ?? "extractive";
const memory = new Client();
const llm = wrap(
  new OpenAI({
    baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8080/v1",
    apiKey: process.env.OPENAI_API_KEY ?? "none",
  }),
  memory,
  { budget: Number(process.env.BUDGET ?? 2000) },
);

/** Answers as the model speaks; what came is kept if the browser goes away. */
async function chat(conversation: string, request: IncomingMessage, response: ServerResponse) {
  // `turn_id` is drawn by the browser: a repeated request is then one turn.
  const { text, turn_id: turnId = "" } = (await json(request)) as Record<string, string>;
  const stream = await llm.chat.completions.create({
    model: MODEL,
    messages: [
      { role: "system", content: "Answer briefly." },
      { role: "user", content: text ?? "" },
    ],
    stream: true,
    conversation,
    turnId,
  });
  response.on("close", () => stream.controller.abort());
  // The browser may have gone while the model was asked.
  if (response.destroyed) stream.controller.abort();
  response.writeHead(200, { "content-type": "text/plain; charset=utf-8" });
  for await (const chunk of stream) {
    if (response.destroyed) break;
    response.write(chunk.choices[0]?.delta.content ?? "");
  }
  response.end();
}

/** What was said, for the browser to show. */
async function history(conversation: string, response: ServerResponse) {
  const said = [];
  for await (const turn of memory.turns(conversation)) {
    const texts = turn.parts.map(({ content }) => (content.case === "text" ? content.value : ""));
    said.push({ role: Role[turn.role]?.toLowerCase(), text: texts.join("") });
  }
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(said));
}

function status(error: unknown): number {
  if (error instanceof InvalidArgumentError || error instanceof SyntaxError) return 422;
  return error instanceof NotFoundError ? 404 : 500;
}

const server = createServer(async (request, response) => {
  const conversation = /^\/chat\/([^/]+)$/.exec(request.url ?? "")?.[1];
  try {
    if (conversation && request.method === "POST") await chat(conversation, request, response);
    else if (conversation) await history(conversation, response);
    else response.writeHead(404).end();
  } catch (error) {
    if (response.headersSent) response.destroy();
    else response.writeHead(status(error)).end(error instanceof Error ? error.message : "");
  }
});

server.listen(Number(process.env.PORT ?? 8000), "127.0.0.1", () => {
  const { address, port } = server.address() as AddressInfo;
  console.log(`listening on ${address}:${port}`);
});
