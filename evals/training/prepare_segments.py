#!/usr/bin/env python3
"""Prepares the sets of `train_segments.py`: conversations, labels and vectors.

    pip install numpy
    python prepare_segments.py --data DIR --vectors DIR --out DIR

writes `SET.jsonl`, `SET.f32` and `SET.y.json` for tiage_train, tiage_dev, sgd, qm_train, qm_val and
qm_test_part; the product then makes the rows (`memory/examples/segment_rows.rs`, once for each set). `--vectors`
holds, for each of tiage, sgd_train and qmsum, NAME.npy (n, 384) with the unit vectors of the texts in
NAME.json, made by the service's default embedding model from the first passage of each turn, led by the
speaker's name where it has one, as the service embeds it ("Marketing: I think so"). Sets without vectors have
their texts written to NAME.json and are left out.
"""
import argparse
import gzip
import json
import pathlib
import random

import numpy as np

SGD_DIALOGUES = 2400


def items(path):
    with gzip.open(path, "rt") as file:
        return json.load(file) if ".json.gz" in path.name else [json.loads(line) for line in file]


def tiage(data, split):
    """Two who speak in turn; every utterance says whether it shifts."""
    for chat in items(data / "tiage" / f"{split}.json.gz").values():
        turns = [["", "ua"[at % 2], text] for at, (text, _) in enumerate(chat)]
        yield turns, [int(label == "1") for _, label in chat[1:]]


def sgd(data):
    """A shift where the user's services change."""
    dialogues = items(data / "sgd_train" / "dialogues.jsonl.gz")
    random.Random(1).shuffle(dialogues)
    for dialogue in dialogues[:SGD_DIALOGUES]:
        turns, shifts, before = [], [], None
        for turn in dialogue["turns"]:
            user = turn["speaker"].lower() in ("user", "u")
            turns.append(["", "u" if user else "a", turn["text"]])
            shifts.append(0)
            if user:
                services = sorted(turn["services"])
                shifts[-1] = int(before is not None and services != before)
                before = services
        yield turns, shifts[1:]


def qmsum(data, split):
    """A shift where the topic span that a turn lies in changes; outside of all spans is a topic too."""
    for meeting in items(data / "qmsum" / f"{split}.jsonl.gz"):
        turns = [[t["speaker"], "u", t["content"]] for t in meeting["meeting_transcripts"]]
        topic = [-1] * len(turns)
        for number, entry in enumerate(meeting["topic_list"]):
            for first, last in entry["relevant_text_span"]:
                for at in range(int(first), min(int(last), len(turns) - 1) + 1):
                    topic[at] = number
        yield turns, [int(topic[at] != topic[at - 1]) for at in range(1, len(turns))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("data", "vectors", "out"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    sets = {f"tiage_{split}": ("tiage", list(tiage(arguments.data, split))) for split in ("train", "dev")}
    sets["sgd"] = ("sgd_train", list(sgd(arguments.data)))
    for split in ("train", "val", "test_part"):
        sets[f"qm_{split}"] = ("qmsum", list(qmsum(arguments.data, split)))
    led = lambda turn: f"{turn[0]}: {turn[2]}" if turn[0] else turn[2]
    for source in ("tiage", "sgd_train", "qmsum"):
        own = {name: talks for name, (of, talks) in sets.items() if of == source}
        vectors, texts = arguments.vectors / f"{source}.npy", arguments.vectors / f"{source}.json"
        if not vectors.exists():
            wanted = dict.fromkeys(led(turn) for talks in own.values() for turns, _ in talks for turn in turns)
            texts.write_text(json.dumps(list(wanted)))
            print("vectors wanted of", texts)
            continue
        known = dict(zip(json.loads(texts.read_text()), np.load(vectors).astype("<f4")))
        for name, talks in own.items():
            with open(arguments.out / f"{name}.jsonl", "w") as lines, open(arguments.out / f"{name}.f32", "wb") as rows:
                for turns, _ in talks:
                    lines.write(json.dumps(turns) + "\n")
                    rows.write(np.stack([known[led(turn)] for turn in turns]).tobytes())
            (arguments.out / f"{name}.y.json").write_text(json.dumps([shifts for _, shifts in talks]))
            print(name, len(talks), "conversations,", sum(len(turns) for turns, _ in talks), "turns")


if __name__ == "__main__":
    main()
