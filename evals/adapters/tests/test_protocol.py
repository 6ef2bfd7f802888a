"""What protocol.py answers, line by line."""

import io
import json
import pathlib
import sys
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import protocol  # noqa: E402


class Searched:
    def __init__(self):
        self.held = {}

    def add(self, conversation, turns):
        print("a library that talks")
        self.held.setdefault(conversation, []).extend(turns)

    def search(self, conversation, query, limit):
        return [turn["content"] for turn in self.held[conversation]][:limit]

    def forget(self, conversation):
        del self.held[conversation]


class Assembled(Searched):
    search = None

    def window(self, conversation, query, budget, tokenizer):
        self.asked = (query, budget, tokenizer)
        return self.held[conversation], None


def said(memory, *lines):
    """The answers to lines, of which those that are no text are written as JSON."""
    asked = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    out, log = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "stdin", io.StringIO("".join(line + "\n" for line in asked))),
        mock.patch.object(sys, "stdout", out),
        mock.patch.object(sys, "stderr", log),
    ):
        protocol.serve(memory, "name", "7")
    return [json.loads(line) for line in out.getvalue().splitlines()]


HELLO = {"op": "hello", "protocol": 1}
TURNS = [{"role": "user", "content": "über"}, {"role": "assistant", "content": "two"}]
ADD = {"op": "add", "conversation": "a", "turns": TURNS}
SEARCH = {"op": "search", "conversation": "a", "query": "q", "limit": 1}
WINDOW = {
    "op": "window",
    "conversation": "a",
    "query": "q",
    "budget": 90,
    "tokenizer": "cl100k_base",
}
FORGET = {"op": "forget", "conversation": "a"}


class Protocol(unittest.TestCase):
    def test_the_greeting_names_the_calls(self):
        for memory, shows in [(Searched(), "search"), (Assembled(), "window")]:
            greeting = {"name": "name", "version": "7", "calls": ["add", shows, "forget"]}
            self.assertEqual(said(memory, HELLO), [greeting])

    def test_items_are_found_and_forgotten(self):
        answers = said(Searched(), ADD, SEARCH, FORGET, SEARCH)
        self.assertEqual(answers[:3], [{}, {"items": ["über"]}, {}])
        self.assertEqual(answers[3], {"error": "KeyError: 'a'"})

    def test_a_window_goes_out_as_it_was_made(self):
        memory = Assembled()
        answers = said(memory, ADD, WINDOW)
        self.assertEqual(answers[1], {"messages": TURNS, "tokens": None})
        self.assertEqual(memory.asked, ("q", 90, "cl100k_base"))

    def test_an_error_is_answered_and_the_next_line_read(self):
        answers = said(Searched(), "no json", {"op": "fly", "conversation": "a"}, WINDOW, ADD)
        self.assertIn("JSONDecodeError", answers[0]["error"])
        self.assertEqual(answers[1], {"error": "ValueError: unknown operation 'fly'"})
        self.assertEqual(answers[2], {"error": "ValueError: unknown operation 'window'"})
        self.assertEqual(answers[3], {})


if __name__ == "__main__":
    unittest.main()
