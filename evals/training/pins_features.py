"""Sentences, runs of clauses and features of a turn: the same as memory/src/facts/detect/ computes, which a test of
that crate checks against rows that train_pins.py writes (memory/src/facts/detect/parity.jsonl)."""
import re

LOOKED_AT = 8 << 10
MAX_SENTENCES = 96
MAX_RUNS = 24
MIN_RUN_WORDS = 4
ABBREVIATIONS = {"e.g", "i.e", "etc", "vs", "dr", "mr", "mrs", "ms", "no", "st", "approx", "ca", "nr"}
ENDS = ".!?。？！"
TOKEN = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*|[,;:?!\"()\n]|-{2,}|–|—", re.U)
RAW = re.compile(r"[^\s,;()\"]+")
BORDER = re.compile(r"[,;—–](?=\s)")


def clipped(text):
    return text.encode()[:LOOKED_AT].decode(errors="ignore")


def trimmed(text, start, end):
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return (start, end) if any(c.isalnum() for c in text[start:end]) else None


def sentences(text):
    """Character spans of the sentences."""
    text = clipped(text)
    text = re.sub(r"```.*?(```|$)", lambda code: " " * len(code.group()), text, flags=re.S)
    spans, start, at = [], 0, 0
    while at < len(text):
        c = text[at]
        if c == "\n":
            spans.append(trimmed(text, start, at))
            start = at + 1
        elif c in ENDS:
            end = at
            while end + 1 < len(text) and text[end + 1] in ENDS + "\"')”’":
                end += 1
            if end + 1 >= len(text) or text[end + 1].isspace() or c in "。？！":
                word = re.search(r"[\w.]+$", text[start:at])
                word = word.group().lower() if word else ""
                short = word in ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i")
                if not (c == "." and short):
                    spans.append(trimmed(text, start, end + 1))
                    start = end + 1
            at = end
        at += 1
    spans.append(trimmed(text, start, len(text)))
    return [span for span in spans if span][:MAX_SENTENCES]


def runs(text, span):
    """The clauses of a sentence and each with the next; none of a sentence of one clause."""
    clauses, start = [], span[0]
    for border in BORDER.finditer(text[span[0]:span[1]]):
        end = span[0] + border.end()
        clauses.append(trimmed(text, start, end))
        start = end
    clauses.append(trimmed(text, start, span[1]))
    clauses = [clause for clause in clauses if clause]
    found = []
    for at in range(len(clauses)):
        for to in (at, at + 1):
            if to >= len(clauses) or (at == 0 and to == len(clauses) - 1):
                continue
            run = (clauses[at][0], clauses[to][1])
            if len(text[run[0]:run[1]].split()) >= MIN_RUN_WORDS:
                found.append(run)
    return found[:MAX_RUNS]


def shape(word):
    """The shape of an identifier: mail, num (five digits), dash (groups of digits), mixed (letters and digits)."""
    word = word.strip(".!?:'")
    digits = sum("0" <= c <= "9" for c in word)
    at = word.rfind("@")
    if at > 0:
        return "mail" if "." in word[at:] else ""
    if digits == 0 or len(word) < 4 or word.startswith(("http:", "https:", "www.")) or set(word) & set("\\{}^=+*$"):
        return ""
    if digits == len(word):
        return "num" if digits >= 5 else ""
    if not any(c.isalpha() for c in word):
        parts = re.split("[-/.]", word)
        is_date = len(parts) == 3 and len(parts[1]) <= 2 and all(
            0 < len(part) <= 4 and part.isascii() and part.isdigit() for part in parts)
        is_amount = not ("-" in word or "/" in word) or any(c in ".,:$%" for c in word)
        return "dash" if digits >= 6 and not is_date and not is_amount else ""
    head = 0
    while head < len(word) and word[head] in "0123456789.,":
        head += 1
    tail = word[head:]
    if head > 0 and len(tail) <= 3 and not any("0" <= c <= "9" for c in tail):
        return ""
    if word[0] in "vV" and all(c in "0123456789." for c in word[1:]):
        return ""
    upper = not any(c.islower() for c in word)
    return "mixed" if digits >= 3 or (digits >= 2 and upper) else ""


def marks(sentence, words):
    found, count = ["^"], 0
    for token in (match.group() for match in TOKEN.finditer(sentence)):
        lower = token.lower().replace("’", "'")
        count += token[0].isalnum()
        if lower in words:
            mark = lower
        elif any(c.isnumeric() for c in token):
            mark = "#"
        elif token[0].isalpha():
            mark = "w"
        else:
            mark = token if token in ',?!:"' else ","
        if not (mark in ("w", ",", "#") and found[-1] == mark):
            found.append(mark)
    return (found + ["$"])[:80], count


def features(text, span, number, of, words, pairing):
    """Names of the features of a run, where `number` is that of its sentence, of `of`."""
    sentence = text[span[0]:span[1]]
    sequence, count = marks(sentence, words)
    found = set()
    for at, mark in enumerate(sequence):
        if mark not in ("^", "$"):
            found.add(mark)
        for more in (2, 3):
            if at + more <= len(sequence):
                found.add(" ".join(sequence[at:at + more]))
    pairs = [mark for mark in sequence if mark in pairing]
    for at, first in enumerate(pairs):
        found.update(f"{first} .. {second}" for second in pairs[at + 1:at + 9] if second != first)
    lengths = (4, 8, 14, 22, 32)
    found.update(f"@len<={most}" for most in lengths if count <= most)
    flags = ((count > 32, "@long"), (sentence.rstrip().endswith("?"), "@asks"), (number == 0, "@first"),
             (number > 0, "@later"), (of == 1, "@alone"), (of > 5, "@many"),
             (sentence.count('"') >= 2 or "“" in sentence, "@quoted"))
    found.update(name for holds, name in flags if holds)
    found.update("@id:" + kind for kind in map(shape, RAW.findall(sentence)) if kind)
    return found
