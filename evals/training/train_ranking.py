"""Learns the weights of hybrid ranking from `throughline-eval features` files.

For each question the loss is the mean over its evidence turns of

    -log( exp(s_gold) / (exp(s_gold) + sum over other turns exp(s)) )

with s linear in the features (listwise softmax, Cao et al., ICML 2007). Data
sets weigh the same whatever their number of questions; an L2 penalty keeps the
weights small. Optimised by L-BFGS from zero: the same input gives the same
weights.

Writes the weights learnt on everything, and for each fold those learnt without
it; prints recall@10 on the unseen fold, which is the figure that counts.

    python3 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python train_ranking.py features-*.jsonl --out ../../memory/weights

What each feature brings: `--ablate` drops groups of them, learns anew with the same
folds and prints a table of recall@10. With `--out DIR` it writes what was learnt
on everything without a group (its weights are 0) to DIR, for `--ranking-weights`
on sets that nothing is learnt from; without, it writes nothing.

    venv/bin/python train_ranking.py features-*.jsonl --ablate
"""

import argparse
import collections
import copy
import json
import pathlib

import numpy as np
from scipy.optimize import minimize

import ranking_ablation

FEATURES = [
    "dense", "dense_first", "bm25_window", "bigram", "user", "user_of_assistant", "user_summary",
    "user_instructs", "user_prefers_advice", "assistant_length", "first_person", "dated_when", "asks",
]
# Raw signals that only variants of the ablation use.
PLAIN = {"bm25_plain": ("bm25", 0.0), "cosine_plain": ("cosine", np.nan)}
COLUMNS = [*FEATURES, *PLAIN]


def scaled(column):
    """0 for the least, 1 for the best; 0 where there is none, and for all when they are equal."""
    known = column[~np.isnan(column)]
    if not len(known) or known.max() == known.min():
        return np.zeros(len(column))
    return np.nan_to_num((column - known.min()) / (known.max() - known.min()))


class Question:
    """One line of a features file: a row for each candidate."""

    def __init__(self, line):
        record = json.loads(line)
        found = record["candidates"]
        self.set = f'{record["dataset"]} {record["split"]}'
        self.conversation = record["conversation"]
        self.fold = record["fold"]
        features = [[c["components"].get(f, 0.0) for f in FEATURES] for c in found]
        self.rows = np.array(features).reshape(len(found), len(FEATURES))
        raw = [[c["components"].get(name, absent) for c in found] for name, absent in PLAIN.values()]
        self.all = np.column_stack([self.rows, *(scaled(np.array(column, float)) for column in raw)])
        self.gold = np.array([c["label"] for c in found], bool)
        # Evidence beyond the candidates counts as not found.
        self.evidence = record["evidence"]

    def with_columns(self, names):
        """The same question, described by these columns alone."""
        other = copy.copy(self)
        other.rows = self.all[:, [COLUMNS.index(name) for name in names]]
        return other

    def recall(self, weights, k=10):
        order = np.argsort(-(self.rows @ weights), kind="stable")[:k]
        return self.gold[order].sum() / self.evidence


def learn(questions, l2):
    """The weights of the least loss."""
    start = np.zeros(questions[0].rows.shape[1] if questions else len(FEATURES))
    questions = [q for q in questions if q.gold.any()]
    sizes = collections.Counter(q.set for q in questions)

    def loss(weights):
        total, slope = l2 * weights @ weights, 2 * l2 * weights
        for q in questions:
            scores = q.rows @ weights
            scores -= scores.max()
            odds = np.exp(scores)
            others = np.where(q.gold, 0.0, odds)
            share = 1 / (sizes[q.set] * q.gold.sum())
            whole = others.sum() + odds[q.gold]
            total += share * (np.log(whole) - scores[q.gold]).sum()
            pull = others * (share / whole).sum()
            pull[q.gold] = share * (odds[q.gold] / whole - 1)
            slope = slope + q.rows.T @ pull
        return total, slope

    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x


def by_fold(questions, folds, l2):
    """For each fold the weights that have not seen it, and where its questions stand."""
    for fold in range(folds):
        weights = learn([q for q in questions if q.fold != fold], l2)
        yield fold, weights, [at for at, q in enumerate(questions) if q.fold == fold]


def unseen(questions, folds, l2):
    """Recall of each question, in their order, by weights that have not seen it."""
    recalls = np.full(len(questions), np.nan)
    for _, weights, places in by_fold(questions, folds, l2):
        for at in places:
            recalls[at] = questions[at].recall(weights)
    return recalls


def ablate(questions, folds, l2, out, trained_on):
    """Prints the table; writes the weights of what lacks a group, if there is a folder for them."""
    for row in ranking_ablation.table(questions, FEATURES, lambda some: unseen(some, folds, l2)):
        print(row, flush=True)
    for slug, columns in ranking_ablation.left_out(FEATURES) if out else []:
        learnt = dict(zip(columns, learn([q.with_columns(columns) for q in questions], l2)))
        weights = [learnt.get(name, 0.0) for name in FEATURES]
        write(out / f"{slug}.json", weights, f"{trained_on}; {slug}")


def write(path, weights, trained_on):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "version": "1",
        "trained_on": trained_on,
        "licence": "CC BY-SA 4.0",
        "weights": {name: round(float(w), 4) for name, w in zip(FEATURES, weights)},
    }
    path.write_text(json.dumps(content, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("features", nargs="+", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, help="folder for the weights")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--l2", type=float, default=0.001)
    parser.add_argument("--ablate", action="store_true", help="what is each group of features worth?")
    args = parser.parse_args()
    if not (args.ablate or args.out):
        parser.error("--out is needed")

    questions = []
    for path in args.features:
        with path.open() as lines:
            questions += [Question(line) for line in lines]
    questions = [q for q in questions if q.evidence > 0]
    sizes = collections.Counter(q.set for q in questions)
    trained_on = "; ".join(f"{name}, {n} questions" for name, n in sorted(sizes.items()))

    if args.ablate:
        ablate(questions, args.folds, args.l2, args.out, trained_on)
        return
    held_out = collections.defaultdict(list)
    for fold, weights, places in by_fold(questions, args.folds, args.l2):
        note = f"{trained_on}; without fold {fold} of {args.folds}"
        write(args.out / "folds" / f"fold-{fold}.json", weights, note)
        for at in places:
            held_out[questions[at].set].append(questions[at].recall(weights))
    weights = learn(questions, args.l2)
    write(args.out / "ranking.json", weights, trained_on)
    for name, recalls in sorted(held_out.items()):
        seen = np.mean([q.recall(weights) for q in questions if q.set == name])
        print(f"{name}: recall@10 {np.mean(recalls):.4f} unseen, {seen:.4f} seen, n {len(recalls)}")
    for name, weight in zip(FEATURES, weights):
        print(f"  {name:20} {weight:8.4f}")


if __name__ == "__main__":
    main()
