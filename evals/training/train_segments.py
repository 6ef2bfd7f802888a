#!/usr/bin/env python3
"""Trains the weights of topic shifts (memory/weights/staleness-segments.json).

Input are rows that the product itself computes, so that training and use can
not differ: `memory/examples/segment_rows.rs` writes for each set SET

    SET.jsonl  one conversation a line: [[speaker, "u" or "a", text], ...]
    SET.f32    the vector of each turn, 384 little-endian floats (made by the
               embedder of the service)
    SET.near, SET.nearh, SET.far, SET.farh   rows of both looks
    SET.y.json one list of 0/1 a conversation, for the gaps before turn 2, 3, ...

Sets: tiage_train, tiage_dev (MIT), sgd (sgd_train: CC BY-SA 4.0; a sample of
2400 dialogues), qm_train, qm_val (QMSum: MIT). Nothing is fitted on tiage_dev
and qm_val; the thresholds come from held-out folds of the training sets.

    pip install numpy scikit-learn lightgbm
    python train_segments.py --rows DIR --out memory/weights/staleness-segments.json
    python train_segments.py --rows DIR --ablate

Steps, for each look: a linear head over the vectors (logistic regression, one
intercept a set, which is dropped), its cross-fitted score (folds over
conversations), then boosted trees over plain features and evidence.
"""
import argparse
import json
import pathlib

import lightgbm as lgb
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_score, recall_score, roc_auc_score

NEAR_HEAD, FAR_HEAD, FAR_RIGHT = 1536, 1536, 32
KERNEL, PEAK = 8, 4
FOLDS = 4
# A gap of each set weighs so much; the sets differ in size by twenty.
WEIGHT = {"tiage_train": 3.0, "sgd": 0.5, "qm_train": 0.3}


class Rows:
    """Rows of one set, gap by gap, with the conversation of each."""

    def __init__(self, folder, name, far):
        self.name = name
        lines = (folder / f"{name}.y.json").read_text()
        self.labels = [np.array(y) for y in json.loads(lines)]
        self.y = np.concatenate(self.labels)
        self.group = np.repeat(np.arange(len(self.labels)), [len(y) for y in self.labels])
        self.near = np.fromfile(folder / f"{name}.near", "<f4").reshape(len(self.y), -1)
        self.near_head = np.memmap(folder / f"{name}.nearh", "<f4", "r", shape=(len(self.y), NEAR_HEAD))
        # The far look exists where FAR_RIGHT turns stand behind the gap.
        self.has_far = np.concatenate([np.arange(1, len(y) + 1) + FAR_RIGHT <= len(y) + 1 for y in self.labels])
        if far:
            count = int(self.has_far.sum())
            self.far = np.fromfile(folder / f"{name}.far", "<f4").reshape(count, -1)
            self.far_head = np.memmap(folder / f"{name}.farh", "<f4", "r", shape=(count, FAR_HEAD))

    def split(self, values):
        """Per conversation."""
        return np.split(values, np.cumsum([len(y) for y in self.labels])[:-1])


def fit_head(inputs, labels, weights, sets, penalty):
    """Logistic regression with an intercept a set, which the trees replace."""
    dummies = np.eye(sets.max() + 1, dtype=np.float32)[sets]
    model = LogisticRegression(C=penalty, max_iter=300)
    model.fit(np.hstack([inputs, 3.0 * dummies]), labels, sample_weight=weights)
    return model.coef_[0][: inputs.shape[1]], 0.0


def near_evidence(rows, head):
    """Head here, at the gap before, highest of the last eight gaps."""
    out = []
    for scores in rows.split(head):
        # The first turn's head is 0 in the product.
        padded = np.concatenate([[0.0], scores])
        before = padded[:-1]
        highest = np.array([padded[max(0, i - 8) : i].max() for i in range(1, len(padded))])
        out.append(np.stack([scores, before, highest], 1))
    return np.concatenate(out)


def far_evidence(rows, odds, head):
    """Head; near odds here, highest of here and the next two, mean around."""
    out = []
    for scores in rows.split(np.clip(odds, -20, 20)):
        n = len(scores)
        around = np.array([scores[max(0, i - 8) : i + 9].mean() for i in range(n)])
        ahead = np.array([scores[i : i + 3].max() for i in range(n)])
        out.append(np.stack([scores, ahead, around], 1))
    return np.hstack([head[:, None], np.concatenate(out)[rows.has_far]])


