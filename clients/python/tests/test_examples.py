"""The example backend and the session, as processes."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from canned import STALL, Canned
from server import REPOSITORY, Server, binary
from upstream import Upstream

EXAMPLES = REPOSITORY / "clients" / "examples"


@pytest.fixture(scope="module")
def chat(server: Server, upstream: Upstream) -> Iterator[str]:
    with backend(server, upstream.base_url) as address:
        yield address


@contextmanager
def backend(server: Server, base_url: str) -> Iterator[str]:
    """The address of the backend's chats."""
    command = ["-m", "uvicorn", "--app-dir", str(EXAMPLES), "backend:app", "--port", "0"]
    environment = {
        **os.environ,
        "THROUGHLINE_ADDRESS": server.address,
        "OPENAI_BASE_URL": base_url,
    }
    with subprocess.Popen(
        [sys.executable, *command], stderr=subprocess.PIPE, text=True, env=environment
    ) as program:
        assert program.stderr is not None
        found = (re.search(r"running on (http://\S+)", line) for line in program.stderr)
        running = next(match for match in found if match)
        yield f"{running[1]}/chat"
        program.terminate()


def say(chat: str, conversation: str, text: str) -> str:
    body = json.dumps({"text": text}).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"{chat}/{conversation}", body, headers)) as answer:
        return str(answer.read().decode())


def test_the_backend_remembers(chat: str) -> None:
    assert say(chat, "backend", "My dog is called Rex.") == "Noted."
    assert "Rex" in say(chat, "backend", "What is my dog called?")
    history = said(chat, "backend")
    assert len(history) == 4
    assert history[0] == {"role": "user", "text": "My dog is called Rex."}


def test_what_came_is_kept_if_the_browser_goes_away(server: Server) -> None:
    half = [{"role": "assistant", "content": "Half "}, {"content": "an answer"}, STALL]
    upstream = Canned(half)
    with closing(upstream), backend(server, upstream.base_url) as chat:
        body = json.dumps({"text": "Tell me"}).encode()
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(f"{chat}/left", body, headers)) as answer:
            assert answer.read(len("Half an answer")) == b"Half an answer"
        # The backend hears of it when it does; nothing else ends the stream.
        deadline = time.monotonic() + 30
        while len(history := said(chat, "left")) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert [turn["text"] for turn in history] == ["Tell me", "Half an answer"]


def said(chat: str, conversation: str) -> list[dict[str, str]]:
    with urlopen(f"{chat}/{conversation}") as answer:
        return list(json.load(answer))


def test_its_errors_say_whose_they_are(chat: str) -> None:
    with pytest.raises(HTTPError, match="404") as absent:
        urlopen(f"{chat}/absent")
    absent.value.close()
    with pytest.raises(HTTPError, match="422") as refused:
        say(chat, "No%20Id", "Hello")
    refused.value.close()


def session(*flags: str) -> list[str]:
    """The lines that the session prints."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "session.py"), *flags],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "THROUGHLINE_BIN": binary()},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def amounts(lines: list[str], says: str) -> tuple[int, int]:
    """Prompt tokens with the whole history, and with memory."""
    (line,) = (line for line in lines if says in line)
    found = re.search(r"([\d,]+) with the whole history, ([\d,]+) with memory", line)
    assert found, line
    return int(found[1].replace(",", "")), int(found[2].replace(",", ""))


def test_the_session_answers_from_a_smaller_window(tmp_path: Path) -> None:
    page = tmp_path / "answers.md"
    lines = session("--all", "--answers", str(page))
    for answered in ("with memory:", "whole history:"):
        given = [line for line in lines if answered in line]
        assert len(given) == 30
        for line, fact in zip(given[-3:], ["80/20", "red velvet", "Habitica"], strict=True):
            assert fact in line
    assert page.read_text().count("\n## ") == 30
    assert page.read_text().count("**whole history**") == 30
    for bill in ("60 turns, prompt tokens:", "30 answers, as the service counts:"):
        without_memory, with_memory = amounts(lines, bill)
        assert with_memory < without_memory / 2


def test_each_side_of_the_session_goes_on_with_its_own_answers(upstream: Upstream) -> None:
    lines = session("--upstream", upstream.base_url, "--model", "extractive")
    both = [line.strip() for line in lines if "with memory:" in line or "whole history:" in line]
    with_memory, whole = (line.partition(":")[2].strip() for line in both[2:4])
    assert with_memory != whole, "the question shows nothing: both answer alike"
    sent = max((asked["messages"] for asked in upstream.asked()), key=len)
    assert [message["content"] for message in sent[-3:-1]] == ["Which ribbon did I go with?", whole]
    assert amounts(lines, "3 answers, as the service counts:")


def test_one_command_runs_a_backend() -> None:
    command = [sys.executable, str(EXAMPLES / "run.py")]
    environment = {**os.environ, "THROUGHLINE_BIN": binary(), "PORT": "0"}
    environment.pop("OPENAI_BASE_URL", None)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stdout is not None
        chat = running.stdout.readline().removeprefix("listening on ").strip()
        assert say(chat, "trip", "My dog is called Rex.") == "Noted."
        assert "Rex" in say(chat, "trip", "What is my dog called?")
        running.send_signal(signal.SIGTERM)
    assert running.returncode == 0


def test_a_service_with_a_model_can_be_named(upstream: Upstream) -> None:
    command = [sys.executable, str(EXAMPLES / "run.py")]
    named = ["--upstream", upstream.base_url, "--model", "extractive"]
    environment = {**os.environ, "THROUGHLINE_BIN": binary(), "PORT": "0"}
    with subprocess.Popen(
        [*command, *named], stdout=subprocess.PIPE, text=True, env=environment
    ) as running:
        assert running.stdout is not None
        chat = running.stdout.readline().removeprefix("listening on ").strip()
        say(chat, "trip", "This went to the service that was named.")
        running.send_signal(signal.SIGTERM)
    said = upstream.asked()[-1]["messages"][-1]["content"]
    assert said == "This went to the service that was named."


def test_without_a_server_the_build_command_is_named(tmp_path: Path) -> None:
    examples = tmp_path / "clients" / "examples"
    shutil.copytree(EXAMPLES, examples, ignore=shutil.ignore_patterns("node_modules"))
    environment = {**os.environ}
    environment.pop("THROUGHLINE_BIN", None)
    done = subprocess.run(
        [sys.executable, str(examples / "run.py")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 1
    assert "cargo build --release --locked" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["backend.py", "backend.ts"])
def test_a_backend_is_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) < 100
