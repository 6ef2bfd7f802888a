"""Learns what weighs a sentence against its contraries: speakers exchanged, clauses denied (`contrary` of the check's
weights; `summarizer/src/check/contrary.rs`).

Only faithful sentences are learnt from. Exchanged speakers: a row of the service's own code is the support of the
sentence as written less that of the exchanged one; with its negative it makes a pair of labels, and small trees learn
which is which. Denials: each clause of a faithful sentence is labelled by whether it denies, and small trees learn how
likely it does from what the source has. No changed sentence is learnt from; changes are made for the curves alone.

    pip install numpy==2.2.6 scipy==1.15.3 scikit-learn lightgbm blake3
    python train_contrary.py prepare --data DIR --work DIR
    throughline-eval check-rows --input DIR/input.jsonl --out DIR/rows.jsonl --models-dir DIR
    python train_contrary.py learn --work DIR --out ../../summarizer/weights

Run it after `train_check.py`, whose files it completes. QMSum train and val, SummEdits' consistent summaries and the
written dialogues of `written/check`. `learn` prints curves on documents that were not learnt from (five folds, as
`throughline-eval summaries --folds 5` has them). Deterministic: fixed seeds, one thread.
"""

import argparse
import gzip
import json
import pathlib
import re

import lightgbm as lgb
import numpy as np
from sklearn.metrics import roc_auc_score

from check_data import FOLDS, dialogue, fold, meetings, sentences, spans

HERE = pathlib.Path(__file__).resolve().parent
TURNS, WORDS = range(3, 81), range(5, 46)
SETS = ("written", "sales_call", "qmsumm", "qmsum")
# Dialogues of two are what the check meets most; meetings are many.
SHARES = {"exchange": {"written": 3.0, "sales_call": 2.0, "qmsumm": 1.0, "qmsum": 1.0},
          "denial": {"written": 3.0, "sales_call": 1.0, "qmsumm": 1.0, "qmsum": 0.7}}
TREES = {"exchange": dict(n_estimators=120, num_leaves=8, min_child_samples=50, learning_rate=0.07),
         "denial": dict(n_estimators=60, num_leaves=6, min_child_samples=30, learning_rate=0.08)}
COMMON = dict(reg_lambda=5, colsample_bytree=0.5, subsample=0.8, subsample_freq=1, verbose=-1, n_jobs=1, random_state=1,
              deterministic=True, force_row_wise=True)
# Log odds for a contrary beyond which it rejects a sentence, chosen by the curves that `learn` prints
# (`docs/summaries.md`).
MARGINS = {"speakers": 1.75, "polarity": 3.0}
# A clause with one of these is not rejected for its polarity (`denial.rs`); the curves go by sentences.
HEDGED = re.compile(r"\b(may|might|maybe|perhaps|possibly)\b", re.I)
AUXILIARIES = "is are was were will would can could should has have had does did may must".split()
AFFIRMED = {"cannot": "can", "can't": "can", "won't": "will", "never": "always", "without": "with"}


def denied(text):
    """(text with a negation less or more, which), for the curves."""
    words = [(m.start(), m.group(0), m.group(0).lower().replace("’", "'")) for m in re.finditer(r"[\w'’]+", text)]
    for at, word, low in words:
        other = "" if low == "not" else AFFIRMED.get(low, low[:-3] if low.endswith("n't") else None)
        if other is not None:
            return re.sub("  +", " ", text[:at] + other + text[at + len(word):]), "dropped"
    for at, word, low in words:
        if low in AUXILIARIES:
            return f"{text[:at]}{word} not{text[at + len(word):]}", "brought"
    return None, None


def sources(data):
    """(set, document, turns, sentences)"""
    for path in sorted((HERE / "written" / "check").glob("*.jsonl")):
        for number, line in enumerate(open(path)):
            row = json.loads(line)
            yield "written", f"{path.stem}{number}", row["turns"], row["sentences"]
    for name in ("sales_call", "qmsumm"):
        documents = {}
        with gzip.open(data / "summedits" / f"{name}.json.gz") as file:
            for row in json.load(file):
                _, own = documents.setdefault(re.sub(r"_[^_]*$", "", row["id"]), (dialogue(row["doc"].strip()), []))
                own += [text for text in sentences(row["summary"]) if row["label"] and text not in own]
        for document, (turns, own) in documents.items():
            yield name, document, turns, own[:12]
    for meeting in meetings(data):
        for answer, turns in spans(meeting):
            own = [text for text in sentences(answer) if len(text.split()) in WORDS]
            if len(turns) in TURNS and own:
                yield "qmsum", meeting["id"], turns, own


def prepare(args):
    args.work.mkdir(parents=True, exist_ok=True)
    with open(args.work / "input.jsonl", "w") as out, open(args.work / "items.jsonl", "w") as items:
        for name, document, turns, own in sources(args.data):
            out.write(json.dumps({"turns": turns}) + "\n")
            for text in own:
                other, change = denied(text)
                for variant, kind in ((text, "as it is"), (other, change)):
                    if variant:
                        out.write(json.dumps({"sentence": variant}) + "\n")
                        items.write(json.dumps({"set": name, "fold": fold(document), "kind": kind, "text": variant}) + "\n")


class Rows:
    """Exchanges or denials of all sentences, flat, each with its sentence's index."""

    def __init__(self, items, rows, key):
        flat = [(at, one) for at, row in enumerate(rows) for one in row[key]]
        self.of = np.array([at for at, _ in flat])
        self.denied = np.array([isinstance(one[0], bool) and one[0] for _, one in flat])
        self.rows = np.array([one[1] if isinstance(one[0], bool) else one for _, one in flat], np.float32)
        pick = lambda field: np.array([items[at][field] for at in self.of])
        self.set, self.fold, self.kind = pick("set"), pick("fold"), pick("kind")
        self.hedged = np.array([HEDGED.search(items[at]["text"]) is not None for at in self.of])
        shares = SHARES["exchange" if key == "exchanges" else "denial"]
        count = np.bincount(self.of, minlength=len(rows))[self.of]
        self.weight = np.array([shares[name] for name in self.set]) / (count if key == "exchanges" else 1)


