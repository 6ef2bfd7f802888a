"""Calls of tools of every kind: none costs the caller a completion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import openai
import pytest
from canned import Canned
from server import Server

from throughline import Client, to_turn, v1
from throughline.openai import AnswerNotStoredError, wrap

RUN: dict[str, Any] = {
    "id": "call_1",
    "type": "custom",
    "custom": {"name": "run", "input": "print(42)"},
}
CUSTOM: Any = [{"type": "custom", "custom": {"name": "run"}}]
LATER = {"id": "call_1", "type": "later", "later": {"of": ["that", 1]}}


class Chat:
    """A conversation with a service whose answers are written down."""

    def __init__(self, memory: Client, upstream: Canned) -> None:
        self.id = uuid4().hex
        self.memory, self.upstream = memory, upstream
        client = openai.OpenAI(base_url=upstream.base_url, api_key="none", max_retries=0)
        self.wrapped = wrap(client, memory, conversation=self.id)

    def ask(self, *messages: Any, **request: Any) -> Any:
        chat: Any = messages or [{"role": "user", "content": "Run it"}]
        request = {"model": "canned", "tools": CUSTOM, **request}
        answer = self.wrapped.chat.completions.create(messages=chat, **request)
        return list(answer) if request.get("stream") else answer

    def turns(self) -> list[v1.Turn]:
        return self.memory.list_turns(self.id).items


@pytest.fixture
def new_chat(server: Server) -> Iterator[Callable[..., Chat]]:
    with Client(server.address) as memory:
        made: list[Chat] = []

        def new(*answers: Any) -> Chat:
            made.append(Chat(memory, Canned(*answers)))
            return made[-1]

        yield new
        for chat in made:
            chat.upstream.close()


def assistant(*calls: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls)}


def piece(**call: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": 0, **call}]}


@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_of_a_custom_tool_is_stored(new_chat: Any, streamed: bool) -> None:
    pieces = [
        piece(id="call_1", type="custom", custom={"name": "run", "input": ""}),
        piece(custom={"input": "print"}),
        piece(custom={"input": "(42)"}),
    ]
    chat = new_chat(pieces if streamed else assistant(RUN))
    answer = chat.ask(stream=streamed)
    if not streamed:
        assert answer.choices[0].message.tool_calls[0].custom.input == "print(42)"
    call = chat.turns()[1].parts[0].tool_call
    assert (call.call_id, call.name, call.arguments_json) == ("call_1", "run", "print(42)")


@pytest.mark.parametrize("index", [{}, {"index": None}, {"index": 0}, {"index": 3}])
def test_calls_that_share_an_index_or_have_none_stay_apart(new_chat: Any, index: Any) -> None:
    pieces: list[dict[str, Any]] = [
        {"id": "a", "type": "function", "function": {"name": "run", "arguments": ""}},
        {"function": {"arguments": '{"n": '}},
        {"function": {"arguments": "1"}},
        {"id": "b", "type": "function", "function": {"name": "run", "arguments": "{"}},
        # The first goes on.
        {"id": "a", "function": {"arguments": "}"}},
        # An id alone is none of another call: some services draw one for each piece.
        {"id": "x", "function": {"arguments": "}"}},
    ]
    chat = new_chat([{"tool_calls": [{**index, **piece}]} for piece in pieces])
    chat.ask(stream=True)
    calls = [part.tool_call for part in chat.turns()[1].parts]
    assert [(call.call_id, call.name) for call in calls] == [("a", "run"), ("b", "run")]
    assert [call.arguments_json for call in calls] == ['{"n": 1}', "{}"]


def test_a_round_of_a_custom_tool_goes_on(new_chat: Any) -> None:
    done = {"role": "assistant", "content": "Done."}
    chat = new_chat(assistant(RUN), done, done)
    chat.ask()
    user = {"role": "user", "content": "Run it"}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "42"}
    chat.ask(user, assistant(RUN), result)
    assert [len(turn.parts) for turn in chat.turns()] == [1, 1, 1, 1]
    chat.ask({"role": "user", "content": "And what did it say"})
    sent = chat.upstream.asked[-1]["messages"]
    assert [RUN] in [message.get("tool_calls") for message in sent]


def test_a_history_with_a_custom_tool_is_taken_in(new_chat: Any) -> None:
    chat = new_chat({"role": "assistant", "content": "Fine."})
    result = {"role": "tool", "tool_call_id": "call_1", "content": "42"}
    user = {"role": "user", "content": "Run it"}
    chat.ask(user, assistant(RUN), result, {"role": "assistant", "content": "42"}, user)
    assert chat.turns()[1].parts[0].tool_call.name == "run"


@pytest.mark.parametrize(
    ("given", "name", "arguments"),
    [
        (LATER, "later", '"of": ["that", 1]'),
        ({"type": "function", "function": {"arguments": "{}"}}, "unknown", "{}"),
        ({"id": None, "function": {"name": "run", "arguments": {"a": 1}}}, "run", '{"a": 1}'),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_call_of_another_form_is_stored_as_well_as_it_can_be(
    new_chat: Any, given: Any, name: str, arguments: str, streamed: bool
) -> None:
    chat = new_chat([piece(**given)] if streamed else assistant(given))
    assert chat.ask(stream=streamed)
    call = chat.turns()[1].parts[0].tool_call
    assert call.call_id == (given.get("id") or "call-0")
    assert call.name == name
    assert arguments in call.arguments_json


def test_a_call_in_the_form_before_tools_is_stored(new_chat: Any) -> None:
    called = {"name": "run", "arguments": "{}"}
    chat = new_chat({"role": "assistant", "content": None, "function_call": called})
    chat.ask()
    call = chat.turns()[1].parts[0].tool_call
    assert (call.call_id, call.name) == ("function_call", "run")


@pytest.mark.parametrize(
    ("content", "stored"),
    [
        ([{"type": "text", "text": "In "}, {"type": "text", "text": "parts"}], "In parts"),
        ("Half a \ud83d character", "Half a \ufffd character"),
    ],
)
def test_a_content_of_another_form_is_stored(new_chat: Any, content: Any, stored: str) -> None:
    chat = new_chat({"role": "assistant", "content": content})
    chat.ask()
    assert chat.turns()[1].parts[0].text == stored


def test_what_cannot_be_read_is_warned_of(new_chat: Any, caplog: pytest.LogCaptureFixture) -> None:
    chat = new_chat([{"content": "Well "}, {"content": "said", "tool_calls": 3}, {"content": "."}])
    assert len(chat.ask(stream=True)) == 4
    assert "cannot be read" in caplog.text
    assert chat.turns()[1].parts[0].text == "Well said."


def test_a_closed_memory_loses_no_completion(server: Server) -> None:
    memory = Client(server.address)

    class Closing(openai.OpenAI):
        """The memory is closed when it is asked."""

        def post(self, *given: Any, **more: Any) -> Any:
            memory.close()
            return super().post(*given, **more)

    with closing(Canned({"role": "assistant", "content": "Paid for."})) as upstream:
        llm = wrap(Closing(base_url=upstream.base_url, api_key="none"), memory)
        messages: Any = [{"role": "user", "content": "Hello"}]
        given: Any = {"conversation": uuid4().hex}
        with pytest.raises(AnswerNotStoredError) as raised:
            llm.chat.completions.create(model="canned", messages=messages, **given)
    assert raised.value.completion.choices[0].message.content == "Paid for."


def test_a_custom_call_is_a_turn() -> None:
    call = to_turn(assistant(RUN)).parts[0].tool_call
    assert (call.call_id, call.name, call.arguments_json) == ("call_1", "run", "print(42)")
