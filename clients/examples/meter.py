"""Passes requests on to a service that answers, and adds up the tokens that it says they
cost: its own count, beside Throughline's estimate."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.error import HTTPError
from urllib.request import Request, urlopen


class Meter(ThreadingHTTPServer):
    """Listens at once at `base_url`."""

    daemon_threads = True

    def __init__(self, service: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.service = service
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.counted = 0
        """Answers that came with a usage."""
        self.prompt_tokens = 0
        Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def read(self, text: bytes) -> None:
        """Takes a completion in, or a line of a stream."""
        try:
            usage = json.loads(text.removeprefix(b"data:")).get("usage")
        except (ValueError, AttributeError):
            return
        if usage:
            self.counted += 1
            self.prompt_tokens += usage.get("prompt_tokens", 0)


class _Handler(BaseHTTPRequestHandler):
    server: Meter

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        """Asks for the usage of a stream too: services send it there on demand alone."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body.get("stream"):
            body["stream_options"] = {"include_usage": True}
        key = f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}"
        headers = {"Content-Type": "application/json", "Authorization": key}
        url = self.server.service + self.path.removeprefix("/v1")
        try:
            answer = urlopen(Request(url, json.dumps(body).encode(), headers))
        except HTTPError as error:
            answer = error
        with answer:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.end_headers()
            for piece in answer if body.get("stream") else [answer.read()]:
                self.server.read(piece)
                self.wfile.write(piece)
