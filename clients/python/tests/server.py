"""A real server on a free loopback port with a data directory of its own.

`THROUGHLINE_BIN` names the binary; else the debug build, then the release
build of the repository.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
CONFORMANCE = REPOSITORY / "clients" / "conformance"
STOP_SECONDS = 20


def binary() -> str:
    named = os.environ.get("THROUGHLINE_BIN")
    built = [REPOSITORY / "target" / kind / "throughline" for kind in ("debug", "release")]
    found = [named] if named else [str(path) for path in built if path.exists()]
    if not found:
        raise RuntimeError("no server binary: `cargo build`, or set THROUGHLINE_BIN")
    return found[0]


class Server:
    """Starts at once; `address` is where it listens."""

    def __init__(self, *flags: str) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self._flags = flags
        self._process = self._start("127.0.0.1:0")
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().decode().rpartition(" ")[2].strip()
        assert self.address, "the server did not start; its log is above"

    def _start(self, listen: str) -> subprocess.Popen[bytes]:
        models = os.environ.get("THROUGHLINE_MODELS_DIR", str(REPOSITORY / "target" / "models"))
        command = [binary(), "serve", "--listen", listen, "--data-dir", self._directory.name]
        environment = {**os.environ, "THROUGHLINE_MODELS_DIR": models}
        return subprocess.Popen(
            [*command, "--log", "warn", *self._flags], stdout=subprocess.PIPE, env=environment
        )

    def restart(self) -> None:
        """Kills it and starts it anew, without waiting until it answers."""
        self._process.kill()
        self._wait()
        self._process = self._start(self.address)

    def stop(self) -> None:
        self._process.terminate()
        self._wait()
        self._directory.cleanup()

    def _wait(self) -> None:
        self._process.wait(STOP_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
