"""Branches of a thread. A state may hold something else under an id than what is
stored: a message that was edited, another answer to the same message. And it may end
before what is stored: a run from an earlier checkpoint. Both go on in a fork behind
the last turn that they share, and nothing that was stored is lost.

A thread begins in the conversation of its name. Each fork is noted as an item, so that
any process finds the branch of a state by the state's own messages.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from hashlib import sha256

from throughline import items, methods, v1
from throughline.chat import ChatMessage, to_turn
from throughline.errors import AlreadyExistsError, NotFoundError
from throughline.flow import Flow
from throughline.names import conversation_id, sequence_of
from throughline.operations import Page, list_turns, operation

_NAMESPACE = ("throughline", "branches")
_TURN_TAKEN = "CLIENT_TURN_ID_TAKEN"
_MAX_PAGE = 1_000
# How far behind what is stored an earlier checkpoint is looked for.
_TURNS_LOOKED_AT = 100

Said = dict[str, ChatMessage]
"""The messages of a state by the ids of their turns, in order."""


@dataclass(frozen=True)
class Branch:
    """A fork, and the message of a state by which it is known."""

    id: str
    parent: str
    """The conversation that it was forked from."""
    turn_id: str
    """The first turn that is the branch's own."""
    print: str
    """What that turn says, as a hash."""

    def holds(self, said: Said) -> bool:
        """A state has the message."""
        return self.turn_id in said and _print_of(said[self.turn_id]) == self.print


def branch_of(thread: str, said: Said) -> Flow[str]:
    """The conversation in which a state stands."""
    noted = [branch for branch in (yield from _noted(thread)) if branch.holds(said)]
    order = {turn_id: place for place, turn_id in enumerate(said)}
    where = conversation_id(thread)
    while behind := [branch for branch in noted if branch.parent == where]:
        where = min(behind, key=lambda branch: order[branch.turn_id]).id
    return where


def fork_for_new(thread: str, where: str, said: Said) -> Flow[str]:
    """The conversation for a state whose last message is of the user: a fork, where
    answers are stored that the state does not have."""
    asked = next(reversed(said))
    newest: Page[v1.Turn]
    try:
        newest = yield list_turns(where, descending=True, page_size=1)
        last = newest.items[0].client_turn_id if newest.items else ""
        # What the application itself appended is no answer to a message of a state.
        if "/" not in last or last in said:
            return where
        newest = yield list_turns(where, descending=True, page_size=_TURNS_LOOKED_AT)
    except NotFoundError:
        return where
    shared = next((turn for turn in newest.items if turn.client_turn_id in said), None)
    if shared is None or asked in {turn.client_turn_id for turn in newest.items}:
        return where
    return (yield from _fork(thread, where, shared.sequence, asked, said))


def fork_for_taken(thread: str, where: str, error: AlreadyExistsError, said: Said) -> Flow[str]:
    """A fork for the turn that was refused because its id is taken by other content.

    Raises the error where it says something else.
    """
    existing = error.metadata.get("existing", "").partition(",")[0]
    if error.reason != _TURN_TAKEN or not existing:
        raise error
    sequence = sequence_of(existing)
    found: Page[v1.Turn] = yield list_turns(where, from_sequence=sequence, page_size=1)
    taken = found.items[0].client_turn_id if found.items else ""
    if taken not in said:
        raise error
    return (yield from _fork(thread, where, sequence - 1, taken, said))


def _fork(thread: str, where: str, at: int, turn_id: str, said: Said) -> Flow[str]:
    """Forks behind `at` for a turn, and notes it. Made twice it is one branch."""
    says = _print_of(said[turn_id])
    name = sha256(json.dumps([where, at, turn_id, says]).encode()).hexdigest()
    branch = Branch(f"branch-{name[:32]}", where, turn_id, says)
    request = v1.ForkConversationRequest(
        name=f"conversations/{where}",
        at_sequence=at,
        conversation_id=branch.id,
        request_id=branch.id,
    )
    yield operation(methods.FORK_CONVERSATION, request, lambda answer: answer, None)
    yield items.put_item((*_NAMESPACE, thread), branch.id, asdict(branch), index=False)
    return branch.id


def _print_of(message: ChatMessage) -> str:
    return sha256(to_turn(message).SerializeToString(deterministic=True)).hexdigest()


def _noted(thread: str) -> Flow[list[Branch]]:
    noted: list[Branch] = []
    token = ""
    while True:
        page: Page[v1.MemoryItem] = yield items.list_items(
            (*_NAMESPACE, thread), page_size=_MAX_PAGE, page_token=token
        )
        noted.extend(_branches(page.items))
        token = page.next_page_token
        if not token:
            return noted


def _branches(found: Iterable[v1.MemoryItem]) -> Iterable[Branch]:
    return (Branch(**json.loads(item.value_json)) for item in found)
