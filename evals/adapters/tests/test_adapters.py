"""What the adapters make of a conversation, with stand-ins for the packages that they
bring in: none of these is needed here."""

import importlib
import os
import pathlib
import sys
import types
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

TURNS = [
    {"role": "user", "content": "one", "extra": 1},
    {"role": "assistant", "content": "two"},
    {"role": "user", "content": "three"},
]


class FakeStore:
    """LangGraph's store, as far as the adapter asks it."""

    def __init__(self, index):
        self.index = index
        self.items = {}

    def put(self, namespace, key, value):
        self.items[(namespace, key)] = value

    def search(self, namespace, query, limit):
        values = [value for (of, _), value in self.items.items() if of == namespace]
        return [types.SimpleNamespace(value=value) for value in values[:limit]]

    def delete(self, namespace, key):
        del self.items[(namespace, key)]


class FakeMemory:
    """mem0's memory; `old` searches by user id, as before version 2."""

    old = False

    @classmethod
    def from_config(cls, config):
        memory = cls()
        memory.config, memory.added, memory.deleted = config, [], []
        return memory

    def add(self, messages, user_id, infer):
        self.added.append((messages, user_id, infer))

    def search(self, query, *, user_id=None, limit=None, **newer):
        if self.old == bool(newer):
            raise (TypeError if self.old else ValueError)("other arguments")
        self.asked = {"user_id": user_id, "limit": limit, **newer}
        return {"results": [{"memory": "kept"}]}

    def delete_all(self, user_id):
        self.deleted.append(user_id)


def module(name, **members):
    made = types.ModuleType(name)
    for member, value in members.items():
        setattr(made, member, value)
    return made


class Embedder:
    def embed(self, texts):
        return [[float(len(text))] for text in texts]


def load(name, **stand_ins):
    """An adapter's module, loaded anew with stand-ins for what it imports."""
    modules = {"embedder": module("embedder", DIMENSIONS=3, Embedder=Embedder)}
    modules.update((key.replace("__", "."), value) for key, value in stand_ins.items())
    with mock.patch.dict(sys.modules, modules):
        sys.modules.pop(name, None)
        return importlib.import_module(name)


class LangGraph(unittest.TestCase):
    def setUp(self):
        store = module("langgraph.store.memory", InMemoryStore=FakeStore)
        packages = {"langgraph": module("langgraph"), "langgraph__store": module("store")}
        loaded = load("langgraph_store", langgraph__store__memory=store, **packages)
        self.memory = loaded.Store()

    def test_every_turn_is_an_item_of_its_conversation(self):
        self.memory.add("a", TURNS[:2])
        self.memory.add("a", TURNS[2:])
        self.memory.add("b", TURNS[:1])
        self.assertEqual(self.memory.search("a", "q", 9), ["one", "two", "three"])
        self.assertEqual(self.memory.search("a", "q", 2), ["one", "two"])
        self.assertEqual(self.memory.store.index["fields"], ["text"])

    def test_what_is_forgotten_leaves_nothing_behind(self):
        self.memory.add("a", TURNS)
        self.memory.add("b", TURNS[:1])
        self.memory.forget("a")
        self.assertEqual(list(self.memory.store.items), [(("b",), "0")])
        self.memory.forget("never heard of")
        self.memory.add("a", TURNS[:1])
        self.assertEqual(self.memory.search("a", "q", 9), ["one"])


class Mem0(unittest.TestCase):
    def setUp(self):
        # Telemetry is switched off before the package is loaded.
        with mock.patch.dict(os.environ):
            self.loaded = load("mem0_memory", mem0=module("mem0", Memory=FakeMemory))

    def opened(self, llm=None):
        memory = self.loaded.Mem0(llm)
        self.addCleanup(memory.folder.cleanup)
        return memory

    def test_turns_are_kept_as_they_are(self):
        memory = self.opened()
        memory.add("a", TURNS)
        plain = [{"role": turn["role"], "content": turn["content"]} for turn in TURNS]
        expected = [([one], "a", False) for one in plain]
        self.assertEqual(memory.memory.added, expected)
        self.assertEqual(memory.memory.embedding_model.embed("four"), [4.0])

    def test_a_model_reads_exchanges(self):
        memory = self.opened({"provider": "openai"})
        memory.add("a", TURNS)
        read = [[one["content"] for one in messages] for messages, _, _ in memory.memory.added]
        self.assertEqual(read, [["one", "two"], ["three"]])
        self.assertTrue(all(infer for _, _, infer in memory.memory.added))

    def test_exchanges_begin_with_the_user(self):
        for roles, expected in [
            ("", []),
            ("u", ["u"]),
            ("uauaa", ["ua", "uaa"]),
            ("auua", ["a", "uua"]),
        ]:
            found = list(self.loaded.exchanges([{"role": name(role)} for role in roles]))
            found = ["".join(message["role"][0] for message in one) for one in found]
            self.assertEqual(found, expected, roles)

    def test_both_ways_to_search_are_known(self):
        memory = self.opened()
        self.assertEqual(memory.search("a", "q", 5), ["kept"])
        newer = {"filters": {"user_id": "a"}, "top_k": 5, "threshold": 0.0}
        self.assertEqual(memory.memory.asked, {"user_id": None, "limit": None, **newer})
        memory.memory.old = True
        self.assertEqual(memory.search("a", "q", 5), ["kept"])
        self.assertEqual(memory.memory.asked, {"user_id": "a", "limit": 5})

    def test_a_conversation_is_a_user(self):
        memory = self.opened()
        memory.forget("a")
        self.assertEqual(memory.memory.deleted, ["a"])


class EmbedderOfTheService(unittest.TestCase):
    def setUp(self):
        packages = ("numpy", "onnxruntime", "tokenizers")
        stand_ins = {name: module(name) for name in packages}
        with mock.patch.dict(sys.modules, stand_ins):
            sys.modules.pop("embedder", None)
            self.loaded = importlib.import_module("embedder")

    def tearDown(self):
        sys.modules.pop("embedder", None)

    def test_a_text_is_embedded_once(self):
        embedder = object.__new__(self.loaded.Embedder)
        embedder.known, ran = {}, []

        def run(texts):
            ran.append(list(texts))
            return [types.SimpleNamespace(tolist=lambda text=text: [text]) for text in texts]

        embedder._run = run
        self.assertEqual(embedder.embed(["b", "a", "b"]), [["b"], ["a"], ["b"]])
        self.assertEqual(embedder.embed(["a", "c"]), [["a"], ["c"]])
        self.assertEqual(ran, [["b", "a"], ["c"]])
        many = [str(number) for number in range(self.loaded.BATCH + 1)]
        embedder.embed(many)
        self.assertEqual([len(batch) for batch in ran[2:]], [self.loaded.BATCH, 1])

    def test_it_says_where_models_come_from(self):
        with mock.patch.dict(os.environ):
            os.environ.pop("THROUGHLINE_MODELS_DIR", None)
            with self.assertRaisesRegex(SystemExit, "models pull"):
                self.loaded.Embedder()


def name(letter):
    return "user" if letter == "u" else "assistant"


if __name__ == "__main__":
    unittest.main()
