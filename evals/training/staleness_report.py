"""What `train_staleness.py` prints: figures of turns, of pairs, and of written pairs."""

import numpy as np

from staleness_data import lines


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


def contrast(rows, scores, name):
    """Of the pairs that a set is about: additive and others taken for updates, updates missed."""
    from sklearn.metrics import roc_auc_score

    for bare in sorted(set(rows.bare[rows.main])):
        main = rows.main & rows.sure & (rows.bare == bare)
        taken = lambda kind: 100 * (scores[main & (rows.kind == kind)] >= 0.5).mean()
        surest = np.sort(scores[main & rows.adds])[::-1]
        at = surest[int(0.03 * len(surest))]
        print(
            f"{name}{' without vectors' if bare else ''}: n {main.sum()} auroc {roc_auc_score(rows.y[main], scores[main]):.3f}, "
            f"form balanced {roc_auc_score(rows.y[main], scores[main], sample_weight=rows.balance[main]):.3f} "
            f"taken: additive {taken('adds'):.1f} %, kept {taken('keeps'):.1f} %; missed {100 - taken('replaces'):.1f} %; "
            f"missed where 3 % of additive are taken {100 * (scores[main & (rows.y > 0)] <= at).mean():.1f} %"
        )
