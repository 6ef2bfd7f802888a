"""What the clients do, as values: a request, where it goes, and what the caller
gets of the answer. Nothing is sent here; the sync and the async client send the
same operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from google.protobuf.message import Message

from throughline import methods, v1
from throughline.chat import ChatInput, ChatMessage, answering, to_chat, to_messages, to_turn
from throughline.idempotency import new_key
from throughline.methods import Method
from throughline.names import conversation_id, conversation_name, sequence_of

T = TypeVar("T")


@dataclass(frozen=True)
class Operation(Generic[T]):
    """A call that has not been made."""

    method: Method[Message, Message]
    request: Message
    read: Callable[[Message], T]
    timeout: float | None


def operation(
    method: Method[methods.Req, methods.Resp],
    request: methods.Req,
    read: Callable[[methods.Resp], T],
    timeout: float | None,
) -> Operation[T]:
    """The call of a method, and what the caller gets of its answer."""
    return Operation(method, request, read, timeout)  # type: ignore[arg-type]


@dataclass(frozen=True)
class TurnKey:
    """Which turn of the user an answer is for."""

    conversation: str
    """`conversations/{id}`."""
    turn_id: str
    """The client turn id: preparing the same id again appends nothing."""


@dataclass(frozen=True)
class PreparedTurn(TurnKey):
    """A stored turn of the user with the window for its answer."""

    sequence: int
    """The place of the turn in the conversation."""
    repeated: bool
    """The turn was stored before."""
    messages: list[ChatMessage]
    """Ready for a chat completion; the user's message as it was given, also where it
    is larger than the budget."""
    window: v1.ContextWindow
    """What the messages are made of, what they cost, and what was missing."""


@dataclass(frozen=True)
class Context:
    """A window that was built for a query or for the last user turn."""

    messages: list[ChatMessage]
    """Ready for a chat completion."""
    window: v1.ContextWindow
    """What the messages are made of, what they cost, and what was missing."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """A part of a list."""

    items: list[T]
    next_page_token: str
    """For the next page; empty at the end."""


class _Paged(Protocol):
    next_page_token: str


def page_of(items: Iterable[T], answer: _Paged) -> Page[T]:
    """The page that an answer holds."""
    return Page(list(items), answer.next_page_token)


def create_conversation(
    conversation: str = "",
    *,
    user_id: str = "",
    title: str = "",
    labels: Mapping[str, str] | None = None,
    request_id: str = "",
    timeout: float | None = None,
) -> Operation[v1.Conversation]:
    """Creates a conversation; the server draws an id if none is given."""
    request = v1.CreateConversationRequest(
        conversation=v1.Conversation(user_id=user_id, title=title, labels=labels or {}),
        conversation_id=conversation_id(conversation),
        request_id=request_id,
    )
    return operation(methods.CREATE_CONVERSATION, request, lambda r: r.conversation, timeout)


def get_conversation(
    conversation: str, *, timeout: float | None = None
) -> Operation[v1.Conversation]:
    """Reads a conversation's metadata."""
    request = v1.GetConversationRequest(name=conversation_name(conversation))
    return operation(methods.GET_CONVERSATION, request, lambda r: r.conversation, timeout)


def delete_conversation(
    conversation: str, *, timeout: float | None = None
) -> Operation[v1.DeleteConversationResponse]:
    """Erases a conversation with all that was derived from it."""
    request = v1.DeleteConversationRequest(name=conversation_name(conversation))
    return operation(methods.DELETE_CONVERSATION, request, lambda r: r, timeout)


def prepare_turn(
    conversation: str,
    message: ChatInput,
    *,
    budget: int = 0,
    turn_id: str = "",
    options: v1.ContextOptions | None = None,
    expected_last_sequence: int | None = None,
    timeout: float | None = None,
) -> Operation[PreparedTurn]:
    """Stores the user's message and builds the window for its answer.

    `budget` is in tokens (the server's default if 0); a message that is larger is sent
    nevertheless, and a shortfall of the window says so. `turn_id` makes the call
    exactly-once across restarts of the caller; without one it is so within this
    call alone.
    """
    name = conversation_name(conversation)
    turn = to_turn(message)
    turn.client_turn_id = turn_id or new_key()
    request = v1.PrepareTurnRequest(
        conversation=name,
        turn=turn,
        options=_options(options, budget),
        expected_last_sequence=expected_last_sequence,
    )

    def read(answer: v1.PrepareTurnResponse) -> PreparedTurn:
        return PreparedTurn(
            conversation=name,
            turn_id=turn.client_turn_id,
            sequence=sequence_of(answer.turn),
            repeated=answer.repeated_append,
            messages=answering(answer.window, to_chat(message)),
            window=answer.window,
        )

    return operation(methods.PREPARE_TURN, request, read, timeout)


