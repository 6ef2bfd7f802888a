"""What becomes of a thread that is edited, answered again, or taken up earlier: in
LangChain's agents and in LangGraph's."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from server import Server
from test_agents import lookup, with_hooks, with_middleware

from throughline import Client, v1


class Scripted(GenericFakeChatModel):
    """Says what it is told to, and keeps what it was sent."""

    seen: list[Any] = []

    def bind_tools(self, *_: Any, **__: Any) -> Any:
        return self

    def _generate(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(" | ".join(str(message.content) for message in messages))
        return super()._generate(messages, *args, **kwargs)


class Thread:
    """A thread with one checkpointer; each run is of an agent made anew, as another
    process would make it."""

    def __init__(self, made: Any, memory: Client) -> None:
        self.made = made
        self.memory = memory
        self.saved = InMemorySaver()
        self.id = str(uuid4())
        self.sent = ""

    def run(self, given: Any, *says: Any, checkpoint: Any = None) -> Any:
        model = Scripted(messages=iter(says), seen=[])
        agent = self.made(self.memory, model, [lookup])
        agent.checkpointer = self.saved
        config: Any = checkpoint or {"configurable": {"thread_id": self.id}}
        agent.invoke(given, config)
        self.sent = model.seen[-1]
        return agent

    def say(self, text: str, id: str, *says: Any, checkpoint: Any = None) -> Any:
        message = HumanMessage(text, id=id)
        return self.run({"messages": [message]}, *says, checkpoint=checkpoint)

    def branches(self) -> list[list[str]]:
        """What stands in each branch, the first one first."""
        noted = self.memory.list_items(("throughline", "branches", self.id)).items
        forks = sorted(noted, key=lambda item: item.create_time.ToNanoseconds())
        return [
            ["".join(part.text for part in turn.parts) for turn in self.turns(of)]
            for of in [self.id, *(item.key for item in forks)]
        ]

    def turns(self, conversation: str) -> list[v1.Turn]:
        return list(self.memory.turns(conversation))


@pytest.fixture(params=[with_middleware, with_hooks])
def thread(request: pytest.FixtureRequest, server: Server) -> Any:
    with Client(server.address) as memory:
        yield Thread(request.param, memory)


def said(text: str) -> AIMessage:
    return AIMessage(text)


def test_an_edited_message_goes_on_in_a_branch(thread: Thread) -> None:
    thread.say("I have a dog.", "m1", said("Nice."))
    agent = thread.say("It is called Rex.", "m2", said("Rex."))
    before = next(
        state
        for state in agent.get_state_history({"configurable": {"thread_id": thread.id}})
        if len(state.values["messages"]) == 2 and not state.next
    )
    thread.say("It is called Tom.", "m2", said("Tom."), checkpoint=before.config)
    assert "Rex" not in thread.sent
    thread.say("What is it called?", "m3", said("It is Tom."))
    assert "Tom" in thread.sent
    assert "Rex" not in thread.sent
    assert thread.branches() == [
        ["I have a dog.", "Nice.", "It is called Rex.", "Rex."],
        ["I have a dog.", "Nice.", "It is called Tom.", "Tom.", "What is it called?", "It is Tom."],
    ]


def test_the_first_message_can_be_edited(thread: Thread) -> None:
    agent = thread.say("I have a dog.", "m1", said("Nice."))
    history = agent.get_state_history({"configurable": {"thread_id": thread.id}})
    start = list(history)[-1]
    thread.say("I have a cat.", "m1", said("Lovely."), checkpoint=start.config)
    thread.say("Guess its name.", "m2", said("Tom?"))
    assert thread.branches() == [
        ["I have a dog.", "Nice."],
        ["I have a cat.", "Lovely.", "Guess its name.", "Tom?"],
    ]


def test_another_answer_goes_on_in_a_branch(thread: Thread) -> None:
    agent = thread.say("Guess my dog's name.", "m1", said("Rex?"))
    asked = next(
        state
        for state in agent.get_state_history({"configurable": {"thread_id": thread.id}})
        if len(state.values["messages"]) == 1
    )
    thread.run(None, said("Tom?"), checkpoint=asked.config)
    assert "Rex" not in thread.sent
    thread.say("Yes.", "m2", said("Hello, Tom."))
    assert thread.branches() == [
        ["Guess my dog's name.", "Rex?"],
        ["Guess my dog's name.", "Tom?", "Yes.", "Hello, Tom."],
    ]


def test_another_round_of_tools_goes_on_in_a_branch(thread: Thread) -> None:
    def call(id: str) -> AIMessage:
        return AIMessage("", tool_calls=[{"name": "lookup", "args": {"query": id}, "id": id}])

    agent = thread.say("Look it up.", "m1", call("c1"), said("Forty-two."))
    asked = next(
        state
        for state in agent.get_state_history({"configurable": {"thread_id": thread.id}})
        if len(state.values["messages"]) == 1
    )
    thread.run(None, call("c2"), said("Two."), checkpoint=asked.config)
    assert [branch[-1] for branch in thread.branches()] == ["Forty-two.", "Two."]
    assert [len(branch) for branch in thread.branches()] == [4, 4]


def test_a_new_message_at_an_earlier_checkpoint_goes_on_in_a_branch(thread: Thread) -> None:
    agent = thread.say("I have a dog.", "m1", said("Nice."))
    config: Any = {"configurable": {"thread_id": thread.id}}
    first = agent.get_state(config).config
    thread.say("It is called Rex.", "m2", said("Rex."))
    rex = agent.get_state(config).config
    thread.say("Guess its name.", "m3", said("Tom?"), checkpoint=first)
    assert "Rex" not in thread.sent
    # Each checkpoint finds its own branch again.
    thread.say("Who is Rex?", "m4", said("Your dog."), checkpoint=rex)
    assert thread.branches() == [
        ["I have a dog.", "Nice.", "It is called Rex.", "Rex.", "Who is Rex?", "Your dog."],
        ["I have a dog.", "Nice.", "Guess its name.", "Tom?"],
    ]


def test_what_the_application_appends_makes_no_branch(thread: Thread) -> None:
    thread.say("I have a dog.", "m1", said("Nice."))
    thread.memory.append_turns(thread.id, [v1.Turn(role=v1.ROLE_USER, parts=[v1.Part(text="x")])])
    thread.say("Guess its name.", "m2", said("Rex?"))
    assert thread.branches() == [["I have a dog.", "Nice.", "x", "Guess its name.", "Rex?"]]
