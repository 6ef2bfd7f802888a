"""Learns the order at query time: is the later of two hits a newer answer to the question?

The hits of a question are the first 12 of the hybrid ranking, by `throughline-eval features` files and the ranking
weights that have not seen the fold; without such files, of a plain BM25 with a bonus for user turns, for which no
server is needed. The rows of their pairs come from the product (`order_rows`). A pair of the original and the update
of a knowledge-update question is positive; all other pairs are negative, those that would push evidence down with
twice the weight; pairs of evidence are left out. A logistic model, L2, by L-BFGS from zero: the same input gives the
same weights.

Writes the weights learnt on everything, and for each fold those learnt without it; prints what lifting the surest
pair of each question brings on unseen folds.

    cargo build --release --example order_rows -p throughline-memory
    venv/bin/python train_order.py --data DIR --rows target/release/examples/order_rows --out ../../memory/weights
"""

import argparse
import collections
import gzip
import json
import math
import pathlib
import re
import subprocess

import numpy as np
from blake3 import blake3
from scipy.optimize import minimize

FEATURES = ["both_answer", "answer_alike", "asks_for_value", "values_differ", "change_cues"]
FOLDS = 5
LOOKED_AT = 12
MOST = 1
USER_BONUS = 3.0
L2 = 5.0
POSITIVES = 30.0
NEGATIVE, BETWEEN_OTHERS = 0.3, 0.15
ACT_AT = -1.5
STOP = set("""a an the is are was were be been am i my me we our you your it its this that these those of to in on at
for from by with and or but not do does did have has had can could will would should what which who when where how
many much there their they he she his her as if so than then about into out up""".split())


def read(path):
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file] if ".jsonl" in path.name else json.load(file)


def fold(name):
    return int.from_bytes(blake3(name.encode()).digest()[:8], "big") % FOLDS


class Question:
    """A question, the turns of its conversation as (role, text), its evidence, and (originals, updates) or nothing."""

    def __init__(self, name, of, fold_id, text, turns, evidence, update):
        self.set, self.id, self.fold, self.text = name, of, fold(fold_id), text
        self.turns, self.evidence, self.update = turns, set(evidence), update
        self.hits, self.pairs = [], []


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in numbers(each)]
    return [value] if isinstance(value, int) else []


def beam(data):
    for path in sorted((data / "beam" / "100K").glob("*.chat.json.gz")):
        stem = path.name.split(".")[0]
        messages = [m for batch in read(path) for turn in batch["turns"] for m in turn]
        place = {m["id"]: at for at, m in enumerate(messages)}
        turns = [(m["role"], m["content"].split("->->")[0].rstrip()) for m in messages]
        abilities = json.loads((path.parent / f"{stem}.questions.json").read_text())
        for ability, asked in abilities.items():
            for number, one in enumerate(asked):
                ids = one.get("source_chat_ids")
                evidence = [place[i] for i in numbers(ids) if i in place]
                update = None
                if isinstance(ids, dict) and "updated_info" in ids:
                    update = [[place[i] for i in numbers(ids[side])] for side in ("original_info", "updated_info")]
                if evidence:
                    of = f"100K/{stem}"
                    of_one = f"{of}-{ability}-{number}"
                    yield Question("beam", of_one, of, one["question"], turns, evidence, update)


