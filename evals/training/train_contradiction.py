"""Learns the weights of contradiction between two statements.

One model for all sets: a logistic head over chosen columns and products of
them, and small boosted trees that start from the head's log-odds. Rows come
from the service's own code:

    cargo build --release -p throughline-memory --example contradiction_rows

Trained on ProSeCCo, CI-ToD train, BEAM (contradiction questions), statements
written by hand (`written/`: contradictions, and others as contrast) and, as
contrast (updates with their cues, and unrelated pairs, all negative), SGD train.
Which set a row is from is no column. The turn vectors are those of the service
(`SET.npy`, float16, n x 384, and `SET.json`, the texts in the same order; SET:
prosecco, ci_tod, beam100K, beam500K, sgd_train, written).

    pip install numpy scipy scikit-learn lightgbm blake3
    python train_contradiction.py --data DIR --vectors DIR --rows BINARY \
        --work DIR --out ../../memory/weights/contradiction.json

Prints figures by cross-validation over source passages (ProSeCCo), dialogues
(CI-ToD train), conversations (BEAM) and attributes (written), folds by the hash
of their ids as `throughline-eval --folds` has them (`--fold-out DIR` keeps the
weights of each); CI-ToD dev is never trained on before its figure is taken. Deterministic: fixed seeds, one thread.
"""

import argparse
import gzip
import json
import pathlib
import random
import re
import subprocess

import lightgbm as lgb
import numpy as np
from sklearn.linear_model import LogisticRegression

from contradiction_report import report
from staleness_data import FOLDS, fold, written

BASE = """cosine neg_parity piece_neg_parity common_denied_apart denied_apart unreal_apart
common_overlap opposites neg_old neg_new wishes_new obliges_new enables_old sentiment_apart
name_apart values_apart jaccard weight piece_contrast universal_old piece_universal_apart
name_alike pieces_old denied_alike best_cover""".split()
PRODUCTS = """cosine*neg_parity cosine*piece_neg_parity common_overlap*neg_parity
common_overlap*piece_neg_parity cosine*cosine common_overlap*common_overlap cosine*opposites
cosine*unreal_apart cosine*sentiment_apart common_overlap*sentiment_apart cosine*reports_old
cosine*reports_new neg_parity*sentiment_apart name_apart*common_overlap cosine*name_apart
cosine*values_apart cosine*denied_apart cosine*neg_old cosine*neg_new""".split()
TERMS = BASE + PRODUCTS
# Word classes anywhere in a turn only add noise to the trees.
NOT_IN_TREES = {f"{c}_{s}" for c in """obliges enables hedges future wishes past now reports
conditional universal partial contrasts more first second asks sentiment""".split()
    for s in ("old", "new")} | set("""sentiment_apart piece_universal_apart piece_partial_apart
piece_past_apart piece_praise_apart piece_contrast piece_same_opening synonyms prefix_run
bigrams""".split())
TREES = dict(objective="cross_entropy", learning_rate=0.06, num_leaves=8, min_data_in_leaf=10,
             min_sum_hessian_in_leaf=8, feature_fraction=0.4, bagging_fraction=0.7,
             bagging_freq=1, lambda_l2=5, verbose=-1, num_threads=1, seed=1, deterministic=True)
COUNT, ROUNDS, HEAD_C, FLAG_AT = 120, 2, 0.05, 0.9
# Total weight of each set; ProSeCCo and BEAM apart by label.
SHARES = {"prosecco": 3.0, "ci": 2.0, "beam": 1.0, "sgd": 0.3, "written": 0.15}
BEAM_POSITIVE = 0.3


def lines(path):
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as file:
        return [json.loads(line) for line in file]


