"""Readers that go away: what came of an answer is stored, however its stream or the
waiting for it is cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import anyio
import openai
import pytest
import pytest_asyncio
from canned import STALL, Canned
from server import Server

from throughline import AsyncClient, methods, v1
from throughline.openai import wrap
from throughline.operations import Operation

HALF = [{"role": "assistant", "content": "Half "}, {"content": "an answer"}, STALL]
WHOLE = {"role": "assistant", "content": "Whole."}


class SlowMemory(AsyncClient):
    """Stores answers when it is let."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.storing, self.let = asyncio.Event(), asyncio.Event()

    async def send(self, operation: Operation[Any]) -> Any:
        if operation.method is methods.APPEND_TURNS:
            self.storing.set()
            await self.let.wait()
        return await super().send(operation)


class Chat:
    """A conversation with a service that stalls."""

    def __init__(self, memory: AsyncClient, upstream: Canned) -> None:
        self.id = uuid4().hex
        self.memory = memory
        self.client = openai.AsyncOpenAI(base_url=upstream.base_url, api_key="none", max_retries=0)
        self.wrapped = wrap(self.client, memory, conversation=self.id)

    async def ask(self, **request: Any) -> Any:
        messages: Any = [{"role": "user", "content": "Tell me"}]
        return await self.wrapped.chat.completions.create(
            model="canned", messages=messages, **request
        )

    async def stored(self, address: str) -> list[v1.Turn]:
        async with AsyncClient(address) as other:
            return (await other.list_turns(self.id)).items


@pytest_asyncio.fixture
async def new_chat(server: Server) -> AsyncIterator[Callable[..., Chat]]:
    made: list[tuple[Chat, Canned]] = []

    def new(*answers: Any, memory: AsyncClient | None = None) -> Chat:
        upstream = Canned(*answers)
        chat = Chat(memory or AsyncClient(server.address), upstream)
        made.append((chat, upstream))
        return chat

    yield new
    for chat, upstream in made:
        await chat.memory.close()
        await chat.client.close()
        upstream.close()


async def cancelled_scope(read: Callable[[], Awaitable[None]], came: asyncio.Event) -> None:
    """As Starlette does: every await within the scope is cancelled, again and again."""
    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await came.wait()
        group.cancel_scope.cancel()


async def cancelled_task(read: Callable[[], Awaitable[None]], came: asyncio.Event) -> None:
    task = asyncio.ensure_future(read())
    await came.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


CANCELLED = pytest.mark.parametrize("cancelled", [cancelled_scope, cancelled_task])


@CANCELLED
@pytest.mark.parametrize("closes", [True, False])
async def test_a_stream_that_is_cancelled_is_stored(
    new_chat: Any, server: Server, cancelled: Any, closes: bool
) -> None:
    chat, came = new_chat(HALF), asyncio.Event()
    stream = await chat.ask(stream=True)

    async def read_on() -> None:
        async for chunk in stream:
            if chunk.choices[0].delta.content == "an answer":
                came.set()

    async def read() -> None:
        if closes:
            async with stream:
                await read_on()
        else:
            await read_on()

    await cancelled(read, came)
    await chat.memory.unfinished.wait()
    asked, answered = await chat.stored(server.address)
    assert asked.parts[0].text == "Tell me"
    assert answered.parts[0].text == "Half an answer"
    assert answered.metadata["cut_off"] is True


@CANCELLED
async def test_a_whole_answer_is_stored_whose_storing_is_cancelled(
    new_chat: Any, server: Server, cancelled: Any
) -> None:
    memory = SlowMemory(server.address)
    chat = new_chat(WHOLE, memory=memory)

    async def read() -> None:
        await chat.ask()

    await cancelled(read, memory.storing)
    memory.let.set()
    await memory.unfinished.wait()
    assert [turn.parts[0].text for turn in await chat.stored(server.address)] == [
        "Tell me",
        "Whole.",
    ]


async def test_a_client_that_is_closed_stores_first(new_chat: Any, server: Server) -> None:
    memory = SlowMemory(server.address)
    chat = new_chat(WHOLE, memory=memory)

    async def read() -> None:
        await chat.ask()

    await cancelled_task(read, memory.storing)
    closing = asyncio.create_task(memory.close())
    memory.let.set()
    await closing
    assert len(await chat.stored(server.address)) == 2


async def test_what_nobody_waits_for_and_fails_is_told(
    new_chat: Any, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    memory = SlowMemory(server.address)
    chat = new_chat(WHOLE, memory=memory)

    async def read() -> None:
        await chat.ask()

    await cancelled_task(read, memory.storing)
    async with AsyncClient(server.address) as other:
        await other.delete_conversation(chat.id)
    with caplog.at_level(logging.WARNING, "throughline"):
        memory.let.set()
        await memory.unfinished.wait()
        await asyncio.sleep(0)
    assert "the answer could not be stored" in caplog.text
