"""What the detector of pins is trained on: written turns, BEAM, and task talk as contrast."""
import glob
import gzip
import hashlib
import json
import pathlib
import re

from blake3 import blake3

from pins_features import features, runs, sentences

KINDS = ("instruction", "prohibition", "preference", "fact", "decision", "commitment", "consent", "identifier")
FOLDS = 5
PAIRING = """always never whenever when if every each prefer prefer rather over than instead like love hate want enjoy
please remember from forward avoid stop no not only must because since keep use with without choose chose option first
second i my you your me too way""".split()
# What is said like a labelled sentence of BEAM and is not asked about there: taken for what it says.
UNASKED = (
    ("instruction", re.compile(r"^always\b", re.I)),
    ("preference", re.compile(r"\bI (really |generally )?(prefer|prioriti[sz]e|value) ", re.I)),
)
SGD_TURNS = 2500
# Files of written turns with many choices and remarks of a few words; see PREFERENCE_WEIGHT of train_pins.py.
CHOICES = tuple("abcdefgk")


def fold(name):
    """As the evaluation folds: BLAKE3, first eight bytes big-endian."""
    return int.from_bytes(blake3(name.encode()).digest()[:8], "big") % FOLDS


class Run:
    """A sentence, or a run of clauses of one (`of` is the index of its sentence)."""

    def __init__(self, text, span, source, **more):
        self.text, self.span, self.source = text, span, source
        self.kinds, self.unasked, self.skipped, self.weight = set(), False, False, 1.0
        self.conversation, self.message, self.of, self.is_sentence = None, None, None, True
        self.is_choice = False
        self.__dict__.update(more)


def add(rows, text, spans, source, weight, with_runs=True, named="", **more):
    """Adds the sentences of a turn and their runs. `spans`: (kind, start, end) of what is to be pinned; `named`: for a
    labelled turn of BEAM, the words of the label, by which its runs are told apart."""
    found, first = sentences(text), len(rows)
    for number, span in enumerate(found):
        at = len(rows)
        row = Run(text, span, source, weight=weight, of=at, **more)
        row.kinds = {kind for kind, start, end in spans
                     if min(end, span[1]) - max(start, span[0]) >= min(8, end - start)}
        row.place = (number, len(found))
        rows.append(row)
        runs_of = runs(text, span) if with_runs else []
        for run in runs_of:
            part = Run(text, run, source, of=at, is_sentence=False, weight=weight / 2 / max(1, len(runs_of) / 3), **more)
            part.place = row.place
            label_run(part, row, spans, named)
            rows.append(part)
    for row in rows[first:]:
        if "prohibition" in row.kinds:
            row.kinds.add("instruction")


def label_run(part, row, spans, named):
    start, end = part.span
    if named and row.kinds:
        words = content(named)
        shared = len(words & content(part.text[start:end])) / max(1, len(words))
        part.kinds = set(row.kinds) if shared >= 0.5 else set()
        part.skipped = 0.25 <= shared < 0.5
        return
    for kind, first, last in spans:
        shared = min(last, end) - max(first, start)
        if shared >= 0.8 * min(last - first, row.span[1] - row.span[0]):
            part.kinds.add(kind)
        elif shared > 0.3 * (last - first):
            part.skipped = True


def content(text):
    return set(re.findall(r"[a-z0-9]{4,}", text.lower()))


def written(rows, folder):
    for path in sorted(glob.glob(str(folder / "pins" / "*.jsonl"))):
        for line in open(path, encoding="utf-8"):
            turn = json.loads(line)
            text, spans = turn["text"], []
            for span in turn["spans"]:
                start = text.index(span["text"])
                spans.append((span["kind"], start, start + len(span["text"])))
            add(rows, text, spans, "written", 1.0, is_choice=pathlib.Path(path).stem in CHOICES)


def contrast(rows, data):
    taken = 0
    for line in gzip.open(data / "sgd_train" / "dialogues.jsonl.gz", "rt"):
        dialogue = json.loads(line)
        if int(hashlib.sha256(dialogue["dialogue_id"].encode()).hexdigest()[:4], 16) % 13:
            continue
        for turn in dialogue["turns"]:
            if turn["speaker"] == "user" and taken < SGD_TURNS:
                add(rows, turn["text"], [], "sgd", 0.25, with_runs=False)
                taken += 1
    for line in gzip.open(data / "structflow" / "conversations.jsonl.gz", "rt"):
        for turn in json.loads(line)["whole_conv"]:
            add(rows, turn["user prompt"], [], "structflow", 0.5, with_runs=False)


def numbers(value):
    if isinstance(value, int):
        return [value]
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [number for inner in values for number in numbers(inner)]


def beam(data):
    """(id, user messages by number, questions: (kind, numbers, words of the label))."""
    for path in sorted(pathlib.Path(data / "beam").glob("*/*.questions.json")):
        name = f"{path.parent.name}/{path.name.split('.')[0]}"
        batches = json.load(gzip.open(path.with_name(path.name.replace("questions.json", "chat.json.gz"))))
        messages = [message for batch in batches for turn in batch["turns"] for message in turn]
        users = {m["id"]: m["content"].split("->->")[0].rstrip() for m in messages if m["role"] == "user"}
        asked, questions = json.load(open(path)), []
        for ability, kind in (("instruction_following", "instruction"), ("preference_following", "preference")):
            for question in asked[ability]:
                named = question.get("instruction_being_tested") or question.get("preference_being_tested") or ""
                evidence = {number for number in numbers(question["source_chat_ids"]) if number in users}
                questions.append((kind, evidence, named))
        yield name, users, questions


def conversations(rows, data):
    for name, users, questions in beam(data):
        best = {}
        for kind, evidence, named in questions:
            words = content(named)
            for number in evidence:
                for start, end in sentences(users[number]):
                    shared = len(words & content(users[number][start:end])) / max(1, len(words))
                    if shared >= 0.4 and shared > best.get(number, (0,))[0]:
                        best[number] = (shared, kind, start, end, named)
        for number, text in users.items():
            more = dict(conversation=name, message=number)
            if number in best:
                _, kind, start, end, named = best[number]
                first = len(rows)
                add(rows, text, [(kind, start, end)], "beam", 0.7, named=named, **more)
                for row in rows[first:]:
                    row.weight = (4.0 if row.is_sentence else 2.0) if row.kinds else row.weight
                continue
            first = len(rows)
            add(rows, text, [], "beam", 0.7, **more)
            for row in rows[first:]:
                row.kinds = {kind for kind, says in UNASKED if says.search(text[row.span[0]:row.span[1]])}
                row.unasked = bool(row.kinds)


def rows_of(data, folder, words):
    rows = []
    written(rows, folder)
    contrast(rows, data)
    conversations(rows, data)
    pairing = set(PAIRING)
    for row in rows:
        row.features = features(row.text, row.span, *row.place, words, pairing)
        row.fold = fold(row.conversation or row.text)
    return rows
