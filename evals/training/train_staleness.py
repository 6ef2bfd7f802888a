"""Learns `memory/weights/staleness.json`: does a later statement replace what an earlier one set?

Boosted trees over the features of a pair of statements, which the product itself computes
(`memory/examples/staleness_rows.rs`). Learnt from
- `sgd_train` (Schema-Guided Dialogue, CC BY-SA 4.0): the pairs of its `updates` against all other pairs
  of user turns of a dialogue, as they stand and with other dialogues put in between;
- `longmemeval` knowledge updates (MIT) and `beam` knowledge updates (CC BY-SA 4.0): the two labelled
  turns against all other pairs that serving would compare;
- made-up additive and replacing statements (`staleness_templates.py`).
Never from `sgd_updates`, which is only scored. Folds are over conversations, and for the made-up
statements over attributes; a turn's calibration is fitted to the folds' scores.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt lightgbm scikit-learn
    cargo build --release -p throughline-memory --example staleness_rows
    venv/bin/python train_staleness.py prepare --data DIR --vectors DIR --work DIR
    venv/bin/python train_staleness.py rows --binary target/release/examples/staleness_rows --work DIR
    venv/bin/python train_staleness.py train --data DIR --work DIR --out memory/weights/staleness.json
    venv/bin/python train_staleness.py parity --work DIR --out memory/src/staleness/pair/parity.jsonl

`--vectors` holds, for each of sgd_train, sgd_updates, lme, beam and synth, NAME.npy (n, 384) with the unit
vectors of the texts in NAME.json, made by the service's default embedding model. `prepare` without them
writes the texts that are wanted.
"""

import argparse
import gzip
import json
import pathlib
import random
import re
import subprocess

import numpy as np

from staleness_templates import PLURAL, SINGLE, make

SETS = ["sgd_train", "sgd_updates", "sgd_mixed", "lme", "beam", "synth"]
FOLDS = 3
# Share of the negative pairs that is kept (they then weigh the inverse).
KEPT = {"sgd_train": 0.2, "sgd_mixed": 0.15, "lme": 0.15, "beam": 0.4, "synth": 0.3}
# Weight of a positive and of a negative pair.
WEIGHT = {"sgd_train": (1, 1), "sgd_mixed": (1, 1), "lme": (30, 0.3), "beam": (30, 0.5), "synth": (1, 1)}
TREES = 200
LIGHTGBM = dict(
    objective="binary", learning_rate=0.1, num_leaves=28, min_data_in_leaf=40, feature_fraction=0.35,
    lambda_l2=5, max_bin=63, verbose=-1, num_threads=2, seed=1, deterministic=True,
)


def lines(path):
    with gzip.open(path, "rt") if path.suffix == ".gz" else open(path) as file:
        return [json.loads(line) for line in file]


def role(speaker):
    return "user" if speaker.lower().startswith("u") else "assistant"


def sgd(data, name):
    """(turns, pairs that are updates) of each dialogue."""
    for dialogue in lines(data / name / "dialogues.jsonl.gz"):
        turns = [(role(turn["speaker"]), turn["text"]) for turn in dialogue["turns"]]
        yield turns, [(u["old_turn"], u["turn"]) for u in dialogue["updates"]]


def mixed(dialogues, count, rng):
    """Dialogues cut in two, with one to three others put in between."""
    for number in range(count):
        outer, others = rng.randrange(len(dialogues)), [rng.randrange(len(dialogues)) for _ in range(rng.choice([1, 1, 2, 3]))]
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
        yield turns, [(old, evidence[-1]) for old in evidence[:-1]], []


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
        yield turns, updates, unsure


