"""Adapters that go wrong, each in its own way: `unruly.py WAY`. Speaks the protocol
without protocol.py, which would mend half of it."""

import json
import sys

GREETING = '{"name": "unruly", "version": "1"%s}'
PROPER = {
    "hello": GREETING % "",
    "add": "{}",
    "search": '{"items": ["one"]}',
    "window": '{"messages": [], "tokens": 0}',
    "forget": "{}",
}
CALLS = GREETING % ', "calls": %s'
WAYS = {
    "proper": {},
    "silent": {"hello": None},
    "noisy": {"hello": "loading the model ..."},
    "half": {"search": '{"items": ["one"'},
    "refusing": {"add": '{"error": "disk full"}'},
    "angry": {"add": '{"error": {"code": 7}}'},
    "calm": {"add": '{"error": null}'},
    "nameless": {"hello": '{"version": "1"}'},
    "other_items": {"search": '{"items": "one"}'},
    "mute": {"hello": CALLS % '["add", "forget"]'},
    "forgetful": {"hello": CALLS % '["add", "search"]'},
    "empty_handed": {
        "hello": CALLS % '["add", "window", "forget"]',
        "window": '{"tokens": 7}',
    },
    "ends": {"add": 3},
}


def main():
    way = WAYS[sys.argv[1]]
    for line in sys.stdin:
        operation = json.loads(line)["op"]
        answer = {**PROPER, **way}[operation]
        if isinstance(answer, int):
            sys.exit(answer)
        if answer is not None:
            print(answer, flush=True)


if __name__ == "__main__":
    main()
