/** When a failed call is sent again, and after how long.
 *
 * Sent again is what cannot have been done, and what may be done twice:
 *
 * - RESOURCE_EXHAUSTED with a delay: the server refused before it did anything;
 * - UNAVAILABLE of a repeatable method: reads, and writes with an idempotency key.
 *
 * Everything else is for the caller to decide. The deadline of a call covers all
 * of its attempts: a wait that would pass it is not begun. */

import { ResourceExhaustedError, type ThroughlineError, UnavailableError } from "./errors.js";

/** How patient a client is. */
export interface RetryPolicy {
  /** Attempts of one call; 1 switches retries off. Default 8. */
  maxAttempts: number;
  /** Before the second attempt; doubles with each, unless the server says how
   * long. Default 100. */
  firstDelayMs: number;
  /** Where the doubling ends. Default 2,000. */
  maxDelayMs: number;
}

/** What holds where nothing else is said. */
export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 8, firstDelayMs: 100, maxDelayMs: 2_000 };

/** A call that failed. */
export interface FailedCall {
  error: ThroughlineError;
  /** From 1. */
  attempt: number;
  repeatable: boolean;
  /** What is left of its deadline. */
  remainingMs: number;
}

/** Milliseconds to wait before the next attempt; undefined to give up. */
export function retryDelayMs(policy: RetryPolicy, failed: FailedCall): number | undefined {
  if (failed.attempt >= policy.maxAttempts || !mayRepeat(failed)) return undefined;
  const backoff = Math.min(policy.firstDelayMs * 2 ** (failed.attempt - 1), policy.maxDelayMs);
  // Spread, so that callers refused together do not come back together.
  const delay = (failed.error.retryDelayMs ?? backoff) * (1 + Math.random() / 4);
  return delay < failed.remainingMs ? delay : undefined;
}

function mayRepeat({ error, repeatable }: FailedCall): boolean {
  if (error instanceof ResourceExhaustedError) return error.retryDelayMs !== undefined;
  return repeatable && error instanceof UnavailableError;
}