def conversations(data):
    """For each set its conversations: what the rows program reads, and the labels."""
    rng = random.Random(5)
    out = {name: [] for name in SETS}
    train = list(sgd(data, "sgd_train"))
    for turns, updates in train:
        out["sgd_train"].append((turns, {}, dict(updates=updates)))
    for turns, updates in sgd(data, "sgd_updates"):
        out["sgd_updates"].append((turns, {}, dict(updates=updates)))
    for turns, updates, news, group, bare in mixed(train, 3000, rng):
        out["sgd_mixed"].append((turns, dict(news=news, choose=True, bare=bare), dict(updates=updates, group=group)))
    for name, items in (("lme", longmemeval(data)), ("beam", beam(data))):
        for turns, updates, unsure in items:
            out[name].append((turns, dict(choose=True), dict(updates=updates, unsure=unsure)))
    for number, (turns, new, old, label, group) in enumerate(make(8000, 7)):
        labels = dict(updates=[(old, new)] if label else [], group=group, main=old)
        out["synth"].append((turns, dict(news=[new], bare=number % 3 == 0), labels))
    return out


def prepare(arguments):
    for name, items in conversations(arguments.data).items():
        source = "sgd_train" if name == "sgd_mixed" else name
        texts, index = arguments.vectors / f"{source}.json", {}
        if texts.exists():
            index = {text: row for row, text in enumerate(json.loads(texts.read_text()))}
            np.load(arguments.vectors / f"{source}.npy").astype("<f4").tofile(arguments.work / f"{source}.vec")
        else:
            texts.write_text(json.dumps(list(dict.fromkeys(t for turns, *_ in items for _, t in turns))))
            print("vectors wanted of", texts)
        with open(arguments.work / f"{name}.jsonl", "w") as file, open(arguments.work / f"{name}.labels", "w") as labels:
            for turns, how, label in items:
                bare = how.pop("bare", False)
                turns = [dict(role=r, text=t, v=-1 if bare else index.get(t, -1)) for r, t in turns]
                file.write(json.dumps(dict(turns=turns, **how)) + "\n")
                labels.write(json.dumps(label) + "\n")


def rows(arguments):
    for name in SETS:
        source = "sgd_train" if name == "sgd_mixed" else name
        with open(arguments.work / f"{name}.jsonl") as file:
            command = [arguments.binary, "rows", arguments.work / f"{source}.vec", arguments.work / name]
            subprocess.run(command, stdin=file, check=True)
    with open(arguments.work / "names", "w") as file:
        subprocess.run([arguments.binary, "names"], stdout=file, check=True)


class Rows:
    """The pairs of a set."""

    def __init__(self, work, name, features, rng):
        self.name = name
        self.labels = lines(work / f"{name}.labels")
        self.x = np.fromfile(work / f"{name}.f32", "<f4").reshape(-1, features)
        self.at = np.fromfile(work / f"{name}.u32", "<u4").reshape(-1, 3).astype(int)
        sets = [({tuple(p) for p in l["updates"]}, {tuple(p) for p in l.get("unsure", [])}) for l in self.labels]
        self.y = np.array([(o, n) in sets[c][0] for c, o, n in self.at], float)
        sure = np.array([(o, n) not in sets[c][1] for c, o, n in self.at]) | (self.y > 0)
        self.sure = sure
        group = np.array([l.get("group", c) for c, l in enumerate(self.labels)])
        self.group = group[self.at[:, 0]]
        self.fold = self.group % FOLDS
        main = np.array([l.get("main", -1) for l in self.labels])[self.at[:, 0]]
        self.main = main == self.at[:, 1]
        share = KEPT.get(name, 1.0)
        self.kept = ((self.y > 0) | self.main | (rng.random(len(self.y)) < share)) & sure
        positive, negative = WEIGHT.get(name, (1, 1))
        self.weight = np.where(self.y > 0, positive, np.where(self.main, 1.0, negative / share))
        if name == "synth":  # a list's next item taken for an update is the error to fear
            self.weight *= np.where(self.main & (self.y == 0) & (self.group >= len(SINGLE)), 2.0, 1.0)


def evidence(rows, scores, data):
    """For each labelled turn: greatest score of a pair with a later turn, chance of another, label."""
    by = {}
    for (conversation, old, _), score in zip(rows.at, scores):
        by.setdefault((conversation, old), []).append(score)
    found = []
    for number, dialogue in enumerate(lines(data / rows.name / "dialogues.jsonl.gz")):
        for turn, label in dialogue["turn_labels"].items():
            if label == "partly_stale":
                continue
            edges = sorted((s for s in by.get((number, int(turn)), []) if s >= 0.02), reverse=True)[:32] or [0.0]
            unseen = set(dialogue["services"]) - seen_services(data) if rows.name == "sgd_updates" else set()
            found.append((edges[0], 1 - np.prod([1 - e for e in edges[1:]]), label == "stale", bool(unseen)))
    return np.array(found, float)


