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
"""

import argparse
import collections
import json
import pathlib

import numpy as np
from scipy.optimize import minimize

FEATURES = [
    "dense", "dense_first", "bm25_window", "bigram", "user", "user_of_assistant", "user_summary",
    "user_instructs", "user_prefers_advice", "assistant_length", "first_person", "dated_when", "asks",
]


class Question:
    """One line of a features file: a row for each candidate."""

    def __init__(self, line):
        record = json.loads(line)
        found = record["candidates"]
        self.set = f'{record["dataset"]} {record["split"]}'
        self.fold = record["fold"]
        self.rows = np.array([[c["components"].get(f, 0.0) for f in FEATURES] for c in found])
        self.gold = np.array([c["label"] for c in found], bool)
        # Evidence beyond the candidates counts as not found.
        self.evidence = record["evidence"]

    def recall(self, weights, k=10):
        order = np.argsort(-(self.rows @ weights), kind="stable")[:k]
        return self.gold[order].sum() / self.evidence


def learn(questions, l2):
    """The weights of the least loss."""
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

    start = np.zeros(len(FEATURES))
    return minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x


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
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the weights")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--l2", type=float, default=0.001)
    args = parser.parse_args()

    questions = []
    for path in args.features:
        with path.open() as lines:
            questions += [Question(line) for line in lines]
    questions = [q for q in questions if q.evidence > 0]
    sizes = collections.Counter(q.set for q in questions)
    trained_on = "; ".join(f"{name}, {n} questions" for name, n in sorted(sizes.items()))

    unseen = collections.defaultdict(list)
    for fold in range(args.folds):
        weights = learn([q for q in questions if q.fold != fold], args.l2)
        note = f"{trained_on}; without fold {fold} of {args.folds}"
        write(args.out / "folds" / f"fold-{fold}.json", weights, note)
        for q in questions:
            if q.fold == fold:
                unseen[q.set].append(q.recall(weights))
    weights = learn(questions, args.l2)
    write(args.out / "ranking.json", weights, trained_on)
    for name, recalls in sorted(unseen.items()):
        seen = np.mean([q.recall(weights) for q in questions if q.set == name])
        print(f"{name}: recall@10 {np.mean(recalls):.4f} unseen, {seen:.4f} seen, n {len(recalls)}")
    for name, weight in zip(FEATURES, weights):
        print(f"  {name:20} {weight:8.4f}")


if __name__ == "__main__":
    main()
