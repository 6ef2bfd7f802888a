"""Learns the weights of the faithfulness check (`summarizer/weights/check.json`).

Two steps over rows of the service's own code: small boosted trees tell for each word whether it is unsupported
(learnt from seeded changes alone, where it is known which words were changed), then a logistic head over sums of
these and other numbers tells whether the sentence is faithful (seeded changes, SummEdits, DiaSumFact; SHARES has the
weight of each set, the same for both labels). In the head's rows of the seeded changes the trees are of other meetings.

    pip install numpy==2.2.6 scipy==1.15.3 scikit-learn lightgbm blake3
    python train_check.py prepare --data DIR --wordnet package/dict --vocabulary tokenizer.json --work DIR
    throughline-eval check-rows --input DIR/input.jsonl --out DIR/rows.jsonl --models-dir DIR
    python train_check.py learn --work DIR --out ../../summarizer/weights [--ablation]

`learn` prints balanced accuracy and AUROC on documents that neither step saw (five folds, as `throughline-eval
summaries --folds 5 --fold-weights summarizer/weights/check-folds` has them). Deterministic: fixed seeds, one thread.
"""

import argparse
import collections
import itertools
import json
import pathlib
import re
import struct

import lightgbm as lgb
import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from check_data import FOLDS, changed, diasumfact, report_words, summedits
from check_changes import tokens
from make_relations import fnv, stem

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETS = ["changed", "sales_call", "qmsumm", "diasumfact"]
SHARES = {"changed": 0.3, "sales_call": 1.0, "qmsumm": 1.0, "diasumfact": 1.5}
QUESTIONS, CHANGED_ROWS, HEAD_C = 420, 2400, 0.05
TREES = dict(n_estimators=110, num_leaves=12, learning_rate=0.07, min_child_samples=40, colsample_bytree=0.5, subsample=0.8,
             subsample_freq=1, reg_lambda=5, verbose=-1, n_jobs=1, random_state=1, deterministic=True)
# Word log odds from which a word is named: about half of those named are truly unsupported.
WORD_SHARE = 0.5
SUMS = 5


def stop_words():
    source = (ROOT / "memory/src/staleness/text/words.rs").read_text()
    words = re.search(r'const STOP_WORDS: &str = "(.*?)";', source, re.S).group(1)
    return set(words.replace("\\\n", "").split())


def nearness():
    """Cosine of two words by the bundled table of senses; 0 where one is not in it."""
    raw = (ROOT / "memory/weights/staleness-words.bin").read_bytes()
    table = {struct.unpack("<I", raw[i : i + 4])[0]: np.frombuffer(raw[i + 4 : i + 28], np.int8) / 127 for i in range(0, len(raw), 28)}
    sense = lambda word: table.get(fnv(stem(word.lower()).encode()))

    def near(a, b):
        a, b = sense(a), sense(b)
        return 0.0 if a is None or b is None else float(a @ b)

    return near


def prepare(args):
    stop = stop_words()
    vocabulary = set(json.loads(args.vocabulary.read_text())["model"]["vocab"])
    items = [*summedits(args.data, "sales_call"), *summedits(args.data, "qmsumm"), *diasumfact(args.data)]
    made = changed(args.data, args.wordnet, vocabulary, nearness(), stop, QUESTIONS)
    items += itertools.islice(made, CHANGED_ROWS)
    known = {stem(line.split()[0]) for part in ("noun", "verb", "adj", "adv") for line in open(args.wordnet / f"index.{part}") if line[0] != " "}
    args.work.mkdir(parents=True, exist_ok=True)
    (args.work / "report.json").write_text(json.dumps(report_words(args.data, stop, known)))
    last = None
    with open(args.work / "input.jsonl", "w") as out, open(args.work / "items.jsonl", "w") as labels:
        for one in items:
            turns = one.pop("turns")
            if turns != last:
                out.write(json.dumps({"turns": turns}) + "\n")
                last = turns
            out.write(json.dumps({"sentence": one["text"]}) + "\n")
            labels.write(json.dumps(one) + "\n")
    # The words' rows read the report words: they must be in place before the rows are made.
    columns = json.loads((ROOT / "summarizer/weights/check.json").read_text())
    columns["report"] = json.loads((args.work / "report.json").read_text())
    (ROOT / "summarizer/weights/check.json").write_text(json.dumps(columns))
    print(len(items), collections.Counter(one["set"] for one in items), collections.Counter(one["kind"] for one in items if one["set"] == "changed"))


