"""fp32 graph -> int8 graph for ONNX Runtime. Knows ONNX, no avatar.

QDQ nodes at the convolutions only: int8 weights per channel, uint8 activations. The heads, which draw the
picture itself, stay fp32: eight bits of a range three times the picture's are seen as blotches of colour
(43 dB against fp32; without the heads 55 dB), while errors of inner features average out behind them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
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
    graph = onnx.load(str(prepared)).graph
    outputs = {output.name for output in graph.output}
    heads = [node.name for node in graph.node if node.op_type == "Conv" and outputs & set(node.output)]
    quantize_static(
        str(prepared), str(path), Calibration(calibration), quant_format=QuantFormat.QDQ, per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv"],
        nodes_to_exclude=heads,
    )  # fmt: skip
    prepared.unlink()