def trees(leaves, rate, least):
    return dict(objective="binary", learning_rate=rate, num_leaves=leaves, min_data_in_leaf=least,
                feature_fraction=0.4, bagging_fraction=0.7, bagging_freq=1, lambda_l2=10, num_threads=1,
                verbose=-1, seed=1, deterministic=True, boost_from_average=True)


NEAR_TREES, FAR_TREES = (trees(15, 0.05, 100), 200), (trees(12, 0.04, 200), 300)


def boost(settings, inputs, labels, weights=None):
    return lgb.train(settings[0], lgb.Dataset(inputs, labels, weight=weights), settings[1])


def smooth(far, sigma):
    """Expected number of shifts around each gap."""
    offsets = np.arange(-KERNEL, KERNEL + 1)
    kernel = np.exp(-(offsets**2) / (2 * sigma**2))
    return np.convolve(far, kernel, "same") if len(far) > 2 * KERNEL else np.zeros_like(far)


def decode(near, far, near_threshold, far_threshold, sigma):
    """The product's rule; `far` has zeros where there is no far look."""
    told = near >= near_threshold
    cuts = set(np.flatnonzero(told) + 1)
    sums = smooth(far, sigma)
    for gap in range(len(far)):
        # A gap is decided when all gaps that compete with it are computed.
        if gap + 1 + PEAK + KERNEL + FAR_RIGHT > len(far) + 1:
            break
        near_by = slice(max(0, gap - PEAK), gap + PEAK + 1)
        if sums[gap] >= far_threshold and sums[gap] >= sums[near_by].max() and not told[near_by].any():
            cuts.add(gap + 1)
    return sorted(cuts)


def segments(n, cuts):
    marks = np.zeros(n, int)
    marks[list(cuts)] = 1
    return np.cumsum(marks)


def window(n, cuts):
    """Half the mean length of a true segment."""
    return max(1, round(n / (len(cuts) + 1) / 2))


def pk(true, found, n):
    k, r, h = window(n, true), segments(n, true), segments(n, found)
    return float(np.mean((r[:-k] == r[k:]) != (h[:-k] == h[k:])))


def window_diff(true, found, n):
    k, r, h = window(n, true), segments(n, true), segments(n, found)
    return float(np.mean(r[k:] - r[:-k] != h[k:] - h[:-k]))


def report(name, rows, near, far, settings):
    """Figures of the whole rule on one set, a list a conversation."""
    true = [list(np.flatnonzero(y) + 1) for y in rows.labels]
    found = [decode(a, b, *settings) for a, b in zip(near, far)]
    flat = np.concatenate([np.isin(np.arange(1, len(y) + 1), c) for y, c in zip(rows.labels, found)])
    sizes = [len(y) + 1 for y in rows.labels]
    figures = dict(
        auroc_near=roc_auc_score(rows.y, np.concatenate(near)), precision=precision_score(rows.y, flat, zero_division=0),
        recall=recall_score(rows.y, flat), f1=f1_score(rows.y, flat),
        pk=np.mean([pk(t, f, n) for t, f, n in zip(true, found, sizes)]),
        window_diff=np.mean([window_diff(t, f, n) for t, f, n in zip(true, found, sizes)]),
    )
    if rows.has_far.any() and np.concatenate(far).any():
        figures["auroc_far"] = roc_auc_score(rows.y[rows.has_far], np.concatenate(far)[rows.has_far])
    print(name, " ".join(f"{k} {v:.3f}" for k, v in figures.items()),
          f"cuts {sum(map(len, found))} of {sum(map(len, true))}", flush=True)
    return figures


