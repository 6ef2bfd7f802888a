"""The sentences that `train_check.py` learns from, with their sources and labels.

- `changed`: sentences of QMSum's answers (train, val) against the turns that they are about: as they are, with
  synonyms (both faithful), and with seeded changes (`check_changes.py`) or a sentence about other turns.
- `sales_call`, `qmsumm` (SummEdits), `diasumfact`: as people judged them. An edited summary as a whole is labelled;
  its sentences that equal the original count as faithful, with less weight, the edited as unfaithful.

Folds are the first eight bytes of the BLAKE3 hash of the document's id, modulo FOLDS, as `throughline-eval --folds`
has them: the meeting (QMSum, DiaSumFact), the document (SummEdits).
"""

import collections
import gzip
import json
import math
import random
import re

from blake3 import blake3

from check_changes import Changes, tokens
from make_relations import fnv, stem

FOLDS = 5
TURNS = range(3, 81)
QUESTIONS, SENTENCES, CHANGES = 4, 3, 3
END = re.compile(r"(?<=[.!?])[\"”')]*\s+(?=[\"“('#]?[A-Z0-9#])")


def fold(name):
    return int.from_bytes(blake3(name.encode()).digest()[:8], "big") % FOLDS


def sentences(text):
    return [part.strip() for line in text.split("\n") for part in END.split(line) if part.strip()]


def dialogue(text):
    """(speaker, text) of each line; a line without a speaker goes on with the last."""
    turns = []
    for line in filter(str.strip, text.split("\n")):
        match = re.match(r"\s*([^:]{1,40}):\s*(.*)", line)
        if match:
            turns.append([match.group(1).strip(), match.group(2)])
        elif turns:
            turns[-1][1] += " " + line.strip()
        else:
            turns.append(["", line.strip()])
    return turns


def item(name, document, turns, text, label, **more):
    return dict(set=name, document=document, fold=fold(document), turns=turns, text=text, label=label, **more)


def summedits(data, name):
    with gzip.open(data / "summedits" / f"{name}.json.gz") as file:
        rows = json.load(file)
    for row in rows:
        document = re.sub(r"_[^_]*$", "", row["id"])
        original = set(sentences(row["original_summary"]))
        for text in sentences(row["summary"]):
            kept = row["label"] == 0 and text in original
            yield item(name, document, dialogue(row["doc"].strip()), text, int(row["label"] or kept), whole=row["label"],
                       id=row["id"], weight=0.3 if kept else 1.0, kind="edited")


def diasumfact(data):
    for name, row in json.loads((data / "diasumfact" / "annotations.json").read_text()).items():
        turns = [list(line.partition(": ")[::2]) for line in row["utterances"]]
        for model in row["annotations"].values():
            for sentence in model["sentence_annotations"]:
                classes = {one["error_class"] for one in sentence["annotation"]}
                yield item("diasumfact", name.split("-")[0], turns, sentence["sentence"], int(classes == {"No Error"}),
                           id=name, weight=1.0, kind=" ".join(sorted(classes)))


def meetings(data):
    for split in ("train", "val"):
        with gzip.open(data / "qmsum" / f"{split}.jsonl.gz", "rt") as file:
            yield from map(json.loads, file)


def spans(meeting):
    """(answer, turns) of each question that names its turns."""
    turns = [[t["speaker"], re.sub(r"\s+", " ", re.sub(r"\{\w+\}", "", t["content"])).strip()] for t in meeting["meeting_transcripts"]]
    for question in meeting["specific_query_list"]:
        places = {i for first, last in question["relevant_text_span"] if first.isdigit() and last.isdigit()
                  for i in range(int(first), int(last) + 1) if i < len(turns)}
        yield question["answer"], [turns[i] for i in sorted(places) if turns[i][1]]


def stems_of(turns):
    return {stem(word.lower()) for speaker, text in turns for word, _, _ in tokens(f"{speaker} {text}")}


def report_words(data, stop, known):
    """Words that answers bring in though their turns have them not: {hash of the stem: ln(how often)}."""
    brought = collections.Counter()
    for meeting in meetings(data):
        for answer, turns in spans(meeting):
            said, seen = stems_of(turns), set()
            for word, _, _ in tokens(answer) if turns else []:
                root = stem(word.lower())
                if word.lower() in stop or root in seen or (word[0].isupper() and root not in known):
                    continue
                seen.add(root)
                brought[root] += root not in said
    return {str(fnv(w.encode())): round(math.log(n), 2) for w, n in sorted(brought.items()) if n >= 5}


def changed(data, wordnet, vocabulary, near, stop, count, seed=7):
    """`count` questions of QMSum, their answers' sentences as they are and changed."""
    rng = random.Random(seed)
    changes = Changes(wordnet, vocabulary, near, stop, rng)
    all_meetings = list(meetings(data))
    rng.shuffle(all_meetings)
    answers = [q["answer"] for m in all_meetings for q in m["specific_query_list"]]
    names = sorted({w for a in answers for i, (w, _, _) in enumerate(tokens(a)) if i and w[0].isupper() and len(w) > 2
                    and not w.isupper() and w.lower() not in stop and w.lower() not in changes.senses})
    for meeting in all_meetings:
        questions = list(spans(meeting))
        rng.shuffle(questions)
        for answer, turns in questions[:QUESTIONS]:
            if len(turns) not in TURNS or count <= 0:
                continue
            count -= 1
            said, speakers = stems_of(turns), sorted({speaker for speaker, _ in turns})
            own = [text for text in sentences(answer) if 5 <= len(text.split()) <= 45]
            rng.shuffle(own)
            others = [text for other, _ in questions if other != answer for text in sentences(other)] or answers
            for text in own[:SENTENCES]:
                def row(kind, variant):
                    return item("changed", meeting["id"], turns, variant, int(kind in ("as it is", "synonyms")),
                                id=meeting["id"], weight=1.0, kind=kind, original=text, synonyms=synonyms)
                synonyms = changes.words(text, 1, rng.randint(1, 5), said)
                yield row("as it is", text)
                if synonyms:
                    yield row("synonyms", synonyms)
                kinds = {
                    "number": lambda base: changes.number(base),
                    "speaker": lambda base: changes.speaker(base, speakers),
                    "name": lambda base: changes.name(base, names, said),
                    "negation": lambda base: changes.negation(base),
                    "opposite": lambda base: changes.words(base, 3, 1, said),
                    "sort": lambda base: changes.words(base, 2, rng.randint(1, 2), said),
                    "clause": lambda base: changes.clause(base, answers),
                    "other": lambda base: rng.choice(others),
                }
                # Numbers, names and speakers are rare: they go first.
                early = {"number": -0.6, "speaker": -0.6, "name": -0.6, "clause": 0.5, "other": 0.5}
                made = 0
                for kind in sorted(kinds, key=lambda kind: rng.random() + early.get(kind, 0.0)):
                    variant = kinds[kind](rng.choice([text, synonyms or text]))
                    if variant and variant != text and made < CHANGES:
                        made += 1
                        yield row(kind, variant)
