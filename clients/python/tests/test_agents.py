"""The hooks in a real LangGraph agent, sync and async."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import create_react_agent
from server import Server
from upstream import Upstream

from throughline import AsyncClient, Client, v1
from throughline.langgraph import memory_hooks


def lookup(query: str) -> str:
    """Looks something up."""
    return f"Found for {query}: forty-two."


@pytest_asyncio.fixture(params=[Client, AsyncClient], ids=["sync", "async"])
async def memory(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Any]:
    client = request.param(server.address)
    yield client
    closed = client.close()
    if inspect.isawaitable(closed):
        await closed


class Agent:
    """An agent with a thread."""

    def __init__(self, memory: Any, upstream: Upstream, tools: list[Any]) -> None:
        model = ChatOpenAI(model="extractive", base_url=upstream.base_url, api_key="none")
        hooks = memory_hooks(memory, budget=1000)
        self.memory = memory
        self.thread = str(uuid4())
        self.graph = create_react_agent(
            model,
            tools,
            pre_model_hook=hooks.pre_model,
            post_model_hook=hooks.post_model,
            checkpointer=InMemorySaver(),
        )

    async def say(self, text: str) -> str:
        given: Any = {"messages": [("user", text)]}
        config: Any = {"configurable": {"thread_id": self.thread}}
        if isinstance(self.memory, AsyncClient):
            state = await self.graph.ainvoke(given, config)
        else:
            state = self.graph.invoke(given, config)
        return str(state["messages"][-1].content)

    async def turns(self) -> list[v1.Turn]:
        page = self.memory.list_turns(self.thread)
        return (await page if inspect.isawaitable(page) else page).items


async def test_the_model_sees_the_window_and_turns_are_stored(
    memory: Any, upstream: Upstream
) -> None:
    agent = Agent(memory, upstream, [])
    await agent.say("My dog is called Rex.")
    assert "Rex" in await agent.say("What is my dog called?")
    assert len(await agent.turns()) == 4
    sent = upstream.asked()[-1]["messages"]
    assert sent[-1]["content"] == "What is my dog called?"
    # Quoted memory stands in the window, which the plain history has not.
    assert "My dog is called Rex." in sent[0]["content"]
    assert sent[0]["content"] != "My dog is called Rex."


async def test_tool_calls_are_stored_in_order(memory: Any, upstream: Upstream) -> None:
    agent = Agent(memory, upstream, [lookup])
    said = await agent.say("the answer")
    assert said == "Found for the answer: forty-two."
    roles = [v1.Role.Name(turn.role) for turn in await agent.turns()]
    assert roles == ["ROLE_USER", "ROLE_ASSISTANT", "ROLE_TOOL", "ROLE_ASSISTANT"]


async def test_a_thread_is_needed(memory: Any) -> None:
    hooks = memory_hooks(memory)
    with pytest.raises(ValueError, match="thread_id"):
        await hooks.pre_model.ainvoke({"messages": []})