_SEEN = {}


def seen_services(data):
    """Services of the training dialogues."""
    if not _SEEN:
        _SEEN[0] = {s for d in lines(data / "sgd_train" / "dialogues.jsonl.gz") for s in d["services"]}
    return _SEEN[0]


def logit(p):
    p = np.clip(p, 1e-3, 1 - 1e-3)
    return np.log(p / (1 - p))


def report(name, score, stale):
    from sklearn.metrics import average_precision_score, roc_auc_score

    threshold = np.quantile(score[stale == 1], 0.2, method="lower")
    bins = np.minimum((score * 10).astype(int), 9)
    ece = sum(abs(score[bins == k].mean() - stale[bins == k].mean()) * (bins == k).mean() for k in set(bins))
    print(
        f"{name}: n {len(stale)} auroc {roc_auc_score(stale, score):.4f} "
        f"average_precision {average_precision_score(stale, score):.4f} "
        f"wrongly_retired@0.8 {100 * (score[stale == 0] >= threshold).mean():.2f} ece {ece:.4f}"
    )


def general(rows, scores):
    positive = scores[rows.y > 0]
    for threshold in (0.5, 0.3):
        false = ((scores >= threshold) & (rows.y == 0) & rows.sure).sum() / len(rows.labels)
        print(f"{rows.name} @{threshold}: found {(positive >= threshold).sum()} of {len(positive)}, false edges a conversation {false:.1f}")


def contrast(rows, scores):
    main = rows.main
    additive = (rows.group >= len(SINGLE)) & (rows.group < len(SINGLE) + len(PLURAL))
    taken = scores[main & additive & (rows.y == 0)] >= 0.5
    missed = scores[main & (rows.y > 0)] < 0.5
    print(f"synth, unseen attributes: additive taken {100 * taken.mean():.1f} %, replacing missed {100 * missed.mean():.1f} %")


def single(threshold):
    """The greatest number of single precision that is not above a threshold: values are compared with it
    in single precision. A split of missing values alone has one beyond its range."""
    near = np.float32(max(-3e38, min(3e38, threshold)))
    near = np.nextafter(near, np.float32(-np.inf)) if float(near) > threshold else near
    return float(str(near))


def calibration(found):
    """Weights of a turn's greatest edge and of its others, and intercept; more evidence never lowers it."""
    from sklearn.linear_model import LogisticRegression

    fit = LogisticRegression(C=100).fit(logit(found[:, :2]), found[:, 2])
    if fit.coef_[0][1] >= 0:
        return [round(float(v), 4) for v in (*fit.coef_[0], fit.intercept_[0])]
    fit = LogisticRegression(C=100).fit(logit(found[:, :1]), found[:, 2])
    return [round(float(fit.coef_[0][0]), 4), 0.0, round(float(fit.intercept_[0]), 4)]


def exported(booster, names, turn):
    """The forest as the product reads it."""
    trees = []
    for info in booster.dump_model()["tree_info"]:
        tree = dict(f=[], t=[], l=[], r=[], v=[])

        def walk(node):
            if "leaf_value" in node:
                tree["v"].append(float("%.4g" % node["leaf_value"]))
                return -len(tree["v"])
            missing_left = node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0
            at, threshold = len(tree["f"]), single(node["threshold"])
            tree["f"].append(2 * node["split_feature"] + int(bool(missing_left)))
            tree["t"].append(threshold)
            tree["l"].append(0)
            tree["r"].append(0)
            tree["l"][at], tree["r"][at] = walk(node["left_child"]), walk(node["right_child"])
            return at

        walk(info["tree_structure"])
        trees.append(tree)
    return dict(
        version=1,
        trained_on="sgd_train (CC BY-SA 4.0), longmemeval (MIT) and beam (CC BY-SA 4.0) knowledge updates, "
        "made-up statements of evals/training/staleness_templates.py",
        licence="CC BY-SA 4.0", features=names, bias=0.0, calibration=[1.0, 0.0], turn=turn, trees=trees,
    )


