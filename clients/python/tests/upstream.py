"""The chat completions service of the examples, as a process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any
from urllib.request import urlopen

from server import REPOSITORY

PROGRAM = REPOSITORY / "clients" / "examples" / "upstream.py"


class Upstream:
    """Starts at once on a free port."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "0"], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        address = self._process.stdout.readline().rpartition(" ")[2].strip()
        self.base_url = f"http://{address}/v1"

    def asked(self) -> list[dict[str, Any]]:
        """The requests, oldest first."""
        with urlopen(self.base_url.removesuffix("/v1") + "/requests") as answer:
            return list(json.load(answer))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
