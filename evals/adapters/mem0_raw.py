"""mem0 without a language model (`infer=False`): every turn is a memory in its
vector store, the question searches them. The store is Qdrant in this process."""

import os
import tempfile
from importlib.metadata import version

os.environ.setdefault("MEM0_TELEMETRY", "False")

from mem0 import Memory

from embedder import DIMENSIONS, Embedder
from protocol import serve


class Embedding:
    """Stands where mem0 has its embedding model."""

    def __init__(self):
        self.embedder = Embedder()

    def embed(self, text, memory_action=None):
        return self.embedder.embed([text])[0]

    def embed_batch(self, texts, memory_action=None):
        return self.embedder.embed(list(texts))


class Mem0:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        path = self.folder.name
        self.memory = Memory.from_config(
            {
                "vector_store": {
                    "provider": "qdrant",
                    "config": {"path": path + "/qdrant", "embedding_model_dims": DIMENSIONS},
                },
                # mem0 wants one at the start; with infer=False it is never asked.
                "llm": {"provider": "openai", "config": {"api_key": "unused"}},
                "embedder": {"provider": "openai", "config": {"api_key": "unused"}},
                "history_db_path": path + "/history.db",
            }
        )
        self.memory.embedding_model = Embedding()

    def add(self, conversation, turns):
        for turn in turns:
            message = {"role": turn["role"], "content": turn["content"]}
            self.memory.add([message], user_id=conversation, infer=False)

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


if __name__ == "__main__":
    serve(Mem0(), "mem0 infer=False", version("mem0ai"))
