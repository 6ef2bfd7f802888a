/** A chat in the terminal: `plain.ts` without memory, `proxy.ts` and `sdk.ts` with one.
 *
 *     npx tsx plain.ts
 *
 * `OPENAI_BASE_URL` and `OPENAI_API_KEY` say what answers. */

import { createInterface } from "node:readline";
import OpenAI from "openai";

const llm = new OpenAI({
  baseURL: process.env.OPENAI_BASE_URL ?? "http://127.0.0.1:8080/v1",
  apiKey: process.env.OPENAI_API_KEY ?? "none",
});
const messages: OpenAI.ChatCompletionMessageParam[] = [
  { role: "system", content: "Answer briefly." },
];

for await (const content of createInterface({ input: process.stdin })) {
  messages.push({ role: "user", content });
  const completion = await llm.chat.completions.create({ model: "extractive", messages });
  const answer = completion.choices[0]?.message.content ?? "";
  messages.push({ role: "assistant", content: answer });
  console.log(answer);
}
