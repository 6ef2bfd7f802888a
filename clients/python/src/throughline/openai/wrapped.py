"""`chat.completions.create` with a conversation: its history is replaced by the
window, its answer is stored. Everything else of the client is untouched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, overload

from openai import AsyncOpenAI, OpenAI

from throughline import v1
from throughline.aio import AsyncClient
from throughline.client import Client
from throughline.exchange import Asked, Exchange, Memory, Request, begin
from throughline.flow import Flow, run, run_async
from throughline.idempotency import new_key
from throughline.openai.answer import Answer, AnswerNotStoredError
from throughline.openai.streams import AsyncRecordedStream, RecordedStream
from throughline.recent import Recent
from throughline.unfinished import Unfinished


@overload
def wrap(
    client: OpenAI,
    memory: Client,
    *,
    conversation: str | None = None,
    budget: int = 0,
    options: v1.ContextOptions | None = None,
    user_id: str = "",
) -> OpenAI: ...
@overload
def wrap(
    client: AsyncOpenAI,
    memory: AsyncClient,
    *,
    conversation: str | None = None,
    budget: int = 0,
    options: v1.ContextOptions | None = None,
    user_id: str = "",
) -> AsyncOpenAI: ...
def wrap(
    client: Any,
    memory: Any,
    *,
    conversation: str | None = None,
    budget: int = 0,
    options: v1.ContextOptions | None = None,
    user_id: str = "",
) -> Any:
    """A client whose `chat.completions.create` remembers.

    It takes `conversation`, the conversation's id (that of `wrap` if it is left
    out; without any, nothing is remembered), and `turn_id`, which makes the turn
    exactly-once across restarts. Leading system messages are sent as they are;
    of the other messages only the new ones count. `with_raw_response`, `parse`
    and `stream()` are the client's own: they remember nothing.
    """
    return _wrapped(client, _Remembered(memory, Memory(budget, options, user_id), conversation))


@dataclass(frozen=True)
class _Remembered:
    """What a client shares with those that are made of it with other options."""

    memory: Any
    settings: Memory
    conversation: str | None
    recent: Recent = field(default_factory=Recent)


def _wrapped(client: Any, remembered: _Remembered) -> Any:
    kind = _AsyncCompletions if isinstance(client, AsyncOpenAI) else _Completions
    completions = kind(client.chat.completions, remembered)

    def with_options(**changes: Any) -> Any:
        return _wrapped(client.with_options(**changes), remembered)

    chat = _Replaced(client.chat, completions=completions)
    return _Replaced(client, chat=chat, with_options=with_options, copy=with_options)


class _Replaced:
    """An object with some attributes replaced."""

    def __init__(self, inner: Any, **replaced: Any) -> None:
        self._inner = inner
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Remembering:
    """What both kinds of completions share: which flow is run for a request."""

    def __init__(self, inner: Any, remembered: _Remembered) -> None:
        self._inner = inner
        self._memory = remembered.memory
        self._settings = remembered.settings
        self._conversation = remembered.conversation
        self._recent = remembered.recent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _remembered(self, conversation: str | None, request: dict[str, Any]) -> str | None:
        """The conversation of a request, if it has one."""
        where = conversation or self._conversation
        if where is not None and (request.get("n") or 1) > 1:
            raise ValueError("n must be 1: a conversation goes on with one answer")
        return where

    def _begin(
        self, conversation: str, messages: Iterable[Any], turn_id: str, tools: object
    ) -> Flow[Exchange]:
        request = Request.of(messages, tools)
        recent = self._recent
        asked = recent.asked(conversation)
        turn = Asked(request.user, turn_id or asked.id_of(request.user) or new_key())
        recent.ask(conversation, turn)
        exchange = yield from begin(
            conversation,
            request,
            self._settings,
            known=recent.knows(conversation),
            turn_id=turn.turn_id,
            id_of=asked.id_of,
        )
        recent.learn(conversation)
        return exchange

    def _end(self, conversation: str, exchange: Exchange, answer: Answer) -> Flow[None]:
        message = answer.message()
        if message is not None:
            yield exchange.answer(message, cut_off=answer.cut_off)
            self._recent.answered(conversation, exchange.asked_id)


@contextmanager
def _not_lost(given: Any) -> Iterator[None]:
    """Whatever fails, the caller gets what the model was paid for."""
    try:
        yield
    except Exception as error:
        raise AnswerNotStoredError(given, error) from error


def _whole(completion: Any) -> Answer:
    answer = Answer()
    answer.add(completion)
    return answer


class _Completions(_Remembering):
    def create(
        self,
        *,
        messages: Iterable[Any],
        conversation: str | None = None,
        turn_id: str = "",
        **request: Any,
    ) -> Any:
        where = self._remembered(conversation, request)
        if where is None:
            return self._inner.create(messages=messages, **request)
        begun = self._begin(where, messages, turn_id, request.get("tools"))
        exchange = run(self._memory, begun)
        completion = self._inner.create(messages=exchange.messages, **request)

        def store(answer: Answer, given: Any = None) -> None:
            with _not_lost(given):
                run(self._memory, self._end(where, exchange, answer))

        if request.get("stream"):
            return RecordedStream(completion, store)
        store(_whole(completion), completion)
        return completion


class _AsyncCompletions(_Remembering):
    def __init__(self, inner: Any, remembered: _Remembered) -> None:
        super().__init__(inner, remembered)
        memory = remembered.memory
        is_async = isinstance(memory, AsyncClient)
        self._unfinished = memory.unfinished if is_async else Unfinished()

    async def create(
        self,
        *,
        messages: Iterable[Any],
        conversation: str | None = None,
        turn_id: str = "",
        **request: Any,
    ) -> Any:
        where = self._remembered(conversation, request)
        if where is None:
            return await self._inner.create(messages=messages, **request)
        begun = self._begin(where, messages, turn_id, request.get("tools"))
        exchange = await run_async(self._memory, begun)
        completion = await self._inner.create(messages=exchange.messages, **request)

        async def stored(answer: Answer, given: Any) -> None:
            with _not_lost(given):
                await run_async(self._memory, self._end(where, exchange, answer))

        # A reader that goes away cancels what it waits for: not the storing.
        async def store(answer: Answer, given: Any = None) -> None:
            await self._unfinished.finish(stored(answer, given))

        if request.get("stream"):
            return AsyncRecordedStream(completion, store)
        await store(_whole(completion), completion)
        return completion
