/** What is published can be imported and required, and its types are found. */

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { publint } from "publint";
import { afterAll, beforeAll, expect, test } from "vitest";

const PACKAGE = resolve(import.meta.dirname, "..");
const NAMES = ["", "/v1", "/openai", "/ai-sdk"].map((path) => `throughline-memory${path}`);
let project: string;

beforeAll(() => {
  execFileSync("npm", ["run", "build"], { cwd: PACKAGE });
  project = mkdtempSync(join(tmpdir(), "project-"));
  execFileSync("mkdir", ["node_modules"], { cwd: project });
  symlinkSync(PACKAGE, join(project, "node_modules/throughline-memory"));
});

afterAll(() => rmSync(project, { recursive: true }));

function run(type: "module" | "commonjs", program: string): string {
  const command = [`--input-type=${type}`, "--eval", program];
  return execFileSync("node", command, { cwd: project, encoding: "utf8" });
}

test.each(NAMES)("%s can be imported and required", (name) => {
  const keys = "console.log(JSON.stringify(Object.keys(found).sort()))";
  const imported = run("module", `const found = await import("${name}"); ${keys}`);
  const required = run("commonjs", `const found = require("${name}"); ${keys}`);
  expect(JSON.parse(imported).length).toBeGreaterThan(0);
  expect(imported).toBe(required);
});

test("the package is published as it says", async () => {
  const { messages } = await publint({ pkgDir: PACKAGE, pack: "npm", strict: true });
  expect(messages).toEqual([]);
});
