"""The store over a real server: its operations, sync and async, and in graphs."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, TypedDict
from uuid import uuid4

import pytest
import pytest_asyncio
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import InjectedStore
from langgraph.store.base import (
    BaseStore,
    GetOp,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore
from server import Server
from upstream import Upstream

from throughline import AsyncClient, Client, InvalidArgumentError, items
from throughline.langgraph import ThroughlineStore


class Both:
    """A store through its synchronous methods, or through its asynchronous ones."""

    def __init__(self, store: BaseStore, *, awaited: bool) -> None:
        self.store = store
        self.awaited = awaited
        self.root = uuid4().hex
        """A namespace of the test's own."""

    async def __call__(self, method: str, *args: Any, **kwargs: Any) -> Any:
        if self.awaited:
            return await getattr(self.store, f"a{method}")(*args, **kwargs)
        return getattr(self.store, method)(*args, **kwargs)


@pytest_asyncio.fixture(params=["sync", "async", "sync client awaited"])
async def both(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Both]:
    kind = request.param
    client = AsyncClient(server.address) if kind == "async" else Client(server.address)
    yield Both(ThroughlineStore(client), awaited=kind != "sync")
    closed = client.close()
    if inspect.isawaitable(closed):
        await closed


async def test_values_come_back(both: Both) -> None:
    value = {
        "text": "tea \N{SPOOL OF THREAD}",
        "count": 2**70,
        "whole": 1.0,
        "nested": {"list": [1, None, True, {}], "empty": []},
    }
    namespace = (both.root, "users", "ada")
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    await both("put", namespace, "k", value)
    found = await both("get", namespace, "k")
    assert found.value == value
    assert type(found.value["whole"]) is float
    assert (found.key, found.namespace) == ("k", namespace)
    assert before < found.created_at == found.updated_at
    await both("put", namespace, "k", {"text": "coffee"})
    changed = await both("get", namespace, "k")
    assert changed.value == {"text": "coffee"}
    assert changed.created_at == found.created_at < changed.updated_at
    await both("delete", namespace, "k")
    await both("delete", namespace, "k")
    assert await both("get", namespace, "k") is None


async def test_search_finds_by_meaning_and_words(both: Both) -> None:
    namespace = (both.root, "memories")
    await both("put", namespace, "food", {"text": "Her favourite meal is spaghetti"})
    await both("put", namespace, "pet", {"text": "She has a dog called Rex"})
    await both("put", (*namespace, "work"), "job", {"text": "She works as a nurse"})
    await both("put", (both.root, "others"), "other", {"text": "Dogs bark"})
    found = await both("search", namespace, query="What animals live with her?")
    assert [item.key for item in found][0] == "pet"
    assert len(found) == 3
    scores = [item.score for item in found]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[1]
    found = await both("search", namespace, query="What does she like to eat?", limit=1)
    assert [item.key for item in found] == ["food"]
    await both("delete", namespace, "pet")
    found = await both("search", namespace, query="What animals live with her?")
    assert "pet" not in [item.key for item in found]


