"""The history that an application brings along to a conversation that is new: taken
in once, whole, and in order, also where two requests bring it at the same time, or
where the process ends on the way.

Its turns have ids by their place, and each batch is appended on the state that the
one before it left: a batch that is sent again is a repeat, and what another request
has stored so far is gone on from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from throughline import operations, v1
from throughline.chat import ChatMessage, to_turn
from throughline.errors import AlreadyExistsError, ConflictError
from throughline.flow import Flow
from throughline.names import sequence_of
from throughline.operations import Page

_TURNS_PER_APPEND = 100

IdOf = Callable[[ChatMessage], str]
"""The id under which a message may be stored already; empty for the rest."""


def take_in(
    conversation: str, history: Sequence[ChatMessage], id_of: IdOf, *, created: bool
) -> Flow[bool]:
    """Stores the history where the conversation is empty, or holds the beginning of the
    history and nothing else. Says whether all of it is stored then."""
    ids = _ids(history, id_of)
    turns = [_turn(message, turn_id) for message, turn_id in zip(history, ids, strict=True)]
    stored = 0 if created or not turns else (yield from _stored(conversation, ids))
    while stored is not None and stored < len(turns):
        batch = turns[stored : stored + _TURNS_PER_APPEND]
        try:
            yield operations.append_turns(conversation, batch, expected_last_sequence=stored)
        except ConflictError:
            # Another request was first. What it stored is at least one turn more.
            found = yield from _stored(conversation, ids)
            stored = found if found is not None and found > stored else None
        except AlreadyExistsError as error:
            if not _is_of_history(error, ids):
                raise
            # Another history is there.
            stored = None
        else:
            stored += len(batch)
    return stored is not None


def append(conversation: str, messages: Sequence[ChatMessage], id_of: IdOf) -> Flow[None]:
    """Stores messages behind what is there."""
    turns = [_turn(message, id_of(message)) for message in messages]
    for start in range(0, len(turns), _TURNS_PER_APPEND):
        yield operations.append_turns(conversation, turns[start : start + _TURNS_PER_APPEND])


def _stored(conversation: str, ids: list[str]) -> Flow[int | None]:
    """How much of the history a conversation holds that holds nothing else; None for one
    that goes on otherwise."""
    page: Page[v1.Turn] = yield operations.list_turns(conversation, descending=True, page_size=1)
    if not page.items:
        return 0
    newest = page.items[0]
    is_history = ids[newest.sequence - 1 : newest.sequence] == [newest.client_turn_id]
    return newest.sequence if is_history else None


def _ids(history: Sequence[ChatMessage], id_of: IdOf) -> list[str]:
    ids: dict[str, None] = {}
    for at, message in enumerate(history):
        # The same words may stand there twice; one of them is the message that waits.
        known = id_of(message)
        ids[known if known and known not in ids else _id(at)] = None
    return list(ids)


def _is_of_history(error: AlreadyExistsError, ids: list[str]) -> bool:
    """The id that is taken is one of those by place."""
    existing = error.metadata.get("existing", "").partition(",")[0]
    at = sequence_of(existing) - 1 if existing else -1
    return 0 <= at < len(ids) and ids[at] == _id(at)


def _turn(message: ChatMessage, turn_id: str) -> v1.Turn:
    turn = to_turn(message)
    turn.client_turn_id = turn_id
    return turn


def _id(place: int) -> str:
    return f"history/{place}"
