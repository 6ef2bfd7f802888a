"""Streams of chunks that are recorded on their way to the application. What
came is stored when the stream ends, fails, is closed, or is dropped."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import Any

from throughline.openai.answer import Answer

Store = Callable[[Answer], None]
StoreAsync = Callable[[Answer], Awaitable[None]]


class RecordedStream:
    """In place of `openai.Stream`."""

    def __init__(self, stream: Any, store: Store) -> None:
        self._stream = stream
        self._chunks = _record(stream, store)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._chunks)

    def __enter__(self) -> RecordedStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        """Ends the stream; what came of the answer is stored."""
        try:
            self._chunks.close()
        finally:
            self._stream.close()


def _record(stream: Any, store: Store) -> Generator[Any, None, None]:
    answer = Answer()
    try:
        for chunk in stream:
            answer.add(chunk)
            yield chunk
    finally:
        store(answer)


class AsyncRecordedStream:
    """In place of `openai.AsyncStream`."""

    def __init__(self, stream: Any, store: StoreAsync) -> None:
        self._stream = stream
        self._chunks = _record_async(stream, store)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await anext(self._chunks)

    async def __aenter__(self) -> AsyncRecordedStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def close(self) -> None:
        """Ends the stream; what came of the answer is stored."""
        try:
            await self._chunks.aclose()
        finally:
            await self._stream.close()


async def _record_async(stream: Any, store: StoreAsync) -> AsyncGenerator[Any, None]:
    answer = Answer()
    try:
        async for chunk in stream:
            answer.add(chunk)
            yield chunk
    finally:
        await store(answer)
