"""Agents that remember: LangChain's with the middleware, LangGraph's with the hooks;
invoked, awaited, and awaited with a client that is not asynchronous."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import openai
import pytest
import pytest_asyncio
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRetryMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.prebuilt import create_react_agent
from pydantic import BaseModel
from server import Server
from upstream import Upstream

from throughline import AsyncClient, Client, v1
from throughline.langchain import ThroughlineMiddleware
from throughline.langgraph import memory_hooks

INSTRUCTION = "Be brief."


def lookup(query: str) -> str:
    """Looks something up."""
    return f"Found for {query}: forty-two."


class Found(BaseModel):
    """A structured answer."""

    query: str


class Thoughtful(GenericFakeChatModel):
    """Says what it is told to, and keeps what it was sent."""

    seen: list[Any] = []

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        return self

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(messages)
        return super()._generate(messages, *args, **kwargs)


def with_hooks(memory: Any, model: Any, tools: list[Any]) -> Any:
    hooks = memory_hooks(memory, budget=1000)
    return create_react_agent(
        model,
        tools,
        pre_model_hook=hooks.pre_model,
        post_model_hook=hooks.post_model,
        checkpointer=InMemorySaver(),
    )


def with_middleware(memory: Any, model: Any, tools: list[Any], *others: Any, **more: Any) -> Any:
    remember = ThroughlineMiddleware(memory, budget=1000)
    return create_agent(
        model, tools, middleware=[remember, *others], checkpointer=InMemorySaver(), **more
    )


class Agents:
    """Makes agents and talks to them, in threads of their own."""

    def __init__(self, memory: Any, upstream: Upstream, *, awaited: bool) -> None:
        self.memory = memory
        self.upstream = upstream
        self.awaited = awaited
        self.thread = str(uuid4())

    def model(self, name: str = "extractive") -> ChatOpenAI:
        url = self.upstream.base_url
        return ChatOpenAI(model=name, base_url=url, api_key="none", max_retries=0)

    async def run(self, agent: Any, given: Any) -> Any:
        config: Any = {"configurable": {"thread_id": self.thread}}
        if self.awaited:
            return await agent.ainvoke(given, config)
        return agent.invoke(given, config)

    async def say(self, agent: Any, text: str) -> str:
        state = await self.run(agent, {"messages": [("user", text)]})
        return str(state["messages"][-1].content)

    async def turns(self) -> list[v1.Turn]:
        page = self.memory.list_turns(self.thread)
        return (await page if inspect.isawaitable(page) else page).items

    async def pinned(self) -> None:
        """Waits for a fact: the service finds it after the turn is acknowledged."""
        for _ in range(600):
            page = self.memory.list_facts(self.thread)
            if (await page if inspect.isawaitable(page) else page).items:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("nothing was pinned")

    async def roles(self) -> list[str]:
        return [v1.Role.Name(turn.role).removeprefix("ROLE_") for turn in await self.turns()]

    async def texts(self) -> list[str]:
        return ["".join(part.text for part in turn.parts) for turn in await self.turns()]


@pytest_asyncio.fixture(params=["invoked", "awaited", "awaited with a Client"])
async def agents(
    request: pytest.FixtureRequest, server: Server, upstream: Upstream
) -> AsyncIterator[Agents]:
    kind = AsyncClient if request.param == "awaited" else Client
    client: Any = kind(server.address)
    yield Agents(client, upstream, awaited=request.param != "invoked")
    closed = client.close()
    if inspect.isawaitable(closed):
        await closed


BOTH = pytest.mark.parametrize("made", [with_middleware, with_hooks])


@BOTH
async def test_the_model_sees_the_window_and_turns_are_stored(agents: Agents, made: Any) -> None:
    agent = made(agents.memory, agents.model(), [])
    await agents.say(agent, "My dog is called Rex.")
    await agents.pinned()
    assert "Rex" in await agents.say(agent, "What is my dog called?")
    assert await agents.roles() == ["USER", "ASSISTANT", "USER", "ASSISTANT"]
    sent = agents.upstream.asked()[-1]["messages"]
    assert sent[-1]["content"] == "What is my dog called?"
    # Quoted memory stands in the window, which the plain history has not.
    assert "My dog is called Rex." in sent[0]["content"]
    assert sent[0]["content"] != "My dog is called Rex."


@BOTH
async def test_tool_calls_are_stored_in_order(agents: Agents, made: Any) -> None:
    agent = made(agents.memory, agents.model(), [lookup])
    assert await agents.say(agent, "the answer") == "Found for the answer: forty-two."
    assert await agents.roles() == ["USER", "ASSISTANT", "TOOL", "ASSISTANT"]
    await agents.say(agent, "another answer")
    assert len(await agents.turns()) == 8


@BOTH
async def test_a_message_without_an_answer_is_one_turn(agents: Agents, made: Any) -> None:
    saved = InMemorySaver()
    failing = made(agents.memory, agents.model("absent"), [])
    agent = made(agents.memory, agents.model(), [])
    failing.checkpointer = agent.checkpointer = saved
    with pytest.raises(openai.NotFoundError):
        await agents.say(failing, "Hello")
    await agents.say(agent, "Are you there?")
    assert (await agents.texts())[:2] == ["Hello", "Are you there?"]
    assert await agents.roles() == ["USER", "USER", "ASSISTANT"]


@BOTH
async def test_thoughts_are_sent_in_a_round_of_tools_and_not_stored(
    agents: Agents, made: Any
) -> None:
    thought = {"type": "thinking", "thinking": "Where did I see it?", "signature": "s"}
    call: Any = {"name": "lookup", "args": {"query": "it"}, "id": "c1"}
    said = AIMessage([thought, {"type": "text", "text": "I look."}], tool_calls=[call])
    model = Thoughtful(messages=iter([said, AIMessage("There.")]), seen=[])
    agent = made(agents.memory, model, [lookup])
    assert await agents.say(agent, "Where is it?") == "There."
    assert thought in model.seen[-1][-2].content
    stored = (await agents.turns())[1]
    assert [part.text for part in stored.parts] == ["I look.", ""]
    assert stored.parts[1].tool_call.call_id == "c1"


@BOTH
async def test_a_message_larger_than_the_budget_reaches_the_model(
    agents: Agents, made: Any
) -> None:
    agent = made(agents.memory, agents.model(), [])
    await agents.say(agent, "My dog is called Rex.")
    long = "Read this to its end. " * 400
    await agents.say(agent, long)
    assert agents.upstream.asked()[-1]["messages"][-1]["content"] == long


@BOTH
async def test_an_image_reaches_the_model_as_it_was_given(agents: Agents, made: Any) -> None:
    agent = made(agents.memory, agents.model(), [])
    url = "data:image/png;base64," + "iVBO" * (1 << 19)
    shown = {"type": "image_url", "image_url": {"url": url, "detail": "high"}}
    content = [{"type": "text", "text": "What is this"}, shown]
    await agents.run(agent, {"messages": [{"role": "user", "content": content}]})
    assert agents.upstream.asked()[-1]["messages"][-1]["content"] == content
    assert (await agents.turns())[0].parts[1].opaque.uri.startswith("urn:sha256:")


@BOTH
async def test_a_thread_is_needed(agents: Agents, made: Any) -> None:
    agent = made(agents.memory, agents.model(), [])
    agent.checkpointer = None
    agents.thread = ""
    with pytest.raises(ValueError, match="thread_id"):
        await agents.say(agent, "Hello")


async def test_an_async_client_serves_what_is_awaited_alone(
    server: Server, upstream: Upstream
) -> None:
    async with AsyncClient(server.address) as client:
        agents = Agents(client, upstream, awaited=False)
        for made in (with_middleware, with_hooks):
            with pytest.raises(TypeError, match="Client"):
                await agents.say(made(client, agents.model(), []), "Hello")


async def test_the_system_prompt_is_sent_and_not_stored(agents: Agents) -> None:
    agent = with_middleware(agents.memory, agents.model(), [], system_prompt=INSTRUCTION)
    await agents.say(agent, "My dog is called Rex.")
    sent = agents.upstream.asked()[-1]["messages"]
    assert sent[0] == {"role": "system", "content": INSTRUCTION}
    assert INSTRUCTION not in await agents.texts()


async def test_a_structured_answer_is_stored_with_its_result(agents: Agents) -> None:
    agent = with_middleware(agents.memory, agents.model(), [], response_format=ToolStrategy(Found))
    state = await agents.run(agent, {"messages": [("user", "the answer")]})
    assert state["structured_response"] == Found(query="the answer")
    assert await agents.roles() == ["USER", "ASSISTANT", "TOOL"]


async def test_a_call_that_is_made_again_stores_nothing_twice(agents: Agents) -> None:
    once = FailsOnce()
    again = ModelRetryMiddleware(max_retries=1, initial_delay=0.0)
    agent = create_agent(
        agents.model(),
        [],
        # Around the memory, so that the window is asked for twice.
        middleware=[again, ThroughlineMiddleware(agents.memory, budget=1000), once],
        checkpointer=InMemorySaver(),
    )
    await agents.say(agent, "My dog is called Rex.")
    assert once.failed
    assert await agents.texts() == ["My dog is called Rex.", "Noted."]


class FailsOnce(AgentMiddleware[Any, Any, Any]):
    """Between the memory and the model."""

    failed = False

    def _fail(self) -> None:
        if not self.failed:
            self.failed = True
            raise ConnectionError("the model went away")

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        self._fail()
        return handler(request)

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        self._fail()
        return await handler(request)
