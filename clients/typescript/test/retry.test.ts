/** When calls are sent again: the cases that all SDKs share. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ofFailure } from "../src/errors.js";
import { retryDelayMs } from "../src/retry.js";
import { CONFORMANCE } from "./processes.js";

interface Case {
  name: string;
  code: string;
  retry_delay?: number;
  repeatable: boolean;
  attempt: number;
  remaining: number;
  waits: number | null;
}

const table = JSON.parse(readFileSync(`${CONFORMANCE}/retries.json`, "utf8"));
const policy = {
  maxAttempts: table.policy.max_attempts,
  firstDelayMs: table.policy.first_delay * 1_000,
  maxDelayMs: table.policy.max_delay * 1_000,
};

test.each(table.cases as Case[])("$name", (given) => {
  const retryDelay = given.retry_delay === undefined ? undefined : given.retry_delay * 1_000;
  const delay = retryDelayMs(policy, {
    error: ofFailure({ code: given.code, message: "failed", retryDelayMs: retryDelay }),
    attempt: given.attempt,
    repeatable: given.repeatable,
    remainingMs: given.remaining * 1_000,
  });
  if (given.waits === null) {
    expect(delay).toBeUndefined();
  } else {
    expect(delay).toBeGreaterThanOrEqual(given.waits * 1_000);
    expect(delay).toBeLessThanOrEqual(given.waits * 1_000 * (1 + table.spread));
  }
});
