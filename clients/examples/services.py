"""What the examples run on: a Throughline server, a service that answers, a chat
backend. Each ends with the program that started it."""

import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
QUOTES = "extractive"
"""What the service without a model answers to."""


@dataclass(frozen=True)
class Arguments:
    """What an example is run with."""

    language: str
    """Of the backend: `python` or `typescript`."""
    upstream: str
    """Base URL of what answers; empty for one that is started."""
    model: str
    """Its name there; `QUOTES` for the service without a model."""
    all: bool = False
    """Of a session: what was recorded is answered too."""
    answers: str = ""
    """Of a session: where its answers are written; empty for nowhere."""


def started(stack: ExitStack, command: list[str], says: str, **more: str) -> str:
    """Starts a program; gives what it says behind `says` when it is ready."""
    env = {**os.environ, **more}
    program = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    stack.enter_context(program)
    stack.callback(program.terminate)
    for line in program.stdout:
        if says in line:
            # What else it says is shown; a full pipe would stop it.
            rest = Thread(target=sys.stderr.writelines, args=[program.stdout], daemon=True)
            rest.start()
            return line.rpartition(says)[2].split()[0]
        sys.stderr.write(line)
    raise RuntimeError(f"{' '.join(command)} did not start")


def throughline(stack: ExitStack) -> str:
    """The address of a server with an empty data directory."""
    data = stack.enter_context(tempfile.TemporaryDirectory())
    serve = [program(), "serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir", data]
    return started(stack, [*serve, "--log", "warn"], "listening on ")


def program() -> str:
    """The program that `THROUGHLINE_BIN` names, else the one that was built here; ends
    this one where none was."""
    os.environ.setdefault("THROUGHLINE_MODELS_DIR", str(ROOT / "target" / "models"))
    built = [ROOT / "target" / kind / "throughline" for kind in ("debug", "release")]
    given = os.environ.get("THROUGHLINE_BIN")
    found = given or next((str(program) for program in built if program.exists()), None)
    if found is None:
        sys.exit(
            "there is no server: build it with `cargo build --release --locked`, or name one"
            " with THROUGHLINE_BIN"
        )
    return found


def arguments(doc: str, session: bool = False) -> Arguments:
    """What the command line says, `doc` being the help."""
    parser = ArgumentParser(description=doc, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("language", nargs="?", default="python", choices=["python", "typescript"])
    parser.add_argument("--upstream", default=os.environ.get("OPENAI_BASE_URL", ""), metavar="URL")
    parser.add_argument("--model", default=os.environ.get("MODEL", ""), metavar="NAME")
    if session:
        parser.add_argument("--all", action="store_true")
        parser.add_argument("--answers", default="", metavar="FILE")
    given = parser.parse_args()
    if given.upstream and not given.model:
        parser.error("--upstream needs --model: the name of a model there")
    given.model = given.model or QUOTES
    return Arguments(**vars(given))


def upstream(stack: ExitStack, given: Arguments) -> str:
    """The base URL that was given, else of a model in this machine's memory, else of the
    service without one."""
    if given.upstream:
        return given.upstream
    command = [sys.executable, str(HERE / "upstream.py"), "0"]
    if given.model != QUOTES:
        command = [program(), "models", "serve", given.model, "--listen", "127.0.0.1:0"]
    return f"http://{started(stack, command, 'listening on ')}/v1"


def backend(stack: ExitStack, given: Arguments, address: str, base_url: str, port: int) -> str:
    """The URL of the chats of a backend."""
    if given.language == "python":
        command = [sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "backend:app"]
        command += ["--port", str(port), "--no-access-log"]
        says = "running on http://"
    else:
        tsx = ROOT / "clients" / "typescript" / "node_modules" / ".bin" / "tsx"
        command = [str(tsx), "--tsconfig", str(HERE / "tsconfig.json"), str(HERE / "backend.ts")]
        says = "listening on "
    more = {"THROUGHLINE_ADDRESS": address, "OPENAI_BASE_URL": base_url, "PORT": str(port)}
    more["MODEL"] = given.model
    return f"http://{started(stack, command, says, **more)}/chat"
