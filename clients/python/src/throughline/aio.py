"""The asynchronous client: as the synchronous one, for asyncio. One client
belongs to one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from functools import cached_property
from typing import Any, Concatenate, ParamSpec, TypeVar

import grpc
import grpc.aio

from throughline import channel, errors, items, operations, v1
from throughline.caller import Caller
from throughline.methods import ClientStream, Method, Req, Resp, ServerStream
from throughline.operations import Operation
from throughline.unfinished import Unfinished

P = ParamSpec("P")
T = TypeVar("T")


def _sends(
    build: Callable[P, Operation[T]],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """A method that sends what `build` gives, with its parameters."""

    async def method(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(build(*args, **kwargs))

    method.__name__, method.__doc__ = build.__name__, build.__doc__
    return method


class AsyncClient(Caller):
    """Calls a Throughline server from asyncio; parameters as those of `Client`."""

    @cached_property
    def _channel(self) -> grpc.aio.Channel:
        # Opened by the first call, so that a client can be made before its loop runs.
        target = self._endpoint.target
        if self._endpoint.tls:
            credentials = grpc.ssl_channel_credentials()
            return grpc.aio.secure_channel(target, credentials, channel.OPTIONS)
        return grpc.aio.insecure_channel(target, channel.OPTIONS)

    @cached_property
    def unfinished(self) -> Unfinished:
        """Writes that are under way and that nobody may wait for any more."""
        return Unfinished()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connection when the answers of wrapped clients are stored; other
        open calls are cancelled."""
        await self.unfinished.wait()
        await self._channel.close()

    create_conversation = _sends(operations.create_conversation)
    get_conversation = _sends(operations.get_conversation)
    delete_conversation = _sends(operations.delete_conversation)
    prepare_turn = _sends(operations.prepare_turn)
    commit_turn = _sends(operations.commit_turn)
    append_turns = _sends(operations.append_turns)
    list_turns = _sends(operations.list_turns)
    build_context = _sends(operations.build_context)
    search_turns = _sends(operations.search_turns)
    pin_fact = _sends(operations.pin_fact)
    list_facts = _sends(operations.list_facts)
    put_item = _sends(items.put_item)
    get_item = _sends(items.get_item)
    delete_item = _sends(items.delete_item)
    search_items = _sends(items.search_items)
    list_items = _sends(items.list_items)
    list_namespaces = _sends(items.list_namespaces)
    server_info = _sends(operations.server_info)

    async def ensure_conversation(self, conversation: str, *, user_id: str = "") -> bool:
        """Creates the conversation if it is not there; says whether it was created."""
        try:
            await self.create_conversation(conversation, user_id=user_id)
        except errors.AlreadyExistsError:
            return False
        return True

    async def turns(self, conversation: str, *, from_sequence: int = 0) -> AsyncIterator[v1.Turn]:
        """All turns of a conversation in order, page by page."""
        token = ""
        while True:
            page = await self.list_turns(
                conversation, from_sequence=from_sequence, page_token=token
            )
            for turn in page.items:
                yield turn
            token = page.next_page_token
            if not token:
                return

    async def send(self, operation: Operation[T]) -> T:
        """Makes the call that an operation describes."""
        answer = await self.call(operation.method, operation.request, timeout=operation.timeout)
        return operation.read(answer)

    async def call(
        self, method: Method[Req, Resp], request: Req, *, timeout: float | None = None
    ) -> Resp:
        """Any method of the protocol (`throughline.methods`), with retries and
        idempotency keys.

        Raises `ThroughlineError`.
        """
        attempts = self._begin(method, request, timeout)
        send = method.on(self._channel.unary_unary)
        while True:
            try:
                answer: Resp = await send(
                    request, timeout=attempts.left(), metadata=self._endpoint.metadata
                )
                return answer
            except grpc.RpcError as failure:
                pause = attempts.pause(failure)
            await asyncio.sleep(pause)

    async def stream(
        self, method: ServerStream[Req, Resp], request: Req, *, timeout: float | None = None
    ) -> AsyncIterator[Resp]:
        """The answers of a streaming method, as they come; not retried, without a
        deadline unless one is given.

        Raises `ThroughlineError`.
        """
        send = method.on(self._channel.unary_stream)
        call = send(request, timeout=timeout, metadata=self._endpoint.metadata)
        try:
            async for answer in call:
                yield answer
        except grpc.RpcError as failure:
            raise errors.from_rpc(failure) from failure
        finally:
            call.cancel()

    async def upload(
        self,
        method: ClientStream[Req, Resp],
        requests: Iterable[Req],
        *,
        timeout: float | None = None,
    ) -> Resp:
        """Streams requests up; not retried, without a deadline unless one is given.

        Raises `ThroughlineError`.
        """
        send = method.on(self._channel.stream_unary)
        try:
            answer: Resp = await send(
                iter(requests), timeout=timeout, metadata=self._endpoint.metadata
            )
            return answer
        except grpc.RpcError as failure:
            raise errors.from_rpc(failure) from failure
