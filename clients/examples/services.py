"""What the examples run on: a Throughline server, a service that answers, a chat
backend. Each ends with the program that started it."""

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


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
    """The address of a server with an empty data directory: of the program that
    `THROUGHLINE_BIN` names, else of the build in `target/`."""
    built = [ROOT / "target" / kind / "throughline" for kind in ("debug", "release")]
    binary = os.environ.get("THROUGHLINE_BIN") or next(path for path in built if path.exists())
    os.environ.setdefault("THROUGHLINE_MODELS_DIR", str(ROOT / "target" / "models"))
    data = stack.enter_context(tempfile.TemporaryDirectory())
    serve = [str(binary), "serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir", data]
    return started(stack, [*serve, "--log", "warn"], "listening on ")


def upstream(stack: ExitStack) -> str:
    """The base URL of `OPENAI_BASE_URL`, else of the service without a model."""
    if given := os.environ.get("OPENAI_BASE_URL"):
        return given
    command = [sys.executable, str(HERE / "upstream.py"), "0"]
    return f"http://{started(stack, command, 'listening on ')}/v1"


def backend(stack: ExitStack, language: str, address: str, base_url: str, port: int) -> str:
    """The URL of the chats of a backend."""
    if language == "python":
        command = [sys.executable, "-m", "uvicorn", "--app-dir", str(HERE), "backend:app"]
        command += ["--port", str(port), "--no-access-log"]
        says = "running on http://"
    else:
        tsx = ROOT / "clients" / "typescript" / "node_modules" / ".bin" / "tsx"
        command = [str(tsx), "--tsconfig", str(HERE / "tsconfig.json"), str(HERE / "backend.ts")]
        says = "listening on "
    more = {"THROUGHLINE_ADDRESS": address, "OPENAI_BASE_URL": base_url, "PORT": str(port)}
    return f"http://{started(stack, command, says, **more)}/chat"
