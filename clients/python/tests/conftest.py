"""The server that most tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from server import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Lets everybody in as the tenant `dev`."""
    running = Server("--dev")
    yield running
    running.stop()
