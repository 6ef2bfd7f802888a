"""Threads of LangGraph as conversations: what is new of a thread's messages is
stored, the model gets the window in place of the rest, and its answer is stored.

The conversation is the `thread_id` of the run (an id of Throughline: `a-z 0-9 -
_`). The turns have the ids of LangGraph's messages: a run that is resumed stores
nothing twice, and what is edited, answered again or taken up at an earlier checkpoint
goes on in a branch (`throughline.langgraph.branches`). The state of the graph keeps
all messages.
"""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    convert_to_messages,
    convert_to_openai_messages,
)

from throughline import operations, v1
from throughline.chat import ChatMessage
from throughline.errors import AlreadyExistsError
from throughline.exchange import Exchange, Memory, Request, begin
from throughline.flow import Flow
from throughline.langgraph.branches import Said, branch_of, fork_for_new, fork_for_taken
from throughline.names import conversation_name
from throughline.operations import TurnKey
from throughline.recent import Recent

# Each takes one message of a state out of the way.
_MAX_FORKS = 16


class Threads:
    """Remembers the threads of an application."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._recent = Recent()

    def window(self, thread: str, messages: Sequence[AnyMessage]) -> Flow[list[AnyMessage]]:
        """Stores what is new of a state's messages and gives what the model is sent.

        Raises `ValueError` if no message is the user's, or if that has no id.
        """
        last = _last(messages, HumanMessage)
        request = Request.of(_chat(messages))
        exchange = yield from self._begin(thread, request, messages, _turn_id(messages[last]))
        window = convert_to_messages(exchange.window)
        # As they are: what only the model's own provider reads would be lost on the way.
        instructions = messages[: len(request.instructions)]
        return [*instructions, *window, *messages[last:]]  # type: ignore[list-item]

    def _begin(
        self, thread: str, request: Request, messages: Sequence[AnyMessage], turn_id: str
    ) -> Flow[Exchange]:
        said = _said(messages)
        where = yield from branch_of(thread, said)
        if not request.after:
            where = yield from fork_for_new(thread, where, said)
        forks = 0
        while True:
            try:
                exchange = yield from begin(
                    where,
                    request,
                    self._memory,
                    known=self._recent.knows(where),
                    turn_id=turn_id,
                    id_of=lambda message: str(message["id"] or ""),
                )
            except AlreadyExistsError as error:
                forks += 1
                if forks > _MAX_FORKS:
                    raise
                where = yield from fork_for_taken(thread, where, error, said)
            else:
                self._recent.learn(where)
                return exchange

    def answer(self, thread: str, messages: Sequence[AnyMessage]) -> Flow[None]:
        """Stores what the model said: the last message of the assistant, and behind
        it the results of tools that stand for a structured answer."""
        last, newest = _last(messages, HumanMessage), _last(messages, AIMessage)
        turn_id, said = _turn_id(messages[last]), _said(messages)
        answer, position = _chat(messages[newest:]), newest - last - 1
        where = yield from branch_of(thread, said)
        try:
            yield _commit(where, turn_id, answer, position)
        except AlreadyExistsError as error:
            where = yield from fork_for_taken(thread, where, error, said)
            yield _commit(where, turn_id, answer, position)


def _commit(
    where: str, turn_id: str, answer: list[ChatMessage], position: int
) -> operations.Operation[v1.AppendTurnsResponse]:
    turn = TurnKey(conversation_name(where), turn_id)
    return operations.commit_turn(turn, *answer, position=position)


def thread_of(thread_id: object) -> str:
    """The conversation of a run; raises `ValueError` for one without a thread."""
    if not thread_id:
        raise ValueError("the run needs a thread_id: it names the conversation")
    return str(thread_id)


def _chat(messages: Sequence[AnyMessage]) -> list[ChatMessage]:
    # One message of LangChain may be several of a chat completion: the first has the id.
    return [
        {**chat, "id": "" if place else message.id}
        for message in messages
        for place, chat in enumerate(convert_to_openai_messages([message]))
    ]


def _said(messages: Sequence[AnyMessage]) -> Said:
    """The messages by the ids that their turns may have: their own, as a history is
    taken in, and for answers that of the user's message with their place behind it."""
    said: dict[str, ChatMessage] = {}
    asked, place = "", 0
    for message in _chat(messages):
        if message["id"]:
            said[message["id"]] = message
        if message.get("role") == "user":
            asked, place = str(message["id"]), 0
        elif asked:
            said[f"{asked}/{place}"] = message
            place += 1
    return said


def _last(messages: Sequence[BaseMessage], kind: type[BaseMessage]) -> int:
    found = [i for i, message in enumerate(messages) if isinstance(message, kind)]
    if not found:
        raise ValueError("messages must hold one of the user and one of the assistant")
    return found[-1]


def _turn_id(message: BaseMessage) -> str:
    if not message.id:
        raise ValueError("messages need ids: let the state be built by add_messages")
    return message.id
