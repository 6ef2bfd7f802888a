"""Conversations with labels that train_signals.py learns from: written ones, and half a of evals/cases/signals.jsonl,
whose texts stand in the data sets."""
import gzip
import hashlib
import json
import pathlib
import re

HERE = pathlib.Path(__file__).parent
# Written conversations of hard cases alone.
HARD_FILES = ("g", "h")
# Turns that a turn is read against, as the detectors do, and itself.
READ = 49
FILES = {"multichallenge": "questions", "structflow": "conversations", "sgd_updates": "dialogues", "sgd_train": "dialogues",
         "cri": "conversation"}


def items(path):
    """The objects of a file, one array or one a line."""
    text = gzip.open(path, "rt", encoding="utf-8").read()
    try:
        whole = json.loads(text)
        return whole if isinstance(whole, list) else [whole]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def spoken(messages):
    """Messages as (role, text), however the set spells them."""
    said = []
    for message in messages:
        speaker = message.get("role") or message.get("speaker") or message.get("turn")
        text = message.get("content") or message.get("text") or message.get("utterance") or ""
        said.append(("assistant" if speaker in ("assistant", "system") else "user", text))
    return said


def talks(data):
    """Every conversation of the labelled sets, by data set, split and name."""
    found = {}
    for name in ("oracle", "full_haystacks"):
        for asked in items(data / "longmemeval" / f"{name}.json.gz"):
            for session, messages in zip(asked["haystack_session_ids"], asked["haystack_sessions"]):
                found.setdefault(("longmemeval", "pooled", session), spoken(messages))
    for folder, split in FILES.items():
        lines = items(data / folder / f"{split}.jsonl.gz")
        if folder == "cri":
            found[folder, split, folder] = spoken(lines)
            continue
        for one in lines:
            if folder == "multichallenge":
                found[folder, split, one["QUESTION_ID"]] = spoken(one["CONVERSATION"])
            elif folder == "structflow":
                said = [(role, exchange[key]) for exchange in one["whole_conv"]
                        for role, key in (("user", "user prompt"), ("assistant", "assistant answer"))]
                found[folder, split, str(one["index"])] = said
            else:
                found[folder, split, one["dialogue_id"]] = spoken(one["turns"])
    for split in ("dev", "train"):
        for line, one in enumerate(items(data / "ci_tod" / f"{split}.jsonl.gz")):
            found["ci_tod", split, str(line)] = spoken(one["dialogue"])
    for path in sorted((data / "beam").glob("*/*.chat.json.gz")):
        size, name = path.parent.name, path.name.removesuffix(".chat.json.gz")
        messages = [message for batch in items(path) for turn in batch["turns"] for message in turn]
        said = [(role, re.sub(r"\s*->->.*$", "", text, flags=re.S) if role == "user" else text)
                for role, text in spoken(messages)]
        found["beam", size, f"{size}/{name}"] = said
    return found


def half(identifier):
    """As the evaluation splits the labels: parity of the first byte of the id's SHA-256."""
    return "ab"[hashlib.sha256(identifier.encode()).digest()[0] % 2]


def labelled(data):
    """The labelled turns of half a; half b is never read."""
    said, found = talks(data), []
    for line in open(HERE.parent / "cases" / "signals.jsonl", encoding="utf-8"):
        label = json.loads(line)
        if half(label["id"]) != "a":
            continue
        turns = said[label["dataset"], label["split"], label["conversation"]][:label["turn"] + 1]
        if hashlib.sha256(turns[-1][1].encode()).hexdigest()[:8] != label["sha256"]:
            raise SystemExit(f"{label['id']}: another turn stands there")
        labels = label["labels"]
        found.append({"turns": turns[-READ:], "repeats": labels["user_repeats"], "corrects": labels["user_corrects"]})
    return found


def written():
    """The written conversations; those of files g and h are hard cases alone."""
    found = []
    for path in sorted((HERE / "written" / "signals").glob("*.jsonl")):
        talks = [json.loads(line) for line in open(path, encoding="utf-8")]
        found += [{**talk, "hard": path.stem in HARD_FILES} for talk in talks]
    return found
