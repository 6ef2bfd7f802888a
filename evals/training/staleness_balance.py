"""Weights under which the form of a written pair says nothing of its label.

Whoever writes additions writes them shorter, and replacements with more clauses and a question behind them: a model
learns that in place of what is said, and held-out attributes of the same writer praise it for it. Each pair is weighed
by the inverse of the chance that its label has given its form alone, by boosted trees that have not seen its fold.
"""

import numpy as np

FOLDS = 5
# Form of a pair, not what it says.
FORM = ["old_words", "new_words", "new_clauses", "new:asks", "new:requests", "new:courtesy"]
# Chances are kept within these bounds, and weights within LEAST and its inverse.
CHANCE, LEAST = 0.1, 0.25


def balance(rows, names):
    """For each row a weight; 1 where the pair is not what its conversation is about. Writers stand apart by
    their file."""
    import lightgbm

    out = np.ones(len(rows.y))
    which = np.where(rows.main & rows.sure)[0]
    form = rows.x[which][:, [names.index(name) for name in FORM]]
    form = np.hstack([form, np.unique(rows.author[which], return_inverse=True)[1][:, None]])
    label, chance = rows.y[which], np.full(len(which), 0.5)
    settings = dict(objective="binary", max_bin=63, verbose=-1, num_threads=1, seed=1, deterministic=True,
                    learning_rate=0.1, num_leaves=6, min_data_in_leaf=40)
    for held in range(FOLDS):
        seen = rows.fold[which] != held
        if seen.all() or not seen.any():
            continue
        trees = lightgbm.train(settings, lightgbm.Dataset(form[seen], label[seen]), 40)
        chance[~seen] = trees.predict(form[~seen])
    chance = np.clip(chance, CHANCE, 1 - CHANCE)
    share = label.mean()
    weight = np.where(label > 0, share / chance, (1 - share) / (1 - chance))
    out[which] = np.clip(weight, LEAST, 1 / LEAST)
    return out
