"""What each part of the ranking brings: `train_ranking.py --ablate`.

Each variant lacks some columns, or has others in their place; it is learnt anew with
the same folds, and scored on the unseen one. Prints a table for docs/ranking.md.
"""

import numpy as np

MATCH = ["dense", "dense_first", "bm25_window", "bigram"]
OF_QUESTION = ["user_of_assistant", "user_summary"]
OF_TURN = ["user_instructs", "user_prefers_advice"]
OF_PEOPLE = ["first_person", "dated_when", "asks"]
ROLES = ["user", *OF_QUESTION, *OF_TURN, "assistant_length"]
# What is left out. Names are also those of files.
GROUPS = {
    "lexical": ["bm25_window", "bigram"],
    "windowed BM25": ["bm25_window"],
    "phrases": ["bigram"],
    "dense": ["dense", "dense_first"],
    "first passage": ["dense_first"],
    "roles": ROLES,
    "user prior": ["user"],
    "cues of the question": OF_QUESTION,
    "summary cue": ["user_summary"],
    "standing instruction, preference": OF_TURN,
    "length of answers": ["assistant_length"],
    "first person, date, question mark": OF_PEOPLE,
}
# Signals as they are before neighbours and centring, which the features do not have: what takes whose place.
PLAIN = {
    "plain BM25 in place of windowed (no neighbours)": ("bm25_plain", ["bm25_window"]),
    "plain cosine in place of centred (no first passage)": ("cosine_plain", ["dense", "dense_first"]),
}
ALONE = {"centred cosine alone": ["dense"], "windowed BM25 alone": ["bm25_window"], "the match alone": MATCH}
RESAMPLES = 2000


def variants(features):
    """Names and columns, the full model first."""
    yield "**full**", features
    for name, group in GROUPS.items():
        yield f"− {name}", [f for f in features if f not in group]
    for name, (plain, group) in PLAIN.items():
        yield name, [f for f in features if f not in group] + [plain]
    yield from ALONE.items()


def interval(differences, clusters):
    """95 % of the mean difference, by the bootstrap over conversations."""
    names, at = np.unique(clusters, return_inverse=True)
    sums, counts = np.bincount(at, differences), np.bincount(at)
    drawn = np.random.default_rng(1).integers(len(names), size=(RESAMPLES, len(names)))
    return np.quantile(sums[drawn].sum(1) / counts[drawn].sum(1), [0.025, 0.975])


def signed(value):
    return f"{value:+.1f}".replace("-", "−")


def table(questions, features, unseen):
    """The rows of the table; `unseen` gives the recall of each question by weights that have not seen it."""
    sets = {name: np.array([q.set == name for q in questions]) for name in sorted({q.set for q in questions})}
    clusters = np.array([q.conversation for q in questions])
    yield "| variant | " + " | ".join(f"{name} (n {where.sum()})" for name, where in sets.items()) + " |"
    yield "| --- |" + " --: |" * len(sets)
    full = None
    for name, columns in variants(features):
        recalls = 100 * np.array(unseen([q.with_columns(columns) for q in questions]))
        cells = []
        for where in sets.values():
            cell = f"{recalls[where].mean():.1f}"
            if full is not None:
                change = recalls[where] - full[where]
                low, high = interval(change, clusters[where])
                cell += f", {signed(change.mean())} ({signed(low)} to {signed(high)})"
            cells.append(cell)
        full = recalls if full is None else full
        yield f"| {name} | " + " | ".join(cells) + " |"


def left_out(features):
    """Slugs and columns of the variants that a server can rank by: those that lack features."""
    for name, group in GROUPS.items():
        slug = name.replace(",", "").replace(" ", "-").lower()
        yield f"without-{slug}", [f for f in features if f not in group]
