"""The history that an application brings along: taken in once, whole and in order,
whatever else happens at the time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import openai
import pytest
from canned import Canned
from server import Server

from throughline import AsyncClient, Client, methods, to_turn
from throughline.openai import wrap
from throughline.operations import Operation

HISTORY = [
    {"role": role, "content": f"{role} {place}"}
    for place in range(125)
    for role in ("user", "assistant")
]
SAID = [message["content"] for message in HISTORY]
FINE = {"role": "assistant", "content": "Fine."}


@pytest.fixture
def upstream() -> Iterator[Canned]:
    with closing(Canned(*[FINE] * 4)) as running:
        yield running


class Dying(Client):
    """Its process ends when some batches are stored."""

    def __init__(self, address: str, batches: int) -> None:
        super().__init__(address)
        self.batches = batches

    def send(self, operation: Operation[Any]) -> Any:
        if operation.method is methods.APPEND_TURNS:
            if self.batches == 0:
                raise KeyboardInterrupt
            self.batches -= 1
        return super().send(operation)


def ask(memory: Client, upstream: Canned, conversation: str, *messages: Any) -> None:
    with openai.OpenAI(base_url=upstream.base_url, api_key="none") as client:
        given: Any = {"model": "canned", "messages": messages, "conversation": conversation}
        wrap(client, memory).chat.completions.create(**given)


def texts(memory: Client, conversation: str) -> list[str]:
    return [turn.parts[0].text for turn in memory.turns(conversation)]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_a_history_that_was_taken_in_by_half_is_gone_on_with(
    server: Server, upstream: Canned, batches: int
) -> None:
    conversation = uuid4().hex
    with Dying(server.address, batches) as dying, pytest.raises(KeyboardInterrupt):
        ask(dying, upstream, conversation, *HISTORY, user("Hello"))
    with Client(server.address) as memory:
        assert len(texts(memory, conversation)) == 100 * batches
        # What was said meanwhile without memory is taken in too.
        more = [user("Hello"), {"role": "assistant", "content": "Well?"}]
        ask(memory, upstream, conversation, *HISTORY, *more, user("Bye"))
        assert texts(memory, conversation) == [*SAID, "Hello", "Well?", "Bye", "Fine."]


async def test_two_first_requests_at_once_take_it_in_once(server: Server, upstream: Canned) -> None:
    conversation = uuid4().hex
    # Two processes: nothing is shared but the server.
    one, other = AsyncClient(server.address), AsyncClient(server.address)
    client = openai.AsyncOpenAI(base_url=upstream.base_url, api_key="none")

    async def create(memory: AsyncClient, text: str) -> None:
        given: Any = {"model": "canned", "messages": [*HISTORY, user(text)]}
        await wrap(client, memory, conversation=conversation).chat.completions.create(**given)

    async with client, one, other:
        await asyncio.gather(create(one, "One"), create(other, "Other"))
        stored = [turn.parts[0].text async for turn in one.turns(conversation)]
    assert stored[: len(SAID)] == SAID
    assert sorted(stored[len(SAID) :]) == ["Fine.", "Fine.", "One", "Other"]


class Meanwhile(Client):
    """Another request is first, between the look at a conversation and a batch."""

    def __init__(self, address: str, turns: list[dict[str, str]], ids: list[str]) -> None:
        super().__init__(address)
        self.first = [to_turn(message) for message in turns]
        for turn, turn_id in zip(self.first, ids, strict=True):
            turn.client_turn_id = turn_id

    def send(self, operation: Operation[Any]) -> Any:
        if operation.method is methods.APPEND_TURNS and self.first:
            first, self.first = self.first, []
            name = operation.request.conversation  # type: ignore[attr-defined]
            self.append_turns(name, first)
        return super().send(operation)


def test_what_another_request_stored_of_it_is_gone_on_from(
    server: Server, upstream: Canned
) -> None:
    conversation = uuid4().hex
    ids = [f"history/{place}" for place in range(130)]
    with Meanwhile(server.address, HISTORY[:130], ids) as memory:
        ask(memory, upstream, conversation, *HISTORY, user("Hello"))
        assert texts(memory, conversation) == [*SAID, "Hello", "Fine."]


@pytest.mark.parametrize("turn_id", ["m1", "history/0"])
def test_behind_what_another_request_began_with_only_the_new_is_stored(
    server: Server, upstream: Canned, turn_id: str
) -> None:
    conversation = uuid4().hex
    with Meanwhile(server.address, [user("Otherwise")], [turn_id]) as memory:
        ask(memory, upstream, conversation, *HISTORY, user("Hello"))
        assert texts(memory, conversation) == ["Otherwise", "Hello", "Fine."]


def test_the_same_words_may_stand_in_it_twice(server: Server, upstream: Canned) -> None:
    conversation = uuid4().hex
    twice = [user("Hello"), FINE, user("Hello"), FINE]
    with Client(server.address) as memory:
        ask(memory, upstream, conversation, *twice, user("Hello"))
        assert texts(memory, conversation) == ["Hello", "Fine."] * 3
