"""The conversations that `train_staleness.py` learns from, with their labels and folds.

Each set yields (turns, how, label): turns as (role, text); `how` goes to the rows program (`news`, `choose`;
`bare`: without vectors); `label` has `updates` and `unsure` (pairs of turns: old, new), `main` (the old turn of a
pair that is always kept), `kind`, `author` (the file of a written pair) and `fold`. Folds are the first eight bytes of the BLAKE3 hash of the
conversation's id, modulo FOLDS, as `throughline-eval --folds` has them; written and made-up statements go by
their attribute.
"""

import gzip
import json
import pathlib
import random
import re

from blake3 import blake3

from staleness_templates import PLURAL, SINGLE, make

FOLDS = 5
SETS = ["sgd_train", "sgd_updates", "sgd_mixed", "lme", "beam", "synth", "written", "woven", "buried"]
# Sets that are read with the vectors of another.
SOURCE = {"sgd_mixed": "sgd_train", "woven": "written", "buried": "written"}


def lines(path):
    with gzip.open(path, "rt") if path.suffix == ".gz" else open(path) as file:
        return [json.loads(line) for line in file]


def fold(name):
    return int.from_bytes(blake3(name.encode()).digest()[:8], "big") % FOLDS


def role(speaker):
    return "user" if speaker.lower().startswith("u") else "assistant"


def sgd(data, name):
    """(turns, pairs that are updates) of each dialogue."""
    for dialogue in lines(data / name / "dialogues.jsonl.gz"):
        turns = [(role(turn["speaker"]), turn["text"]) for turn in dialogue["turns"]]
        yield turns, [(u["old_turn"], u["turn"]) for u in dialogue["updates"]]