async def test_a_long_query_is_cut_at_a_word(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    search_items = items.search_items

    def recorded(prefix: Any, query: str, **rest: Any) -> Any:
        asked.append(query)
        return search_items(prefix, query, **rest)

    monkeypatch.setattr(items, "search_items", recorded)
    namespace = (both.root,)
    await both("put", namespace, "pet", {"text": "She has a dog called Rex"})
    # 910 repeats of nine bytes fit, and two letters more.
    for query, head in [
        ("dog ünd " * 2_000, ("dog ünd " * 910).rstrip()),
        ("ü" * 9_000, "ü" * 4_096),
        ("d" + "ü" * 9_000, "d" + "ü" * 4_095),
        ("d" * 8_192, "d" * 8_192),
        ("dog  ", "dog  "),
    ]:
        found = await both("search", namespace, query=query)
        assert [item.key for item in found] == ["pet"]
        assert asked.pop() == head


async def test_index_says_what_is_found(both: Both) -> None:
    namespace = (both.root,)
    value = {"title": "harbour", "parts": [{"text": "an anchor"}, {"text": "a sail"}]}
    await both("put", namespace, "parts", value, index=["parts[*].text"])
    await both("put", namespace, "none", value, index=False)
    found = await both("search", namespace, query="an anchor")
    assert [item.key for item in found] == ["parts", "none"]
    assert found[0].score > 0.8
    assert found[1].score is None


FILTERS: list[dict[str, Any]] = [
    {"kind": "note"},
    {"kind": {"$eq": "note"}, "stars": {"$gt": 3}},
    {"stars": {"$gte": 3, "$lt": 5}},
    {"stars": {"$lte": 3}},
    {"kind": {"$ne": "note"}},
    {"by": {"name": "Ada"}},
    {"by": {"born": {"$lt": 1900}}},
    {"tags": ["a", "b"]},
    {"tags": ("a", "b")},
    {"gone": None},
    {"kind": "note", "done": True},
]


@pytest.mark.parametrize("wanted", FILTERS, ids=str)
async def test_filters_mean_what_they_mean_in_memory(
    server: Server, wanted: dict[str, Any]
) -> None:
    with Client(server.address) as client:
        ours, theirs = ThroughlineStore(client, wait_indexed=False), InMemoryStore()
        root = uuid4().hex
        ada, bob = {"name": "Ada", "born": 1815}, {"name": "Bob", "born": 1990}
        for store in (ours, theirs):
            note = {"kind": "note", "stars": 3, "by": ada, "tags": ["a", "b"], "done": True}
            store.put((root,), "a", note)
            store.put((root,), "b", {**note, "stars": 4.5, "by": bob, "done": False})
            store.put((root,), "c", {"kind": "task", "stars": 5, "by": bob, "tags": ["b", "a"]})
        expected = {item.key for item in theirs.search((root,), filter=wanted)}
        assert {item.key for item in ours.search((root,), filter=wanted)} == expected


async def test_pages_join_to_the_whole(both: Both) -> None:
    for n in range(12):
        await both("put", (both.root, str(n % 4)), str(n), {"n": n}, index=False)
    whole = await both("search", (both.root,), limit=100)
    assert [item.key for item in whole] == [str(n) for n in reversed(range(12))]
    parts = [await both("search", (both.root,), limit=5, offset=at) for at in (0, 5, 10)]
    assert [item.key for part in parts for item in part] == [item.key for item in whole]
    assert len(await both("search", (both.root,))) == 10
    assert await both("search", (both.root,), limit=0) == []


async def test_namespaces_are_listed_as_in_memory(both: Both) -> None:
    theirs = InMemoryStore()
    for path in ["a", "a/b/c", "a/b/d", "a/x/c", "b/y"]:
        namespace = (both.root, *path.split("/"))
        await both("put", namespace, "k", {"t": 1}, index=False)
        theirs.put(namespace, "k", {"t": 1})
    for asked in [
        {"prefix": (both.root,)},
        {"prefix": (both.root, "a", "*")},
        {"prefix": (both.root,), "suffix": ("c",)},
        {"prefix": (both.root,), "suffix": ("b", "*")},
        {"prefix": (both.root,), "max_depth": 2},
        {"prefix": (both.root,), "max_depth": 3, "limit": 2, "offset": 1},
        {"prefix": (both.root, "absent")},
    ]:
        assert await both("list_namespaces", **asked) == theirs.list_namespaces(**asked), asked


async def test_a_batch_reads_before_it_writes(both: Both) -> None:
    namespace = (both.root,)
    await both("put", namespace, "a", {"text": "old"})
    ops = [
        PutOp(namespace, "a", {"text": "new"}),
        PutOp(namespace, "b", {"text": "first"}),
        GetOp(namespace, "a"),
        PutOp(namespace, "b", {"text": "last"}),
        SearchOp(namespace, query="old"),
        ListNamespacesOp((MatchCondition("prefix", namespace),)),
        PutOp(namespace, "absent", None),
    ]
    results = await both("batch", ops)
    assert results[0] is results[1] is results[3] is results[6] is None
    assert results[2].value == {"text": "old"}
    assert [item.key for item in results[4]] == ["a"]
    assert results[5] == [namespace]
    assert (await both("get", namespace, "a")).value == {"text": "new"}
    assert (await both("get", namespace, "b")).value == {"text": "last"}


async def test_what_cannot_be_stored_is_refused(both: Both) -> None:
    namespace = (both.root,)
    with pytest.raises(ValueError, match="JSON"):
        await both("put", namespace, "k", {"number": float("nan")})
    with pytest.raises(TypeError, match="JSON"):
        await both("put", namespace, "k", {"set": {1}})
    with pytest.raises(InvalidArgumentError) as refused:
        await both("put", namespace, "k" * 257, {"t": 1})
    assert [violation.field for violation in refused.value.field_violations] == ["key"]
    with pytest.raises(NotImplementedError, match="TTL"):
        await both("put", namespace, "k", {"t": 1}, ttl=5)
    with pytest.raises(ValueError, match="operator"):
        await both("search", namespace, filter={"a": {"$in": [1]}})


async def test_an_async_client_serves_no_synchronous_graph(server: Server) -> None:
    async with AsyncClient(server.address) as client:
        with pytest.raises(TypeError, match="Client"):
            ThroughlineStore(client).get(("n",), "k")


async def test_items_outlive_the_server() -> None:
    running = Server("--dev")
    try:
        with Client(running.address) as client:
            store = ThroughlineStore(client)
            store.put(("users", "ada"), "food", {"text": "She eats no nuts"})
            running.restart()
            assert [i.key for i in store.search(("users",), query="nuts")] == ["food"]
    finally:
        running.stop()


class State(TypedDict):
    """Of the small graph."""

    said: str
    answer: str


def graph(store: BaseStore, awaited: bool) -> Any:
    """Remembers what is said, and answers with what it found before."""

    def look(state: State, *, store: BaseStore) -> dict[str, str]:
        found = store.search(("memories",), query=state["said"], limit=1)
        return {"answer": str(found[0].value["text"]) if found else ""}

    async def alook(state: State, *, store: BaseStore) -> dict[str, str]:
        found = await store.asearch(("memories",), query=state["said"], limit=1)
        return {"answer": str(found[0].value["text"]) if found else ""}

    def keep(state: State, *, store: BaseStore) -> None:
        store.put(("memories",), uuid4().hex, {"text": state["said"]})

    async def akeep(state: State, *, store: BaseStore) -> None:
        await store.aput(("memories",), uuid4().hex, {"text": state["said"]})

    builder = StateGraph(State)
    builder.add_node("look", alook if awaited else look)
    builder.add_node("keep", akeep if awaited else keep)
    builder.add_edge(START, "look")
    builder.add_edge("look", "keep")
    builder.add_edge("keep", END)
    return builder.compile(store=store)


async def test_a_graph_remembers_across_threads(both: Both) -> None:
    compiled = graph(both.store, both.awaited)

    async def say(text: str) -> str:
        given = {"said": text, "answer": ""}
        state = await compiled.ainvoke(given) if both.awaited else compiled.invoke(given)
        return str(state["answer"])

    about = f"The password of the shed is {both.root}"
    await say(about)
    assert await say(f"What is the password of the shed, {both.root}?") == about


async def test_a_tool_of_an_agent_gets_the_store(both: Both, upstream: Upstream) -> None:
    def lookup(query: str, store: Annotated[Any, InjectedStore()]) -> str:
        """Looks something up."""
        found = store.search((both.root,), query=query, limit=1)
        return f"Found for {query}: {found[0].value['text']}."

    async def alookup(query: str, store: Annotated[Any, InjectedStore()]) -> str:
        """Looks something up."""
        found = await store.asearch((both.root,), query=query, limit=1)
        return f"Found for {query}: {found[0].value['text']}."

    alookup.__name__ = "lookup"
    await both("put", (both.root,), "k", {"text": "forty-two"})
    model = ChatOpenAI(model="extractive", base_url=upstream.base_url, api_key="none")
    tool = alookup if both.awaited else lookup
    agent = create_agent(model, [tool], store=both.store)
    given: Any = {"messages": [("user", "the answer")]}
    state = await agent.ainvoke(given) if both.awaited else agent.invoke(given)
    last = state["messages"][-1]
    assert isinstance(last, AIMessage)
    assert last.content == "Found for the answer: forty-two."
