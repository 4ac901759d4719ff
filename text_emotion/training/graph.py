"""A trained classifier as an ONNX graph with 8-bit weights. Knows operators and how numbers are rounded,
not the data.

Built operator by operator rather than traced: the graph reads one text (no batch, no padding, so nothing
depends on what is read beside it), query, key and value share one product, and the rounding is ours to
choose. Linear layers: weights in 8 bits with a scale per output, inputs rounded to 8 bits when they come, a
range per token. Word embeddings: int8 with a scale per word. The last layer and all sums stay in single
precision.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from text_emotion.training.network import BertConfig, Classifier

OPSET = 20


def quantize_columns(matrix: np.ndarray, bits: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """float32 [inputs, outputs] -> (int8 of the same shape, float32 scale [outputs]); symmetric, widest
    value exact.
    """
    top = 2 ** (bits - 1) - 1
    scale = np.maximum(np.abs(matrix).max(0), 1e-12) / top
    return np.rint(matrix / scale).clip(-top, top).astype(np.int8), scale.astype(np.float32)


class _Builder:
    """Collects nodes and constants; every method returns the name of what it made."""

    def __init__(self, bits: int | None) -> None:
        self.bits = bits
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = np.array(value, order="C")
        return name

    def apply(self, operator: str, inputs: list[str], name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def quantize(self, x: str) -> tuple[str, str]:
        """(uint8 values around 128, float32 scale [token, 1]) of x float32 [token, width]: a range for each
        token.

        One range for the whole text, as DynamicQuantizeLinear has it, costs twice the error: a few channels
        of a few tokens are far out in every BERT.
        """
        axis = self.constant("last axis", np.array([-1], np.int64))
        widest = self.apply(
            "ReduceMax", [self.apply("Abs", [x], f"{x}/size"), axis], f"{x}/widest", keepdims=1
        )
        smallest, top = self.constant("smallest", np.float32(1e-9)), self.constant("top", np.float32(127))
        scale = self.apply("Div", [self.apply("Max", [widest, smallest], f"{x}/range"), top], f"{x}/scale")
        rounded = self.apply("Round", [self.apply("Div", [x, scale], f"{x}/steps")], f"{x}/rounded")
        shifted = self.apply("Add", [rounded, self.constant("middle", np.float32(128))], f"{x}/shifted")
        return self.apply("Cast", [shifted], f"{x}/whole", to=TensorProto.UINT8), scale

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray, name: str) -> str:
        """x [token, inputs] times weight [outputs, inputs] transposed, plus bias [outputs]."""
        if self.bits is None:
            product = self.apply("MatMul", [x, self.constant(f"{name}/weight", weight.T)], f"{name}/product")
        else:
            rounded, scale = self.quantize(x)
            whole, step = quantize_columns(weight.T, self.bits)
            zero = self.constant("zero point", np.uint8(128))
            # Unsigned by unsigned: with signed weights, processors without VNNI add pairs of products in 16
            # bits and clip.
            weight_name = self.constant(f"{name}/weight", (whole.astype(np.int16) + 128).astype(np.uint8))
            integer = self.apply("MatMulInteger", [rounded, weight_name, zero, zero], f"{name}/integer")
            floating = self.apply("Cast", [integer], f"{name}/floating", to=TensorProto.FLOAT)
            stepped = self.apply("Mul", [floating, self.constant(f"{name}/step", step)], f"{name}/stepped")
            product = self.apply("Mul", [stepped, scale], f"{name}/product")
        return self.apply("Add", [product, self.constant(f"{name}/bias", bias)], name)

    def normalise(self, x: str, weight: np.ndarray, bias: np.ndarray, eps: float, name: str) -> str:
        inputs = [x, self.constant(f"{name}/weight", weight), self.constant(f"{name}/bias", bias)]
        return self.apply("LayerNormalization", inputs, name, axis=-1, epsilon=eps)


def _embed(b: _Builder, w: dict[str, np.ndarray], c: BertConfig, max_tokens: int) -> str:
    words = w["embeddings.word_embeddings.weight"]
    if b.bits is None:
        word = b.apply("Gather", [b.constant("words", words), "ids"], "word")
    else:
        whole, step = quantize_columns(words.T)
        rows = b.apply("Gather", [b.constant("words", whole.T), "ids"], "word/whole")
        steps = b.apply("Gather", [b.constant("words/step", step[:, None]), "ids"], "word/step")
        word = b.apply("Mul", [b.apply("Cast", [rows], "word/floating", to=TensorProto.FLOAT), steps], "word")
    places = (
        w["embeddings.position_embeddings.weight"][:max_tokens]
        + w["embeddings.token_type_embeddings.weight"][0]
    )
    zero, axis = b.constant("zero", np.zeros(1, np.int64)), b.constant("axis", np.zeros(1, np.int64))
    length = b.apply("Shape", ["ids"], "length")
    place = b.apply("Slice", [b.constant("places", places), zero, length, axis], "place")
    total = b.apply("Add", [word, place], "embedded")
    name = "embeddings.LayerNorm"
    return b.normalise(total, w[f"{name}.weight"], w[f"{name}.bias"], c.layer_norm_eps, "x0")


def _attend(b: _Builder, w: dict[str, np.ndarray], c: BertConfig, x: str, layer: str) -> str:
    """Self-attention of one layer: [token, width] -> [token, width], before its output layer."""
    heads, size = c.num_attention_heads, c.hidden_size // c.num_attention_heads
    parts = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
    weight = np.concatenate([w[f"{p}.weight"] for p in parts])
    bias = np.concatenate([w[f"{p}.bias"] for p in parts])
    weight[: c.hidden_size] /= math.sqrt(size)  # the attention's scale, folded into the query
    bias[: c.hidden_size] /= math.sqrt(size)
    together = b.linear(x, weight, bias, f"{layer}/qkv")
    shape = b.constant("by head", np.array([-1, 3, heads, size], np.int64))
    by_head = b.apply("Reshape", [together, shape], f"{layer}/by head")
    ordered = b.apply("Transpose", [by_head], f"{layer}/ordered", perm=[1, 2, 0, 3])  # [3, head, token, size]
    picked = [
        b.apply(
            "Gather", [ordered, b.constant(f"number {i}", np.array(i, np.int64))], f"{layer}/{name}", axis=0
        )
        for i, name in enumerate(("query", "key", "value"))
    ]
    turned = b.apply("Transpose", [picked[1]], f"{layer}/turned", perm=[0, 2, 1])
    scores = b.apply("MatMul", [picked[0], turned], f"{layer}/scores")
    weights = b.apply("Softmax", [scores], f"{layer}/attention", axis=-1)
    mixed = b.apply("MatMul", [weights, picked[2]], f"{layer}/mixed")
    back = b.apply("Transpose", [mixed], f"{layer}/back", perm=[1, 0, 2])
    return b.apply(
        "Reshape", [back, b.constant("flat", np.array([-1, c.hidden_size], np.int64))], f"{layer}/flat"
    )


def _encode(b: _Builder, w: dict[str, np.ndarray], c: BertConfig, x: str, layer: str) -> str:
    def residual(y: str, x: str, name: str) -> str:
        total = b.apply("Add", [y, x], f"{name}/total")
        return b.normalise(
            total,
            w[f"{name}.LayerNorm.weight"],
            w[f"{name}.LayerNorm.bias"],
            c.layer_norm_eps,
            f"{name}/normal",
        )

    def dense(x: str, name: str) -> str:
        return b.linear(x, w[f"{name}.dense.weight"], w[f"{name}.dense.bias"], name)

    y = dense(_attend(b, w, c, x, layer), f"{layer}.attention.output")
    x = residual(y, x, f"{layer}.attention.output")
    inner = b.apply("Gelu", [dense(x, f"{layer}.intermediate")], f"{layer}/gelu")
    return residual(dense(inner, f"{layer}.output"), x, f"{layer}.output")


def build(
    model: Classifier,
    *,
    max_tokens: int,
    scale: np.ndarray,
    threshold: np.ndarray,
    bits: int | None = 8,
    output: Literal["probabilities", "logits"] = "probabilities",
) -> onnx.ModelProto:
    """The graph: ids int64 [token] -> probabilities float32 [class] = sigmoid(scale * (logit - threshold)).

    scale, threshold: float [class], the calibration, folded into the last layer. bits: of the weights; None
    leaves everything in float32, as the reference to compare with. output "logits" stops before the
    sigmoid.
    """
    c = model.config
    w = {name: tensor.detach().cpu().numpy().copy() for name, tensor in model.state_dict().items()}
    b = _Builder(bits)
    x = _embed(b, w, c, max_tokens)
    for i in range(c.num_hidden_layers):
        x = _encode(b, w, c, x, f"encoder.layer.{i}")
    pooled = b.apply("ReduceMean", [x, b.constant("tokens", np.zeros(1, np.int64))], "pooled", keepdims=0)
    head = b.constant("head/weight", (w["head.weight"] * scale[:, None]).T.astype(np.float32))
    bias = b.constant("head/bias", (scale * (w["head.bias"] - threshold)).astype(np.float32))
    logits = b.apply("Add", [b.apply("MatMul", [pooled, head], "head/product"), bias], "logits")
    if output == "probabilities":
        b.apply("Sigmoid", [logits], "probabilities")
    graph = helper.make_graph(
        b.nodes,
        "text_emotion",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["token"])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [len(scale)])],
        [numpy_helper.from_array(value, name) for name, value in b.constants.items()],
    )
    result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    onnx.checker.check_model(result, full_check=True)
    return result
