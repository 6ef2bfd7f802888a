"""The cases that all SDKs share, through the sync and the async client."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from caller import call, plain_error
from server import CONFORMANCE, Server

from throughline import AsyncClient, Client, RetryPolicy, ThroughlineError

CASES = json.loads((CONFORMANCE / "cases.json").read_text())["cases"]
KEYS = {
    "acme": "acme-key",
    "reader": "acme-read-key",
    "globex": "globex-key",
    "forged": "acme-kez",
    "nobody": "",
    "unreachable": "acme-key",
}
# A restarted server may take its time on a busy machine.
PATIENT = RetryPolicy(max_attempts=60, max_delay=1.0)


@pytest.fixture(scope="module", params=[Client, AsyncClient], ids=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> type[Client] | type[AsyncClient]:
    return request.param


@pytest.fixture(scope="module")
def server(kind: type[Client] | type[AsyncClient]) -> Iterator[Server]:
    """One for each kind of client: the cases name their conversations."""
    running = Server("--config", str(CONFORMANCE / "server.toml"))
    yield running
    running.stop()


@pytest_asyncio.fixture
async def clients(
    kind: type[Client] | type[AsyncClient], server: Server
) -> AsyncIterator[dict[str, Client | AsyncClient]]:
    # A port that is held and not listened on: nobody answers there.
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        made = {}
        for who, key in KEYS.items():
            away = who == "unreachable"
            address = f"127.0.0.1:{silent.getsockname()[1]}" if away else server.address
            retry = RetryPolicy(max_attempts=2) if away else PATIENT
            made[who] = kind(address, api_key=key, retry=retry, timeout=60.0)
        yield made
        for client in made.values():
            closed = client.close()
            if closed is not None:
                await closed


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
async def test_case(case: dict[str, Any], clients: dict[str, Any], server: Server) -> None:
    saved: dict[str, Any] = {}
    for step in case["steps"]:
        if step["call"] == "restart_server":
            server.restart()
            continue
        client = clients[step.get("as", "acme")]
        try:
            answer, result = await call(client, step["call"], step.get("with", {}), saved)
        except ThroughlineError as error:
            check_error(step, error)
            continue
        assert "error" not in step, f"{step} was answered with {result}"
        if "save" in step:
            saved[step["save"]] = answer
        check(step, result)


def check(step: dict[str, Any], result: Any) -> None:
    for path, expected in step.get("expect", {}).items():
        assert at(result, path) == expected, f"{path} of {step['call']}: {result}"
    for path, most in step.get("at_most", {}).items():
        assert 0 < at(result, path) <= most, f"{path} of {step['call']}: {result}"
    for path, part in step.get("contains", {}).items():
        assert part in at(result, path), f"{path} of {step['call']}: {result}"


def check_error(step: dict[str, Any], error: ThroughlineError) -> None:
    expected = step.get("error")
    if expected is None:
        raise error
    actual = plain_error(error)
    for key in ("kind", "code", "reason", "fields"):
        if key in expected:
            assert actual[key] == expected[key], f"{step}: {actual}"
    assert set(expected.get("fields_include", ())) <= set(actual["fields"]), f"{step}: {actual}"
    assert expected.get("metadata", {}).items() <= actual["metadata"].items(), f"{step}: {actual}"


def at(value: Any, path: str) -> Any:
    for key in path.split("."):
        if isinstance(value, list):
            value = len(value) if key == "length" else value[int(key)]
        else:
            value = value[key]
    return value