def longmemeval(data):
    folder = data / "longmemeval"
    oracle, full = (read(folder / f"{name}.json.gz") for name in ("oracle", "full_haystacks"))
    sessions = {}
    for instance, wanted in [(i, True) for i in oracle] + [(i, False) for i in full]:
        for name, turns in zip(instance["haystack_session_ids"], instance["haystack_sessions"]):
            if wanted or "answer" not in name:
                sessions.setdefault(name, [(t["role"], t["content"]) for t in turns])
    histories = {h["question_id"]: h["sessions"] for h in read(folder / "haystacks_48.jsonl.gz")}
    for instance in oracle:
        name = instance["question_id"]
        if name.endswith("_abs"):
            continue
        turns, first = [], {}
        for session, _ in histories[name]:
            first[session] = len(turns)
            turns += sessions[session]
        labelled = {}
        for session, own in zip(instance["haystack_session_ids"], instance["haystack_sessions"]):
            labelled[session] = [first[session] + at for at, turn in enumerate(own) if turn.get("has_answer")]
        dated = sorted(zip(instance["haystack_dates"], instance["haystack_session_ids"]))
        sides = [labelled[session] for _, session in dated if session in instance["answer_session_ids"]]
        is_update = instance["question_type"] == "knowledge-update" and len(sides) == 2 and all(sides)
        evidence = [at for own in labelled.values() for at in own]
        if evidence:
            sides = sides if is_update else None
            yield Question("longmemeval", name, name, instance["question"], turns, evidence, sides)


def words(text, known={}):
    if text not in known:
        found = [word for word in re.findall(r"[^\W_]+", text.lower()) if word not in STOP]
        known[text] = collections.Counter(re.sub(r"(?<=...)(ing|ed|es|s|e)$", "", word) for word in found)
    return known[text]


def search(question):
    """The best turns by BM25 with a bonus for user turns."""
    turns = [words(text) for _, text in question.turns]
    lengths = [sum(turn.values()) for turn in turns]
    mean = sum(lengths) / len(lengths)
    scores = [USER_BONUS * (role == "user") for role, _ in question.turns]
    for word in words(question.text):
        holders = [at for at, turn in enumerate(turns) if word in turn]
        idf = math.log(1 + (len(turns) - len(holders) + 0.5) / (len(holders) + 0.5))
        for at in holders:
            count = turns[at][word]
            scores[at] += idf * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * lengths[at] / mean))
    order = sorted(range(len(turns)), key=lambda at: -scores[at])
    question.hits = order[:50]


def ranked(paths, folder):
    """The turns of each question of features files, by the ranking weights of its fold."""
    weights = [json.loads((folder / f"fold-{number}.json").read_text())["weights"] for number in range(FOLDS)]
    found = {}
    for path in paths:
        for record in map(json.loads, path.open()):
            own = weights[record["fold"]]
            given = {c["turn"]: c["components"].items() for c in record["candidates"]}
            score = {turn: sum(own.get(k, 0) * v for k, v in parts) for turn, parts in given.items()}
            found[record["question"]] = sorted(score, key=lambda turn: -score[turn])
    return found


def add_pairs(questions, program):
    searches = []
    for question in questions:
        hits = [(at, *question.turns[at]) for at in question.hits[:LOOKED_AT]]
        hits = [{"text": text, "user": role == "user", "at": at} for at, role, text in hits]
        searches.append(json.dumps({"query": question.text, "hits": hits}))
    done = subprocess.run([program], input="\n".join(searches), capture_output=True, text=True, check=True)
    for question, line in zip(questions, done.stdout.splitlines(), strict=True):
        for earlier, later, row in json.loads(line):
            old, new = question.hits[earlier], question.hits[later]
            seen = (old in question.evidence) + (new in question.evidence)
            is_update = question.update and old in question.update[0] and new in question.update[1]
            label = 1 if is_update else None if seen == 2 else 0
            weight = NEGATIVE if seen else BETWEEN_OTHERS
            question.pairs.append((earlier, later, row, label, weight))


