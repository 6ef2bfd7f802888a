"""A chat completions service without a model, on the standard library alone.

    python upstream.py [PORT]

It answers a question with the sentence of its prompt that shares the most words
with it: what it says shows what stood in the window. With `tools`
it calls the first one, and then quotes what the tool said. Examples and tests
run against it where no model is at hand; `GET /requests` gives what it was
asked. Prints `listening on ADDRESS` when it is ready; port 0 takes a free one.
"""

import json
import re
import sys
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

MODEL = "extractive"
NOTED = "Noted."
NOTHING = "I know nothing about that."
_STOP = re.compile(
    "a|an|and|are|at|did|do|does|for|have|how|i|in|is|it|me|my|of|on|or|our|that|the|this|to|was"
    "|we|what|when|where|which|who|with|you|your"
)
_calls = count(1)


def words(text):
    """The words of a text that carry meaning, without endings."""
    found = re.findall(r"[^\W_]+", text.lower())
    return {word.rstrip("s") for word in found if not _STOP.fullmatch(word)}


def text_of(message):
    """The text of a message, whatever its form."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content)


def answer(request):
    """The assistant's message and how it finished."""
    messages = request["messages"]
    last = max((i for i, m in enumerate(messages) if m["role"] == "user"), default=0)
    results = [text_of(message) for message in messages[last:] if message["role"] == "tool"]
    if request.get("tools") and not results:
        name = request["tools"][0]["function"]["name"]
        arguments = json.dumps({"query": text_of(messages[last])})
        function = {"name": name, "arguments": arguments}
        call = {"id": f"call_{next(_calls)}", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    asked = text_of(messages[last])
    said = results or [best_sentence(asked, messages[:last]) if "?" in asked else NOTED]
    tokens = " ".join(said).split()
    limit = request.get("max_tokens") or request.get("max_completion_tokens") or len(tokens)
    finish = "stop" if len(tokens) <= limit else "length"
    return {"role": "assistant", "content": " ".join(tokens[:limit])}, finish


def best_sentence(question, messages):
    """The newest of the sentences that share the most words with the question."""
    asked = words(question)
    sentences = [
        sentence.strip()
        for message in messages
        for sentence in re.split(r"(?<=[.!?])\s+|\n+", text_of(message))
    ]
    # What is a question itself answers none.
    stated = [sentence for sentence in sentences if sentence and not sentence.endswith("?")]
    ranked = max(reversed(stated), key=lambda said: len(asked & words(said)), default=NOTHING)
    return ranked if asked & words(ranked) else NOTHING


def chunks(message, finish):
    """The pieces of a stream."""
    yield {"role": "assistant", "content": ""}, None
    for index, call in enumerate(message.get("tool_calls", ())):
        arguments = call["function"]["arguments"]
        named = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
        yield {"tool_calls": [named]}, None
        yield {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}, None
    for place, word in enumerate((message["content"] or "").split()):
        yield {"content": word if place == 0 else f" {word}"}, None
    yield {}, finish


class Upstream(ThreadingHTTPServer):
    """Keeps what it was asked last."""

    daemon_threads = True

    def __init__(self, port, handler):
        super().__init__(("127.0.0.1", port), handler)
        self.requests = deque(maxlen=100)


class Handler(BaseHTTPRequestHandler):
    """One HTTP request."""

    def log_message(self, *_):
        """Says nothing."""

    def do_GET(self):
        """What it was asked, or the list of models."""
        asked = self.path == "/requests"
        self.send(200, list(self.server.requests) if asked else {"data": [{"id": MODEL}]})

    def do_POST(self):
        """What the body asks for."""
        self.respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def respond(self, request):
        """A chat completion."""
        if request.get("model") != MODEL:
            self.send(404, {"error": {"message": f"the only model is {MODEL}"}})
            return
        self.server.requests.append(request)
        message, finish = answer(request)
        head = {"id": "chatcmpl-1", "created": 0, "model": MODEL}
        used = sum(len(text_of(m).split()) for m in request["messages"])
        made = len((message["content"] or "").split())
        usage = {"prompt_tokens": used, "completion_tokens": made, "total_tokens": used + made}
        if request.get("stream"):
            wanted = (request.get("stream_options") or {}).get("include_usage")
            self.stream(head, message, finish, usage if wanted else None)
            return
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        self.send(200, {**head, "object": "chat.completion", "choices": [choice], "usage": usage})

    def stream(self, head, message, finish, usage):
        """Server-sent events."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for delta, reason in chunks(message, finish):
            choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
            self.event({**head, "choices": [choice]})
        if usage:
            self.event({**head, "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")

    def event(self, chunk):
        """One of the server-sent events."""
        chunk = {**chunk, "object": "chat.completion.chunk"}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def send(self, status, body):
        """A JSON answer."""
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)


def serve(port, handler=Handler):
    """Answers until it is stopped."""
    upstream = Upstream(port, handler)
    print(f"listening on 127.0.0.1:{upstream.server_address[1]}", flush=True)
    with suppress(KeyboardInterrupt):
        upstream.serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8080)