def mixed(dialogues, count, rng):
    """Dialogues cut in two, with one to three others of the same fold put in between."""
    for number in range(count):
        outer = rng.randrange(len(dialogues))
        others = [rng.randrange(len(dialogues) // FOLDS) * FOLDS + outer % FOLDS for _ in range(rng.choice([1, 1, 2, 3]))]
        others = [other for other in others if other < len(dialogues)]
        own = dialogues[outer][0]
        cut = 2 * rng.randrange(1, max(2, len(own) // 2))
        order = [(outer, i) for i in range(cut)]
        order += [(other, i) for other in others for i in range(len(dialogues[other][0]))]
        order += [(outer, i) for i in range(cut, len(own))]
        place = {at: index for index, at in enumerate(order)}
        turns = [dialogues[d][0][i] for d, i in order]
        updates = [(place[d, old], place[d, new]) for d in {outer, *others} for old, new in dialogues[d][1]]
        news = [k for k, (d, i) in enumerate(order) if d == outer and i >= cut and turns[k][0] == "user"]
        yield turns, updates, news, outer, number % 4 == 0


def longmemeval(data):
    """The knowledge updates in their histories of 48 sessions."""
    folder, sessions, wanted = data / "longmemeval", {}, {}
    with gzip.open(folder / "oracle.json.gz") as oracle, gzip.open(folder / "full_haystacks.json.gz") as full:
        for question in json.load(oracle):
            wanted[question["question_id"]] = question
            for name, session in zip(question["haystack_session_ids"], question["haystack_sessions"]):
                sessions.setdefault(name, session)
        for question in json.load(full):
            for name, session in zip(question["haystack_session_ids"], question["haystack_sessions"]):
                sessions.setdefault(name, session)
    for history in lines(folder / "haystacks_48.jsonl.gz"):
        question = wanted[history["question_id"]]
        if question["question_type"] != "knowledge-update" or history["question_id"].endswith("_abs"):
            continue
        own = dict(zip(question["haystack_session_ids"], question["haystack_sessions"]))
        turns, evidence = [], []
        for name, _ in history["sessions"]:
            for turn in own.get(name, sessions[name]):
                if turn.get("has_answer") and name in own and turn["role"] == "user":
                    evidence.append(len(turns))
                turns.append((turn["role"], turn["content"]))
        yield history["question_id"], turns, [(old, evidence[-1]) for old in evidence[:-1]], []


def beam(data):
    """BEAM 100K: knowledge updates; other pairs of the same evidence are left out of the negatives."""
    for path in sorted((data / "beam" / "100K").glob("*.questions.json")):
        questions = json.loads(path.read_text())
        with gzip.open(str(path).replace("questions.json", "chat.json.gz")) as file:
            messages = [m for batch in json.load(file) for turn in batch["turns"] for m in turn]
        place = {m["id"]: index for index, m in enumerate(messages)}
        turns = [(m["role"], re.sub(r"\s*->->.*$", "", m["content"], flags=re.S)) for m in messages]
        at = lambda ids: [place[i] for i in (ids if isinstance(ids, list) else [ids])]
        updates, unsure = [], []
        for kind, (first, second) in {
            "knowledge_update": ("original_info", "updated_info"),
            "contradiction_resolution": ("first_statement", "second_statement"),
        }.items():
            for question in questions[kind]:
                ids = question["source_chat_ids"]
                old, new = at(ids[first]), at(ids[second])
                if kind == "knowledge_update" and old[0] != new[0]:
                    updates.append((old[0], new[0]))
                unsure += [(a, b) for a in old for b in new]
        yield "100K/" + path.name.split(".")[0], turns, updates, unsure


def written():
    """Statements written by hand for this project: see `written/README.md`."""
    folder = pathlib.Path(__file__).parent / "written"
    for path in sorted(folder.glob("*.jsonl")):
        for item in lines(path):
            item["turns"] = [tuple(turn) for turn in item["turns"]]
            item["fold"] = fold(item["group"].lower().strip())
            item["author"] = path.stem
            yield item


def woven(items, filler, count, rng):
    """Several written conversations in one, the later statements at the end; talk of others in between."""
    by_fold = [[item for item in items if item["fold"] == number] for number in range(FOLDS)]
    for number in range(count):
        chosen = rng.sample(by_fold[number % FOLDS], rng.choice([3, 4, 5, 6]))
        turns, olds, news, tails = [], {}, {}, []
        for item in chosen:
            base = len(turns)
            turns += item["turns"][: item["new"]]
            olds[id(item)] = base + item["old"]
            for _ in range(rng.choice([0, 0, 1, 2])):
                turns += rng.choice(filler)
            tails.append(item)
        rng.shuffle(tails)
        for item in tails:
            if item["new"] and item["turns"][item["new"] - 1][0] == "assistant" and rng.random() < 0.7:
                turns.append(("assistant", rng.choice(["Okay.", "Sure.", "Done.", "Anything else?", "Noted, thanks."])))
            news[id(item)] = len(turns)
            turns.append(item["turns"][item["new"]])
        updates = [(olds[id(i)], news[id(i)]) for i in chosen if i["label"] == "replaces"]
        unsure = [(olds[id(i)], news[id(i)]) for i in chosen if i["label"] == "contradicts"]
        unsure += [
            (place, news[id(j)]) for i in chosen for j in chosen if i is not j and i["group"] == j["group"]
            for place in (olds[id(i)], news[id(i)])
        ]
        yield turns, updates, unsure, sorted(news.values()), number % FOLDS


def buried(items, rng):
    """Short statements put into long messages of others, old or new or both."""
    short = lambda text: len(text) < 160
    for item in items:
        turns, at = list(item["turns"]), [item["old"], item["new"]]
        if not all(short(turns[k][1]) for k in at):
            continue
        others = [o for o in items if o["fold"] == item["fold"] and o["group"] != item["group"]]
        changed = rng.choice([[at[0]], [at[1]], at])
        for k in changed:
            parts = []
            while sum(map(len, parts)) < rng.choice([150, 250, 400]):
                other = rng.choice(others)
                parts.append(other["turns"][other["old"]][1].strip())
            place = rng.randrange(len(parts) + 1)
            ended = [part if part[-1] in ".!?" else part + "." for part in parts[:place] + [turns[k][1].strip()] + parts[place:]]
            turns[k] = ("user", " ".join(ended))
        yield item, turns


def conversations(data):
    """For each set its conversations: (turns, what the rows program is told, labels)."""
    rng = random.Random(5)
    out = {name: [] for name in SETS}
    train = list(sgd(data, "sgd_train"))
    for number, (turns, updates) in enumerate(train):
        out["sgd_train"].append((turns, {}, dict(updates=updates, fold=number % FOLDS)))
    for turns, updates in sgd(data, "sgd_updates"):
        out["sgd_updates"].append((turns, {}, dict(updates=updates, fold=-1)))
    for turns, updates, news, outer, bare in mixed(train, 3000, rng):
        out["sgd_mixed"].append((turns, dict(news=news, choose=True, bare=bare), dict(updates=updates, fold=outer % FOLDS)))
    for name, found in (("lme", longmemeval(data)), ("beam", beam(data))):
        for identity, turns, updates, unsure in found:
            out[name].append((turns, dict(choose=True), dict(updates=updates, unsure=unsure, fold=fold(identity))))
    for number, (turns, new, old, label, group) in enumerate(make(6000, 7)):
        kind = "replaces" if label else "adds" if len(SINGLE) <= group < len(SINGLE) + len(PLURAL) else "keeps"
        labels = dict(updates=[(old, new)] if label else [], main=old, kind=kind, fold=group % FOLDS)
        out["synth"].append((turns, dict(news=[new], bare=number % 3 == 0), labels))
    items = [item for item in written() if all(item["turns"][item[k]][0] == "user" for k in ("old", "new"))]
    pair = lambda item: [(item["old"], item["new"])]
    label = lambda item: dict(
        updates=pair(item) if item["label"] == "replaces" else [], main=item["old"], kind=item["label"], fold=item["fold"],
        author=item["author"], unsure=pair(item) if item["label"] == "contradicts" else [],
    )
    for bare in (False, True):
        for item in items:
            out["written"].append((item["turns"][: item["new"] + 1], dict(news=[item["new"]], bare=bare), label(item)))
    filler = [turns[k : k + 2] for turns, _ in train[:3000] for k in range(0, len(turns) - 1, 6) if turns[k][0] == "user"]
    for turns, updates, unsure, news, number in woven(items, filler, 1500, rng):
        labels = dict(updates=updates, unsure=unsure, fold=number)
        out["woven"].append((turns, dict(news=news, choose=True), labels))
    for item, turns in buried(items, rng):
        out["buried"].append((turns[: item["new"] + 1], dict(news=[item["new"]]), label(item)))
    return out
