"""LangGraph's in-memory store with its vector index: every turn is an item, the
question searches them."""

from importlib.metadata import version

from langgraph.store.memory import InMemoryStore

from embedder import DIMENSIONS, Embedder
from protocol import serve


class Store:
    def __init__(self):
        embedder = Embedder()
        self.store = InMemoryStore(
            index={"dims": DIMENSIONS, "embed": embedder.embed, "fields": ["text"]}
        )
        self.held = {}

    def add(self, conversation, turns):
        first = self.held.get(conversation, 0)
        for number, turn in enumerate(turns, first):
            self.store.put((conversation,), str(number), {"text": turn["content"]})
        self.held[conversation] = first + len(turns)

    def search(self, conversation, query, limit):
        found = self.store.search((conversation,), query=query, limit=limit)
        return [item.value["text"] for item in found]

    def forget(self, conversation):
        for number in range(self.held.pop(conversation, 0)):
            self.store.delete((conversation,), str(number))


if __name__ == "__main__":
    serve(Store(), "langgraph-store", version("langgraph-checkpoint"))
