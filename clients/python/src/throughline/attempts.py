"""The attempts of one call: how long each may take, and when the next one begins."""

from __future__ import annotations

import time

import grpc

from throughline.errors import DeadlineExceededError, Failure, from_rpc
from throughline.retry import RetryPolicy


class Attempts:
    """Begins with its creation; times in seconds, over all attempts."""

    def __init__(self, policy: RetryPolicy, *, repeatable: bool, timeout: float) -> None:
        self._policy = policy
        self._repeatable = repeatable
        self._end = time.monotonic() + timeout
        self._made = 0

    def left(self) -> float:
        """What is left for the next attempt.

        Raises `DeadlineExceededError` when nothing is: grpcio takes 0 for no
        deadline at all, and rounds what is close to it up.
        """
        self._made += 1
        remaining = self._end - time.monotonic()
        if remaining <= 0.0:
            message = "the deadline passed before the call was sent"
            raise DeadlineExceededError(Failure(grpc.StatusCode.DEADLINE_EXCEEDED, message))
        return remaining

    def pause(self, failure: grpc.RpcError) -> float:
        """How long to wait after the attempt that failed.

        Raises the failure as a `ThroughlineError` where no other attempt is made.
        """
        error = from_rpc(failure)
        delay = self._policy.delay(
            error,
            attempt=self._made,
            repeatable=self._repeatable,
            remaining=self._end - time.monotonic(),
        )
        if delay is None:
            raise error from failure
        return delay
