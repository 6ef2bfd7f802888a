"""A conversation of 60 turns, with and without memory: the answers and the bill.

    python clients/examples/session.py [python|typescript] [--model NAME [--upstream URL]]
        [--all] [--answers FILE]

Starts a Throughline server and a chat backend. The first 54 turns are real ones from
the demo's conversation (MIT, `server/demo/README.md`): the user's messages go through
`prepare_turn`, the recorded answers through `commit_turn`. Then three questions are
asked twice: of the backend, and of the model with the whole history, as a backend
without memory sends it; each goes on with its own answers. With `--all` the model
answers the 27 recorded messages too, from the window and from the whole history; the
conversation goes on with what was recorded. `--answers` writes all answers, whole and
side by side, to a file.

They are answered by the service of `upstream.py`, which has no model: it quotes the
sentence of its prompt that fits the question best, so that its answers show what stood
there, not how a model reads it, and counts words for tokens. `--model` (or `MODEL`)
names a local model instead, which is fetched and served by `throughline models serve`;
with `--upstream` (or `OPENAI_BASE_URL`), a model of that service.
"""

import json
import textwrap
from contextlib import ExitStack
from pathlib import Path
from urllib.request import Request, urlopen

import services
from meter import Meter
from openai import OpenAI

from throughline import Client, methods, v1

BUDGET = 2000
QUESTIONS = [
    "Which lean to fat ratio did I go with?",
    "Which ribbon did I go with?",
    "Which app am I thinking of using, since it sounds fun?",
]
ARMS = ("with memory", "whole history")


class Answers:
    """The answers of both, side by side."""

    def __init__(self) -> None:
        self.page = ["# With memory, and with the whole history"]

    def show(self, text: str, *answers: str) -> None:
        """To the terminal in short; the page has them whole."""
        print(f"\n{short(text)}")
        self.page.append(f"## {text}")
        for arm, answer in zip(ARMS, answers, strict=True):
            print(f"  {arm + ':':15} {short(answer)}", flush=True)
            self.page.append(f"**{arm}**\n\n{answer}")


def say(chat: str, text: str) -> str:
    """What the backend answers to a message of the user."""
    body = json.dumps({"text": text}).encode()
    request = Request(f"{chat}/session", body, {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return answer.read().decode()


def short(text: str) -> str:
    """A line of a text."""
    return textwrap.shorten(text, 160, placeholder=" …")


def less(whole: int, with_memory: int) -> str:
    """Two amounts, and what is saved."""
    saved = (whole - with_memory) / whole if whole else 0
    change = f"{abs(saved):.0%} {'less' if saved >= 0 else 'more'}"
    return f"{whole:,} with the whole history, {with_memory:,} with memory ({change})"


def main() -> None:
    """Plays the session and prints what came of it."""
    given = services.arguments(__doc__, session=True)
    lines = (services.ROOT / "server/demo/conversation.jsonl").read_text().splitlines()[:54]
    script = [json.loads(line) for line in lines]
    recorded = [{"role": said["role"], "content": said["text"]} for said in script]
    answers, history = Answers(), []
    with ExitStack() as stack:
        address, service = services.throughline(stack), services.upstream(stack, given)
        meters = [stack.enter_context(Meter(service)) for _ in ARMS]
        chat = services.backend(stack, given, address, meters[0].base_url, port=0)
        llms = [OpenAI(base_url=meter.base_url, api_key="the meter's") for meter in meters]
        memory = stack.enter_context(Client(address, api_key=""))

        def answer(llm: OpenAI, messages: list[dict[str, str]]) -> str:
            completion = llm.chat.completions.create(model=given.model, messages=messages)
            return completion.choices[0].message.content or ""

        memory.create_conversation("session")
        for asked, answered in zip(recorded[::2], recorded[1::2], strict=True):
            turn = memory.prepare_turn("session", asked, budget=BUDGET)
            history.append(asked)
            if given.all:
                both = zip(llms, [turn.messages, history], strict=True)
                answers.show(asked["content"], *(answer(*sent) for sent in both))
            memory.commit_turn(turn, answered)
            history.append(answered)
        for question in QUESTIONS:
            history.append({"role": "user", "content": question})
            whole = answer(llms[1], history)
            history.append({"role": "assistant", "content": whole})
            answers.show(question, say(chat, question), whole)
        if given.answers:
            Path(given.answers).write_text("\n\n".join(answers.page) + "\n")

        request = v1.GetUsageRequest(conversation="conversations/session")
        used = memory.call(methods.GET_USAGE, request).total
        estimate = less(used.window_tokens + used.saved_tokens, used.window_tokens)
        print(f"\n{used.turns} turns, prompt tokens: {estimate}")
        if all(meter.counted for meter in meters):
            counted = less(meters[1].prompt_tokens, meters[0].prompt_tokens)
            print(f"{meters[0].counted} answers, as the service counts: {counted}")
        else:
            print("the service sends no usage: the amounts are Throughline's estimate")


if __name__ == "__main__":
    main()