def train(arguments):
    import lightgbm

    names = (arguments.work / "names").read_text().split()
    rng = np.random.default_rng(0)
    sets = {name: Rows(arguments.work, name, len(names), rng) for name in SETS}
    used = [rows for name, rows in sets.items() if name != "sgd_updates"]
    join = lambda what: np.concatenate([getattr(rows, what)[rows.kept] for rows in used])
    dropped = [k for k, name in enumerate(names) if arguments.without and re.search(arguments.without, name)]
    x = join("x")
    x[:, dropped] = 0
    data = lightgbm.Dataset(x, join("y"), weight=join("weight"), free_raw_data=False, params=LIGHTGBM).construct()
    fold, scored = join("fold"), {name: np.zeros(len(rows.y)) for name, rows in sets.items()}
    for held in range(FOLDS if arguments.folds else 0):
        booster = lightgbm.train(LIGHTGBM, data.subset(np.where(fold != held)[0]), TREES)
        for rows in used:
            out = rows.fold == held
            scored[rows.name][out] = booster.predict(rows.x[out])
    booster = lightgbm.train(LIGHTGBM, data, TREES)
    booster.save_model(arguments.work / "booster.txt")
    test = sets["sgd_updates"].x.copy()
    test[:, dropped] = 0
    found = evidence(sets["sgd_updates"], booster.predict(test), arguments.data)
    turn = [1.0, 0.0, 0.0]
    if arguments.folds:
        turn = calibration(evidence(sets["sgd_train"], scored["sgd_train"], arguments.data))
        np.savez(arguments.work / "scored.npz", **scored)
        general(sets["lme"], scored["lme"])
        general(sets["beam"], scored["beam"])
        contrast(sets["synth"], scored["synth"])
    score = 1 / (1 + np.exp(-(logit(found[:, :2]) @ turn[:2] + turn[2])))
    report("sgd_updates", score, found[:, 2])
    for name, unseen in (("seen services", 0), ("with unseen services", 1)):
        report("  " + name, score[found[:, 3] == unseen], found[found[:, 3] == unseen, 2])
    gain = booster.feature_importance("gain")
    print("gain:", ", ".join(f"{names[k]} {100 * gain[k] / gain.sum():.1f}" for k in np.argsort(-gain)[:30]))
    if arguments.out:
        arguments.out.write_text(json.dumps(exported(booster, names, turn), separators=(",", ":")) + "\n")


def parity(arguments):
    """Some made-up conversations without vectors and the scores that Python gives their pair."""
    import lightgbm

    names = (arguments.work / "names").read_text().split()
    rows = Rows(arguments.work, "synth", len(names), np.random.default_rng(0))
    booster, found = lightgbm.Booster(model_file=arguments.work / "booster.txt"), []
    talks = lines(arguments.work / "synth.jsonl")
    for at in np.where(rows.main)[0]:
        conversation, old, new = (int(v) for v in rows.at[at])
        talk = talks[conversation]
        if len(talk["turns"]) < 12 and all(turn["v"] < 0 for turn in talk["turns"]):
            turns = [[turn["role"], turn["text"]] for turn in talk["turns"]]
            score = float(booster.predict(rows.x[at : at + 1])[0])
            found.append(dict(turns=turns, old=old + 1, score=round(score, 5)))
        if len(found) == 40:
            break
    arguments.out.write_text("".join(json.dumps(item) + "\n" for item in found))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["prepare", "rows", "train", "parity"])
    for name in ("data", "vectors", "work", "binary", "out"):
        parser.add_argument(f"--{name}", type=pathlib.Path)
    parser.add_argument("--without", help="features (a regular expression) that are blanked: for ablations")
    parser.add_argument("--folds", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    {"prepare": prepare, "rows": rows, "train": train, "parity": parity}[arguments.step](arguments)


if __name__ == "__main__":
    main()
