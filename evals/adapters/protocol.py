"""The adapter protocol: one JSON object a line on standard input, one answer a
line on standard output. See docs/evaluation.md."""

import json
import sys
import traceback

CALLS = ("add", "search", "window", "forget")


def serve(memory, name, version):
    """Answers until the input ends. `memory` has add(id, turns), forget(id), and one
    of these, or both:

    search(id, query, limit) -> texts, best first: the runner makes the window;
    window(id, query, budget, tokenizer) -> (messages, tokens): the memory makes it,
    each message with role and content, `tokens` by its own count or None."""
    # What a library prints must not end up among the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    calls = [call for call in CALLS if callable(getattr(memory, call, None))]
    greeting = {"name": name, "version": version, "calls": calls}
    for line in sys.stdin:
        try:
            answer = _answer(memory, json.loads(line), greeting)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(memory, ask, greeting):
    operation = ask["op"]
    if operation == "hello":
        return greeting
    if operation not in greeting["calls"]:
        raise ValueError(f"unknown operation {operation!r}")
    conversation = ask["conversation"]
    if operation == "add":
        memory.add(conversation, ask["turns"])
        return {}
    if operation == "search":
        return {"items": memory.search(conversation, ask["query"], ask["limit"])}
    if operation == "window":
        asked = ask["query"], ask["budget"], ask["tokenizer"]
        messages, tokens = memory.window(conversation, *asked)
        return {"messages": messages, "tokens": tokens}
    memory.forget(conversation)
    return {}
