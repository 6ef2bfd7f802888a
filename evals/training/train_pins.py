#!/usr/bin/env python3
"""Trains the weights of the detector of pins (memory/weights/pins.json, folds-pins/).

    pip install numpy scikit-learn scipy onnxruntime tokenizers blake3
    python train_pins.py --data DIR --model MODELS/all-MiniLM-L6-v2 --out memory/weights
        [--parity memory/src/facts/detect/parity.jsonl] [--no-vectors] [--no-runs] [--no-beam]

DIR holds the data sets' folders. Learnt from written turns (written/pins/, Apache-2.0), BEAM (CC BY-SA 4.0), the train
split of SGD (CC BY-SA 4.0) and StructFlowBench (MIT). Nothing of prefeval, locomo or dialogsum is read.

One logistic regression a kind over features (pins_features.py) and the vector of the sentence (192 principal
components, folded back into 384 weights), solved together (pins_solver.py). Weights of fold N are learnt without the
BEAM conversations of fold N (BLAKE3 of the id) and without a fifth of the other texts. Calibration (Platt) and thresholds are three numbers a kind,
from the held-out scores of all folds. Deterministic: fixed seeds, one thread.
"""
import argparse
import json
import pathlib
import pickle

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from pins_data import FOLDS, KINDS, PAIRING, beam, rows_of
from pins_solver import fit

HERE = pathlib.Path(__file__).parent
COMPONENTS, VECTOR_SCALE, C, BLEND = 192, 2.0, 1.0, 0.15
MAX_PIECES = 202
# The least weight that is kept.
LEAST = 0.02
MIN_COUNT = 2
# What written remarks of a few words count for preferences: their words else flood long turns.
PREFERENCE_WEIGHT = 0.4
# What unlabelled turns of BEAM count for preferences, beside their weight.
UNLABELLED_WEIGHT = 1.5
# From which probability on a sentence is worth a pin, by kind: chosen on the held-out scores of all folds. What must
# never be lost is pinned rather once too often; facts, decisions and commitments are found by search when they are asked
# about.
PIN_AT = {"instruction": 0.15, "prohibition": 0.04, "preference": 0.2, "fact": 0.5, "decision": 0.5, "commitment": 0.5,
          "consent": 0.03, "identifier": 0.05}


def embed(texts, model, cache):
    """Vectors of texts, as the service makes them; of a longer one than it reads at once the first part's."""
    known = pickle.load(open(cache, "rb")) if cache and pathlib.Path(cache).exists() else {}
    missing = sorted({text for text in texts if text not in known}, key=len)
    if missing:
        import onnxruntime
        from tokenizers import Tokenizer
        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        tokenizer.enable_truncation(MAX_PIECES)
        tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(model / "onnx" / "model.onnx"), options)
        for start in range(0, len(missing), 16):
            batch = missing[start:start + 16]
            pieces = tokenizer.encode_batch(batch)
            length = max(len(piece.ids) for piece in pieces)
            ids, mask = np.zeros((len(batch), length), np.int64), np.zeros((len(batch), length), np.int64)
            for at, piece in enumerate(pieces):
                ids[at, :len(piece.ids)], mask[at, :len(piece.ids)] = piece.ids, 1
            given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            out = session.run(None, given)[0]
            mean = (out * mask[..., None]).sum(1) / mask.sum(1)[:, None]
            for text, vector in zip(batch, mean / np.linalg.norm(mean, axis=1)[:, None]):
                known[text] = vector.astype(np.float32)
        if cache:
            pickle.dump(known, open(cache, "wb"))
    return np.stack([known[text] for text in texts])


