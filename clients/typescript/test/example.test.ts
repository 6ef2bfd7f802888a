/** The example backend, as a process. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Canned, STALL } from "./canned.js";
import { listening, Server, Upstream } from "./processes.js";

const PACKAGE = resolve(import.meta.dirname, "..");
let server: Server;
let upstream: Upstream;
let backend: ChildProcess;
let url: string;

beforeAll(async () => {
  server = await Server.start("--dev");
  upstream = await Upstream.start();
  backend = start(upstream.baseURL);
  url = `http://${await listening(backend)}/chat`;
});

function start(baseURL: string): ChildProcess {
  const tsx = ["--tsconfig", "../examples/tsconfig.json", "../examples/backend.ts"];
  return spawn("node_modules/.bin/tsx", tsx, {
    cwd: PACKAGE,
    env: {
      ...process.env,
      THROUGHLINE_ADDRESS: server.address,
      OPENAI_BASE_URL: baseURL,
      PORT: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function end(program: ChildProcess): Promise<void> {
  const exited = once(program, "exit");
  program.kill();
  await exited;
}

afterAll(async () => {
  await end(backend);
  await upstream.stop();
  await server.stop();
});

async function say(conversation: string, text: string): Promise<Response> {
  return fetch(`${url}/${conversation}`, { method: "POST", body: JSON.stringify({ text }) });
}

async function history(at: string): Promise<{ text: string }[]> {
  return (await fetch(at)).json() as Promise<{ text: string }[]>;
}

test("the backend remembers", async () => {
  expect(await (await say("trip", "My dog is called Rex.")).text()).toBe("Noted.");
  expect(await (await say("trip", "What is my dog called?")).text()).toContain("Rex");
  const said = await history(`${url}/trip`);
  expect(said).toHaveLength(4);
  expect(said[0]).toEqual({ role: "user", text: "My dog is called Rex." });
});

test("what came is kept if the browser goes away", async () => {
  const stalling = await Canned.start();
  stalling.answers.push([{ content: "Half " }, { content: "an answer" }, STALL]);
  const program = start(stalling.baseURL);
  const at = `http://${await listening(program)}/chat/left`;
  const browser = new AbortController();
  const body = JSON.stringify({ text: "Tell me" });
  const answer = await fetch(at, { method: "POST", body, signal: browser.signal });
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; text !== "Half an answer"; ) text += (await reader?.read())?.value;
  browser.abort();
  // The backend hears of it when it does; nothing else ends the stream.
  await expect
    .poll(async () => (await history(at)).map((turn) => turn.text), { timeout: 30_000 })
    .toEqual(["Tell me", "Half an answer"]);
  await end(program);
  stalling.stop();
});

test("a browser that goes away before the model begins ends its request", async () => {
  const stalling = await Canned.start();
  stalling.answers.push([STALL]);
  let begin = () => {};
  stalling.begins = new Promise((resolve) => {
    begin = resolve;
  });
  const program = start(stalling.baseURL);
  const at = `http://${await listening(program)}/chat/gone`;
  const browser = new AbortController();
  const body = JSON.stringify({ text: "Tell me" });
  const answer = fetch(at, { method: "POST", body, signal: browser.signal });
  await expect.poll(() => stalling.asked.length, { timeout: 30_000 }).toBe(1);
  browser.abort();
  await expect(answer).rejects.toThrow();
  // Time for the backend to hear of it: later it hears of it while it streams.
  await setTimeout(300);
  begin();
  await expect.poll(() => stalling.left, { timeout: 30_000 }).toBe(1);
  await end(program);
  stalling.stop();
});

test("its errors say whose they are", async () => {
  expect((await fetch(`${url}/absent`)).status).toBe(404);
  expect((await say("No%20Id", "Hello")).status).toBe(422);
  expect((await fetch(`${url}/trip`, { method: "POST", body: "no JSON" })).status).toBe(422);
});
