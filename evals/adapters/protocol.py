"""The adapter protocol: one JSON object a line on standard input, one answer a
line on standard output. See docs/evaluation.md."""

import json
import sys
import traceback


def serve(memory, name, version):
    """Answers until the input ends. `memory` has add(id, turns), search(id,
    query, limit) -> texts, best first, and forget(id)."""
    # What a library prints must not end up among the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            ask = json.loads(line)
            answer = _answer(memory, ask, name, version)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(memory, ask, name, version):
    operation = ask["op"]
    if operation == "hello":
        return {"name": name, "version": version}
    conversation = ask["conversation"]
    if operation == "add":
        memory.add(conversation, ask["turns"])
        return {}
    if operation == "search":
        return {"items": memory.search(conversation, ask["query"], ask["limit"])}
    if operation == "forget":
        memory.forget(conversation)
        return {}
    raise ValueError(f"unknown operation {operation!r}")
