"""fp32 graph -> int8 graph for ONNX Runtime. Knows ONNX, no avatar.

Convolutions inside the network become QLinearConv (QDQ nodes; int8 weights per channel, uint8 activations):
their 8-bit outputs are features, and errors average out behind them. The heads draw the picture itself: an
8-bit output would be eight bits of a range three times the picture's, seen as blotches of colour. They
become ConvInteger, whose sums are exact and are scaled in floating point.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

Feed = dict[str, np.ndarray]


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Feeds of real frames."""

    def __init__(self, feeds: list[Feed]) -> None:
        self._feeds = iter(feeds)

    def get_next(self) -> Feed | None:
        return next(self._feeds, None)


def quantise(full: Path, path: Path, calibration: list[Feed]) -> None:
    """Write the int8 form of `full` to `path`, calibrated on feeds of real frames."""
    prepared = full.with_suffix(".prepared.onnx")
    quant_pre_process(str(full), str(prepared), skip_symbolic_shape=True)
    model = onnx.load(str(prepared))
    heads = [head_of(model, output.name) for output in model.graph.output]
    ranges = input_ranges(model, [node.input[0] for node in heads], calibration)
    quantize_static(
        str(prepared), str(path), Calibration(calibration), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv"],
        nodes_to_exclude=[node.name for node in heads],
    )  # fmt: skip
    prepared.unlink()
    model = onnx.load(str(path))
    for output, (low, high) in zip(model.graph.output, ranges, strict=True):
        to_integer(model, head_of(model, output.name), low, high)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def head_of(model: onnx.ModelProto, output: str) -> onnx.NodeProto:
    """The convolution that makes an output."""
    return next(n for n in model.graph.node if output in n.output and n.op_type == "Conv")


def input_ranges(model: onnx.ModelProto, names: list[str], feeds: list[Feed]) -> list[tuple[float, float]]:
    """Least and largest value of some inner tensors over all feeds; 0 lies inside."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    del watched.graph.output[:]
    watched.graph.output.extend(
        helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in dict.fromkeys(names)
    )
    session = ort.InferenceSession(watched.SerializeToString(), providers=["CPUExecutionProvider"])
    low, high = np.zeros(len(names)), np.zeros(len(names))
    for feed in feeds:
        for i, value in enumerate(session.run(names, feed)):
            low[i], high[i] = min(low[i], value.min()), max(high[i], value.max())
    return list(zip(low.tolist(), high.tolist(), strict=True))


def to_integer(model: onnx.ModelProto, conv: onnx.NodeProto, low: float, high: float) -> None:
    """Replace one Conv by QuantizeLinear, ConvInteger, Cast, Mul, Add; its input lies in low..high."""
    graph = model.graph
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    weight, bias = tensors[conv.input[1]], tensors[conv.input[2]]
    scale = (high - low) / 255
    zero = np.uint8(round(-low / scale))
    weight_scale = np.abs(weight).max((1, 2, 3)) / 127
    small = np.round(weight / weight_scale[:, None, None, None]).astype(np.int8)
    name = conv.output[0]
    constants = {
        "step": np.float32(scale), "zero": zero, "weight": small,
        "scale": (scale * weight_scale).astype(np.float32).reshape(1, -1, 1, 1),
        "bias": bias.astype(np.float32).reshape(1, -1, 1, 1),
    }  # fmt: skip
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(v), f"{name}.{k}") for k, v in constants.items()
    )
    attributes = {a.name: helper.get_attribute_value(a) for a in conv.attribute}
    nodes = [
        helper.make_node("QuantizeLinear", [conv.input[0], f"{name}.step", f"{name}.zero"], [f"{name}.in8"]),
        helper.make_node(
            "ConvInteger", [f"{name}.in8", f"{name}.weight", f"{name}.zero"], [f"{name}.sum"], **attributes
        ),
        helper.make_node("Cast", [f"{name}.sum"], [f"{name}.float"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.float", f"{name}.scale"], [f"{name}.scaled"]),
        helper.make_node("Add", [f"{name}.scaled", f"{name}.bias"], [name]),
    ]
    place = list(graph.node).index(conv)
    kept = [t for t in graph.initializer if t.name not in (conv.input[1], conv.input[2])]
    graph.node.remove(conv)
    for offset, node in enumerate(nodes):
        graph.node.insert(place + offset, node)
    del graph.initializer[:]
    graph.initializer.extend(kept)
