"""Vectors of texts as the service's default embedding model makes them, for the trainings of this folder.

    pip install numpy onnxruntime tokenizers
    python staleness_vectors.py --model DIR/all-MiniLM-L6-v2 --vectors DIR NAME...

For each NAME reads DIR/NAME.wanted.json (a list of texts, see `train_staleness.py prepare`), keeps the vectors that
DIR/NAME.json and DIR/NAME.npy already hold, and writes both anew: unit vectors, the mean over the tokens of fp32
weights (`onnx/model.onnx`). A text beyond the model's first passage is cut where the service cuts at the latest.
"""

import argparse
import json
import pathlib

import numpy as np

# Word pieces of a passage and two special ones; tokens of a batch.
LENGTH, BATCH = 202, 2048
DIMENSIONS = 384


def embedder(model):
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LENGTH)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model / "onnx" / "model.onnx"), options)
    inputs = {one.name for one in session.get_inputs()}

    def embed(texts):
        tokens = [one.ids for one in tokenizer.encode_batch(texts)]
        out = np.zeros((len(texts), DIMENSIONS), "<f4")
        order, at = sorted(range(len(texts)), key=lambda k: len(tokens[k])), 0
        while at < len(order):
            # Batches of near lengths, the longest last.
            part = [order[at]]
            while at + len(part) < len(order) and len(tokens[order[at + len(part)]]) * (len(part) + 1) <= BATCH:
                part.append(order[at + len(part)])
            at += len(part)
            ids = np.zeros((len(part), len(tokens[part[-1]])), np.int64)
            mask = np.zeros_like(ids)
            for row, k in enumerate(part):
                ids[row, : len(tokens[k])], mask[row, : len(tokens[k])] = tokens[k], 1
            given = dict(input_ids=ids, attention_mask=mask, token_type_ids=np.zeros_like(ids))
            states = session.run(None, {name: value for name, value in given.items() if name in inputs})[0]
            mean = (states * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
            out[part] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return out

    return embed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", metavar="NAME")
    for name in ("model", "vectors"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    embed = embedder(arguments.model)
    for name in arguments.names:
        texts, table = arguments.vectors / f"{name}.json", arguments.vectors / f"{name}.npy"
        known = dict(zip(json.loads(texts.read_text()), np.load(table))) if table.exists() and texts.exists() else {}
        wanted = json.loads((arguments.vectors / f"{name}.wanted.json").read_text())
        new = [text for text in wanted if text not in known]
        known.update(zip(new, embed(new)))
        np.save(table, np.array([known[text] for text in wanted], "<f4").reshape(-1, DIMENSIONS))
        texts.write_text(json.dumps(wanted))
        print(f"{name}: {len(wanted)} texts, {len(new)} embedded")


if __name__ == "__main__":
    main()
