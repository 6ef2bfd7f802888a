"""How little a program of the OpenAI SDK changes to get a memory, and that it has one."""

from __future__ import annotations

import difflib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from server import REPOSITORY, Server
from upstream import Upstream

PROGRAMS = REPOSITORY / "clients" / "examples" / "terminal"
TOLD = "My dog is called Rex."
ASKED = "What is my dog called?"


@pytest.fixture(scope="module")
def environment(upstream: Upstream) -> Iterator[dict[str, str]]:
    """Of a machine where a server with its proxy runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        proxy = f"127.0.0.1:{free.getsockname()[1]}"
    running = Server("--dev", "--proxy", proxy, "--proxy-upstream", upstream.base_url)
    yield {
        **os.environ,
        "OPENAI_BASE_URL": upstream.base_url,
        "PROXY_BASE_URL": f"http://{proxy}/v1",
        "THROUGHLINE_ADDRESS": running.address,
    }
    running.stop()


@pytest.mark.parametrize(("form", "most"), [("proxy", 2), ("sdk", 5)])
@pytest.mark.parametrize("language", ["py", "ts"])
def test_few_lines_change(form: str, most: int, language: str) -> None:
    before, after = (
        (PROGRAMS / f"{name}.{language}").read_text().splitlines() for name in ("plain", form)
    )
    changed = [line[0] for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert 0 < changed.count("+") <= most
    assert changed.count("-") <= changed.count("+")


def said(form: str, text: str, environment: dict[str, str]) -> str:
    """What a program answers that was started anew."""
    command = [sys.executable, str(PROGRAMS / f"{form}.py")]
    done = subprocess.run(
        command, input=text, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("form", ["proxy", "sdk"])
def test_with_them_it_remembers(form: str, environment: dict[str, str]) -> None:
    assert said(form, f"{TOLD}\nI like tea.\n{ASKED}\n", environment) == TOLD
    # Another process: what was said before is the server's to know.
    assert TOLD in said(form, ASKED, environment)


def test_without_them_it_forgets(environment: dict[str, str]) -> None:
    assert said("plain", f"{TOLD}\n{ASKED}\n", environment) == TOLD
    assert said("plain", ASKED, environment) == "I know nothing about that."
