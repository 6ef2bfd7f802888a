"""Writes that go on to their end where whoever waits for them is cancelled, such as
the storing of an answer whose reader went away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class Unfinished:
    """The writes of one event loop that are under way."""

    def __init__(self) -> None:
        # An event loop itself holds its tasks weakly.
        self._tasks: set[asyncio.Task[None]] = set()

    async def finish(self, work: Coroutine[Any, Any, None]) -> None:
        """Waits for the work. A cancellation, also one that is repeated at every await
        as a scope of anyio does, ends the waiting alone; an error of the work is then
        logged, as nobody is left to take it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_tell)
            raise

    async def wait(self) -> None:
        """Until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)


def _tell(task: asyncio.Task[None]) -> None:
    if task.cancelled():
        _log.warning("the event loop ended before an answer was stored")
    elif error := task.exception():
        _log.warning("%s", error)
