"""Hooks around the model of an agent of `create_react_agent`; agents of
`langchain.agents.create_agent` take the middleware of `throughline.langchain`.

    hooks = memory_hooks(Client(), budget=4000)
    agent = create_react_agent(
        model, tools, pre_model_hook=hooks.pre_model, post_model_hook=hooks.post_model,
        checkpointer=...,
    )

See `throughline.langgraph.threads` for what becomes of the messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AnyMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from throughline import v1
from throughline.aio import AsyncClient
from throughline.client import Client
from throughline.exchange import Memory
from throughline.flow import Flow, run, run_async
from throughline.langgraph.threads import Threads, thread_of

State = dict[str, Any]
Update = dict[str, list[AnyMessage]]


@dataclass(frozen=True)
class MemoryHooks:
    """What `create_react_agent` takes."""

    pre_model: Runnable[State, Update]
    """Stores what is new and gives the model the window."""
    post_model: Runnable[State, Update]
    """Stores what the model said."""


def memory_hooks(
    client: Client | AsyncClient,
    *,
    budget: int = 0,
    options: v1.ContextOptions | None = None,
    user_id: str = "",
) -> MemoryHooks:
    """Hooks that remember; with an `AsyncClient` for agents that are awaited alone."""
    threads = Threads(Memory(budget, options, user_id))

    def prepare(state: State, thread: str) -> Flow[Update]:
        window = yield from threads.window(thread, state["messages"])
        return {"llm_input_messages": window}

    def store(state: State, thread: str) -> Flow[Update]:
        yield from threads.answer(thread, state["messages"])
        return {}

    return MemoryHooks(_hook(client, prepare), _hook(client, store))


def _hook(
    client: Client | AsyncClient, flow: Callable[[State, str], Flow[Update]]
) -> Runnable[State, Update]:
    def call(state: State, config: RunnableConfig) -> Update:
        return run(client, flow(state, _thread(config)))

    async def acall(state: State, config: RunnableConfig) -> Update:
        return await run_async(client, flow(state, _thread(config)))

    return RunnableLambda(call, acall)


def _thread(config: RunnableConfig) -> str:
    return thread_of(config.get("configurable", {}).get("thread_id"))
