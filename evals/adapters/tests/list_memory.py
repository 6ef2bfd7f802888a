"""A memory that holds everything in the order of arrival, behind protocol.py: what
the tests of the runner talk to. Standard library alone.

    list_memory.py            searched: everything, the oldest first
    list_memory.py window     assembles windows: the newest turns that fit
    list_memory.py boundless  the same, whatever the budget
"""

import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from protocol import serve  # noqa: E402

PER_MESSAGE = 4


class Held:
    def __init__(self):
        self.held = {}

    def add(self, conversation, turns):
        self.held.setdefault(conversation, []).extend(turns)

    def forget(self, conversation):
        del self.held[conversation]


class Searched(Held):
    def search(self, conversation, query, limit):
        return [turn["content"] for turn in self.held[conversation]][:limit]


class Assembled(Held):
    def __init__(self, bounded):
        super().__init__()
        self.bounded = bounded

    def window(self, conversation, query, budget, tokenizer):
        # A word is a token: a plain count, that nobody has to believe.
        messages, tokens = [], 0
        for turn in reversed(self.held[conversation]):
            cost = len(turn["content"].split()) + PER_MESSAGE
            if self.bounded and tokens + cost > budget:
                break
            messages.insert(0, turn)
            tokens += cost
        return messages, tokens


if __name__ == "__main__":
    how = sys.argv[1] if len(sys.argv) > 1 else "search"
    serve(Searched() if how == "search" else Assembled(how == "window"), "list", "1")
