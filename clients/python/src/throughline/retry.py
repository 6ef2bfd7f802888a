"""When a failed call is sent again, and after how long.

Sent again is what cannot have been done, and what may be done twice:

- RESOURCE_EXHAUSTED with a delay: the server refused before it did anything;
- UNAVAILABLE of a repeatable method: reads, and writes with an idempotency key.

Everything else is for the caller to decide. The deadline of a call covers all
of its attempts: a wait that would pass it is not begun.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from throughline.errors import ResourceExhaustedError, ThroughlineError, UnavailableError


@dataclass(frozen=True)
class RetryPolicy:
    """How patient a client is; times in seconds."""

    max_attempts: int = 8
    """Attempts of one call; 1 switches retries off."""
    first_delay: float = 0.1
    """Before the second attempt; doubles with each, unless the server says how long."""
    max_delay: float = 2.0
    """Where the doubling ends."""

    def delay(
        self, error: ThroughlineError, *, attempt: int, repeatable: bool, remaining: float
    ) -> float | None:
        """Seconds to wait after the attempt (from 1) that failed, None to give up."""
        if attempt >= self.max_attempts or not _may_repeat(error, repeatable):
            return None
        backoff = min(self.first_delay * 2.0 ** (attempt - 1), self.max_delay)
        wanted = backoff if error.retry_delay is None else error.retry_delay
        # Spread, so that callers refused together do not come back together.
        delay = wanted * random.uniform(1.0, 1.25)
        return delay if delay < remaining else None


def _may_repeat(error: ThroughlineError, repeatable: bool) -> bool:
    if isinstance(error, ResourceExhaustedError):
        return error.retry_delay is not None
    return repeatable and isinstance(error, UnavailableError)
