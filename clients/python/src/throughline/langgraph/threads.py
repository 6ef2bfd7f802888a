"""Threads of LangGraph as conversations: what is new of a thread's messages is
stored, the model gets the window in place of the rest, and its answer is stored.

The conversation is the `thread_id` of the run (an id of Throughline: `a-z 0-9 -
_`). The turns have the ids of LangGraph's messages: a run that is resumed stores
nothing twice. The state of the graph keeps all messages.
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

from throughline import operations
from throughline.chat import ChatMessage
from throughline.exchange import Memory, Request, begin
from throughline.flow import Flow
from throughline.names import conversation_name
from throughline.operations import TurnKey
from throughline.recent import Recent


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
        exchange = yield from begin(
            thread,
            request,
            self._memory,
            known=self._recent.knows(thread),
            turn_id=_turn_id(messages[last]),
            id_of=lambda message: str(message["id"] or ""),
        )
        self._recent.learn(thread)
        window = convert_to_messages(exchange.turn.messages)
        # As they are: what only the model's own provider reads would be lost on the way.
        instructions, after = messages[: len(request.instructions)], messages[last + 1 :]
        return [*instructions, *window, *after]  # type: ignore[list-item]

    def answer(self, thread: str, messages: Sequence[AnyMessage]) -> Flow[None]:
        """Stores what the model said: the last message of the assistant, and behind
        it the results of tools that stand for a structured answer."""
        last, said = _last(messages, HumanMessage), _last(messages, AIMessage)
        turn = TurnKey(conversation_name(thread), _turn_id(messages[last]))
        yield operations.commit_turn(turn, *_chat(messages[said:]), position=said - last - 1)


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


def _last(messages: Sequence[BaseMessage], kind: type[BaseMessage]) -> int:
    found = [i for i, message in enumerate(messages) if isinstance(message, kind)]
    if not found:
        raise ValueError("messages must hold one of the user and one of the assistant")
    return found[-1]


def _turn_id(message: BaseMessage) -> str:
    if not message.id:
        raise ValueError("messages need ids: let the state be built by add_messages")
    return message.id
