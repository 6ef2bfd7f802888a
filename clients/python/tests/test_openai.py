"""`wrap` with the real OpenAI SDK, sync and async through one set of tests."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import openai
import pytest
import pytest_asyncio
from server import Server
from upstream import Upstream

from throughline import AsyncClient, Client, v1
from throughline.openai import AnswerNotStoredError, wrap

TOOLS = [{"type": "function", "function": {"name": "lookup", "parameters": {"type": "object"}}}]
INSTRUCTION = {"role": "system", "content": "Be brief."}


class Chat:
    """A wrapped client with its memory, awaited whatever kind it is."""

    def __init__(self, memory: Client | AsyncClient, base_url: str) -> None:
        options: dict[str, Any] = {"base_url": base_url, "api_key": "none", "max_retries": 0}
        is_async = isinstance(memory, AsyncClient)
        self.client: Any = openai.AsyncOpenAI(**options) if is_async else openai.OpenAI(**options)
        self.memory = memory
        self.wrapped: Any = wrap(self.client, memory, budget=1000)
        self.id = uuid4().hex

    async def create(self, *messages: Any, **request: Any) -> Any:
        chat = [user(text) if isinstance(text, str) else text for text in messages]
        request = {"model": "extractive", "conversation": self.id, **request}
        return await settled(self.wrapped.chat.completions.create(messages=chat, **request))

    async def turns(self) -> list[v1.Turn]:
        return (await settled(self.memory.list_turns(self.id))).items

    async def texts(self) -> list[str]:
        return ["".join(part.text for part in turn.parts) for turn in await self.turns()]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


async def settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


async def take(stream: Any, count: int | None = None) -> list[Any]:
    """Some chunks of a stream, or all."""
    taken = []
    if hasattr(stream, "__aiter__"):
        while count is None or len(taken) < count:
            try:
                taken.append(await anext(stream))
            except StopAsyncIteration:
                break
    else:
        while count is None or len(taken) < count:
            try:
                taken.append(next(stream))
            except StopIteration:
                break
    return taken


@pytest_asyncio.fixture(params=[Client, AsyncClient], ids=["sync", "async"])
async def new_chat(
    request: pytest.FixtureRequest, server: Server, upstream: Upstream
) -> AsyncIterator[Callable[[], Chat]]:
    made: list[Chat] = []

    def new() -> Chat:
        made.append(Chat(request.param(server.address), upstream.base_url))
        return made[-1]

    yield new
    for chat in made:
        await settled(chat.memory.close())
        await settled(chat.client.close())


async def test_history_is_replaced_and_the_answer_stored(new_chat: Any, upstream: Upstream) -> None:
    chat = new_chat()
    await chat.create(INSTRUCTION, "My dog is called Rex.")
    answer = await chat.create(
        INSTRUCTION,
        "My dog is called Rex.",
        {"role": "assistant", "content": "words that the application made up"},
        "What is my dog called?",
    )
    assert "My dog is called Rex." in answer.choices[0].message.content
    sent = upstream.asked()[-1]["messages"]
    assert sent[0] == INSTRUCTION
    assert sent[-1] == user("What is my dog called?")
    assert "made up" not in str(sent)
    assert await chat.texts() == [
        "My dog is called Rex.",
        "Noted.",
        "What is my dog called?",
        answer.choices[0].message.content,
    ]


async def test_only_the_new_message_need_be_sent(new_chat: Any) -> None:
    chat = new_chat()
    await chat.create("My dog is called Rex.")
    answer = await chat.create("What is my dog called?")
    assert "Rex" in answer.choices[0].message.content


async def test_a_conversation_of_the_application_is_taken_in_once(new_chat: Any) -> None:
    chat = new_chat()
    history = [
        user("My dog is called Rex."),
        {"role": "assistant", "content": "Noted."},
    ]
    await chat.create(*history, "Hello")
    await chat.create(*history, user("Hello"), {"role": "assistant", "content": "x"}, "Bye")
    texts = await chat.texts()
    assert texts[:3] == ["My dog is called Rex.", "Noted.", "Hello"]
    assert len(texts) == 6


async def test_a_stream_is_stored_when_it_ends(new_chat: Any) -> None:
    chat = new_chat()
    await chat.create("My dog is called Rex.")
    stream = await chat.create("What is my dog called?", stream=True)
    chunks = await take(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert "My dog is called Rex." in text
    assert (await chat.texts())[-1] == text
    assert not (await chat.turns())[-1].metadata.fields


async def test_what_came_of_a_stream_that_is_closed_is_stored(new_chat: Any) -> None:
    chat = new_chat()
    await chat.create("My dog is called Rex.")
    stream = await chat.create("What is my dog called?", stream=True)
    chunks = await take(stream, 3)
    await settled(stream.close())
    came = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert len(came.split()) == 2
    assert (await chat.texts())[-1] == came
    assert (await chat.turns())[-1].metadata["cut_off"] is True


async def test_an_answer_at_its_token_limit_is_marked(new_chat: Any) -> None:
    chat = new_chat()
    await chat.create("My dog is called Rex.")
    answer = await chat.create("What is my dog called?", max_tokens=2)
    assert len(answer.choices[0].message.content.split()) == 2
    assert (await chat.texts())[-1] == answer.choices[0].message.content
    assert (await chat.turns())[-1].metadata["cut_off"] is True


@pytest.mark.parametrize("streamed", [False, True])
async def test_rounds_of_tool_calls_are_kept_in_order(
    new_chat: Any, upstream: Upstream, streamed: bool
) -> None:
    chat = new_chat()
    if streamed:
        stream = await chat.create("Look it up", tools=TOOLS, stream=True)
        called = (await take(stream))[1].choices[0].delta.tool_calls[0]
    else:
        first = await chat.create("Look it up", tools=TOOLS)
        called = first.choices[0].message.tool_calls[0]
    function = {"name": called.function.name, "arguments": '{"query": "Look it up"}'}
    call = {"id": called.id, "type": "function", "function": function}
    after = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": called.id, "content": "Forty-two."},
    ]
    second = await chat.create("Look it up", *after, tools=TOOLS)
    assert second.choices[0].message.content == "Forty-two."
    assert upstream.asked()[-1]["messages"][-2:] == after
    turns = await chat.turns()
    assert [v1.Role.Name(turn.role) for turn in turns] == [
        "ROLE_USER",
        "ROLE_ASSISTANT",
        "ROLE_TOOL",
        "ROLE_ASSISTANT",
    ]
    assert turns[1].parts[0].tool_call.arguments_json == function["arguments"]
    assert turns[2].parts[0].tool_result.content == "Forty-two."


async def test_a_message_whose_answer_failed_is_one_turn_when_it_is_asked_again(
    new_chat: Any,
) -> None:
    chat = new_chat()
    with pytest.raises(openai.NotFoundError):
        await chat.create("Hello", model="absent")
    with pytest.raises(openai.NotFoundError):
        await chat.create("Hello", model="absent")
    await chat.create("Hello", "Are you there?")
    assert (await chat.texts())[:2] == ["Hello", "Are you there?"]
    await chat.create("Are you there?")
    assert (await chat.texts())[3] == "Are you there?"


async def test_a_turn_id_holds_across_clients(new_chat: Any) -> None:
    one, other = new_chat(), new_chat()
    other.id = one.id
    await one.create("Hello", turn_id="m1")
    await other.create("Hello", turn_id="m1")
    assert (await one.texts())[0] == "Hello"
    assert len(await one.turns()) == 2


async def test_a_message_larger_than_the_budget_reaches_the_model(
    new_chat: Any, upstream: Upstream
) -> None:
    chat = new_chat()
    chat.wrapped = wrap(chat.client, chat.memory, budget=20)
    long = user("Read this to its end. " * 20)
    await chat.create(INSTRUCTION, long)
    sent = upstream.asked()[-1]["messages"]
    assert (sent[0], sent[-1]) == (INSTRUCTION, long)
    assert await chat.texts() == [long["content"], "Noted."]


async def test_an_image_reaches_the_model_as_it_was_given(
    new_chat: Any, upstream: Upstream
) -> None:
    chat = new_chat()
    url = "data:image/png;base64," + "iVBO" * (1 << 19)
    shown = {"type": "image_url", "image_url": {"url": url, "detail": "high"}}
    message = {"role": "user", "content": [{"type": "text", "text": "What is this"}, shown]}
    await chat.create(message)
    assert upstream.asked()[-1]["messages"][-1] == message
    await chat.create("And who made it")
    assert "iVBO" not in str(upstream.asked()[-1]["messages"])
    stored = (await chat.turns())[0]
    assert stored.parts[1].opaque.uri.startswith("urn:sha256:")
    assert stored.parts[1].opaque.token_cost == 1000


async def test_a_turn_asked_again_is_asked_without_what_was_said_since(
    new_chat: Any, upstream: Upstream
) -> None:
    chat = new_chat()
    await chat.create("My dog is called Rex.", turn_id="m1")
    await chat.create("My cat is called Tom.", turn_id="m2")
    await chat.create("My dog is called Rex.", turn_id="m1")
    sent = upstream.asked()[-1]["messages"]
    assert sent[-1] == user("My dog is called Rex.")
    assert not any(said in str(sent) for said in ("Noted.", "Tom"))


async def test_of_two_messages_at_once_the_one_without_an_answer_still_waits(
    new_chat: Any,
) -> None:
    chat = new_chat()
    stream = await chat.create("One", stream=True)
    with pytest.raises(openai.NotFoundError):
        await chat.create("Other", model="absent")
    await take(stream)
    await chat.create("Other")
    assert (await chat.texts()).count("Other") == 1


async def test_without_a_conversation_nothing_is_remembered(
    new_chat: Any, upstream: Upstream
) -> None:
    chat = new_chat()
    messages = [user("a"), {"role": "assistant", "content": "b"}, user("c")]
    await chat.create(*messages, conversation=None)
    assert upstream.asked()[-1]["messages"] == messages
    assert await settled(chat.memory.ensure_conversation(chat.id))


async def test_what_cannot_be_remembered_is_refused(new_chat: Any) -> None:
    chat = new_chat()
    with pytest.raises(ValueError, match="n must be 1"):
        await chat.create("Hello", n=2)
    with pytest.raises(ValueError, match="one of the user"):
        await chat.create(INSTRUCTION)


async def test_the_rest_of_the_client_is_its_own(new_chat: Any) -> None:
    chat = new_chat()
    models = await settled(chat.wrapped.models.list())
    assert models.data[0].id == "extractive"
    patient = chat.wrapped.with_options(timeout=5)
    answer = patient.chat.completions.create(
        model="extractive", messages=[user("Hello")], conversation=chat.id
    )
    await settled(answer)
    assert (await chat.texts())[0] == "Hello"


@pytest.mark.parametrize("options", ["with_options", "copy"])
async def test_clients_with_other_options_know_what_was_asked(new_chat: Any, options: str) -> None:
    chat = new_chat()
    first = chat.wrapped
    for patience in (5, 10):
        chat.wrapped = getattr(first, options)(timeout=patience)
        with pytest.raises(openai.NotFoundError):
            await chat.create("Hello", model="absent")
    chat.wrapped = getattr(first, options)(timeout=20)
    await chat.create("Hello")
    assert (await chat.texts()) == ["Hello", "Noted."]


async def test_an_answer_that_could_not_be_stored_is_not_lost(new_chat: Any) -> None:
    chat = new_chat()
    await chat.create("My dog is called Rex.", turn_id="m1")
    # The same turn with another answer: the id of the answer is taken.
    with pytest.raises(AnswerNotStoredError) as raised:
        await chat.create("My dog is called Rex.", turn_id="m1", tools=TOOLS)
    assert raised.value.completion.choices[0].message.tool_calls
