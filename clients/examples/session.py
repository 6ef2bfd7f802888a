"""A conversation of 60 turns, with and without memory: the answers and the bill.

    python clients/examples/session.py [python|typescript] [--model NAME [--upstream URL]]

Starts a Throughline server and a chat backend. The first 54 turns are real ones from
the demo's conversation (MIT, `server/demo/README.md`): the user's messages go through
`prepare_turn`, the recorded answers through `commit_turn`. Then three questions are
asked twice: of the backend, and of the model with the whole history, as a backend
without memory sends it. They are answered by the service of `upstream.py`, which has
no model: it quotes the sentence of its prompt that fits the question best, so that its
answers show what stood there, not how a model reads it. `--model` (or `MODEL`) names a
local model instead, which is fetched and served by `throughline models serve`; with
`--upstream` (or `OPENAI_BASE_URL`), a model of that service.
"""

import json
import os
from contextlib import ExitStack
from urllib.request import Request, urlopen

import services
from openai import OpenAI

from throughline import Client, methods, v1

BUDGET = 2000
QUESTIONS = [
    "Which lean to fat ratio did I go with?",
    "Which ribbon did I go with?",
    "Which app am I thinking of using, since it sounds fun?",
]


def say(chat: str, text: str) -> str:
    """What the backend answers to a message of the user."""
    body = json.dumps({"text": text}).encode()
    request = Request(f"{chat}/session", body, {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        return answer.read().decode()


def main() -> None:
    """Plays the session and prints what came of it."""
    given = services.arguments(__doc__)
    lines = (services.ROOT / "server/demo/conversation.jsonl").read_text().splitlines()[:54]
    script = [json.loads(line) for line in lines]
    history = [{"role": said["role"], "content": said["text"]} for said in script]
    with ExitStack() as stack:
        address, base_url = services.throughline(stack), services.upstream(stack, given)
        chat = services.backend(stack, given, address, base_url, port=0)
        llm = OpenAI(base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY", "none"))
        memory = stack.enter_context(Client(address, api_key=""))

        memory.create_conversation("session")
        for asked, answered in zip(history[::2], history[1::2], strict=True):
            turn = memory.prepare_turn("session", asked, budget=BUDGET)
            memory.commit_turn(turn, answered)
        for question in QUESTIONS:
            answer = say(chat, question)
            history.append({"role": "user", "content": question})
            whole = llm.chat.completions.create(model=given.model, messages=history)
            print(f"\n{question}\n  with memory:    {answer}")
            print(f"  whole history:  {whole.choices[0].message.content}")
            history.append({"role": "assistant", "content": answer})

        request = v1.GetUsageRequest(conversation="conversations/session")
        used = memory.call(methods.GET_USAGE, request).total
        whole = used.window_tokens + used.saved_tokens
        bill = f"{whole:,} with the whole history, {used.window_tokens:,} with memory"
        less = used.saved_tokens / whole
        print(f"\n{used.turns} turns, prompt tokens: {bill} ({less:.0%} less)")


if __name__ == "__main__":
    main()
