"""What one process remembers of its conversations between two requests. Bounded;
what is forgotten costs a call, and nothing else."""

from __future__ import annotations

from typing import TypeVar

from throughline.exchange import NOTHING_ASKED, Asked

_MAX_CONVERSATIONS = 10_000

V = TypeVar("V")


class Recent:
    """Conversations that were seen, and turns that were asked and not answered."""

    def __init__(self) -> None:
        self._asked: dict[str, Asked] = {}
        self._known: dict[str, None] = {}

    def asked(self, conversation: str) -> Asked:
        """The turn that waits for its answer."""
        return self._asked.get(conversation, NOTHING_ASKED)

    def ask(self, conversation: str, turn: Asked) -> None:
        """From now on the turn waits for its answer."""
        _put(self._asked, conversation, turn)

    def answered(self, conversation: str, turn_id: str) -> None:
        """The turn waits no more: the same words are from now on a new one. Another
        that was asked meanwhile still waits."""
        if self.asked(conversation).turn_id == turn_id:
            self._asked.pop(conversation, None)

    def knows(self, conversation: str) -> bool:
        """The conversation exists, and its history was taken in."""
        return conversation in self._known

    def learn(self, conversation: str) -> None:
        """From now on it is known."""
        _put(self._known, conversation, None)


def _put(entries: dict[str, V], key: str, value: V) -> None:
    entries[key] = value
    if len(entries) > _MAX_CONVERSATIONS:
        entries.pop(next(iter(entries)), None)
