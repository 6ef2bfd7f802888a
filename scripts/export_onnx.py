"""Writes a BERT encoder as ONNX from its safetensors file, without torch.

Run by `throughline models pull` in a throw-away Python environment, where the
model hub with ready ONNX files is out of reach:

    export_onnx.py MODEL.safetensors CONFIG.json FP32.onnx [INT8.onnx]

Inputs `input_ids`, `attention_mask`, `token_type_ids` (int64, [batch,
sequence]); output `last_hidden_state` (float, [batch, sequence, hidden]).
The same weights and the same pinned packages give the same bytes: nothing
here depends on time, paths or the order of a hash table.
"""

import json
import math
import os
import struct
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# The first opset with Gelu; LayerNormalization came with 17.
OPSET = 20
# The newest IR that every ONNX Runtime since 1.18 reads.
IR_VERSION = 10
# Added to the score of a padded position: exp() of it is 0 in float.
MASKED = -10000.0


def read_safetensors(path):
    """The float32 tensors of a file: 8 bytes of header length, a JSON header, the data."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        raw = data[8 + length + begin : 8 + length + end]
        tensors[name] = np.frombuffer(raw, dtype="<f4").reshape(entry["shape"])
    return tensors


class Graph:
    """Nodes and initializers under construction, in the order of execution."""

    def __init__(self):
        self.nodes = []
        self.initializers = []

    def constant(self, name, array):
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind, inputs, name, outputs=None, **attributes):
        outputs = outputs or [name]
        self.nodes.append(helper.make_node(kind, inputs, outputs, name=name, **attributes))
        return outputs[0]

    def linear(self, name, x, weight, bias):
        """`x W + b`; the weight is stored as the MatMul reads it."""
        product = self.node(
            "MatMul", [x, self.constant(f"{name}.weight", weight)], f"{name}.matmul"
        )
        return self.node("Add", [product, self.constant(f"{name}.bias", bias)], name)

    def norm(self, name, x, tensors, prefix, epsilon):
        scale = self.constant(f"{name}.scale", tensors[f"{prefix}.weight"])
        bias = self.constant(f"{name}.shift", tensors[f"{prefix}.bias"])
        return self.node(
            "LayerNormalization", [x, scale, bias], name, axis=-1, epsilon=epsilon
        )


def embeddings(graph, tensors, config):
    """Word, position and type embeddings, summed and normalised."""
    words = graph.constant("word_embeddings", tensors["embeddings.word_embeddings.weight"])
    places = graph.constant(
        "position_embeddings", tensors["embeddings.position_embeddings.weight"]
    )
    kinds = graph.constant(
        "token_type_embeddings", tensors["embeddings.token_type_embeddings.weight"]
    )
    word = graph.node("Gather", [words, "input_ids"], "word")
    kind = graph.node("Gather", [kinds, "token_type_ids"], "kind")
    length = graph.node("Shape", ["input_ids"], "length", start=1, end=2)
    zero = graph.constant("zero", np.array([0], dtype=np.int64))
    place = graph.node("Slice", [places, zero, length], "place")
    summed = graph.node("Add", [graph.node("Add", [word, kind], "word_kind"), place], "summed")
    return graph.norm("embedded", summed, tensors, "embeddings.LayerNorm", config["layer_norm_eps"])


def attention_mask(graph):
    """[batch, 1, 1, sequence]: 0 where a token stands, MASKED where padding does."""
    axes = graph.constant("mask_axes", np.array([1, 2], dtype=np.int64))
    one = graph.constant("one", np.array(1.0, dtype=np.float32))
    masked = graph.constant("masked", np.array(MASKED, dtype=np.float32))
    wide = graph.node("Unsqueeze", ["attention_mask", axes], "mask_wide")
    present = graph.node("Cast", [wide], "mask_float", to=TensorProto.FLOAT)
    return graph.node("Mul", [graph.node("Sub", [one, present], "absent"), masked], "mask")


def layer(graph, x, mask, tensors, index, config):
    """One transformer layer: self-attention and feed-forward, each with its residual."""
    prefix = f"encoder.layer.{index}"
    heads = config["num_attention_heads"]
    width = config["hidden_size"] // heads

    def weight(name):
        return tensors[f"{prefix}.{name}.weight"].T

    def bias(name):
        return tensors[f"{prefix}.{name}.bias"]

    # The scale of the scores is folded into the query's weights.
    scale = np.float32(1.0 / math.sqrt(width))
    parts = {}
    for part in ("query", "key", "value"):
        factor = scale if part == "query" else np.float32(1.0)
        projected = graph.linear(
            f"{index}.{part}",
            x,
            weight(f"attention.self.{part}") * factor,
            bias(f"attention.self.{part}") * factor,
        )
        split = graph.node("Reshape", [projected, "head_shape"], f"{index}.{part}.heads")
        order = [0, 2, 3, 1] if part == "key" else [0, 2, 1, 3]
        parts[part] = graph.node("Transpose", [split], f"{index}.{part}.split", perm=order)
    scores = graph.node("MatMul", [parts["query"], parts["key"]], f"{index}.scores")
    masked = graph.node("Add", [scores, mask], f"{index}.masked")
    shares = graph.node("Softmax", [masked], f"{index}.shares", axis=-1)
    mixed = graph.node("MatMul", [shares, parts["value"]], f"{index}.mixed")
    joined = graph.node("Transpose", [mixed], f"{index}.joined", perm=[0, 2, 1, 3])
    flat = graph.node("Reshape", [joined, "hidden_shape"], f"{index}.flat")
    attended = graph.linear(
        f"{index}.attended", flat, weight("attention.output.dense"), bias("attention.output.dense")
    )
    residual = graph.node("Add", [attended, x], f"{index}.attended.residual")
    epsilon = config["layer_norm_eps"]
    x = graph.norm(
        f"{index}.attention", residual, tensors, f"{prefix}.attention.output.LayerNorm", epsilon
    )
    wide = graph.linear(f"{index}.wide", x, weight("intermediate.dense"), bias("intermediate.dense"))
    active = graph.node("Gelu", [wide], f"{index}.active")
    narrow = graph.linear(f"{index}.narrow", active, weight("output.dense"), bias("output.dense"))
    residual = graph.node("Add", [narrow, x], f"{index}.residual")
    last = index + 1 == config["num_hidden_layers"]
    name = "last_hidden_state" if last else f"{index}.output"
    return graph.norm(name, residual, tensors, f"{prefix}.output.LayerNorm", epsilon)


def build(tensors, config):
    """The whole encoder as an ONNX model."""
    if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        raise SystemExit("only BERT encoders with the exact GELU are known here")
    heads = config["num_attention_heads"]
    hidden = config["hidden_size"]
    graph = Graph()
    graph.constant("head_shape", np.array([0, 0, heads, hidden // heads], dtype=np.int64))
    graph.constant("hidden_shape", np.array([0, 0, hidden], dtype=np.int64))
    x = embeddings(graph, tensors, config)
    mask = attention_mask(graph)
    for index in range(config["num_hidden_layers"]):
        x = layer(graph, x, mask, tensors, index, config)
    shape = ["batch", "sequence"]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, shape)
        for name in ("input_ids", "attention_mask", "token_type_ids")
    ]
    output = helper.make_tensor_value_info(x, TensorProto.FLOAT, shape + [hidden])
    made = helper.make_graph(graph.nodes, "bert", inputs, [output], graph.initializers)
    model = helper.make_model(
        made,
        producer_name="throughline",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(model)
    return model


def quantize(source, target):
    """int8 weights of the matrix products, one scale for each output channel: one
    for a whole tensor brings the mean cosine to the fp32 vectors from 0.99 down
    to 0.94. The embedding tables stay fp32: they cost no time."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # The quantizer names its temporary files and leaves some behind.
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(target))) as scratch:
        tempfile.tempdir = scratch
        quantize_dynamic(
            source,
            target,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
        tempfile.tempdir = None


def main():
    weights, config_path, fp32, *int8 = sys.argv[1:]
    with open(config_path, encoding="utf-8") as file:
        config = json.load(file)
    model = build(read_safetensors(weights), config)
    with open(fp32, "wb") as file:
        file.write(model.SerializeToString(deterministic=True))
    for target in int8:
        quantize(fp32, target)


if __name__ == "__main__":
    main()