class Model:
    """Both looks, with the cross-fitted scores of the training rows."""

    def __init__(self, train, plain_near=None, plain_far=None, heads=(True, True)):
        self.plain_near, self.plain_far, self.heads = plain_near, plain_far, heads
        weights = np.concatenate([np.full(len(r.y), WEIGHT[r.name]) for r in train])
        sets = np.concatenate([np.full(len(r.y), i) for i, r in enumerate(train)])
        labels = np.concatenate([r.y for r in train])
        fold = np.concatenate([r.group % FOLDS for r in train])
        inputs = np.vstack([np.asarray(r.near_head) for r in train])
        # Most gaps without a shift in long meetings say the same.
        rng = np.random.default_rng(0)
        keep = (labels > 0) | (rng.random(len(labels)) < np.where(sets == 2, 0.15, 0.5))
        head_weights = weights / np.where(labels > 0, 1.0, np.where(sets == 2, 0.15, 0.5))
        def near_head(mask):
            mask = mask & keep
            return fit_head(inputs[mask], labels[mask], head_weights[mask], sets[mask], 0.01)[0]
        crossed = np.zeros(len(labels))
        for held in range(FOLDS):
            crossed[fold == held] = inputs[fold == held] @ near_head(fold != held)
        self.near_head = near_head(np.ones(len(labels), bool))
        per_set = [crossed[sets == i] for i in range(len(train))]
        rows = np.vstack([self.near_rows(r, c) for r, c in zip(train, per_set)])
        self.near = boost(NEAR_TREES, rows, labels, weights)
        crossed_odds = np.zeros(len(labels))
        for held in range(FOLDS):
            model = boost(NEAR_TREES, rows[fold != held], labels[fold != held], weights[fold != held])
            crossed_odds[fold == held] = model.predict(rows[fold == held], raw_score=True)
        self.crossed_near = [crossed_odds[sets == i] for i in range(len(train))]
        self.fit_far(next(r for r in train if r.name == "qm_train"), self.crossed_near[-1])

    def fit_far(self, meeting, odds):
        mask = meeting.has_far
        labels, fold = meeting.y[mask], meeting.group[mask] % FOLDS
        rng = np.random.default_rng(0)
        keep = (labels > 0) | (rng.random(len(labels)) < 0.15)
        zero = np.zeros(len(labels), int)
        def head(use):
            use = use & keep
            return fit_head(meeting.far_head[use], labels[use], None, zero[use], 0.1)[0]
        crossed = np.zeros(len(labels))
        for held in range(FOLDS):
            crossed[fold == held] = meeting.far_head[fold == held] @ head(fold != held)
        self.far_head = head(np.ones(len(labels), bool))
        rows = self.far_rows(meeting, odds, crossed)
        self.far = boost(FAR_TREES, rows, labels)
        self.crossed_far = np.zeros(len(meeting.y))
        out = np.zeros(len(labels))
        for held in range(FOLDS):
            out[fold == held] = boost(FAR_TREES, rows[fold != held], labels[fold != held]).predict(rows[fold == held])
        self.crossed_far[mask] = out

    def near_rows(self, rows, head):
        plain = rows.near if self.plain_near is None else rows.near * self.plain_near
        return np.hstack([plain, near_evidence(rows, head * self.heads[0])])

    def far_rows(self, rows, odds, head):
        plain = rows.far if self.plain_far is None else rows.far * self.plain_far
        return np.hstack([plain, far_evidence(rows, odds, head * self.heads[1])])

    def score(self, rows, far):
        """Near probabilities and far ones, a list a conversation."""
        head = np.asarray(rows.near_head) @ self.near_head
        odds = self.near.predict(self.near_rows(rows, head), raw_score=True)
        out = np.zeros(len(rows.y))
        if far:
            head = np.asarray(rows.far_head) @ self.far_head
            out[rows.has_far] = self.far.predict(self.far_rows(rows, odds, head))
        return rows.split(1 / (1 + np.exp(-odds))), rows.split(out)

    def export(self, settings):
        def tree(node):
            nodes = []
            def visit(node):
                at = len(nodes)
                nodes.append(None)
                if "leaf_value" in node:
                    nodes[at] = (0, node["leaf_value"], 0, 0)
                else:
                    left = visit(node["left_child"])
                    right = visit(node["right_child"])
                    nodes[at] = (node["split_feature"], node["threshold"], left, right)
                return at
            visit(node)
            return dict(feature=[n[0] for n in nodes], threshold=[float(f"{n[1]:.7g}") for n in nodes],
                        left=[n[2] for n in nodes], right=[n[3] for n in nodes])
        def look(head, forest, threshold):
            return dict(head=dict(bias=0.0, weights=[float(f"{w:.5g}") for w in head]),
                        forest=dict(trees=[tree(t["tree_structure"]) for t in forest.dump_model()["tree_info"]]),
                        threshold=threshold)
        return dict(version="1", trained_on="tiage train; qmsum train; sgd_train, 2400 dialogues",
                    licence="CC BY-SA 4.0", near=look(self.near_head, self.near, settings[0]),
                    far=look(self.far_head, self.far, settings[1]), far_sigma=settings[2])


