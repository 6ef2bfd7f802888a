"""What `train_contradiction.py` prints: figures by set, of pairs that no training saw."""

import numpy as np
from sklearn.metrics import balanced_accuracy_score, f1_score, roc_auc_score


def most_of(scores, items):
    names, place = np.unique(items, return_inverse=True)
    most = np.zeros(len(names))
    np.maximum.at(most, place, scores)
    return most


def interval(y, p, groups, draws=1000):
    names, place = np.unique(groups, return_inverse=True)
    members = [np.where(place == i)[0] for i in range(len(names))]
    rng, found = np.random.RandomState(0), []
    for _ in range(draws):
        rows = np.concatenate([members[i] for i in rng.randint(len(names), size=len(names))])
        found.append(balanced_accuracy_score(y[rows], p[rows] > 0.5))
    return np.percentile(found, [2.5, 97.5]) * 100


def report(table, p, flag_at):
    for kind in ("proposition", "locution"):
        m = table.kind == kind
        low, high = interval(table.y[m], p[m], table.group[m])
        print(f"prosecco {kind}: balanced accuracy {100 * balanced_accuracy_score(table.y[m], p[m] > .5):.1f}"
              f" [{low:.1f}, {high:.1f}], AUROC {roc_auc_score(table.y[m], p[m]):.3f}")
    at, steps = 0.5, np.linspace(0.05, 0.95, 91)
    for split in ("train", "dev"):
        m = table.set == f"ci_{split}"
        score, gold = most_of(p[m], table.item[m]), most_of(table.y[m], table.item[m]).astype(int)
        if split == "train":
            at = steps[np.argmax([f1_score(gold, score > t) for t in steps])]
        domain = np.array([meta["domain"] for meta in table.metas if meta["set"] == f"ci_{split}"])
        domain = domain[np.unique(table.item[m], return_index=True)[1]]
        apart = {d: round(100 * f1_score(gold[domain == d], score[domain == d] > at), 1)
                 for d in sorted(set(domain))}
        print(f"ci_tod {split}: F1 {100 * f1_score(gold, score > at):.1f} at {at:.2f}, at 0.5 "
              f"{100 * f1_score(gold, score > .5):.1f}, AUROC {roc_auc_score(gold, score):.3f}, {apart}")
    for size in ("100K", "500K"):
        m = table.set == f"beam{size}"
        asked = sorted({(g, q) for g, q in zip(table.group[m], table.question[m]) if q >= 0})
        false = m & (table.question < 0)
        turns = sum(len(set(table.new[m & (table.group == g)])) for g in set(table.group[m]))
        best, ranks = [], []
        for g, q in asked:
            top = p[m & (table.group == g) & (table.question == q)].max()
            best.append(top)
            ranks.append(int((p[false & (table.group == g)] > top).sum()) + 1)
        for t in (0.5, 0.8, flag_at, 0.95):
            bad = false & (p >= t)
            newer = len(set(zip(table.group[bad], table.new[bad])))
            print(f"beam{size} at {t}: {sum(b >= t for b in best)} of {len(best)} found; per 100 user turns "
                  f"{100 * bad.sum() / turns:.1f} false pairs, {100 * newer / turns:.1f} turns with one")
        print(f"  ranks of the true pairs: {sorted(ranks)}")
    m = table.set == "written"
    flagged = {k: round(100 * (p[m & (table.kind == k)] > 0.5).mean(), 1) for k in sorted(set(table.kind[m]))}
    print(f"written: AUROC {roc_auc_score(table.y[m], p[m]):.3f}, above 0.5 of 100: {flagged}")
    m = table.set == "sgd"
    update = np.array([meta.get("update", False) for meta in table.metas])
    print("sgd flagged: updates %.4f, others %.4f" % tuple(
        (p[m & (update == u)] >= flag_at).mean() for u in (True, False)))
    return at
