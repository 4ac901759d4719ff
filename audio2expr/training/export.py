"""Trained nets -> ONNX files of fixed shape, written operator by operator and compared with PyTorch before
they are kept.

By hand, because the graphs are small, the result is the same for every version of the exporter, and nothing
unknown gets in.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from audio2expr.features import N_FEATURES
from audio2expr.prosody import N_PROSODY
from audio2expr.training.net import MannerNet, MouthNet, NetConfig

Net = TypeVar("Net", bound=nn.Module)
OPSET = 17
IR_VERSION = 8
"What ONNX Runtime 1.14 and later read."
SMALLEST_HALF = 1000
"Layers of so many numbers or more are kept as float16: half the file; ONNX Runtime computes in float32."


@dataclass
class _Graph:
    """A graph in the making; every method gives the name of its result."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, **attributes: object) -> str:
        name = f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, value: np.ndarray, exact: bool = False) -> str:
        name = f"c{len(self.constants)}"
        is_layer = value.size >= SMALLEST_HALF and value.ndim > 1 and not exact
        value = np.ascontiguousarray(value, np.float16 if is_layer else None)
        self.constants.append(numpy_helper.from_array(value, name))
        return self.add("Cast", name, to=TensorProto.FLOAT) if is_layer else name

    def conv(self, x: str, layer: nn.Conv1d) -> str:
        weight, bias = (self.constant(p.detach().numpy()) for p in (layer.weight, layer.bias))
        return self.add(
            "Conv",
            x,
            weight,
            bias,
            strides=list(layer.stride),
            dilations=list(layer.dilation),
            kernel_shape=list(layer.kernel_size),
        )

    def linear(self, x: str, layer: nn.Linear) -> str:
        weight, bias = (self.constant(p.detach().numpy()) for p in (layer.weight, layer.bias))
        return self.add("Gemm", x, weight, bias, transB=1)

    def silu(self, x: str) -> str:
        return self.add("Mul", x, self.add("Sigmoid", x))

    def trimmed(self, x: str, margin: int) -> str:
        """x without `margin` steps at either end of its last axis."""
        start, stop, axis = (self.constant(np.array([v], np.int64)) for v in (margin, -margin, 2))
        return self.add("Slice", x, start, stop, axis)

    def save(self, path: Path, given: tuple[str, list[int]], made: dict[str, tuple[str, list[int]]]) -> None:
        """`given`: name and shape of the input; `made`: name of each output -> result and shape."""
        for name, (result, _) in made.items():
            self.nodes.append(helper.make_node("Identity", [result], [name]))
        inputs = [helper.make_tensor_value_info(given[0], TensorProto.FLOAT, given[1])]
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, (_, shape) in made.items()
        ]
        graph = helper.make_graph(self.nodes, path.stem, inputs, outputs, self.constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString())


def export_mouth(net: MouthNet, path: Path, views: list[np.ndarray] | None = None) -> None:
    """Write the net of one window: rows [1, window_rows, N_FEATURES] -> weights [1, CHANNELS], opinions [1,
    OPINIONS] as probabilities.

    `views`: matrices float32 [N_FEATURES, N_FEATURES] that rows are multiplied by; the net looks through
    each and gives the mean.
    """
    net = _as_kept(net)
    rows = net.config.window_rows
    views = views or [np.eye(N_FEATURES, dtype=np.float32)]
    graph = _Graph()
    x = graph.add("MatMul", "rows", graph.constant(np.stack(views), exact=True))
    x = graph.add("Transpose", x, perm=[0, 2, 1])
    x = graph.silu(graph.conv(x, net.rows))
    x = graph.silu(graph.conv(x, net.pair))
    for layer in net.layers:
        assert isinstance(layer, nn.Conv1d)
        x = graph.add("Add", graph.trimmed(x, layer.dilation[0]), graph.silu(graph.conv(x, layer)))
    x = graph.silu(graph.conv(x, net.frame))
    axis = graph.constant(np.array([2], np.int64))
    shifted = graph.add("Sub", graph.conv(x, net.mouth), graph.constant(np.array(2, np.float32)))
    mouth = graph.add("Squeeze", graph.add("Softplus", shifted), axis)
    opinions = graph.add("Squeeze", graph.add("Sigmoid", graph.conv(x, net.opinions)), axis)
    mouth, opinions = (graph.add("ReduceMean", part, axes=[0], keepdims=1) for part in (mouth, opinions))
    made = {
        "weights": (mouth, [1, net.mouth.out_channels]),
        "opinions": (opinions, [1, net.opinions.out_channels]),
    }
    graph.save(path, ("rows", [1, rows, N_FEATURES]), made)
    example = torch.randn(1, rows, N_FEATURES, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        weights, logits, _ = net(example @ torch.from_numpy(np.stack(views)))
        wanted = [weights[:, 0].mean(0, keepdim=True), torch.sigmoid(logits[:, 0]).mean(0, keepdim=True)]
    _compare(path, "rows", example, wanted)


def import_mouth(path: Path, config: NetConfig) -> MouthNet:
    """The net of a file that export_mouth() wrote, to train on from; opinions that the file lacks begin as
    "no", and the head that names phones, which is never exported, at random."""
    numbers = [numpy_helper.to_array(c) for c in onnx.load(path).graph.initializer]
    layers = [torch.from_numpy(n.astype(np.float32)) for n in numbers if n.dtype != np.int64 and n.size > 1]
    net = MouthNet(config)
    heard = [net.rows, net.pair, *net.layers, net.frame, net.mouth, net.opinions]
    with torch.no_grad():
        net.opinions.weight.zero_()
        net.opinions.bias.fill_(-3.0)
        for layer, weight, bias in zip(heard, layers[1::2], layers[2::2], strict=True):
            assert isinstance(layer, nn.Conv1d)
            layer.weight[: len(weight)].copy_(weight)
            layer.bias[: len(bias)].copy_(bias)  # type: ignore[index]
    return net


def export_manner(net: MannerNet, path: Path) -> None:
    """Write the net: prosody [1, N_PROSODY] -> manner [1, n_emotions + 1] as probabilities."""
    net = _as_kept(net)
    graph = _Graph()
    first, _, last = net.layers
    assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
    x = graph.add("Sigmoid", graph.linear(graph.silu(graph.linear("prosody", first)), last))
    graph.save(path, ("prosody", [1, N_PROSODY]), {"manner": (x, [1, last.out_features])})
    example = torch.randn(1, N_PROSODY, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        _compare(path, "prosody", example, [torch.sigmoid(net(example))])


def _as_kept(net: Net) -> Net:
    """A copy for use whose large layers are rounded as in the file, so that both can be compared."""
    net = copy.deepcopy(net).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.numel() >= SMALLEST_HALF:
                parameter.copy_(parameter.half().float())
    return net


def _compare(path: Path, name: str, example: Tensor, wanted: list[Tensor]) -> None:
    """RuntimeError where ONNX Runtime differs from PyTorch by more than rounding."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for a, b in zip(wanted, session.run(None, {name: example.numpy()}), strict=True):
        worst = float(np.abs(a.numpy() - b).max())
        if worst > 1e-4:
            raise RuntimeError(f"{path}: the exported net differs by {worst:.2g} from the trained one")
