/** A program of the OpenAI SDK with a few lines changed has a memory; how few is
 * counted in `clients/python/tests/test_terminal.py`. */

import { spawn } from "node:child_process";
import { createServer } from "node:net";
import { resolve } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Server, Upstream } from "./processes.js";

const PACKAGE = resolve(import.meta.dirname, "..");
const TOLD = "My dog is called Rex.";
const ASKED = "What is my dog called?";
let server: Server;
let upstream: Upstream;
let proxy: string;

beforeAll(async () => {
  upstream = await Upstream.start();
  proxy = `127.0.0.1:${await freePort()}`;
  server = await Server.start("--dev", "--proxy", proxy, "--proxy-upstream", upstream.baseURL);
});

afterAll(async () => {
  await server.stop();
  await upstream.stop();
});

/** What a program answers that was started anew. */
async function said(form: string, ...lines: string[]): Promise<string | undefined> {
  const tsx = ["--tsconfig", "../examples/tsconfig.json", `../examples/terminal/${form}.ts`];
  const program = spawn("node_modules/.bin/tsx", tsx, {
    cwd: PACKAGE,
    env: {
      ...process.env,
      OPENAI_BASE_URL: upstream.baseURL,
      PROXY_BASE_URL: `http://${proxy}/v1`,
      THROUGHLINE_ADDRESS: server.address,
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  program.stdin.end(lines.join("\n"));
  return (await text(program.stdout)).trim().split("\n").at(-1);
}

test.each(["proxy", "sdk"])("with them it remembers: %s", async (form) => {
  expect(await said(form, TOLD, "I like tea.", ASKED)).toBe(TOLD);
  // Another process: what was said before is the server's to know.
  expect(await said(form, ASKED)).toContain(TOLD);
});

test("without them it forgets", async () => {
  expect(await said("plain", TOLD, ASKED)).toBe(TOLD);
  expect(await said("plain", ASKED)).toBe("I know nothing about that.");
});

async function freePort(): Promise<number> {
  const free = createServer();
  await new Promise<void>((done) => {
    free.listen(0, "127.0.0.1", done);
  });
  const address = free.address();
  await new Promise((done) => {
    free.close(done);
  });
  return typeof address === "object" && address ? address.port : 0;
}
