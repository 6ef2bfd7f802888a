"""A conversation of 60 turns, with and without memory: the answers and the bill.

    python clients/examples/session.py

Starts a Throughline server of its own (`THROUGHLINE_BIN`, else the build in
`target/`). The first 54 turns are real ones from the demo's conversation (MIT,
`server/demo/README.md`): the user's messages go through `prepare_turn`, the
recorded answers through `commit_turn`. Then three questions are asked twice: with
the window, and with the whole history, as a backend without memory sends it. They
are answered by `OPENAI_BASE_URL` and `MODEL` if set, else by the service without a
model in `upstream.py`.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from openai import OpenAI

from throughline import Client

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUDGET = 2000
QUESTIONS = [
    "Which lean to fat ratio did I go with?",
    "Which ribbon did I go with?",
    "Which app am I thinking of using, since it sounds fun?",
]


def listening(stack: ExitStack, command: list[str]) -> str:
    """Starts a program that says where it listens; it ends with the session."""
    program = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(program.terminate)
    return program.stdout.readline().rpartition(" ")[2].strip()


def throughline(stack: ExitStack) -> Client:
    """A server with an empty data directory, and its client."""
    built = [ROOT / "target" / kind / "throughline" for kind in ("debug", "release")]
    binary = os.environ.get("THROUGHLINE_BIN") or next(path for path in built if path.exists())
    os.environ.setdefault("THROUGHLINE_MODELS_DIR", str(ROOT / "target" / "models"))
    data = stack.enter_context(tempfile.TemporaryDirectory())
    serve = [str(binary), "serve", "--dev", "--listen", "127.0.0.1:0", "--data-dir", data]
    return stack.enter_context(Client(listening(stack, [*serve, "--log", "warn"]), api_key=""))


def model(stack: ExitStack) -> OpenAI:
    """The model that answers."""
    base_url = os.environ.get("OPENAI_BASE_URL")
    if base_url is None:
        started = listening(stack, [sys.executable, str(HERE / "upstream.py"), "0"])
        base_url = f"http://{started}/v1"
    return OpenAI(base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY", "none"))


def main() -> None:
    """Plays the session and prints what came of it."""
    lines = (ROOT / "server/demo/conversation.jsonl").read_text().splitlines()[:54]
    script = [json.loads(line) for line in lines]
    history = [{"role": said["role"], "content": said["text"]} for said in script]
    with ExitStack() as stack:
        memory, llm = throughline(stack), model(stack)

        def ask(messages: list) -> str:
            name = os.environ.get("MODEL", "extractive")
            answer = llm.chat.completions.create(model=name, messages=messages)
            return answer.choices[0].message.content or ""

        memory.create_conversation("session")
        with_memory = without_memory = 0
        for asked, answered in zip(history[::2], history[1::2], strict=True):
            turn = memory.prepare_turn("session", asked, budget=BUDGET)
            memory.commit_turn(turn, answered)
            with_memory += turn.window.total_tokens
            without_memory += turn.window.full_history_tokens
        for question in QUESTIONS:
            turn = memory.prepare_turn("session", question, budget=BUDGET)
            answer = ask(turn.messages)
            history.append({"role": "user", "content": question})
            print(f"\n{question}\n  with memory:    {answer}\n  whole history:  {ask(history)}")
            history.append({"role": "assistant", "content": answer})
            memory.commit_turn(turn, answer)
            with_memory += turn.window.total_tokens
            without_memory += turn.window.full_history_tokens
        turns = memory.get_conversation("session").last_sequence
        bill = f"{without_memory:,} with the whole history, {with_memory:,} with memory"
        less = 1 - with_memory / without_memory
        print(f"\n{turns} turns, prompt tokens: {bill} ({less:.0%} less)")


if __name__ == "__main__":
    main()
