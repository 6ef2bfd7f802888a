"""Learns `memory/weights/staleness.json`: does a later statement replace what an earlier one set?

A linear head over the vectors of the two, and boosted trees over the head and the features of the pair, which
the product itself computes (`memory/examples/staleness_rows.rs`): a forest for bookings and errands (`errand`), one
for plain talk (`talk`), and one that says which of them a pair is (`gate`). Learnt from
- `sgd_train` (Schema-Guided Dialogue, CC BY-SA 4.0): the pairs of its `updates` against all other pairs
  of user turns of a dialogue, as they stand and with other dialogues put in between;
- `longmemeval` knowledge updates (MIT) and `beam` knowledge updates (CC BY-SA 4.0): the two labelled
  turns against all other pairs that serving would compare;
- statements written by hand for this project (`written/`): as they stand, without vectors, several
  conversations woven into one, short ones put into long messages;
- made-up additive and replacing statements (`staleness_templates.py`).
Never from `sgd_updates`, which is only scored. Folds are over conversations, and for the written and made-up
statements over attributes; a turn's calibration is fitted to the folds' scores.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt lightgbm scikit-learn blake3
    cargo build --release -p throughline-memory --example staleness_rows
    venv/bin/python train_staleness.py words --binary target/release/examples/staleness_rows --vectors DIR \
        --out memory/weights/staleness-words.bin
    venv/bin/python train_staleness.py prepare --data DIR --vectors DIR --work DIR
    venv/bin/python train_staleness.py rows --binary target/release/examples/staleness_rows --work DIR
    venv/bin/python train_staleness.py train --data DIR --work DIR --out memory/weights/staleness.json \
        --fold-out memory/weights/folds-staleness
    venv/bin/python train_staleness.py parity --work DIR --out memory/src/staleness/pair/parity.jsonl

`--vectors` holds, for each of sgd_train, sgd_updates, lme, beam, synth and written, NAME.npy (n, 384) with the
unit vectors of the texts in NAME.json, made by the service's default embedding model. `prepare` without them
writes the texts that are wanted, `staleness_vectors.py` makes them, and `prepare` is run again. words.json is the list of words of the model's tokenizer in its order (letters
alone, two or more), each a text of its own; after `words` the rows program has to be built anew.
"""

import argparse
import json
import pathlib
import re
import struct
import subprocess

import numpy as np

from staleness_balance import balance
from staleness_data import FOLDS, SETS, SOURCE, conversations, lines
from staleness_report import contrast, evidence, general, logit, report

DIMENSIONS = 384
# Words whose senses are kept, and numbers of a sense.
COMMON_WORDS, SENSE = 13000, 24
# Share of the negative pairs that is kept (they then weigh the inverse).
KEPT = {"sgd_train": 0.15, "sgd_mixed": 0.12, "lme": 0.15, "beam": 0.4, "synth": 0.3, "woven": 0.3, "written": 1, "buried": 1}
# Weight of a positive and of a negative pair.
WEIGHT = {
    "sgd_train": (1, 1), "sgd_mixed": (1, 1), "lme": (30, 0.8), "beam": (30, 2), "synth": (0.5, 0.5),
    "written": (4, 4), "woven": (2, 1), "buried": (3, 3),
}
# A list's next item taken for an update is the error to fear.
ADDITIVE = 1.5
# Sets whose pairs are weighed so that their form does not give the label away.
BALANCED = ["written", "buried"]
HEAD_C = 0.001
COMMON = dict(
    objective="binary", max_bin=63, verbose=-1, num_threads=1, seed=1, deterministic=True,
)
# Trees, their form, and what a set weighs beside WEIGHT.
FORESTS = {
    "errand": (140, dict(learning_rate=0.1, num_leaves=24, min_data_in_leaf=40, feature_fraction=0.35, lambda_l2=5),
               dict(sgd_train=1, sgd_mixed=1)),
    "talk": (150, dict(learning_rate=0.06, num_leaves=12, min_data_in_leaf=40, feature_fraction=0.25, lambda_l2=10),
             dict(sgd_train=0.02, lme=0.6, beam=0.6, synth=0.6, written=1, woven=0.5, buried=0.7)),
    "gate": (40, dict(learning_rate=0.15, num_leaves=6, min_data_in_leaf=40, feature_fraction=0.35, lambda_l2=5),
             dict(sgd_train=0.3, sgd_mixed=0.2, lme=0.65, beam=2.3, synth=4, written=3, woven=0.7, buried=6)),
}