class Rows:
    """Conversations and pairs of one set, turned into rows by the service's code."""

    def __init__(self, name, vectors, args):
        self.name, self.args, self.metas, self.lines = name, args, [], []
        texts = json.loads((args.vectors / f"{vectors}.json").read_text())
        self.index = {text: i for i, text in enumerate(texts)}
        table = np.load(args.vectors / f"{vectors}.npy").astype("<f4")
        np.vstack([table, np.zeros((1, 384), "<f4")]).tofile(args.work / f"{name}.vec")

    def add(self, turns, pairs, metas, between=True):
        none = len(self.index)
        turns = [{"role": r, "text": t, "vector": self.index.get(t, none)} for r, t in turns]
        self.lines.append(json.dumps({"turns": turns, "pairs": pairs, "between": between}))
        self.metas += [{"set": self.name, **meta} for meta in metas]

    def read(self):
        paths = [self.args.work / f"{self.name}.{end}" for end in ("jsonl", "vec", "f32")]
        paths[0].write_text("\n".join(self.lines) + "\n")
        subprocess.run([self.args.rows, *paths], check=True)
        return np.fromfile(paths[2], "<f4").reshape(len(self.metas), -1), self.metas


def prosecco(args):
    out = Rows("prosecco", "prosecco", args)
    for pair in lines(args.data / "prosecco/pairs.jsonl"):
        label = int(pair["label"] == "self-contradiction")
        for kind in ("proposition", "locution"):
            turns = [("user", pair[f"{kind}_{i}"]) for i in (1, 2)]
            group = str(pair["nodeset_id"])
            out.add(turns, [(0, 1)], [{"y": label, "group": group, "kind": kind}], False)
    return out.read()


def ci_tod(split, args):
    out = Rows(f"ci_{split}", "ci_tod", args)
    for n, item in enumerate(lines(args.data / f"ci_tod/{split}.jsonl.gz")):
        roles = {"driver": "user", "assistant": "assistant"}
        turns = [(roles[t["turn"]], t["utterance"]) for t in item["dialogue"]]
        last = len(turns) - 1
        meta = {"y": int(item["scenario"]["hi"]), "group": f'{item["domain"]}{item["id"]}',
                "domain": item["domain"], "item": n}
        out.add(turns, [(i, last) for i in range(last)], [meta] * last)
    return out.read()


def beam(size, args):
    out = Rows(f"beam{size}", f"beam{size}", args)
    drawn = random.Random(0)
    for path in sorted((args.data / f"beam/{size}").glob("*.chat.json.gz")):
        batches = json.loads(gzip.open(path, "rt").read())
        messages = [m for batch in batches for turn in batch["turns"] for m in turn]
        asked = json.loads(path.with_name(path.name.replace(".chat.json.gz", ".questions.json"))
                           .read_text())["contradiction_resolution"]
        place, gold = {m["id"]: i for i, m in enumerate(messages)}, {}
        for q, question in enumerate(asked):
            ids = question["source_chat_ids"]
            for a in ids["first_statement"]:
                for b in ids["second_statement"]:
                    gold[tuple(sorted((place[a], place[b])))] = q
        turns = [(m["role"], re.sub(r"\s*->->.*$", "", m["content"], flags=re.S)) for m in messages]
        users = [i for i, m in enumerate(messages) if m["role"] == "user"]
        pairs, metas = [], []
        for at, new in enumerate(users):
            for old in users[:at + 1]:
                never = "never" in (turns[old][1] + turns[new][1]).lower()
                # The long conversations have 200,000 pairs each: a sample of the negatives.
                sampled = old != new and drawn.random() < (0.15 if never else 0.01)
                if size == "500K" and (old, new) not in gold and not sampled:
                    continue
                pairs.append((old, new))
                metas.append({"y": int((old, new) in gold), "group": f"{size}/{path.name[:2]}",
                              "question": gold.get((old, new), -1), "new": new, "never": never})
        out.add(turns, pairs, metas)
    return out.read()


def sgd(args):
    out = Rows("sgd", "sgd_train", args)
    drawn = random.Random(0)
    dialogues = [d for d in lines(args.data / "sgd_train/dialogues.jsonl.gz") if d["updates"]]
    for dialogue in drawn.sample(dialogues, 1800):
        roles = {"user": "user", "system": "assistant"}
        turns = [(roles[t["speaker"]], t["text"]) for t in dialogue["turns"]]
        pairs = {(u["old_turn"], u["turn"]): True for u in dialogue["updates"]}
        for _ in range(3):
            pairs.setdefault(tuple(sorted(drawn.sample(range(len(turns)), 2))), False)
        out.add(turns, list(pairs), [{"y": 0, "group": dialogue["dialogue_id"], "update": u}
                                     for u in pairs.values()])
    return out.read()