def commit_turn(
    turn: TurnKey,
    *answer: ChatInput,
    position: int = 0,
    cut_off: bool = False,
    timeout: float | None = None,
) -> Operation[v1.AppendTurnsResponse]:
    """Stores the answer to a prepared turn: text, or the messages that it took
    (tool calls, their results, the text). Exactly-once for each prepared turn.

    An answer may come in pieces, such as one for each round of tool calls:
    `position` is then the number of messages since the user's that were
    committed before. `cut_off` marks an answer that did not come to its end.
    """
    turns = [to_turn(message, role="assistant") for message in answer]
    for place, stored in enumerate(turns, start=position):
        stored.client_turn_id = f"{turn.turn_id}/{place}"
    if cut_off and turns:
        turns[-1].metadata["cut_off"] = True
    return append_turns(turn.conversation, turns, timeout=timeout)


def append_turns(
    conversation: str,
    turns: Iterable[v1.Turn],
    *,
    expected_last_sequence: int | None = None,
    wait_indexed: bool = False,
    timeout: float | None = None,
) -> Operation[v1.AppendTurnsResponse]:
    """Stores turns, all or none. Ids that are missing are drawn."""
    request = v1.AppendTurnsRequest(
        conversation=conversation_name(conversation),
        turns=turns,
        expected_last_sequence=expected_last_sequence,
        wait_indexed=wait_indexed,
    )
    return operation(methods.APPEND_TURNS, request, lambda r: r, timeout)


def list_turns(
    conversation: str,
    *,
    from_sequence: int = 0,
    descending: bool = False,
    page_size: int = 0,
    page_token: str = "",
    timeout: float | None = None,
) -> Operation[Page[v1.Turn]]:
    """One page of turns, in order."""
    request = v1.ListTurnsRequest(
        conversation=conversation_name(conversation),
        from_sequence=from_sequence,
        descending=descending,
        page_size=page_size,
        page_token=page_token,
    )
    return operation(methods.LIST_TURNS, request, lambda r: page_of(r.turns, r), timeout)


def build_context(
    conversation: str,
    query: str = "",
    *,
    budget: int = 0,
    options: v1.ContextOptions | None = None,
    as_of_turn: int = 0,
    min_revision: int = 0,
    timeout: float | None = None,
) -> Operation[Context]:
    """Builds a window without storing anything: for a query, or for the last user turn."""
    request = v1.BuildContextRequest(
        conversation=conversation_name(conversation),
        query=query,
        options=_options(options, budget),
        as_of_turn=as_of_turn,
        min_revision=min_revision,
    )

    def read(answer: v1.BuildContextResponse) -> Context:
        return Context(to_messages(answer.window.messages), answer.window)

    return operation(methods.BUILD_CONTEXT, request, read, timeout)


def search_turns(
    query: str,
    *,
    conversation: str = "",
    user_id: str = "",
    page_size: int = 0,
    page_token: str = "",
    min_revision: int = 0,
    timeout: float | None = None,
) -> Operation[Page[v1.SearchHit]]:
    """Turns of a conversation, or of all of a user's, best first."""
    request = v1.SearchTurnsRequest(
        query=query, page_size=page_size, page_token=page_token, min_revision=min_revision
    )
    if conversation:
        request.conversation = conversation_name(conversation)
    if user_id:
        request.user_id = user_id
    return operation(methods.SEARCH_TURNS, request, lambda r: page_of(r.hits, r), timeout)


def pin_fact(
    conversation: str,
    text: str,
    *,
    kind: v1.FactKind = v1.FACT_KIND_FACT,
    required: bool = False,
    source_sequence: int = 0,
    subject: str = "",
    attribute: str = "",
    value: str = "",
    owner: v1.FactOwner = v1.FACT_OWNER_CONVERSATION,
    request_id: str = "",
    timeout: float | None = None,
) -> Operation[v1.Fact]:
    """Keeps a fact in the windows of a conversation, or of all of its user's, while it holds."""
    fact = v1.Fact(
        kind=kind,
        text=text,
        required=required,
        source_sequence=source_sequence,
        subject=subject,
        attribute=attribute,
        value=value,
        owner=owner,
    )
    request = v1.PinFactRequest(
        conversation=conversation_name(conversation), fact=fact, request_id=request_id
    )
    return operation(methods.PIN_FACT, request, lambda r: r.fact, timeout)


def list_facts(
    conversation: str,
    *,
    include_retired: bool = False,
    page_size: int = 0,
    page_token: str = "",
    timeout: float | None = None,
) -> Operation[Page[v1.Fact]]:
    """One page of the pins of a conversation, oldest first."""
    request = v1.ListFactsRequest(
        conversation=conversation_name(conversation),
        include_retired=include_retired,
        page_size=page_size,
        page_token=page_token,
    )
    return operation(methods.LIST_FACTS, request, lambda r: page_of(r.facts, r), timeout)


def server_info(*, timeout: float | None = None) -> Operation[v1.GetServerInfoResponse]:
    """Version, models and limits of the server."""
    return operation(methods.GET_SERVER_INFO, v1.GetServerInfoRequest(), lambda r: r, timeout)


def _options(options: v1.ContextOptions | None, budget: int) -> v1.ContextOptions:
    chosen = v1.ContextOptions()
    if options is not None:
        chosen.CopyFrom(options)
    if budget:
        chosen.token_budget = budget
    return chosen