class Data:
    """Items with their rows as arrays."""

    def __init__(self, work):
        self.items = [json.loads(line) for line in open(work / "items.jsonl")]
        lines = open(work / "rows.jsonl")
        head = json.loads(next(lines))
        self.word_columns, self.columns = head["words"], head["sentences"]
        rows = [json.loads(line) for line in lines]
        assert len(rows) == len(self.items), "rows.jsonl is not of this items.jsonl"
        pick = lambda key: np.array([one[key] for one in self.items])
        self.set, self.fold, self.label, self.weight = pick("set"), pick("fold"), pick("label"), pick("weight")
        self.whole = np.array([one.get("whole", one["label"]) for one in self.items])
        self.rows = np.array([row["row"] for row in rows])
        self.missing = np.array([len(row["missing"]) for row in rows])
        self.places, words, of = [], [], []
        for at, row in enumerate(rows):
            self.places.append((len(words), len(words) + len(row["words"])))
            words += [word[2] for word in row["words"]]
            of += [at] * len(row["words"])
        self.words, self.of = np.array(words), np.array(of)
        self.unsupported = np.array([mark for one, row in zip(self.items, rows) for mark in marks(one, row["words"])])

    def sums(self, odds):
        """The sums of word log odds that begin a sentence's row, as `sentence_row.rs` has them."""
        out = np.empty((len(self.items), SUMS))
        for at, (start, end) in enumerate(self.places):
            z = np.sort(odds[start:end])[::-1]
            out[at] = [z[0], z[1] if len(z) > 1 else -5, z[:3].mean(), z.mean(), np.log1p(np.exp(z)).sum()] if len(z) else [-5, -5, -5, -5, 0]
        return out


def marks(one, words):
    """1 for a word that a seeded change brought in, 0 for one that was there, -1 where that is not known."""
    if one["set"] != "changed" or one["kind"] == "other":
        return [-1] * len(words)
    known = {word.lower() for text in (one["original"], one["synonyms"] or "") for word, _, _ in tokens(text)}
    return [0 if one["label"] else int(word not in known) for _, word, _ in words]


def trees(data, use):
    use = use & (data.unsupported >= 0)
    return lgb.LGBMClassifier(**TREES).fit(data.words[use], data.unsupported[use])


def odds_of(model, rows):
    return model.predict(rows, raw_score=True)


def head(data, rows, use):
    """(centre, scale, weights, bias)"""
    weight = np.zeros(len(rows))
    for name in SETS:
        for label in (0, 1):
            mine = use & (data.set == name) & (data.label == label)
            weight[mine] = data.weight[mine] * SHARES[name] / max(data.weight[mine].sum(), 1e-9)
    use = weight > 0
    centre = np.average(rows[use], axis=0, weights=weight[use])
    scale = np.sqrt(np.average((rows[use] - centre) ** 2, axis=0, weights=weight[use]))
    scale[scale < 1e-6] = 1.0
    model = LogisticRegression(C=HEAD_C, max_iter=2000)
    model.fit((rows[use] - centre) / scale, data.label[use], sample_weight=weight[use] / weight[use].mean())
    return centre, scale, model.coef_[0], model.intercept_[0], weight


def score(rows, fitted):
    centre, scale, weights, bias, _ = fitted
    return (rows - centre) / scale @ weights + bias


def balanced(label, taken):
    return ((taken & (label == 1)).sum() / max(1, (label == 1).sum()) + (~taken & (label == 0)).sum() / max(1, (label == 0).sum())) / 2


def wholes(data, name, scores):
    """(label, least score, fold) of each summary."""
    found = collections.OrderedDict()
    for at in np.flatnonzero(data.set == name):
        found.setdefault(data.items[at]["id"], []).append(at)
    parts = list(found.values())
    return np.array([data.whole[p[0]] for p in parts]), np.array([scores[p].min() for p in parts]), np.array([data.fold[p[0]] for p in parts])


def figures(data, scores):
    out = {}
    for name in ("sales_call", "qmsumm"):
        label, least, fold = wholes(data, name, scores)
        taken = np.zeros(len(label), bool)
        for k in range(FOLDS):
            cuts = np.quantile(least[fold != k], np.arange(0.05, 0.96, 0.02))
            taken[fold == k] = least[fold == k] >= max(cuts, key=lambda cut: balanced(label[fold != k], least[fold != k] >= cut))
        out[name] = f"auroc {roc_auc_score(label, least):.3f} balanced {100 * balanced(label, taken):.1f}"
    mine = data.set == "diasumfact"
    out["diasumfact"] = f"auroc {roc_auc_score(data.label[mine], scores[mine]):.3f}"
    mine = data.set == "changed"
    out["changed"] = f"auroc {roc_auc_score(data.label[mine], scores[mine]):.3f}"
    return out


def without(data, rows, columns):
    """Scores on unseen folds with some columns blanked."""
    kept = rows.copy()
    kept[:, columns] = 0
    scores = np.zeros(len(rows))
    for k in range(FOLDS):
        scores[data.fold == k] = score(kept[data.fold == k], head(data, kept, data.fold != k))
    return scores


def exported(model, columns):
    """LightGBM's trees in the arrays that `forest.rs` reads."""
    out = []
    for tree in model.booster_.dump_model()["tree_info"]:
        feature, threshold, left, right = [], [], [], []

        def walk(node):
            at = len(feature)
            feature.append(node.get("split_feature", 0))
            threshold.append(float(node.get("threshold", node.get("leaf_value", 0.0))))
            left.append(0)
            right.append(0)
            if "split_feature" in node:
                # Doubles that were split between floats are rounded down to the float below.
                down = np.float32(node["threshold"])
                threshold[at] = float(np.nextafter(down, np.float32(-np.inf)) if down > node["threshold"] else down)
                left[at] = walk(node["left_child"])
                right[at] = walk(node["right_child"])
            return at

        walk(tree["tree_structure"])
        leaf = [l == 0 for l in left]
        out.append({"feature": feature, "threshold": [round(t, 5) if is_leaf else t for t, is_leaf in zip(threshold, leaf)], "left": left, "right": right})
    return {"trees": out}