def by_hand(args):
    out = Rows("written", "written", args)
    for item in written():
        meta = {"y": int(item["label"] == "contradicts"), "group": item["group"].lower(), "kind": item["label"]}
        out.add(item["turns"][:item["new"] + 1], [(item["old"], item["new"])], [meta])
    return out.read()


class Table:
    """All rows of all sets, with what training and the figures need to know of each."""

    def __init__(self, parts, names):
        self.names = names
        self.x = np.vstack([x for x, _ in parts])
        self.metas = [m for _, metas in parts for m in metas]
        def column(key, default):
            return np.array([m.get(key, default) for m in self.metas])
        self.set, self.y = column("set", ""), column("y", 0)
        self.kind, self.item = column("kind", ""), column("item", -1)
        self.question, self.new, self.never = column("question", -1), column("new", 0), column("never", False)
        self.fold = np.array([fold(m["group"]) for m in self.metas])
        self.group = np.char.add(self.set, column("group", ""))
        self.ci = np.char.startswith(self.set, "ci_")
        self.beam = np.char.startswith(self.set, "beam")
        self.proposition = self.kind == "proposition"
        key = np.where(self.ci, np.char.add(self.set, self.item.astype(str)), "")
        self.dialogue = np.unique(key, return_inverse=True)[1]
        self.in_dialogue = np.bincount(self.dialogue)[self.dialogue]
        self.trees = [i for i, n in enumerate(names) if n not in NOT_IN_TREES]
        chance = np.random.RandomState(5).rand(len(self.y))
        # Of the many BEAM negatives of the short conversations, a weighted sample.
        easy = (self.set == "beam100K") & (self.y == 0)
        self.keep = ~easy | (chance < np.where(self.never, 0.5, 0.1))
        self.inverse = np.where(easy, np.where(self.never, 2.0, 10.0), 1.0)

    def terms(self, rows):
        place = {n: i for i, n in enumerate(self.names)}
        columns = self.x[rows].astype(float)
        return np.stack([np.prod([columns[:, place[n]] for n in term.split("*")], axis=0)
                         for term in TERMS], 1)

    def weights(self, use):
        w = np.zeros(len(self.y))
        def share(mask, raw, total):
            mask = mask & use
            w[mask] = raw[mask] * total / max(raw[mask].sum(), 1e-9)
        ones = np.ones(len(w))
        for y in (0, 1):
            share(self.proposition & (self.y == y), ones, SHARES["prosecco"] / 2)
            part = BEAM_POSITIVE if y else 1 - BEAM_POSITIVE
            share(self.beam & (self.y == y), self.inverse, SHARES["beam"] * part)
        share(self.ci, 1 / self.in_dialogue, SHARES["ci"])
        share(self.set == "sgd", ones, SHARES["sgd"])
        for y in (0, 1):
            share((self.set == "written") & (self.y == y), ones, SHARES["written"] / 2)
        return w * 878


class Head:
    """Logistic regression over [`TERMS`], learnt on the propositions."""

    def __init__(self, table, use):
        z = table.terms(use)
        self.mean, self.scale = z.mean(0), z.std(0) + 1e-6
        fit = LogisticRegression(C=HEAD_C, max_iter=400).fit((z - self.mean) / self.scale, table.y[use])
        self.weight, self.bias = fit.coef_[0], fit.intercept_[0]

    def __call__(self, table, rows):
        return ((table.terms(rows) - self.mean) / self.scale) @ self.weight + self.bias


def folds(groups, count, seed):
    names = sorted(set(groups))
    order = np.random.RandomState(seed).permutation(len(names))
    part = {name: order[i] % count for i, name in enumerate(names)}
    return np.array([part[g] for g in groups])


