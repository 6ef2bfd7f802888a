"""The server and the chat completions service that most tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from server import Server
from upstream import Upstream


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Lets everybody in as the tenant `dev`."""
    running = Server("--dev")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    running = Upstream()
    yield running
    running.stop()
