"""Hooks around the model of a LangGraph agent.

    hooks = memory_hooks(Client(), budget=4000)
    agent = create_react_agent(
        model, tools, pre_model_hook=hooks.pre_model, post_model_hook=hooks.post_model,
        checkpointer=...,
    )

The conversation is the `thread_id` of the run (an id of Throughline: `a-z 0-9 -
_`), the turns have the ids of LangGraph's messages: a run that is resumed stores
nothing twice. The state of the graph keeps all messages; the model sees the
window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.messages import (
    AnyMessage,
    BaseMessage,
    HumanMessage,
    convert_to_messages,
    convert_to_openai_messages,
)
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from throughline import operations, v1
from throughline.aio import AsyncClient
from throughline.client import Client
from throughline.exchange import Exchange, Memory, Request, begin
from throughline.flow import Flow, run, run_async
from throughline.names import conversation_name
from throughline.operations import TurnKey
from throughline.recent import Recent

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
    """Hooks that remember; with an `AsyncClient` for agents that are awaited."""
    recent, memory = Recent(), Memory(budget, options, user_id)

    def prepare(state: State, config: RunnableConfig) -> Flow[Update]:
        thread = _thread(config)
        exchange = yield from _begin(thread, state["messages"], memory, recent.knows(thread))
        recent.learn(thread)
        window = convert_to_messages(exchange.messages)
        return {"llm_input_messages": cast("list[AnyMessage]", window)}

    def store(state: State, config: RunnableConfig) -> Flow[Update]:
        yield from _answer(_thread(config), state["messages"])
        return {}

    if isinstance(client, AsyncClient):
        return _async_hooks(client, prepare, store)

    def pre_model(state: State, config: RunnableConfig) -> Update:
        return run(client, prepare(state, config))

    def post_model(state: State, config: RunnableConfig) -> Update:
        return run(client, store(state, config))

    return MemoryHooks(RunnableLambda(pre_model), RunnableLambda(post_model))


def _async_hooks(client: AsyncClient, prepare: Any, store: Any) -> MemoryHooks:
    async def pre_model(state: State, config: RunnableConfig) -> Update:
        return await run_async(client, cast("Flow[Update]", prepare(state, config)))

    async def post_model(state: State, config: RunnableConfig) -> Update:
        return await run_async(client, cast("Flow[Update]", store(state, config)))

    return MemoryHooks(RunnableLambda(pre_model), RunnableLambda(post_model))


def _thread(config: RunnableConfig) -> str:
    thread = config.get("configurable", {}).get("thread_id")
    if not thread:
        raise ValueError("the run needs a thread_id: it names the conversation")
    return str(thread)


def _begin(
    thread: str, messages: Sequence[BaseMessage], memory: Memory, known: bool
) -> Flow[Exchange]:
    chat = convert_to_openai_messages(messages)
    asked = messages[_last_human(messages)]
    return begin(thread, Request.of(chat), memory, known=known, turn_id=_turn_id(asked))


def _answer(thread: str, messages: Sequence[BaseMessage]) -> Flow[None]:
    last = _last_human(messages)
    turn = TurnKey(conversation_name(thread), _turn_id(messages[last]))
    said = convert_to_openai_messages(messages[-1])
    yield operations.commit_turn(turn, said, position=len(messages) - last - 2)


def _last_human(messages: Sequence[BaseMessage]) -> int:
    humans = [i for i, message in enumerate(messages) if isinstance(message, HumanMessage)]
    if not humans:
        raise ValueError("messages must hold one of the user")
    return humans[-1]


def _turn_id(message: BaseMessage) -> str:
    if not message.id:
        raise ValueError("messages need ids: let the state be built by add_messages")
    return message.id
