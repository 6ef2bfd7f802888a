/** The example backend, as a process. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listening, Server, Upstream } from "./processes.js";

const PACKAGE = resolve(import.meta.dirname, "..");
let server: Server;
let upstream: Upstream;
let backend: ChildProcess;
let url: string;

beforeAll(async () => {
  server = await Server.start("--dev");
  upstream = await Upstream.start();
  const tsx = ["--tsconfig", "../examples/tsconfig.json", "../examples/backend.ts"];
  backend = spawn("node_modules/.bin/tsx", tsx, {
    cwd: PACKAGE,
    env: {
      ...process.env,
      THROUGHLINE_ADDRESS: server.address,
      OPENAI_BASE_URL: upstream.baseURL,
      PORT: "0",
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  url = `http://${await listening(backend)}/chat`;
});

afterAll(async () => {
  const exited = once(backend, "exit");
  backend.kill();
  await exited;
  await upstream.stop();
  await server.stop();
});

async function say(conversation: string, text: string): Promise<Response> {
  return fetch(`${url}/${conversation}`, { method: "POST", body: JSON.stringify({ text }) });
}

test("the backend remembers", async () => {
  expect(await (await say("trip", "My dog is called Rex.")).text()).toBe("Noted.");
  expect(await (await say("trip", "What is my dog called?")).text()).toContain("Rex");
  const history = await (await fetch(`${url}/trip`)).json();
  expect(history).toHaveLength(4);
  expect(history[0]).toEqual({ role: "user", text: "My dog is called Rex." });
});

test("its errors say whose they are", async () => {
  expect((await fetch(`${url}/absent`)).status).toBe(404);
  expect((await say("No%20Id", "Hello")).status).toBe(422);
  expect((await fetch(`${url}/trip`, { method: "POST", body: "no JSON" })).status).toBe(422);
});
