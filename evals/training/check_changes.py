"""Seeded changes of a summary's sentence, for training the faithfulness check.

Each makes a faithful sentence unfaithful (a number, name, speaker, negation, opposite, word of the same sort, foreign
clause), but for `synonyms`, which leaves it faithful: so that a new word alone does not tell. Words come from
WordNet 3.1 (`make_relations.py` says where it is from); none from a data set that is scored.
"""

import re

from make_relations import read, stem

TOKEN = re.compile(r"[^\W_]+(?:['’](?=[^\W\d_])[^\W_]+|(?<=\d)[.,:](?=\d)[^\W_]+)*")
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen " \
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million".split()
NEGATIONS = set("not no never none nobody nothing without cannot can't don't doesn't didn't isn't aren't wasn't "
                "weren't won't wouldn't couldn't shouldn't haven't hasn't hadn't".split())
AFFIRMED = {"cannot": "can", "can't": "can", "won't": "will", "without": "with", "never": "always", "no": "some",
            "none": "all", "nothing": "everything", "nobody": "everybody", "not": ""}
AUXILIARIES = set("is are was were will would can could should had has have did does do might may must".split())
LINKS = [", ", " and ", " because "]


def tokens(text):
    return [(m.group(0), m.start(), m.end()) for m in TOKEN.finditer(text)]


def clauses(text):
    """Clauses of four words or more."""
    parts = re.split(r"[,;:–—]| and | but | while | because | which | so | although | whereas ", text)
    return [part.strip() for part in parts if len(part.split()) >= 4]


