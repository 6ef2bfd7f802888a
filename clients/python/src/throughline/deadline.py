"""The time that a call has, over all of its attempts."""

from __future__ import annotations

import time

import grpc

from throughline.errors import DeadlineExceededError, Failure


class Deadline:
    """Begins with its creation; times in seconds."""

    def __init__(self, timeout: float) -> None:
        self._end = time.monotonic() + timeout

    @property
    def remaining(self) -> float:
        """What is left, negative when it passed."""
        return self._end - time.monotonic()

    def left(self) -> float:
        """What is left for an attempt.

        Raises `DeadlineExceededError` when nothing is: grpcio takes 0 for no
        deadline at all, and rounds what is close to it up.
        """
        remaining = self.remaining
        if remaining <= 0.0:
            message = "the deadline passed before the call was sent"
            raise DeadlineExceededError(Failure(grpc.StatusCode.DEADLINE_EXCEEDED, message))
        return remaining
