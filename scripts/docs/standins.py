"""Stand-ins for the services that the programs of the migration pages speak to
before they migrate, beside the chat completions of the examples' `upstream.py`:

- of OpenAI, what mem0 asks it for: embeddings, and facts drawn from messages;
- of Zep, under `/zep`: users, threads, messages, context.

The packages `mem0ai` and `zep_cloud` are the real ones. Prints `listening on
ADDRESS` when it is ready.
"""

import json
import re
import sys
from itertools import count
from pathlib import Path
from zlib import crc32

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "examples"))
import upstream

DIMENSIONS = 1536
_ids = count(1)


def embedding(text):
    """A vector that has its words in common with other texts."""
    vector = [0.0] * DIMENSIONS
    for word in upstream.words(text):
        vector[crc32(word.encode()) % DIMENSIONS] += 1.0
    return vector


def facts(prompt):
    """What the user states in the new messages of mem0's prompt."""
    new = prompt.partition("## New Messages\n")[2].partition("\n## ")[0]
    said = re.findall(r"^user: (.+)$", new, re.M)
    return [{"id": str(place), "text": text} for place, text in enumerate(said) if "?" not in text]


class Handler(upstream.Handler):
    """One HTTP request."""

    messages = {}

    def do_GET(self):
        """Messages and context of a thread of Zep; else what the upstream knows."""
        thread = re.fullmatch(r"/zep/threads/(\w+)/(messages|context)", self.path.partition("?")[0])
        if not thread:
            super().do_GET()
            return
        messages = self.messages.get(thread[1], [])
        context = "\n".join(message["content"] for message in messages)
        wanted = {"messages": {"items": messages}, "context": {"context": context}}
        self.send(200, wanted[thread[2]])

    def respond(self, request):
        """Embeddings, facts, and what is added to Zep; else a chat completion."""
        if self.path.startswith("/zep/"):
            self.send(200, self.added(request))
        elif self.path.endswith("/embeddings"):
            texts = enumerate(request["input"])
            data = [{"index": place, "embedding": embedding(text)} for place, text in texts]
            self.send(200, {"object": "list", "model": "words", "data": data})
        elif request.get("response_format", {}).get("type") == "json_object":
            found = {"memory": facts(upstream.text_of(request["messages"][-1]))}
            message = {"role": "assistant", "content": json.dumps(found)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self.send(200, {"object": "chat.completion", "choices": [choice]})
        else:
            super().respond(request)

    def added(self, request):
        """What Zep says to a new user or thread, or to new messages."""
        thread = re.fullmatch(r"/zep/threads/(\w+)/messages", self.path)
        if not thread:
            return {"uuid": f"z{next(_ids)}", **request}
        named = [
            {"uuid": f"z{next(_ids)}", "created_at": "2026-03-01T09:00:00Z", **message}
            for message in request["messages"]
        ]
        self.messages.setdefault(thread[1], []).extend(named)
        return {"messages": named}


if __name__ == "__main__":
    upstream.serve(0, Handler)