def exchange_trees(data, use):
    use = use & (data.kind == "as it is")
    rows = np.vstack([data.rows[use], -data.rows[use]])
    label = np.repeat([1, 0], use.sum())
    return lgb.LGBMClassifier(**TREES["exchange"], **COMMON).fit(rows, label, sample_weight=np.tile(data.weight[use], 2))


def exchange_odds(model, rows):
    score = lambda x: model.booster_.predict(x, raw_score=True)
    return (score(rows) - score(-rows)) / 2


def denial_trees(data, use):
    use = use & (data.kind == "as it is")
    return lgb.LGBMClassifier(**TREES["denial"], **COMMON).fit(data.rows[use], data.denied[use], sample_weight=data.weight[use])


def unseen(data, fit, odds):
    """(odds on unseen folds, the model of each fold)"""
    out, models = np.zeros(len(data.rows)), []
    for k in range(FOLDS):
        models.append(fit(data, data.fold != k))
        out[data.fold == k] = odds(models[-1], data.rows[data.fold == k])
    return out, models


def least(data, odds, use):
    """The least odds of each sentence."""
    found = {}
    for at in np.flatnonzero(use):
        found[data.of[at]] = min(found.get(data.of[at], np.inf), odds[at])
    return np.array(list(found.values()))


def curves(exchanges, odds, clauses, denial_odds):
    cuts = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
    right = np.where(clauses.hedged, np.inf, np.where(clauses.denied, denial_odds, -denial_odds))
    for name in SETS:
        mine = (exchanges.set == name) & (exchanges.kind == "as it is")
        worst = least(exchanges, odds, mine)
        print(f"speakers, {name}: {len(worst)} sentences, as written preferred {100 * (odds[mine] > 0).mean():.1f} %")
        print("   caught / false alarms:", "  ".join(f"{cut}: {100 * (odds[mine] > cut).mean():.0f} / {100 * (worst < -cut).mean():.0f}" for cut in cuts))
        for kind in ("brought", "dropped"):
            side = clauses.denied == (kind == "brought")
            alarms = (clauses.set == name) & (clauses.kind == "as it is")
            total = len(set(clauses.of[alarms]))
            changed = least(clauses, right, (clauses.set == name) & (clauses.kind == kind) & side)
            own = least(clauses, right, alarms & side)
            if len(changed):
                print(f"   negation {kind} ({len(changed)}):", "  ".join(f"{cut}: {100 * (changed < -cut).mean():.0f} / {100 * (own < -cut).sum() / total:.0f}" for cut in cuts))


def exported(model):
    """LightGBM's trees in the arrays that `forest.rs` reads."""
    out = []
    for tree in model.booster_.dump_model()["tree_info"]:
        feature, threshold, left, right = [], [], [], []

        def walk(node):
            at = len(feature)
            feature.append(node.get("split_feature", 0))
            threshold.append(round(float(node.get("threshold", node.get("leaf_value", 0.0))), 5))
            left.append(0)
            right.append(0)
            if "split_feature" in node:
                left[at] = walk(node["left_child"])
                right[at] = walk(node["right_child"])
            return at

        walk(tree["tree_structure"])
        out.append({"feature": feature, "threshold": threshold, "left": left, "right": right})
    return {"trees": out}


def learn(args):
    items = [json.loads(line) for line in open(args.work / "items.jsonl")]
    lines = open(args.work / "rows.jsonl")
    next(lines)
    rows = [json.loads(line) for line in lines]
    assert len(rows) == len(items), "rows.jsonl is not of this items.jsonl"
    exchanges, clauses = Rows(items, rows, "exchanges"), Rows(items, rows, "denials")
    raw = lambda model, x: model.booster_.predict(x, raw_score=True)
    odds, exchange_models = unseen(exchanges, exchange_trees, exchange_odds)
    denial_odds, denial_models = unseen(clauses, denial_trees, raw)
    curves(exchanges, odds, clauses, denial_odds)
    own = clauses.kind == "as it is"
    print("clauses:", own.sum(), "denying", clauses.denied[own].sum(), "auroc", round(roc_auc_score(clauses.denied[own], denial_odds[own]), 3))
    np.savez(args.work / "odds.npz", exchange_of=exchanges.of, exchange=odds, denial_of=clauses.of, denial=denial_odds, denied=clauses.denied)

    def written(path, exchange, denial, version):
        weights = json.loads(path.read_text())
        weights["contrary"] = {"exchange": exported(exchange), "denial": exported(denial), "margins": MARGINS}
        weights["version"] = version
        path.write_text(json.dumps(weights, separators=(",", ":")) + "\n")

    everything = lambda data: np.ones(len(data.rows), bool)
    written(args.out / "check.json", exchange_trees(exchanges, everything(exchanges)), denial_trees(clauses, everything(clauses)), "2")
    for k in range(FOLDS):
        written(args.out / "check-folds" / f"fold-{k}.json", exchange_models[k], denial_models[k], f"2-fold-{k}")


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    for name, options in (("prepare", ("data", "work")), ("learn", ("work", "out"))):
        command = commands.add_parser(name)
        for option in options:
            command.add_argument(f"--{option}", type=pathlib.Path, required=True)
    args = parser.parse_args()
    {"prepare": prepare, "learn": learn}[args.command](args)


if __name__ == "__main__":
    main()
