"""mem0 behind the adapter protocol: `mem0_raw.py` keeps turns as they are,
`mem0_extracting.py` has a language model choose what is kept. The store is Qdrant in
this process, the embedding model that of the service."""

import os
import tempfile

os.environ.setdefault("MEM0_TELEMETRY", "False")

from mem0 import Memory

from embedder import DIMENSIONS, Embedder

UNUSED = {"provider": "openai", "config": {"api_key": "unused"}}


class Embedding:
    """Stands where mem0 has its embedding model."""

    def __init__(self):
        self.embedder = Embedder()

    def embed(self, text, memory_action=None):
        return self.embedder.embed([text])[0]

    def embed_batch(self, texts, memory_action=None):
        return self.embedder.embed(list(texts))


class Mem0:
    def __init__(self, llm=None):
        """`llm` as mem0's configuration has it; without one turns are kept as they
        are."""
        self.infer = llm is not None
        self.folder = tempfile.TemporaryDirectory()
        path = self.folder.name
        self.memory = Memory.from_config(
            {
                "vector_store": {
                    "provider": "qdrant",
                    "config": {"path": path + "/qdrant", "embedding_model_dims": DIMENSIONS},
                },
                # mem0 wants one at the start; with infer=False it is never asked.
                "llm": llm or UNUSED,
                "embedder": UNUSED,
                "history_db_path": path + "/history.db",
            }
        )
        self.memory.embedding_model = Embedding()

    def add(self, conversation, turns):
        messages = [{"role": turn["role"], "content": turn["content"]} for turn in turns]
        for exchange in exchanges(messages) if self.infer else [[one] for one in messages]:
            self.memory.add(exchange, user_id=conversation, infer=self.infer)

    def search(self, conversation, query, limit):
        try:
            found = self.memory.search(query, user_id=conversation, limit=limit)
        except (TypeError, ValueError):
            # From version 2 on. Its default threshold would leave room in the window.
            found = self.memory.search(
                query, filters={"user_id": conversation}, top_k=limit, threshold=0.0
            )
        return [item["memory"] for item in found["results"]]

    def forget(self, conversation):
        self.memory.delete_all(user_id=conversation)


def exchanges(messages):
    """What the user says with the answers to it, as a chat would add them."""
    exchange = []
    for message in messages:
        if message["role"] == "user" and exchange and exchange[-1]["role"] != "user":
            yield exchange
            exchange = []
        exchange.append(message)
    if exchange:
        yield exchange