def learn(args):
    data = Data(args.work)
    names = [*map(str, data.columns)]
    everything = np.ones(len(data.items), bool)
    final = trees(data, everything[data.of])
    # The trees' own meetings would look too sure: their words are scored by trees of other folds.
    apart = odds_of(final, data.words)
    for k in range(FOLDS):
        mine = (data.fold[data.of] == k) & (data.set[data.of] == "changed")
        apart[mine] = odds_of(trees(data, data.fold[data.of] != k), data.words[mine])
    known = data.unsupported >= 0
    print("words of seeded changes, unseen meetings: auroc", round(roc_auc_score(data.unsupported[known], apart[known]), 3), "n", known.sum())
    rows = data.rows.copy()
    rows[:, :SUMS] = data.sums(apart)
    scores = without(data, rows, [])
    for name, figure in figures(data, scores).items():
        print(f"  {name}: {figure}")
    for kind in sorted({one["kind"] for one in data.items if one["set"] == "changed"} - {"as it is", "synonyms"}):
        mine = np.array([one["set"] == "changed" and (one["kind"] == kind or one["label"] == 1) for one in data.items])
        print(f"  changed, {kind}: auroc {roc_auc_score(data.label[mine], scores[mine]):.3f}")
    if args.ablation:
        families = {
            "words' log odds": names[:5], "size": names[5:8], "nearness by embedding": names[8:15], "cover": names[15:19],
            "support by WordNet": names[19:39], "word pairs": names[39:42], "hard checks": names[42:49], "polarity": names[49:53],
            "speakers": names[53:58], "form": names[58:]}
        for family, columns in families.items():
            print("  without", family, len(columns), figures(data, without(data, rows, [names.index(c) for c in columns])))
        return
    cut = np.quantile(apart[known], 0.9)
    order = np.argsort(-apart[known])
    precision = np.cumsum(data.unsupported[known][order]) / np.arange(1, known.sum() + 1)
    at = np.flatnonzero(precision >= WORD_SHARE)
    cut = float(apart[known][order][at[-1]]) if len(at) else float(cut)
    # Calibrated on unseen folds, all sets and labels with the same weight; the threshold serves all sets.
    fitted = head(data, rows, everything)
    weight = fitted[4]
    scale = LogisticRegression(C=1e6).fit(scores[:, None], data.label, sample_weight=weight / weight.mean())
    slope, offset = float(scale.coef_[0][0]), float(scale.intercept_[0])
    probability = expit(slope * scores + offset)
    cuts = np.arange(0.2, 0.8, 0.01)

    def worth(cut):
        parts = [balanced(*(lambda l, s, _: (l, s >= cut))(*wholes(data, name, probability))) for name in ("sales_call", "qmsumm")]
        mine = data.set == "diasumfact"
        return np.mean(parts + [balanced(data.label[mine], probability[mine] >= cut)])

    threshold = float(max(cuts, key=worth))
    print("threshold", round(threshold, 2), "mean balanced accuracy", round(100 * worth(threshold), 1), "words named from", round(cut, 2))
    report = json.loads((args.work / "report.json").read_text())
    # Stands until `train_contrary.py` learns it anew.
    contrary = json.loads((ROOT / "summarizer/weights/check.json").read_text())["contrary"]

    def written(path, fitted, version):
        centre, scale, weights, bias, _ = fitted
        short = lambda array: [float(f"{x:.6g}") for x in array]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({
            "version": version, "word_columns": data.word_columns, "sentence_columns": data.columns, "report": report,
            "words": exported(final, data.word_columns), "contrary": contrary, "centre": short(centre), "scale": short(scale),
            "head": {"bias": float(f"{bias:.6g}"), "weights": short(weights)}, "calibration": [round(slope, 4), round(offset, 4)],
            "threshold": round(threshold, 2), "word_threshold": round(cut, 3)}, separators=(",", ":")) + "\n")

    written(args.out / "check.json", fitted, "1")
    for k in range(FOLDS):
        written(args.out / "check-folds" / f"fold-{k}.json", head(data, rows, data.fold != k), f"1-fold-{k}")


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    for name, options in (("prepare", ("data", "wordnet", "vocabulary", "work")), ("learn", ("work", "out"))):
        command = commands.add_parser(name)
        for option in options:
            command.add_argument(f"--{option}", type=pathlib.Path, required=True)
        if name == "learn":
            command.add_argument("--ablation", action="store_true")
    args = parser.parse_args()
    {"prepare": prepare, "learn": learn}[args.command](args)


if __name__ == "__main__":
    main()
