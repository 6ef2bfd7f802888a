"""Writes `word-overlap/`, a reranker, and `word-entailment/`, a model of entailment,
both small enough to be read.

    pip install onnx==1.23.2
    python generate.py

The score of the first is the number of pairs of equal words, one of the question and
one of the text. To the second the first text (the premise) entails the second (the
hypothesis) by how many of its words it has. Words that their tokenizer does not know,
and special ones, count nothing.
"""

import json
from pathlib import Path

from onnx import TensorProto, checker, helper, save

HERE = Path(__file__).resolve().parent
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = (
    "red green blue house garden train cat dog bird fish one two three four five six seven "
    "eight nine ten"
).split()


def tensor(name, kind, shape, values):
    return helper.make_node(
        "Constant", [], [name], value=helper.make_tensor(name, kind, shape, values)
    )


def model():
    """`sum(ids[i] == ids[j] and ids[i] > 3 and mask and segments differ)`."""
    number, flag = TensorProto.FLOAT, TensorProto.INT64
    nodes = [
        tensor("last_special", flag, [1], [len(SPECIAL) - 1]),
        tensor("one", flag, [1], [1]),
        tensor("zero", flag, [1], [0]),
        tensor("axis_1", flag, [1], [1]),
        tensor("axis_2", flag, [1], [2]),
        # Which places hold a word of the question, and which one of the text.
        helper.make_node("Greater", ["input_ids", "last_special"], ["is_word"]),
        helper.make_node("Equal", ["attention_mask", "one"], ["is_there"]),
        helper.make_node("And", ["is_word", "is_there"], ["counts"]),
        helper.make_node("Equal", ["token_type_ids", "zero"], ["in_question"]),
        helper.make_node("Equal", ["token_type_ids", "one"], ["in_text"]),
        helper.make_node("And", ["counts", "in_question"], ["question"]),
        helper.make_node("And", ["counts", "in_text"], ["text"]),
        # Every place with every other.
        helper.make_node("Unsqueeze", ["input_ids", "axis_2"], ["ids_down"]),
        helper.make_node("Unsqueeze", ["input_ids", "axis_1"], ["ids_across"]),
        helper.make_node("Equal", ["ids_down", "ids_across"], ["same"]),
        helper.make_node("Unsqueeze", ["question", "axis_2"], ["question_down"]),
        helper.make_node("Unsqueeze", ["text", "axis_1"], ["text_across"]),
        helper.make_node("And", ["question_down", "text_across"], ["pairs"]),
        helper.make_node("And", ["same", "pairs"], ["found"]),
        helper.make_node("Cast", ["found"], ["ones"], to=number),
        helper.make_node("ReduceSum", ["ones", "axis_2"], ["by_word"], keepdims=0),
        helper.make_node("ReduceSum", ["by_word", "axis_1"], ["logits"], keepdims=1),
    ]
    inputs = ["input_ids", "attention_mask", "token_type_ids"]
    graph = helper.make_graph(
        nodes,
        "word-overlap",
        [helper.make_tensor_value_info(name, flag, ["batch", "length"]) for name in inputs],
        [helper.make_tensor_value_info("logits", number, ["batch", 1])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(made, full_check=True)
    return made


def entailment():
    """Three logits: 0 for contradiction, for entailment twice the words of the hypothesis
    that the premise has, less those that it has not, and -2 for neutral."""
    number, flag = TensorProto.FLOAT, TensorProto.INT64
    nodes = [
        tensor("last_special", flag, [1], [len(SPECIAL) - 1]),
        tensor("one", flag, [1], [1]),
        tensor("zero", flag, [1], [0]),
        tensor("axis_1", flag, [1], [1]),
        tensor("axis_2", flag, [1], [2]),
        tensor("four", number, [1, 1], [4.0]),
        tensor("two", number, [1, 1], [2.0]),
        tensor("none", number, [1, 1], [0.0]),
        helper.make_node("Greater", ["input_ids", "last_special"], ["is_word"]),
        helper.make_node("Equal", ["attention_mask", "one"], ["is_there"]),
        helper.make_node("And", ["is_word", "is_there"], ["counts"]),
        helper.make_node("Equal", ["token_type_ids", "zero"], ["in_premise"]),
        helper.make_node("Equal", ["token_type_ids", "one"], ["in_hypothesis"]),
        helper.make_node("And", ["counts", "in_premise"], ["premise"]),
        helper.make_node("And", ["counts", "in_hypothesis"], ["hypothesis"]),
        # Every place with every other: is this word of the hypothesis in the premise?
        helper.make_node("Unsqueeze", ["input_ids", "axis_2"], ["ids_down"]),
        helper.make_node("Unsqueeze", ["input_ids", "axis_1"], ["ids_across"]),
        helper.make_node("Equal", ["ids_down", "ids_across"], ["same"]),
        helper.make_node("Unsqueeze", ["hypothesis", "axis_2"], ["hypothesis_down"]),
        helper.make_node("Unsqueeze", ["premise", "axis_1"], ["premise_across"]),
        helper.make_node("And", ["hypothesis_down", "premise_across"], ["pairs"]),
        helper.make_node("And", ["same", "pairs"], ["found"]),
        helper.make_node("Cast", ["found"], ["ones"], to=number),
        helper.make_node("ReduceMax", ["ones"], ["by_word"], axes=[2], keepdims=0),
        helper.make_node("ReduceSum", ["by_word", "axis_1"], ["covered"], keepdims=1),
        helper.make_node("Cast", ["hypothesis"], ["words"], to=number),
        helper.make_node("ReduceSum", ["words", "axis_1"], ["length"], keepdims=1),
        helper.make_node("Mul", ["covered", "four"], ["twice"]),
        helper.make_node("Mul", ["length", "two"], ["all"]),
        helper.make_node("Sub", ["twice", "all"], ["entailed"]),
        helper.make_node("Mul", ["length", "none"], ["contradicted"]),
        helper.make_node("Sub", ["contradicted", "two"], ["neutral"]),
        helper.make_node("Concat", ["contradicted", "entailed", "neutral"], ["logits"], axis=1),
    ]
    inputs = ["input_ids", "attention_mask", "token_type_ids"]
    graph = helper.make_graph(
        nodes,
        "word-entailment",
        [helper.make_tensor_value_info(name, flag, ["batch", "length"]) for name in inputs],
        [helper.make_tensor_value_info("logits", number, ["batch", 3])],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(made, full_check=True)
    return made


def tokenizer():
    vocabulary = {word: place for place, word in enumerate(SPECIAL + WORDS)}
    special = [
        {"id": place, "content": word, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": True}
        for place, word in enumerate(SPECIAL)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }


def write(name, made, texts):
    out = HERE / name
    out.mkdir(exist_ok=True)
    save(made, out / "model.onnx")
    for name, content in texts.items():
        (out / name).write_text(json.dumps(content, indent=1) + "\n")


def main():
    reranker = {
        "tokenizer.json": tokenizer(),
        "config.json": {"model_type": "word-overlap", "pad_token_id": 0, "id2label": {"0": "LABEL_0"}},
        "special_tokens_map.json": {
            "pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]",
        },
        "tokenizer_config.json": {"model_max_length": 64, "pad_token": "[PAD]"},
    }
    write("word-overlap", model(), reranker)
    # Not in the usual order: the label counts, not its place.
    labels = {"0": "CONTRADICTION", "1": "ENTAILMENT", "2": "NEUTRAL"}
    config = {"model_type": "word-entailment", "max_position_embeddings": 64, "id2label": labels}
    write("word-entailment", entailment(), {"tokenizer.json": tokenizer(), "config.json": config})


if __name__ == "__main__":
    main()
