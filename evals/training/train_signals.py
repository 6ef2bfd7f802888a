#!/usr/bin/env python3
"""Trains what a turn that repeats or corrects is known by (memory/weights/signals.json).

    pip install numpy scikit-learn onnxruntime tokenizers
    cargo build --release --example signal_rows -p throughline-memory
    python train_signals.py --data DIR --model MODELS/all-MiniLM-L6-v2 --rows target/release/examples/signal_rows
        --out memory/weights/signals.json

Learnt from written conversations (written/signals/, Apache-2.0) and half a of the labels in evals/cases/signals.jsonl,
which counts twice or three times; written files g and h, of hard cases alone, a quarter. DIR holds the data sets'
folders. The features are those of the service, by its own code. Each conversation is there a second time without vectors, so that the models also do without.

Two logistic regressions. Of a turn that corrects one sentence does: which one is chosen by the model of the round
before. Thresholds are fixed here; held-out figures are printed (8 folds by the first turn). Deterministic.
"""
import argparse
import hashlib
import json
import pathlib
import subprocess

import numpy as np
from sklearn.linear_model import LogisticRegression

from signals_data import labelled, written
from train_pins import embed

FOLDS, ROUNDS = 8, 6
C = {"repeats": 1.0, "corrects": 2.0}
LABELLED_WEIGHT = {"repeats": 3.0, "corrects": 2.0}
HARD_WEIGHT, WITHOUT_VECTORS_WEIGHT = 0.25, 0.25
THRESHOLDS = {"repeats": 0.5, "corrects": 0.5}
# The least weight that is kept.
LEAST = 0.01


def rows(talks, program):
    """Rows of features of each conversation and kind."""
    lines = "\n".join(json.dumps({"turns": talk["turns"], "cosines": talk.get("cosines", [])}) for talk in talks)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def cosines(talks, model, cache):
    """How near the vector of each of the user's turns is to the last one's, written into the conversations."""
    texts = [text for talk in talks for role, text in talk["turns"] if role == "user"]
    vectors = dict(zip(texts, embed(texts, model, cache)))
    for talk in talks:
        last = vectors[talk["turns"][-1][1]]
        talk["cosines"] = [float(vectors[text] @ last) if role == "user" else None for role, text in talk["turns"][:-1]]


def matrix(found, names):
    """Rows as numbers, in the order of the names."""
    at = {name: index for index, name in enumerate(names)}
    out = np.zeros((max(len(found), 1), len(names)), np.float32)
    for row, features in zip(out, found):
        for name, value in features:
            row[at[name]] = value
    return out


def fit(bags, truth, weights, c):
    """A model by which the highest row of a bag decides."""
    model = None
    for _ in range(ROUNDS):
        chosen, labels, counted = [], [], []
        for bag, label, weight in zip(bags, truth, weights):
            one = label and model is not None
            picked = bag[[int(np.argmax(model.decision_function(bag)))]] if one else bag
            chosen.append(picked)
            labels += [label] * len(picked)
            counted += [weight / len(picked) ** 0.5] * len(picked)
        model = LogisticRegression(C=c, max_iter=5000).fit(np.concatenate(chosen), labels, sample_weight=counted)
        if all(len(bag) == 1 for bag in bags):
            break
    return model


def probabilities(model, bags):
    return np.array([model.predict_proba(bag)[:, 1].max() for bag in bags])


def report(name, truth, found):
    hits, all_found, there = int((truth & found).sum()), int(found.sum()), int(truth.sum())
    print(f"{name}: precision {hits}/{all_found} = {hits / max(1, all_found):.3f}, recall {hits}/{there} = {hits / there:.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--rows", required=True)
    parser.add_argument("--cache", type=pathlib.Path, help="file that keeps vectors between runs")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    texts, labels = written(), labelled(options.data)
    talks = texts + labels
    cosines(talks, options.model, options.cache)
    seen = rows(talks, options.rows)
    blind = rows([{"turns": talk["turns"]} for talk in talks], options.rows)
    fold = np.array([int(hashlib.sha256(talk["turns"][0][1].encode()).hexdigest(), 16) % FOLDS for talk in talks])
    from_labels = np.arange(len(talks)) >= len(texts)
    hard = np.array([talk.get("hard", False) for talk in talks])
    models = {}
    for kind in ("repeats", "corrects"):
        names = sorted({name for row in seen + blind for bag in row[kind] for name, _ in bag})
        bags = [matrix(row[kind], names) for row in seen]
        without = [matrix(row[kind], names) for row in blind]
        truth = np.array([bool(talk[kind]) for talk in talks])
        open_label = np.array([talk[kind] is None for talk in talks])
        weight = np.where(from_labels, LABELLED_WEIGHT[kind], np.where(hard, HARD_WEIGHT, 1.0))

        def learn(which):
            twice = [bags[i] for i in which] + [without[i] for i in which]
            counted = np.r_[weight[which], weight[which] * WITHOUT_VECTORS_WEIGHT]
            return fit(twice, np.r_[truth[which], truth[which]], counted, C[kind])

        held, held_blind = np.zeros(len(talks)), np.zeros(len(talks))
        for one in range(FOLDS):
            model = learn(np.flatnonzero(~open_label & (fold != one)))
            for i in np.flatnonzero(fold == one):
                held[i] = probabilities(model, [bags[i]])[0]
                held_blind[i] = probabilities(model, [without[i]])[0]
        at = THRESHOLDS[kind]
        for name, which in (("written", ~from_labels & ~hard), ("hard", hard), ("half a", from_labels & ~open_label)):
            report(f"{kind}, {name}, held out", truth[which], held[which] >= at)
            report(f"{kind}, {name}, held out, without vectors", truth[which], held_blind[which] >= at)
        model = learn(np.flatnonzero(~open_label))
        kept = {name: round(float(value), 4) for name, value in zip(names, model.coef_[0]) if abs(value) >= LEAST}
        models[kind] = {"bias": round(float(model.intercept_[0]), 4), "threshold": at, "weights": kept}
    options.out.write_text(json.dumps(models, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
