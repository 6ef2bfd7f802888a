"""Memory for LangChain agents, as a middleware.

    agent = create_agent(
        model, tools, middleware=[ThroughlineMiddleware(Client(), budget=4000)],
        checkpointer=...,
    )

See `throughline.langgraph.threads` for what becomes of the messages. The window is
built when the model is called, so that no checkpoint holds it; the answer is stored
when it stands in the state, so that a run that is resumed does not ask for another.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware, AgentState, ModelRequest, ModelResponse
from langgraph.runtime import Runtime

from throughline import v1
from throughline.aio import AsyncClient
from throughline.client import Client
from throughline.exchange import Memory
from throughline.flow import Flow, run, run_async
from throughline.langgraph.threads import Threads, thread_of


class ThroughlineMiddleware(AgentMiddleware[AgentState[Any], Any, Any]):
    """Puts the window before the model and stores what it said.

    With a `Client` it serves agents that are invoked and agents that are awaited,
    with an `AsyncClient` those that are awaited alone. It stands first among the
    middleware: the others then see the window, and have had their say on the answer.

    Raises `ThroughlineError` where a call fails, and `ValueError` for a run without
    a `thread_id`.
    """

    def __init__(
        self,
        client: Client | AsyncClient,
        *,
        budget: int = 0,
        options: v1.ContextOptions | None = None,
        user_id: str = "",
    ) -> None:
        super().__init__()
        self._client = client
        self._threads = Threads(Memory(budget, options, user_id))

    def wrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], ModelResponse[Any]],
    ) -> ModelResponse[Any]:
        """Stores what is new; the model sees the window."""
        return handler(run(self._client, self._with_window(request)))

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any]:
        """As `wrap_model_call`, awaited."""
        return await handler(await run_async(self._client, self._with_window(request)))

    def after_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> None:
        """Stores what the model said."""
        run(self._client, self._answer(state, runtime))

    async def aafter_model(self, state: AgentState[Any], runtime: Runtime[Any]) -> None:
        """As `after_model`, awaited."""
        await run_async(self._client, self._answer(state, runtime))

    def _with_window(self, request: ModelRequest[Any]) -> Flow[ModelRequest[Any]]:
        window = yield from self._threads.window(_thread(request.runtime), request.messages)
        return request.override(messages=window)

    def _answer(self, state: AgentState[Any], runtime: Runtime[Any]) -> Flow[None]:
        yield from self._threads.answer(_thread(runtime), state["messages"])


def _thread(runtime: Runtime[Any]) -> str:
    running = runtime.execution_info
    return thread_of(running and running.thread_id)