def words(arguments):
    """The senses of the commonest words: main components of their vectors, one byte each, by stem."""
    texts = json.loads((arguments.vectors / "words.json").read_text())[:COMMON_WORDS]
    vectors = np.load(arguments.vectors / "words.npy")[:COMMON_WORDS].astype(float)
    told = "".join(text + "\n" for text in texts)
    told = subprocess.run([arguments.binary, "stems"], input=told, capture_output=True, text=True, check=True).stdout
    stems, place = np.unique(np.array(told.split(), np.uint32), return_inverse=True)
    apart = vectors - vectors.mean(0)
    axes = np.linalg.svd(apart, full_matrices=False)[2][:SENSE]
    unit = lambda rows: rows / np.linalg.norm(rows, axis=1, keepdims=True)
    sums = np.zeros((len(stems), SENSE))
    np.add.at(sums, place, unit(apart @ axes.T))
    table = np.clip(np.round(unit(sums) * 127), -127, 127).astype(np.int8)
    arguments.out.write_bytes(b"".join(struct.pack("<I", stem) + row.tobytes() for stem, row in zip(stems, table)))


def prepare(arguments):
    sets = conversations(arguments.data)
    for source in dict.fromkeys(SOURCE.get(name, name) for name in SETS):
        names = [name for name in SETS if SOURCE.get(name, name) == source]
        texts, index = arguments.vectors / f"{source}.json", {}
        if (arguments.vectors / f"{source}.npy").exists():
            index = {text: row for row, text in enumerate(json.loads(texts.read_text()))}
            np.load(arguments.vectors / f"{source}.npy").astype("<f4").tofile(arguments.work / f"{source}.vec")
        wanted = dict.fromkeys(t for name in names for turns, *_ in sets[name] for _, t in turns)
        if any(text not in index for text in wanted):
            texts.with_suffix(".wanted.json").write_text(json.dumps(list(wanted)))
            print("vectors wanted of", texts.with_suffix(".wanted.json"))
        for name in names:
            write(arguments.work, name, sets[name], index)


def write(work, name, items, index):
    with open(work / f"{name}.jsonl", "w") as file, open(work / f"{name}.labels", "w") as labels:
        for turns, how, label in items:
            bare = how.pop("bare", False)
            turns = [dict(role=r, text=t, v=-1 if bare else index.get(t, -1)) for r, t in turns]
            file.write(json.dumps(dict(turns=turns, **how)) + "\n")
            labels.write(json.dumps(label) + "\n")


