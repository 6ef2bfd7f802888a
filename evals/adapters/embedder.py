"""The embedding model of the service (all-MiniLM-L6-v2) for adapters: the same
files, mean pooling, unit length. Texts that were seen are not embedded again, as
in the service."""

import os
import pathlib

import numpy
import onnxruntime
import tokenizers

DIMENSIONS = 384
MAX_TOKENS = 256
BATCH = 32


class Embedder:
    def __init__(self):
        folder = os.environ.get("THROUGHLINE_MODELS_DIR")
        if not folder:
            raise SystemExit("set THROUGHLINE_MODELS_DIR: `throughline models pull` fills it")
        folder = pathlib.Path(folder) / "all-MiniLM-L6-v2"
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("ADAPTER_THREADS", "1"))
        self.session = onnxruntime.InferenceSession(
            str(folder / "onnx" / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = {value.name for value in self.session.get_inputs()}
        self.known = {}

    def embed(self, texts):
        """Vectors of texts, as lists of floats."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self.known]
        for start in range(0, len(fresh), BATCH):
            batch = fresh[start : start + BATCH]
            for text, vector in zip(batch, self._run(batch)):
                self.known[text] = vector.tolist()
        return [self.known[text] for text in texts]

    def _run(self, texts):
        encoded = self.tokenizer.encode_batch(texts)
        ids = numpy.array([one.ids for one in encoded], dtype=numpy.int64)
        mask = numpy.array([one.attention_mask for one in encoded], dtype=numpy.int64)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ids * 0}
        feed = {name: value for name, value in feed.items() if name in self.inputs}
        hidden = self.session.run(None, feed)[0]
        weights = mask[:, :, None].astype(numpy.float32)
        mean = (hidden * weights).sum(1) / weights.sum(1)
        return mean / numpy.linalg.norm(mean, axis=1, keepdims=True)
