"""The synchronous client: one connection, safe to share between threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Concatenate, ParamSpec, TypeVar

import grpc

from throughline import channel, errors, items, operations, v1
from throughline.caller import Caller
from throughline.methods import ClientStream, Method, Req, Resp, ServerStream
from throughline.operations import Operation

P = ParamSpec("P")
T = TypeVar("T")


def _sends(build: Callable[P, Operation[T]]) -> Callable[Concatenate[Client, P], T]:
    """A method that sends what `build` gives, with its parameters."""

    def method(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(build(*args, **kwargs))

    method.__name__, method.__doc__ = build.__name__, build.__doc__
    return method


class Client(Caller):
    """Calls a Throughline server.

    `address` is `host:port` or a URL (`https` for TLS); it and `api_key` come
    from `THROUGHLINE_ADDRESS` and `THROUGHLINE_API_KEY` if they are not given.
    `timeout` is in seconds and holds for calls that give none of their own.
    """

    def _open(self) -> None:
        target = self._endpoint.target
        self._channel = (
            grpc.secure_channel(target, grpc.ssl_channel_credentials(), channel.OPTIONS)
            if self._endpoint.tls
            else grpc.insecure_channel(target, channel.OPTIONS)
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection; open calls are cancelled."""
        self._channel.close()

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

    def ensure_conversation(self, conversation: str, *, user_id: str = "") -> bool:
        """Creates the conversation if it is not there; says whether it was created."""
        try:
            self.create_conversation(conversation, user_id=user_id)
        except errors.AlreadyExistsError:
            return False
        return True

    def turns(self, conversation: str, *, from_sequence: int = 0) -> Iterator[v1.Turn]:
        """All turns of a conversation in order, page by page."""
        token = ""
        while True:
            page = self.list_turns(conversation, from_sequence=from_sequence, page_token=token)
            yield from page.items
            token = page.next_page_token
            if not token:
                return

    def send(self, operation: Operation[T]) -> T:
        """Makes the call that an operation describes."""
        answer = self.call(operation.method, operation.request, timeout=operation.timeout)
        return operation.read(answer)

    def call(
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
                answer: Resp = send(
                    request, timeout=attempts.left(), metadata=self._endpoint.metadata
                )
                return answer
            except grpc.RpcError as failure:
                pause = attempts.pause(failure)
            time.sleep(pause)

    def stream(
        self, method: ServerStream[Req, Resp], request: Req, *, timeout: float | None = None
    ) -> Iterator[Resp]:
        """The answers of a streaming method, as they come; not retried, without a
        deadline unless one is given.

        Raises `ThroughlineError`.
        """
        send = method.on(self._channel.unary_stream)
        call = send(request, timeout=timeout, metadata=self._endpoint.metadata)
        try:
            yield from call
        except grpc.RpcError as failure:
            raise errors.from_rpc(failure) from failure
        finally:
            call.cancel()

    def upload(
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
            answer: Resp = send(iter(requests), timeout=timeout, metadata=self._endpoint.metadata)
            return answer
        except grpc.RpcError as failure:
            raise errors.from_rpc(failure) from failure