class Changes:
    """Changes by WordNet; `near(a, b)` is the nearness of two words, `stop` the words without content."""

    def __init__(self, folder, vocabulary, near, stop, rng):
        self.synsets, self.senses, _ = read(folder)
        self.vocabulary, self.near, self.stop, self.rng = vocabulary, near, stop, rng

    def lemma(self, word):
        """The base form in WordNet and the ending."""
        low = word.lower()
        if low in self.senses:
            return low, ""
        for ending, base in (("ies", "y"), ("es", ""), ("s", ""), ("ing", "e"), ("ing", ""), ("ed", "e"), ("ed", ""), ("d", "")):
            if low.endswith(ending) and low[: -len(ending)] + base in self.senses and len(low) - len(ending) >= 2:
                return low[: -len(ending)] + base, ending
        return None, None

    @staticmethod
    def inflected(word, ending):
        soft = word.endswith("y") and word[-2:-1] not in "aeiou"
        if ending in ("s", "es", "ies"):
            return word[:-1] + "ies" if soft else word + ("es" if word.endswith(("s", "x", "ch", "sh")) else "s")
        if ending in ("ed", "d"):
            return word + "d" if word.endswith("e") else (word[:-1] + "ied" if soft else word + "ed")
        if ending == "ing":
            return word[:-1] + "ing" if word.endswith("e") and not word.endswith("ee") else word + "ing"
        return word

    def part(self, word, ending, before):
        parts = list(self.senses[self.lemma(word)[0]])
        if ending in ("ed", "ing", "d"):
            return "v" if "v" in parts else parts[0]
        if word.endswith("ly") and "r" in parts:
            return "r"
        if before in ("to", "will", "would", "can", "could", "should") and "v" in parts:
            return "v"
        if before in ("the", "a", "an", "of", "this", "that"):
            return "n" if "n" in parts and "a" not in parts else ("a" if "a" in parts else parts[0])
        base = self.lemma(word)[0]
        return max(parts, key=lambda part: len(self.senses[base][part]))

    def options(self, word, before):
        """(ending, words of the same sense, of the same sort, opposites)"""
        base, ending = self.lemma(word)
        if base is None:
            return None
        part = self.part(word, ending, before)
        synsets = self.senses[base].get(part) or []

        def fits(other):
            return other.isalpha() and other in self.vocabulary and stem(other) != stem(base)

        same, sort, opposite = [], [], []
        for synset in synsets[: 1 if part == "v" else 2]:
            same += filter(fits, self.synsets[synset][0])
        for rank, synset in enumerate(synsets[:2]):
            for kind, to, _, _ in self.synsets[synset][1]:
                if kind == "&" and rank == 0:
                    same += filter(fits, self.synsets[to][0][:2])
                elif kind == "!":
                    opposite += filter(fits, self.synsets[to][0][:1])
                elif kind == "@" and rank == 0:
                    for below, sibling, _, _ in self.synsets[to][1]:
                        if below == "~":
                            sort += filter(fits, self.synsets[sibling][0][:1])
        same = [other for other in same if self.near(word, other) >= 0.35]
        sort = [other for other in sort if other not in same and self.near(word, other) >= 0.2]
        return ending, same, sort, opposite

    def words(self, text, which, count, said):
        """`count` words exchanged for those of the same sense (1), of the same sort (2) or opposites (3)."""
        found = tokens(text)
        order = list(range(len(found)))
        self.rng.shuffle(order)
        edits = []
        for at in order:
            word, start, end = found[at]
            if word.lower() in self.stop or len(word) < 3 or (word[0].isupper() and at) or not word.isalpha():
                continue
            options = self.options(word, found[at - 1][0].lower() if at else "")
            pool = options[which] if options else []
            if which > 1:
                pool = [other for other in pool if stem(other) not in said or self.rng.random() < 0.15]
            if not pool:
                continue
            other = self.inflected(pool[0] if which == 1 and self.rng.random() < 0.6 else self.rng.choice(pool), options[0])
            edits.append((start, end, other.capitalize() if word[0].isupper() else other))
            if len(edits) >= count:
                break
        for start, end, other in sorted(edits, reverse=True):
            text = text[:start] + other + text[end:]
        return text if edits else None

    def negation(self, text):
        found = tokens(text)
        denying = [word for word in found if word[0].lower() in NEGATIONS]
        if denying and self.rng.random() < 0.6:
            word, start, end = self.rng.choice(denying)
            low = word.lower()
            other = AFFIRMED.get(low, low[:-3] if low.endswith("n't") else "")
            return re.sub(r"\s+", " ", text[:start] + other + text[end:])
        verbs = [(s, e) for i, (w, s, e) in enumerate(found) if w.lower() in AUXILIARIES and found[i + 1 : i + 2] != [] and found[i + 1][0].lower() != "not"]
        if verbs:
            _, end = self.rng.choice(verbs)
            return text[:end] + " not" + text[end:]
        past = [(w, s, e) for i, (w, s, e) in enumerate(found) if i and w.endswith("ed") and self.lemma(w)[0]]
        if past:
            word, start, end = self.rng.choice(past[:2])
            return f"{text[:start]}did not {self.lemma(word)[0]}{text[end:]}"
        place = re.search(r" to ", text)
        return text[: place.start()] + " not to " + text[place.end() :] if place else None

    def number(self, text):
        found = [w for w in tokens(text) if w[0].lower() in NUMBERS[2:] or w[0][0].isdigit()]
        if not found:
            return None
        word, start, end = self.rng.choice(found)
        if word.lower() in NUMBERS:
            tens = NUMBERS.index(word.lower()) > 20
            other = self.rng.choice([n for n in NUMBERS[2:] if n != word.lower() and (NUMBERS.index(n) > 20) == tens])
        else:
            digits = [i for i, c in enumerate(word) if c.isdigit()]
            at = self.rng.choice(digits)
            other = word[:at] + self.rng.choice([d for d in "123456789" if d != word[at]]) + word[at + 1 :]
        return text[:start] + other + text[end:]

    def speaker(self, text, speakers):
        named = [name for name in speakers if name and re.search(rf"\b{re.escape(name)}\b", text)]
        if not named or len(speakers) < 2:
            return None
        name = self.rng.choice(named)
        other = self.rng.choice([other for other in speakers if other != name])
        return re.sub(rf"\b{re.escape(name)}\b", lambda _: other, text, count=1)

    def name(self, text, names, said):
        found = [w for i, w in enumerate(tokens(text)) if i and w[0][0].isupper() and w[0].lower() not in self.stop
                 and len(w[0]) > 2 and not w[0].isupper()]
        pool = [name for name in names if stem(name.lower()) not in said]
        if not found or not pool:
            return None
        _, start, end = self.rng.choice(found)
        return text[:start] + self.rng.choice(pool) + text[end:]

    def clause(self, text, others):
        foreign = [part for part in clauses(self.rng.choice(others)) if len(part.split()) <= 14]
        if not foreign:
            return None
        part = self.rng.choice(foreign).rstrip(".")
        own = clauses(text)[1:]
        if own and self.rng.random() < 0.5:
            return text.replace(self.rng.choice(own), part, 1)
        return f"{text.rstrip('. ')}{self.rng.choice(LINKS)}{part[0].lower()}{part[1:]}."
