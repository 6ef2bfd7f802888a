/** A chat in the terminal: `plain.ts` without memory, `proxy.ts` and `sdk.ts` with one.
 *
 *     npx tsx plain.ts
 *
 * `OPENAI_BASE_URL` and `OPENAI_API_KEY` say what answers. */

import { createInterface } from "node:readline";
import OpenAI from "openai";
import { Client } from "throughline-memory";
import { wrap } from "throughline-memory/openai";

const llm = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8080/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
});
const chat = wrap(llm, new Client(), { conversation: "terminal", budget: 2000 });
const messages: OpenAI.ChatCompletionMessageParam[] = [
  { role: "system", content: "Answer briefly." },
];

for await (const content of createInterface({ input: process.stdin })) {
  messages.push({ role: "user", content });
  const completion = await chat.chat.completions.create({ model: "extractive", messages });
  const answer = completion.choices[0]?.message.content ?? "";
  messages.push({ role: "assistant", content: answer });
  console.log(answer);
}