def choose(model, train):
    """Thresholds from held-out folds: F1 over chat and tasks together, then Pk
    of meetings with the number of cuts nearest the true one among the best."""
    chat, tasks, meeting = train
    near = [1 / (1 + np.exp(-odds)) for odds in model.crossed_near]
    def f1(t):
        return sum(f1_score(r.y, near[i] >= t) for i, r in enumerate((chat, tasks)))
    near_threshold = float(max(np.arange(0.16, 0.5, 0.02), key=f1))
    parts = list(zip(meeting.split(near[2]), meeting.split(model.crossed_far), meeting.labels))
    tried = []
    for sigma in (2.0, 3.0, 4.0):
        for threshold in (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5):
            found = [decode(a, b, near_threshold, threshold, sigma) for a, b, _ in parts]
            score = np.mean([pk(np.flatnonzero(y) + 1, c, len(y) + 1) for c, (_, _, y) in zip(found, parts)])
            tried.append((score, threshold, sigma, sum(map(len, found))))
    true = meeting.y.sum()
    for row in sorted(tried)[:6]:
        print("  held out: pk %.4f threshold %.2f sigma %.0f cuts %d" % row, "of", true)
    # A product's boundaries must also be about as many as people's.
    fair = [row for row in tried if row[3] >= 0.6 * true]
    best = min(fair or tried)
    return round(near_threshold, 2), best[1], best[2]


# Columns of the plain features, by what they look at.
NEAR_GROUPS = dict(similarity=[*range(9), 23, 24, 25, 26], words=range(9, 14), length=range(14, 19),
                   speakers=range(19, 22), position=[22], cues=range(27, 55))
FAR_GROUPS = dict(similarity=[*range(0, 24, 4), 24, 25, 26], words=range(111, 116),
                  length=[*range(2, 24, 4), *range(3, 24, 4), *range(120, 125)],
                  speakers=[*range(1, 24, 4), 116, 117, 118], position=[119], cues=range(27, 111))


def ablate(train, evaluated):
    """Trains without each group, with the thresholds of the whole model."""
    settings = None
    for name in ("nothing", "heads", "plain features", *NEAR_GROUPS):
        masks = [np.ones(55, np.float32), np.ones(125, np.float32)]
        if name == "plain features":
            masks = [0 * mask for mask in masks]
        elif name in NEAR_GROUPS:
            masks[0][list(NEAR_GROUPS[name])] = 0
            masks[1][list(FAR_GROUPS[name])] = 0
        model = Model(train, *masks, heads=(False, False) if name == "heads" else (True, True))
        settings = settings or choose(model, train)
        print("without", name, flush=True)
        near = [r.split(1 / (1 + np.exp(-odds))) for r, odds in zip(train, model.crossed_near)]
        report("  sgd (folds)", train[1], near[1], [np.zeros(len(y)) for y in train[1].labels], settings)
        report("  qm_train (folds)", train[2], near[2], train[2].split(model.crossed_far), settings)
        for rows in evaluated:
            report("  " + rows.name, rows, *model.score(rows, rows.name.startswith("qm")), settings)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--last-look", action="store_true", help="also qm_test_part")
    parser.add_argument("--ablate", action="store_true", help="train without each group of features")
    args = parser.parse_args()
    train = [Rows(args.rows, n, n == "qm_train") for n in ("tiage_train", "sgd", "qm_train")]
    if args.ablate:
        ablate(train, [Rows(args.rows, n, n == "qm_val") for n in ("tiage_dev", "qm_val")])
        return
    model = Model(train)
    settings = choose(model, train)
    print("near threshold, far threshold, sigma:", settings)
    near = [r.split(1 / (1 + np.exp(-odds))) for r, odds in zip(train, model.crossed_near)]
    none = [[np.zeros(len(y)) for y in r.labels] for r in train]
    for i in (0, 1):
        report(train[i].name + " (folds)", train[i], near[i], none[i], settings)
    report("qm_train (folds)", train[2], near[2], train[2].split(model.crossed_far), settings)
    for name in ("tiage_dev", "qm_val") + (("qm_test_part",) if args.last_look else ()):
        rows = Rows(args.rows, name, name.startswith("qm"))
        report(name, rows, *model.score(rows, name.startswith("qm")), settings)
    if args.out:
        args.out.write_text(json.dumps(model.export(settings), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