def learn(questions):
    """Weights and bias."""
    pairs = [(q.set, *pair[2:]) for q in questions for pair in q.pairs if pair[3] is not None]
    rows = np.array([row for _, row, _, _ in pairs], float)
    gold = np.array([label for _, _, label, _ in pairs], float)
    weights = np.array([weight for *_, weight in pairs])
    for name in {q.set for q in questions}:
        own = np.array([pair[0] == name for pair in pairs]) & (gold == 1)
        weights[own] = POSITIVES / own.sum()
    mean, spread = rows.mean(0), rows.std(0) + 1e-6
    rows = (rows - mean) / spread

    def loss(parameters):
        logits = rows @ parameters[:-1] + parameters[-1]
        value = (weights * (np.logaddexp(0, logits) - gold * logits)).sum()
        pull = weights * (1 / (1 + np.exp(-logits)) - gold)
        slope = np.append(rows.T @ pull + 2 * L2 * parameters[:-1], pull.sum())
        return value + L2 * parameters[:-1] @ parameters[:-1], slope

    found = minimize(loss, np.zeros(len(FEATURES) + 1), jac=True, method="L-BFGS-B").x
    slopes = found[:-1] / spread
    return slopes, found[-1] - slopes @ mean


def ordered(question, model, act_at):
    slopes, bias = model
    scored = [(float(np.dot(row, slopes) + bias), -e, -l) for e, l, row, _, _ in question.pairs]
    places = list(range(len(question.hits)))
    for score, earlier, later in sorted(scored, reverse=True)[:MOST]:
        to, at = places.index(-earlier), places.index(-later)
        if score >= act_at and to < at:
            places.insert(to, places.pop(at))
    return [question.hits[place] for place in places]


def figures(question, ranking):
    def first(of):
        return next((at for at, turn in enumerate(ranking) if turn in of), math.inf)

    out = {f"recall@{k}": len(question.evidence & set(ranking[:k])) / len(question.evidence) for k in (5, 10)}
    out["mrr"] = 1 / (1 + first(question.evidence))
    if question.update:
        out["above"] = float(first(question.update[1]) < first(question.update[0]))
    return out


def report(questions, models, thresholds):
    for name in sorted({q.set for q in questions}):
        own = [q for q in questions if q.set == name]
        updates = sum(q.update is not None for q in own)
        print(f"{name}: {len(own)} questions, {updates} updates, unseen folds")
        for act_at in (math.inf, *thresholds):
            all_of = [figures(q, ordered(q, models[q.fold], act_at)) for q in own]
            means = {k: np.mean([f[k] for f in all_of if k in f]) for k in ("above", "recall@5", "recall@10", "mrr")}
            print(f"  from {act_at:5}: " + ", ".join(f"{k} {100 * v:.1f}" for k, v in means.items()))


def write(path, model, trained_on):
    slopes, bias = model
    content = {
        "version": 1,
        "trained_on": trained_on,
        "licence": "CC BY-SA 4.0",
        "weights": {name: round(float(slope), 4) for name, slope in zip(FEATURES, slopes)},
        "bias": round(float(bias), 4),
        "act_at": ACT_AT,
    }
    path.write_text(json.dumps(content, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--rows", required=True, help="the program order_rows")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the weights")
    parser.add_argument("--features", nargs="*", type=pathlib.Path, default=[], help="of `throughline-eval features`")
    args = parser.parse_args()
    questions = [*beam(args.data), *longmemeval(args.data)]
    hits = ranked(args.features, args.out / "folds")
    for question in questions:
        if question.id in hits:
            question.hits = hits[question.id][:50]
        else:
            search(question)
    add_pairs(questions, args.rows)
    sizes = collections.Counter(q.set for q in questions if q.update)
    trained_on = f"BEAM 100K, {sizes['beam']} updates; LongMemEval 48, {sizes['longmemeval']} updates"
    models = []
    for number in range(FOLDS):
        models.append(learn([q for q in questions if q.fold != number]))
        folder = args.out / "folds-staleness" / f"fold-{number}"
        write(folder / "order.json", models[-1], f"{trained_on}; without fold {number} of {FOLDS}")
    report(questions, models, (-3.0, -2.5, -2.0, -1.5, -1.0))
    model = learn(questions)
    write(args.out / "order.json", model, trained_on)
    print({name: round(float(slope), 2) for name, slope in zip(FEATURES, model[0])}, round(float(model[1]), 2))


if __name__ == "__main__":
    main()
