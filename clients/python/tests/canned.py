"""A chat completions service that answers as a test says, and stalls where it says."""

from __future__ import annotations

import json
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

STALL: dict[str, Any] = {"stall": True}
"""In place of a delta: nothing more comes until the service is stopped."""


class Canned(ThreadingHTTPServer):
    """Starts at once on a free port. Each request takes the next of `answers`: a
    message, or a list of deltas for a stream."""

    daemon_threads = True

    def __init__(self, *answers: dict[str, Any] | list[dict[str, Any]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = deque(answers)
        self.asked: list[dict[str, Any]] = []
        self.stopped = Event()
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        Thread(target=self.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.stopped.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that went away is what these tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: Canned

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = self.server.answers.popleft()
        self.send_response(200)
        if isinstance(answer, dict):
            choice = {"index": 0, "message": answer, "finish_reason": "stop"}
            self._send("application/json", _completion("chat.completion", choice))
            return
        self._send("text/event-stream", "")
        for delta in answer:
            if delta is STALL:
                self.server.stopped.wait()
                return
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            self._write(f"data: {_completion('chat.completion.chunk', choice)}\n\n")
        choice = {"index": 0, "delta": {}, "finish_reason": "stop"}
        self._write(f"data: {_completion('chat.completion.chunk', choice)}\n\ndata: [DONE]\n\n")

    def _send(self, media_type: str, body: str) -> None:
        self.send_header("Content-Type", media_type)
        self.end_headers()
        self._write(body)

    def _write(self, text: str) -> None:
        self.wfile.write(text.encode())


def _completion(kind: str, choice: dict[str, Any]) -> str:
    head = {"id": "chatcmpl-1", "created": 0, "model": "canned", "object": kind}
    return json.dumps({**head, "choices": [choice]})
