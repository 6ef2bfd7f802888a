"""Figures of train_pins.py on held-out folds, and the rows by which the service's own scores are checked."""
import json

import numpy as np
from sklearn.metrics import average_precision_score

from pins_data import KINDS, PAIRING
from pins_features import features, runs, sentences

LIVE = 10
# As memory/src/facts/detect: from which probability on a ban, a consent or an identifier displaces others.
SURE = 0.25
# What else could be asked of a pin that is displaced by others: at least a probability, if so many are live.
FLOORS = ((LIVE, 0.0), (8, 0.2), (7, 0.2), (6, 0.2), (0, 0.2), (0, 0.3), (6, 0.4), (6, 0.5), (6, 0.55), (6, 0.6))


def probabilities(held, calibration):
    return {kind: 1 / (1 + np.exp(-(calibration[kind][0] * held[kind] + calibration[kind][1]))) for kind in KINDS}


def chosen(data, held, calibration):
    """For each sentence the surest kind that is worth a pin, as memory/src/facts/detect decides."""
    sure = probabilities(held, calibration)
    pins = {}
    for at in np.where(data.sentence)[0]:
        worth = [(kind in ("prohibition", "consent") and sure[kind][at] >= SURE, sure[kind][at], kind)
                 for kind in KINDS if sure[kind][at] >= calibration[kind][2]]
        if worth:
            pins[at] = max(worth)
    return pins


def report(data, held, calibration, conversations):
    written = data.sentence & data.written
    sure = probabilities(held, calibration)
    for kind in KINDS:
        target = data.target(kind)[written]
        made = sure[kind][written] >= calibration[kind][2]
        right = int((target & made).sum())
        error = np.abs(np.histogram(sure[kind][written], 10, (0, 1), weights=target - sure[kind][written])[0]).sum()
        print(f"{kind:12} written n {int(target.sum()):4} AP {average_precision_score(target, sure[kind][written]):.3f}"
              f" pin_at {calibration[kind][2]:.2f} recall {right / max(1, target.sum()):.3f}"
              f" precision {right / max(1, made.sum()):.3f} ECE {error / written.sum():.3f}")
    pins = chosen(data, held, calibration)
    by_conversation = {}
    for at, (required, probability, kind) in pins.items():
        row = data.rows[at]
        if row.source == "beam":
            by_conversation.setdefault(row.conversation, []).append((required, probability, kind, row.message, at))
    for size in ("100K", "500K"):
        of_size = [(name, questions) for name, _, questions in conversations if name.startswith(size)]
        for places, floor in FLOORS:
            report_beam(size, of_size, by_conversation, places, floor)


def live_of(found, places, floor):
    """The live pins of a conversation; beyond so many places, of what others displace only what reaches the floor."""
    kept = lambda pin: pin[0] or pin[2] in ("consent", "identifier") and pin[1] >= SURE
    live = [pin for pin in found if kept(pin)]
    for pin in sorted((pin for pin in found if not kept(pin)), key=lambda pin: -pin[1]):
        if len(live) >= LIVE or len(live) >= places and pin[1] < floor:
            break
        live.append(pin)
    return live


def report_beam(size, conversations, by_conversation, places, floor):
    hits = asked = right = made = 0
    kinds = {}
    for name, questions in conversations:
        live = live_of(by_conversation.get(name, []), places, floor)
        for pin in live:
            kinds[pin[2]] = kinds.get(pin[2], 0) + 1
        messages = {pin[3] for pin in live}
        labelled = set().union(*(evidence for _, evidence, _ in questions))
        made += len(live)
        right += sum(pin[3] in labelled for pin in live)
        asked += sum(bool(evidence) for _, evidence, _ in questions)
        hits += sum(bool(evidence & messages) for _, evidence, _ in questions)
    if asked:
        print(f"BEAM {size}, {places} places and floor {floor}: recall@10pins {hits}/{asked} ="
              f" {100 * hits / asked:.1f}, precision@10pins {right}/{made} = {100 * right / max(1, made):.1f},"
              f" kinds {kinds}")


def parity(path, weights, rows):
    """Texts with the probabilities that the weights give them without vectors."""
    words, pairing = set(weights["words"].split()), set(PAIRING)
    texts = []
    for row in rows:
        if row.source in ("written", "structflow") and row.is_sentence and row.text not in texts and row.fold == 0:
            if len(row.text) < 900:
                texts.append(row.text)
    step = max(1, len(texts) // 60)
    with open(path, "w", encoding="utf-8") as out:
        for text in texts[::step][:60]:
            found = sentences(text)
            scores = []
            for number, span in enumerate(found):
                sums = [sums_of(weights, text, run, number, len(found), words, pairing)
                        for run in [span] + runs(text, span)]
                whole, best = sums[0], np.max(sums, axis=0)
                blended = weights["blend"] * whole + (1 - weights["blend"]) * best
                logits = [kind["slope"] * value + kind["shift"] for kind, value in zip(weights["kinds"], blended)]
                scores.append([round(float(1 / (1 + np.exp(-logit))), 5) for logit in logits])
            spans = [text[start:end] for start, end in found]
            out.write(json.dumps({"text": text, "sentences": spans, "scores": scores}, ensure_ascii=False) + "\n")


def sums_of(weights, text, run, number, of, words, pairing):
    sums = np.array([kind["bias"] for kind in weights["kinds"]])
    for name in features(text, run, number, of, words, pairing):
        if name in weights["features"]:
            sums = sums + np.array(weights["features"][name])
    return sums
