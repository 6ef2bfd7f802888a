"""What one process remembers of its conversations between two requests. Bounded;
what is forgotten costs a call, and nothing else."""

from __future__ import annotations

from throughline.chat import ChatMessage
from throughline.idempotency import new_key

_MAX_CONVERSATIONS = 10_000


class Recent:
    """Conversations that were seen, and turns that were asked and not answered."""

    def __init__(self) -> None:
        self._turns: dict[str, tuple[ChatMessage, str]] = {}
        self._known: dict[str, None] = {}

    def turn_id(self, conversation: str, message: ChatMessage) -> str:
        """The id of the turn that is asked, or asked again."""
        asked = self._turns.get(conversation)
        if asked is not None and asked[0] == message:
            return asked[1]
        turn_id = new_key()
        _put(self._turns, conversation, (message, turn_id))
        return turn_id

    def answered(self, conversation: str) -> None:
        """The same words are from now on a new turn."""
        self._turns.pop(conversation, None)

    def knows(self, conversation: str) -> bool:
        """The conversation exists, and its history was taken in."""
        return conversation in self._known

    def learn(self, conversation: str) -> None:
        """From now on it is known."""
        _put(self._known, conversation, None)


def _put(entries: dict[str, object], key: str, value: object) -> None:
    entries[key] = value
    if len(entries) > _MAX_CONVERSATIONS:
        entries.pop(next(iter(entries)), None)
