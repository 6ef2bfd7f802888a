"""What a chat completion request means for a conversation: which of its
messages are new, what is sent to the model instead of the history, and what of
the answer is stored.

Nothing is sent here: the flow yields operations and is given their answers, so
that it is the same for the sync and the async client (`throughline.flow`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from throughline import operations, v1
from throughline.chat import ChatMessage, as_declared, before_query, to_turn
from throughline.errors import AlreadyExistsError
from throughline.flow import Flow
from throughline.history import append, take_in
from throughline.names import conversation_name
from throughline.operations import Context, Page, PreparedTurn, TurnKey

# A round of tool calls is shorter.
_TURNS_LOOKED_AT = 100


@dataclass(frozen=True)
class Memory:
    """How the conversations of an application are remembered."""

    budget: int = 0
    """Tokens of a window; the application's own instructions come on top. The
    server's default if 0."""
    options: v1.ContextOptions | None = None
    """What else windows are built by."""
    user_id: str = ""
    """Whose conversations they are."""


@dataclass(frozen=True)
class Asked:
    """A message of the user that went out under an id and has no answer yet.
    Asked again, it is the same turn."""

    message: ChatMessage
    turn_id: str

    def id_of(self, message: ChatMessage) -> str:
        """The id, if this is the message; else nothing."""
        return self.turn_id if message == self.message else ""


NOTHING_ASKED = Asked({}, "")


@dataclass(frozen=True)
class Exchange:
    """A user's message on its way to the model."""

    turn: PreparedTurn
    asked_id: str
    """The id under which it was asked: not that of the turn where tool calls in
    progress are for one that is stored."""
    position: int
    """Where the answer stands behind the user's message."""
    window: list[ChatMessage]
    """What stands for the history, before the user's message."""
    messages: list[ChatMessage]
    """For the model: instructions, window, the user's message as it was given, tool
    calls in progress."""

    def answer(
        self, message: ChatMessage, *, cut_off: bool
    ) -> operations.Operation[v1.AppendTurnsResponse]:
        """Stores the model's message."""
        return operations.commit_turn(self.turn, message, position=self.position, cut_off=cut_off)


@dataclass(frozen=True)
class Request:
    """The messages of a chat completion request, by what they are."""

    instructions: list[ChatMessage]
    """Leading system messages: the application's own, sent as they are."""
    history: list[ChatMessage]
    """What was said before the user's newest message."""
    user: ChatMessage
    """The user's newest message."""
    after: list[ChatMessage]
    """Tool calls in progress, and their results."""
    tools: object = ()
    """What the model may call, as the request has it."""

    @classmethod
    def of(cls, messages: Iterable[Any], tools: object = ()) -> Request:
        """Sorts messages; raises `ValueError` if there is none of the user."""
        rest = [_chat(message) for message in messages]
        first = next((i for i, m in enumerate(rest) if not _is_system(m)), len(rest))
        instructions, said = rest[:first], rest[first:]
        users = [i for i, message in enumerate(said) if message.get("role") == "user"]
        if not users:
            raise ValueError("messages must hold one of the user")
        last = users[-1]
        return cls(instructions, said[:last], said[last], said[last + 1 :], tools)


def begin(
    conversation: str,
    request: Request,
    memory: Memory,
    *,
    known: bool,
    turn_id: str,
    id_of: Callable[[ChatMessage], str],
) -> Flow[Exchange]:
    """Stores what is new and builds the window.

    A conversation that is not `known` is created if it does not exist, and if it
    is empty the history of the request is taken in. `id_of` gives the ids of what
    may be stored already, and nothing for the rest.
    """
    if known or not (yield from _take_in(conversation, request.history, memory.user_id, id_of)):
        yield from append(conversation, _since_answer(request.history), id_of)
    turn, stored = None, 0
    if request.after:
        turn = yield from _resume(conversation, request, memory)
        stored = len(request.after) - len(_since_answer(request.after))
    if turn is None:
        stored = 0
        turn = yield operations.prepare_turn(
            conversation,
            request.user,
            budget=memory.budget,
            options=memory.options,
            turn_id=turn_id,
        )
        if turn.repeated:
            # What was said since then is no part of what the model is asked.
            turn = yield from _as_of(turn, turn.sequence, memory)
    if request.after[stored:]:
        yield operations.commit_turn(turn, *request.after[stored:], position=stored)
    window = as_declared(before_query(turn.window), request.tools)
    messages = [*request.instructions, *window, request.user, *request.after]
    return Exchange(turn, turn_id, len(request.after), window, messages)


def _take_in(
    conversation: str,
    history: list[ChatMessage],
    user_id: str,
    id_of: Callable[[ChatMessage], str],
) -> Flow[bool]:
    """Creates the conversation if it does not exist. Says whether all of the history is
    stored."""
    try:
        yield operations.create_conversation(conversation, user_id=user_id)
    except AlreadyExistsError:
        return (yield from take_in(conversation, history, id_of, created=False))
    return (yield from take_in(conversation, history, id_of, created=True))


def _resume(conversation: str, request: Request, memory: Memory) -> Flow[PreparedTurn | None]:
    """The stored turn that the tool calls in progress are for, with its window."""
    newest: Page[v1.Turn] = yield operations.list_turns(
        conversation, descending=True, page_size=_TURNS_LOOKED_AT
    )
    asked = next((turn for turn in newest.items if turn.role == v1.ROLE_USER), None)
    if asked is None or list(asked.parts) != list(to_turn(request.user).parts):
        return None
    key = TurnKey(conversation_name(conversation), asked.client_turn_id)
    return (yield from _as_of(key, asked.sequence, memory))


def _as_of(turn: TurnKey, sequence: int, memory: Memory) -> Flow[PreparedTurn]:
    """A stored turn, with the window as it was when the turn was new."""
    context: Context = yield operations.build_context(
        turn.conversation, budget=memory.budget, options=memory.options, as_of_turn=sequence
    )
    return PreparedTurn(
        conversation=turn.conversation,
        turn_id=turn.turn_id,
        sequence=sequence,
        repeated=True,
        messages=context.messages,
        window=context.window,
    )


def _since_answer(messages: list[ChatMessage]) -> list[ChatMessage]:
    """The messages behind the last one of the assistant."""
    answers = [i for i, message in enumerate(messages) if message.get("role") == "assistant"]
    return messages[answers[-1] + 1 :] if answers else messages


def _is_system(message: ChatMessage) -> bool:
    return message.get("role") in ("system", "developer")


def _chat(message: Any) -> ChatMessage:
    if hasattr(message, "model_dump"):
        return dict(message.model_dump(exclude_none=True))
    return dict(message)