def rows(arguments):
    for name in SETS:
        with open(arguments.work / f"{name}.jsonl") as file:
            vectors = arguments.work / f"{SOURCE.get(name, name)}.vec"
            subprocess.run([arguments.binary, "rows", vectors, arguments.work / name], stdin=file, check=True)
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
        self.sure = np.array([(o, n) not in sets[c][1] for c, o, n in self.at]) | (self.y > 0)
        self.fold = np.array([l["fold"] for l in self.labels])[self.at[:, 0]]
        self.main = np.array([l.get("main", -1) for l in self.labels])[self.at[:, 0]] == self.at[:, 1]
        self.kind = np.array([l.get("kind", "") for l in self.labels])[self.at[:, 0]]
        self.author = np.array([l.get("author", "") for l in self.labels])[self.at[:, 0]]
        self.adds = self.main & (self.kind == "adds")
        share = KEPT.get(name, 1.0)
        self.kept = ((self.y > 0) | self.main | (rng.random(len(self.y)) < share)) & self.sure
        positive, negative = WEIGHT.get(name, (1, 1))
        other = 0.3 * negative if name in ("written", "buried") else negative / share
        self.weight = np.where(self.y > 0, positive, np.where(self.main, negative, other))
        self.weight *= np.where(self.adds, ADDITIVE, 1.0)
        self.balance = np.ones(len(self.y))
        vectors = np.fromfile(work / f"{SOURCE.get(name, name)}.vec", "<f4").reshape(-1, DIMENSIONS)
        talks = [[turn["v"] for turn in talk["turns"]] for talk in lines(work / f"{name}.jsonl")]
        place = np.array([(talks[c][o], talks[c][n]) for c, o, n in self.at])
        self.vectors, self.place, self.bare = vectors, place, (place < 0).any(1)
        self.head = np.full(len(self.y), np.nan, "<f4")

    def pairs(self, which):
        u, v = (self.vectors[self.place[which, k]] for k in (0, 1))
        return np.hstack([u * v, u + v, v - u])

    def apply(self, head, which):
        which = np.where(which & ~self.bare)[0]
        for part in np.array_split(which, max(1, len(which) // 20000)):
            self.head[part] = self.pairs(part) @ head[0] + head[1]


def learn_head(rows, held):
    """Weights over a pair's products, sums and differences, and intercept, learnt from the written pairs without
    a fold."""
    from sklearn.linear_model import LogisticRegression

    which = np.where(rows.main & rows.sure & ~rows.bare & (rows.fold != held))[0]
    x = rows.pairs(which)
    mean, scale = x.mean(0), x.std(0) + 1e-6
    fit = LogisticRegression(C=HEAD_C, max_iter=300)
    fit.fit((x - mean) / scale, rows.y[which], sample_weight=rows.balance[which])
    weights = fit.coef_[0] / scale
    return weights, fit.intercept_[0] - weights @ mean


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


def trees(booster):
    """A forest as the product reads it."""
    out = []
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
        out.append(tree)
    return out


def save(path, model, names, turn):
    head, forests = model
    product, both, change = np.split(head[0], 3)
    short = lambda values: [float("%.4g" % value) for value in values]
    content = dict(
        version=2,
        trained_on="sgd_train (CC BY-SA 4.0), longmemeval (MIT) and beam (CC BY-SA 4.0) knowledge updates, "
        "written and made-up statements of evals/training",
        licence="CC BY-SA 4.0", features=names,
        head=dict(product=short(product), old=short(both - change), new=short(both + change), bias=float(head[1])),
        turn=turn, **{name: trees(booster) for name, booster in forests.items()},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


class Learner:
    """The rows to learn from, with every head's value made by one that has not seen its fold."""

    def __init__(self, work, without, seed=0):
        self.names = (work / "names").read_text().split()
        rng = np.random.default_rng(seed)
        self.sets = {name: Rows(work, name, len(self.names), rng) for name in SETS}
        for name in BALANCED:
            self.sets[name].balance = balance(self.sets[name], self.names)
            self.sets[name].weight *= self.sets[name].balance
        self.used = [rows for name, rows in self.sets.items() if name != "sgd_updates"]
        self.blank = [k for k, name in enumerate([*self.names, "head"]) if without and re.search(without, name)]
        self.heads = [learn_head(self.sets["written"], held) for held in [*range(FOLDS), None]]
        for rows in self.used:
            for held, head in enumerate(self.heads[:FOLDS]):
                rows.apply(head, rows.fold == held)
        test = self.sets["sgd_updates"]
        test.apply(self.heads[FOLDS], np.ones(len(test.y), bool))
        join = lambda what: np.concatenate([getattr(rows, what)[rows.kept] for rows in self.used])
        self.x = np.vstack([self.matrix(rows, rows.kept) for rows in self.used])
        self.y, self.fold, self.weight = join("y"), join("fold"), join("weight")
        self.source = np.concatenate([np.full(rows.kept.sum(), rows.name) for rows in self.used])

    def matrix(self, rows, which):
        """The features and the head, with some blanked."""
        x = np.hstack([rows.x[which], rows.head[which, None]])
        x[:, self.blank] = 0
        return x

    def model(self, held):
        """Head and forests, learnt without a fold; of all folds where that is FOLDS."""
        import lightgbm

        forests = {}
        for name, (count, form, sets) in FORESTS.items():
            weight = self.weight * np.array([sets.get(source, 0) for source in self.source])
            which = np.where((weight > 0) & (self.fold != held))[0]
            target = np.char.startswith(self.source, "sgd") == 0 if name == "gate" else self.y
            data = lightgbm.Dataset(self.x[which], target[which].astype(float), weight=weight[which])
            forests[name] = lightgbm.train({**COMMON, **form}, data, count)
        return self.heads[held], forests

    def score(self, model, rows, which):
        x = self.matrix(rows, which)
        gate, errand, talk = (model[1][name].predict(x, raw_score=True) for name in ("gate", "errand", "talk"))
        gate = 1 / (1 + np.exp(-gate))
        return 1 / (1 + np.exp(-gate * talk - (1 - gate) * errand))


def train(arguments):
    learner = Learner(arguments.work, arguments.without)
    sets = learner.sets
    scored, models = {name: np.zeros(len(rows.y)) for name, rows in sets.items()}, []
    for held in range(FOLDS if arguments.folds else 0):
        models.append(learner.model(held))
        for rows in learner.used:
            out = np.where((rows.fold == held) & (rows.name != "sgd_mixed"))[0]
            if len(out):
                scored[rows.name][out] = learner.score(models[held], rows, out)
    final, turn, test = learner.model(FOLDS), [1.0, 0.0, 0.0], sets["sgd_updates"]
    scored["sgd_updates"] = learner.score(final, test, np.arange(len(test.y)))
    for name, booster in final[1].items():
        booster.save_model(arguments.work / f"{name}.txt")
    if arguments.folds:
        turn = calibration(evidence(sets["sgd_train"], scored["sgd_train"], arguments.data))
        np.savez(arguments.work / "scored.npz", **scored)
        for name in ("lme", "beam"):
            general(sets[name], scored[name])
        for name in ("synth", "written", "buried"):
            contrast(sets[name], scored[name], name)
    found = evidence(test, scored["sgd_updates"], arguments.data)
    score = 1 / (1 + np.exp(-(logit(found[:, :2]) @ turn[:2] + turn[2])))
    report("sgd_updates", score, found[:, 2])
    for name, unseen in (("seen services", 0), ("with unseen services", 1)):
        report("  " + name, score[found[:, 3] == unseen], found[found[:, 3] == unseen, 2])
    for name, booster in final[1].items():
        gain = booster.feature_importance("gain")
        most = np.argsort(-gain)[:16]
        print(name + ":", ", ".join(f"{[*learner.names, 'head'][k]} {100 * gain[k] / gain.sum():.1f}" for k in most))
    if arguments.out:
        save(arguments.out, final, learner.names, turn)
    for held, model in enumerate(models if arguments.fold_out else []):
        save(arguments.fold_out / f"fold-{held}" / "staleness.json", model, learner.names, turn)


def parity(arguments):
    """Some made-up and written conversations without vectors and the scores that Python gives their pair."""
    import lightgbm

    learner, found = Learner(arguments.work, None), []
    forests = {name: lightgbm.Booster(model_file=arguments.work / f"{name}.txt") for name in FORESTS}
    for name, wanted in (("synth", 20), ("written", 20)):
        rows, talks, taken = learner.sets[name], lines(arguments.work / f"{name}.jsonl"), 0
        for at in np.where(rows.main & rows.bare)[0]:
            conversation, old, _ = (int(v) for v in rows.at[at])
            talk = talks[conversation]
            if taken < wanted and len(talk["turns"]) < 12 and all(turn["v"] < 0 for turn in talk["turns"]):
                turns = [[turn["role"], turn["text"]] for turn in talk["turns"]]
                score = float(learner.score((None, forests), rows, np.array([at]))[0])
                found.append(dict(turns=turns, old=old + 1, score=round(score, 5)))
                taken += 1
    arguments.out.write_text("".join(json.dumps(item) + "\n" for item in found))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["words", "prepare", "rows", "train", "parity"])
    for name in ("data", "vectors", "work", "binary", "out", "fold-out"):
        parser.add_argument(f"--{name}", type=pathlib.Path)
    parser.add_argument("--without", help="features (a regular expression) that are blanked: for ablations")
    parser.add_argument("--folds", action=argparse.BooleanOptionalAction, default=True)
    arguments = parser.parse_args()
    {"words": words, "prepare": prepare, "rows": rows, "train": train, "parity": parity}[arguments.step](arguments)


if __name__ == "__main__":
    main()