class Data:
    def __init__(self, args):
        words = set((HERE / "pins_vocabulary.txt").read_text().split())
        self.words, self.rows = words, rows_of(args.data, HERE / "written", words)
        if args.no_runs:
            self.rows = [row for row in self.rows if row.is_sentence]
            for at, row in enumerate(self.rows):
                row.of = at
        rows = self.rows
        count = {}
        for row in rows:
            if row.source == "written" or row.kinds:
                for name in row.features:
                    count[name] = count.get(name, 0) + 1
        self.names = sorted(name for name, times in count.items() if times >= MIN_COUNT)
        column = {name: at for at, name in enumerate(self.names)}
        pairs = [(at, column[name]) for at, row in enumerate(rows) for name in row.features if name in column]
        index = ([at for at, _ in pairs], [name for _, name in pairs])
        self.sparse = csr_matrix((np.ones(len(pairs), np.float32), index), shape=(len(rows), len(column)))
        whole = [rows[row.of] for row in rows]
        self.vectors = embed([row.text[slice(*row.span)] for row in whole], args.model, args.cache)
        self.weight = np.array([row.weight for row in rows])
        self.fold = np.array([row.fold for row in rows])
        self.of = np.array([row.of for row in rows])
        self.sentence = np.array([row.is_sentence for row in rows])
        self.beam = np.array([row.source == "beam" for row in rows])
        self.written = np.array([row.source == "written" for row in rows])
        self.choice = np.array([row.is_choice for row in rows])
        # Unlabelled turns of the long conversations are many: two of five are enough.
        chance = np.random.RandomState(0).rand(len(rows))
        many = np.array([bool(row.conversation) and row.conversation.startswith("500K") and not row.kinds
                         for row in rows])
        self.used = np.array([not row.skipped for row in rows]) & (~many | (chance < 0.4))
        if args.no_beam:
            self.used &= ~self.beam
        told = np.array([row.is_sentence and (row.source == "written" or bool(row.kinds)) for row in rows])
        self.pca = PCA(COMPONENTS, random_state=0).fit(self.vectors[told])
        scale = 0.0 if args.no_vectors else VECTOR_SCALE
        self.scale = scale
        self.dense = self.pca.transform(self.vectors).astype(np.float32) * scale
        self.targets = np.stack([self.target(kind) for kind in KINDS], 1).astype(bool)

    def target(self, kind):
        return np.array([kind in row.kinds for row in self.rows], int)

    def weights(self):
        """What each row counts, by kind."""
        of_kinds = np.repeat(self.weight[:, None], len(KINDS), 1)
        at = KINDS.index("preference")
        of_kinds[:, at] = np.where(self.choice, of_kinds[:, at] * PREFERENCE_WEIGHT, of_kinds[:, at])
        unlabelled = self.beam & ~self.targets[:, at]
        of_kinds[:, at] = np.where(unlabelled, of_kinds[:, at] * UNLABELLED_WEIGHT, of_kinds[:, at])
        return of_kinds.astype(np.float32)

    def fit(self, without=None):
        rows = self.used.copy()
        if without is not None:
            rows &= self.fold != without
        return fit(self.sparse[rows], self.dense[rows], self.targets[rows], self.weights()[rows], C)

    def blended(self, sums):
        """Of each sentence: its own sum and the largest of its runs."""
        best = sums.copy()
        np.maximum.at(best, self.of, sums)
        return BLEND * sums + (1 - BLEND) * best


def platt(scores, target):
    model = LogisticRegression(C=1e6).fit(scores[:, None], target)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def describe(data, fitted, calibration):
    """The weights file."""
    columns = np.where(np.abs(fitted.features) < LEAST, 0.0, fitted.features)
    vectors = data.pca.components_.T @ (fitted.dense * data.scale)
    kinds = []
    for at, kind in enumerate(KINDS):
        slope, shift, pin_at = calibration[kind]
        kinds.append({"sort": kind, "bias": round(float(fitted.bias[at]), 4), "slope": round(slope, 4),
                      "shift": round(shift, 4), "pin_at": round(pin_at, 4),
                      "vector": [round(float(value), 4) for value in vectors[:, at]]})
    features = {name: [round(float(value), 2) or 0 for value in columns[at]]
                for at, name in enumerate(data.names) if np.any(columns[at])}
    return {"version": "pins-3", "embedding": "all-MiniLM-L6-v2", "words": " ".join(sorted(data.words)),
            "pairing": " ".join(PAIRING), "blend": BLEND,
            "mean": [round(float(value), 5) for value in data.pca.mean_], "kinds": kinds, "features": features}


def write(path, weights):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(weights, ensure_ascii=False, separators=(",", ":")) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--cache", help="file that keeps vectors between runs")
    parser.add_argument("--parity", type=pathlib.Path)
    parser.add_argument("--no-vectors", action="store_true")
    parser.add_argument("--no-runs", action="store_true")
    parser.add_argument("--no-beam", action="store_true")
    args = parser.parse_args()
    from pins_report import parity, report
    data = Data(args)
    print(len(data.rows), "rows,", len(data.names), "features,", int(data.written.sum()), "of written turns")
    by_fold, sums = [data.fit(number) for number in range(FOLDS)], np.zeros(data.targets.shape)
    for number, fitted in enumerate(by_fold):
        out = data.fold == number
        sums[out] = fitted.sums(data.sparse[out], data.dense[out])
    held = {kind: data.blended(sums[:, at]) for at, kind in enumerate(KINDS)}
    calibration = {}
    for kind in KINDS:
        target = data.target(kind)
        slope, shift = platt(held[kind][data.sentence], target[data.sentence])
        calibration[kind] = (slope, shift, PIN_AT[kind])
    report(data, held, calibration, list(beam(args.data)))
    if args.out:
        write(args.out / "pins.json", describe(data, data.fit(), calibration))
        for number in range(FOLDS):
            file = args.out / "folds-pins" / f"fold-{number}" / "pins.json"
            write(file, describe(data, by_fold[number], calibration))
    if args.parity:
        parity(args.parity, json.loads((args.out / "pins.json").read_text()), data.rows)


if __name__ == "__main__":
    main()