def learn(table, use, seed=0):
    """Head and trees. Of a dialogue that holds a contradiction it is not known
    which earlier turn is meant: the pair that looks most like it is taken."""
    use = use & table.keep
    rows = np.where(use)[0]
    inner, logit = folds(table.group[rows], 5, seed + 7), np.zeros(len(table.y))
    for part in range(5):
        seen = np.zeros(len(table.y), bool)
        seen[rows[inner != part]] = True
        unseen = rows[inner == part]
        logit[unseen] = Head(table, seen & table.proposition)(table, unseen)
    head, start = Head(table, use & table.proposition), table.weights(use)
    weight, target = start.copy(), table.y.astype(float)
    # Where the head was learnt the trees have nothing to add but noise: there
    # they learn its own odds, that is, to leave it alone.
    taught = use & table.proposition
    target[taught] = 1 / (1 + np.exp(-logit[taught]))
    for _ in range(ROUNDS):
        data = lgb.Dataset(table.x[use][:, table.trees], target[use], weight=weight[use],
                           init_score=logit[use])
        trees = lgb.train(TREES, data, COUNT)
        score = np.full(len(table.y), -np.inf)
        score[use] = trees.predict(table.x[use][:, table.trees], raw_score=True) + logit[use]
        most = np.full(table.dialogue.max() + 1, -np.inf)
        np.maximum.at(most, table.dialogue[use & table.ci], score[use & table.ci])
        told = use & table.ci & (table.y == 1)
        weight = start.copy()
        weight[told] = np.where(score[told] >= most[table.dialogue[told]],
                                start[told] * table.in_dialogue[told], 0)
    return head, trees


def predict(model, table, rows):
    head, trees = model
    logit = head(table, rows) + trees.predict(table.x[rows][:, table.trees], raw_score=True)
    return 1 / (1 + np.exp(-logit))


def write(path, model, table, at):
    head, trees = model
    used, out = {}, []
    names = [table.names[i] for i in table.trees]
    for tree in trees.dump_model()["tree_info"]:
        one = {"feature": [], "threshold": [], "left": [], "right": [], "leaf": []}

        def walk(node):
            if "leaf_value" in node:
                one["leaf"].append(round(node["leaf_value"], 6))
                return -len(one["leaf"])
            here = len(one["feature"])
            name = names[node["split_feature"]]
            one["feature"].append(used.setdefault(name, len(used)))
            one["threshold"].append(node["threshold"])
            one["left"].append(0)
            one["right"].append(0)
            one["left"][here] = walk(node["left_child"])
            one["right"][here] = walk(node["right_child"])
            return here

        walk(tree["tree_structure"])
        out.append(one)
    content = {
        "version": "2", "licence": "CC BY-SA 4.0", "flag_at": FLAG_AT, "answer_at": round(float(at), 2),
        "features": list(used), "trees": out,
        "head": {"terms": TERMS, "mean": head.mean.round(8).tolist(), "scale": head.scale.round(8).tolist(),
                 "weight": head.weight.round(8).tolist(), "bias": round(float(head.bias), 8)},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("data", "vectors", "rows", "work", "out"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--fold-out", type=pathlib.Path)
    parser.add_argument("--fixture", type=pathlib.Path, help="rows with their probabilities, for the tests")
    parser.add_argument("--without", default="", help="columns set to 0, for ablation")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    names = subprocess.run([args.rows], check=True, capture_output=True, text=True).stdout.split()
    parts = [prosecco(args), ci_tod("train", args), ci_tod("dev", args), beam("100K", args),
             beam("500K", args), sgd(args), by_hand(args)]
    table = Table(parts, names)
    for name in args.without.split():
        table.x[:, names.index(name)] = 0
    # Dev stays out of every model whose figures are printed.
    known, p, models = table.set != "ci_dev", np.zeros(len(table.y)), []
    for k in range(FOLDS):
        unseen = (table.fold == k) & known
        models.append(learn(table, known & ~unseen))
        p[unseen] = predict(models[k], table, unseen)
    model = learn(table, known)
    p[~known] = predict(model, table, ~known)
    at = report(table, p, FLAG_AT)
    np.save(args.work / "scores.npy", p)
    write(args.out, model, table, at)
    for k in range(FOLDS if args.fold_out else 0):
        write(args.fold_out / f"fold-{k}" / args.out.name, models[k], table, at)
    if args.fixture:
        rows = np.random.RandomState(0).choice(len(table.y), 24, False)
        fixture = [{"row": [round(float(v), 6) for v in table.x[i]],
                    "probability": 0.0} for i in rows]
        table.x[rows] = np.array([f["row"] for f in fixture], "<f4")
        for f, value in zip(fixture, predict(model, table, rows)):
            f["probability"] = round(float(value), 6)
        args.fixture.write_text(json.dumps({"names": names, "rows": fixture}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
