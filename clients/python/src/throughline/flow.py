"""Flows: generators that yield operations and are given their answers or
errors, so that one description of several calls serves both clients."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any, TypeVar

from throughline.aio import AsyncClient
from throughline.client import Client
from throughline.errors import ThroughlineError
from throughline.operations import Operation

T = TypeVar("T")

Flow = Generator[Operation[Any], Any, T]


def run(client: Client | AsyncClient, flow: Flow[T]) -> T:
    """Makes the calls of a flow; raises `TypeError` for an `AsyncClient`."""
    if isinstance(client, AsyncClient):
        raise TypeError("an AsyncClient serves what is awaited alone: give a Client")
    try:
        operation = next(flow)
        while True:
            try:
                answer = client.send(operation)
            except ThroughlineError as error:
                operation = flow.throw(error)
            else:
                operation = flow.send(answer)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def run_async(client: Client | AsyncClient, flow: Flow[T]) -> T:
    """Makes the calls of a flow from asyncio; those of a `Client` on a thread."""
    if not isinstance(client, AsyncClient):
        return await asyncio.to_thread(run, client, flow)
    try:
        operation = next(flow)
        while True:
            try:
                answer = await client.send(operation)
            except ThroughlineError as error:
                operation = flow.throw(error)
            else:
                operation = flow.send(answer)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
