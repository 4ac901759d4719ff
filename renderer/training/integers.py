"""The synthesis network as a graph of 8-bit integers for ONNX Runtime. Knows ONNX, no files.

What makes a quantised StyleGAN slow is not its convolutions but what lies between them: modulation,
demodulation, bias, guide, leaky ReLU and enlarging are each a pass over all features in 32 bits, with
conversions on both sides. Here features stay uint8, NHWC, from the first layer to the heads:

* modulation and demodulation cost nothing: they scale output channels, which is what the requantisation of an
  integer convolution does anyway. Its scales are worked out for each frame;
* leaky ReLU is a table of 256 bytes, the addition of guides works on bytes, enlarging is four depthwise
  convolutions (a third of what Resize takes on bytes);
* the heads multiply integers and give 32 bits: rounded to bytes, which have to span three times the picture's
  range, they would be seen as blotches of colour.

Measured beside quantising the convolutions alone (QDQ), one thread of a Xeon: 11.9 ms instead of 18.5.
Arithmetic: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference"; weights symmetric, one scale a channel; features asymmetric.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from renderer.geometry import BOX_SIZE, BOX_START, CELLS
from renderer.packing import WIDTH, ZERO, gates_by, head_order
from renderer.tensors import quantised
from renderer.torch_generator import Generator, ModulatedConv
from renderer.training.half_network import HalfGenerator
from renderer.training.walk import BOX_CELLS, GAIN, SLOPE, Conv, Floats, carry_out, conv_of, layers_of

MICROSOFT = "com.microsoft"
SAMPLES = 1024
"Values of each feature map that a calibration frame gives."
SHRINKS = np.linspace(0.4, 1, 13)
"How much of a range may be given up so that the rest is drawn finer."
BYTE = 255


@dataclass(frozen=True)
class Calibration:
    """What real frames say about the features."""

    points: dict[str, tuple[float, int]]
    "Scale and zero point of everything that will be bytes."
    demodulations: dict[str, NDArray[np.float64]]
    "Geometric mean of each layer's, [outputs]."


class Calibrator:
    """Watches frames go through the 32-bit network."""

    def __init__(self, net: Generator | HalfGenerator) -> None:
        self._net = net
        self._values: dict[str, list[Tensor]] = {}
        self._logs: dict[str, list[Tensor]] = {layer: [] for layer in layers_of(net)}
        self._random = torch.Generator().manual_seed(0)

    @torch.no_grad()
    def see(self, controls: Tensor, guides: Tensor) -> None:
        """controls [1, 57], guides float32 [1, masks + texture + 2, 88, 88] of one frame."""
        w = self._net.mapping(controls)
        for layer, logs in self._logs.items():
            logs.append(conv_of(self._net, layer).modulation(w)[1][0].log())
        carry_out(self._net, Floats(self._net, w, guides, self._keep))

    def _keep(self, name: str, x: Tensor) -> None:
        flat = x.flatten()
        picked = flat[torch.randint(len(flat), (SAMPLES,), generator=self._random)]
        ends = torch.stack([flat.min(), flat.max()])
        self._values.setdefault(name, []).append(torch.cat([picked, ends]))

    def done(self) -> Calibration:
        """Scales with the least squared error each."""
        points = {name: best_point(torch.cat(values).numpy()) for name, values in self._values.items()}
        means = {k: torch.stack(v).mean(0).exp().double().numpy() for k, v in self._logs.items()}
        return Calibration(points, means)


def best_point(values: NDArray[np.float32]) -> tuple[float, int]:
    """Scale and zero point of bytes for these values, with the least squared error; 0 is one of the bytes."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 1e-6)
    best: tuple[float, tuple[float, int]] = (np.inf, (1.0, 0))
    for shrink_low in SHRINKS:
        for shrink_high in SHRINKS:
            scale = (high * shrink_high - low * shrink_low) / BYTE
            zero = int(np.clip(np.rint(-low * shrink_low / scale), 0, BYTE))
            whole = np.clip(np.rint(values / scale) + zero, 0, BYTE) - zero
            error = float(np.square(whole * scale - values).mean())
            if error < best[0]:
                best = (error, (scale, zero))
    return best[1]


@dataclass(frozen=True)
class Bytes:
    """Features in the graph: uint8 [1, side, side, channels], value = (byte - zero) * scale."""

    name: str
    side: int
    channels: int
    scale: float
    zero: int


@dataclass
class Writer:
    """Nodes and constants of a graph that is being written."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, value: Any, kind: type = np.float32) -> str:
        """The name of a new constant."""
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind, order="C"), name))
        return name

    def matrix(self, value: NDArray[np.floating[Any]], outputs: int = 0) -> str:
        """A float32 matrix that takes a quarter of the room in the file: bytes, with a step for each row, or
        column where `outputs` is 1. ONNX Runtime multiplies them out once, at loading."""
        codes, steps = quantised(np.moveaxis(value, outputs, 0))
        plain = self.add("Cast", self.constant(np.moveaxis(codes, 0, outputs), np.int8), to=TensorProto.FLOAT)
        return self.add("Mul", plain, self.constant(np.expand_dims(steps, 1 - outputs)))

    def add(self, kind: str, *inputs: str, domain: str = "", name: str = "", **attributes: Any) -> str:
        """The name of a new node's output."""
        output = name or f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], domain=domain, **attributes))
        return output

    def point(self, scale: float, zero: int) -> tuple[str, str]:
        """Scale and zero point as constants."""
        return self.constant(scale), self.constant(zero, np.uint8)


class Integers:
    """The steps as nodes of a graph."""

    def __init__(
        self,
        net: Generator | HalfGenerator,
        calibration: Calibration,
        guide_steps: NDArray[np.float32],
        to: Writer,
    ) -> None:
        """guide_steps: what a step of each packed guide channel is worth, [WIDTH]."""
        self._net, self._calibration, self._guide_steps, self._to = net, calibration, guide_steps, to
        self._style: dict[str, str] = {}
        self._gained: dict[str, str] = {}
        self._demodulation: dict[str, str] = {}
        self._write_styles()

    def _write_styles(self) -> None:
        """Mapping network, the styles of all layers in one product, demodulations: 32-bit vectors."""
        to, net = self._to, self._net
        w = "controls"
        for linear in (net.mapping[0], net.mapping[2]):
            parts = (to.matrix(array(linear.weight)), to.constant(array(linear.bias)))
            w = to.add("LeakyRelu", to.add("Gemm", w, *parts, transB=1), alpha=SLOPE)
        layers = layers_of(net)
        affines = [conv_of(net, layer).affine for layer in layers]
        weight, bias = (np.concatenate([array(getattr(a, p)) for a in affines]) for p in ("weight", "bias"))
        every = to.add("Gemm", w, to.matrix(weight), to.constant(bias), transB=1)
        every = to.add("Softplus", to.add("Squeeze", every, to.constant([0], np.int64)))
        gained = to.add("Mul", every, to.constant(GAIN))
        start = 0
        for layer, affine in zip(layers, affines, strict=True):
            cut = [to.constant([v], np.int64) for v in (start, start + affine.out_features)]
            self._style[layer], self._gained[layer] = (to.add("Slice", x, *cut) for x in (every, gained))
            start += affine.out_features
            power = np.square(array(conv_of(net, layer).weight).astype(np.float64)).sum((2, 3))
            square = to.add("Mul", self._style[layer], self._style[layer])
            total = to.add("Add", to.add("MatMul", square, to.matrix(power.T, 1)), to.constant(1e-8))
            self._demodulation[layer] = to.add("Reciprocal", to.add("Sqrt", total))

    def constant(self, name: str) -> Bytes:
        scale, zero = self._calibration.points[name]
        start = self._to.constant(array(self._net.const).transpose(0, 2, 3, 1))
        styled = self._to.add("Mul", start, self._style["first.0"])
        whole = self._to.add("QuantizeLinear", styled, *self._to.point(scale, zero))
        return Bytes(whole, 8, self._net.const.shape[1], scale, zero)

    def guides(self) -> Bytes:
        return Bytes("guides", CELLS, WIDTH, 1.0, ZERO)

    def convolve(self, name: str, x: Bytes, conv: Conv, factor: str | None, stride: int = 1) -> Bytes:
        """The bias of a modulated layer is divided by its mean demodulation instead of the frame's: only
        constants let ONNX Runtime take its fast kernel. Biases are a hundredth of the features and
        demodulations vary by some percent, far below a byte's step."""
        to = self._to
        weight, bias = (array(p).astype(np.float64) for p in (conv.weight, conv.bias))
        if x.name == "guides":
            steps = self._guide_steps.astype(np.float64)
            weight = np.pad(weight, [(0, 0), (0, WIDTH - weight.shape[1]), (0, 0), (0, 0)])
            weight = weight * steps[:, None, None]
        if isinstance(conv, ModulatedConv):
            bias = bias / self._calibration.demodulations[name.removesuffix(".conv")]
        steps = np.abs(weight).reshape(len(weight), -1).max(1).clip(1e-9) / 127
        whole = np.rint(weight / steps[:, None, None, None])
        scales = to.constant(steps)
        scale, zero = self._calibration.points[name]
        y = self._convolution(
            x, whole, to.add("Mul", factor, scales) if factor else scales, (scale, zero),
            np.rint(bias / (steps * x.scale)), pad=weight.shape[-1] // 2, stride=stride,
        )  # fmt: skip
        return Bytes(y, -(-x.side // stride), len(weight), scale, zero)

    def _convolution(
        self,
        x: Bytes,
        weight: NDArray[np.float64],
        scales: str,
        point: tuple[float, int],
        bias: NDArray[np.float64] | None = None,
        *,
        pad: int = 0,
        stride: int = 1,
    ) -> str:
        """weight: whole numbers [outputs, inputs, k, k], inputs 1 for depthwise; scales: a vector in the
        graph."""
        to = self._to
        inputs = [x.name, *to.point(x.scale, x.zero), to.constant(weight, np.int8), scales]
        inputs += [to.constant(np.zeros(len(weight)), np.int8), *to.point(*point)]
        if bias is not None:
            inputs.append(to.constant(bias, np.int32))
        return to.add(
            "QLinearConv", *inputs, domain=MICROSOFT, channels_last=1, kernel_shape=list(weight.shape[2:]),
            pads=[pad] * 4, strides=[stride] * 2, group=x.channels // weight.shape[1],
        )  # fmt: skip

    def activate(self, name: str, x: Bytes) -> Bytes:
        scale, zero = self._calibration.points[name]
        points = (*self._to.point(x.scale, x.zero), *self._to.point(scale, zero))
        y = self._to.add("QLinearLeakyRelu", x.name, *points, domain=MICROSOFT, alpha=SLOPE)
        return Bytes(y, x.side, x.channels, scale, zero)

    def enlarge(self, x: Bytes) -> Bytes:
        to = self._to
        frame = to.constant([0, 1, 1, 0, 0, 1, 1, 0], np.int64)
        framed = Bytes(to.add("Pad", x.name, frame, mode="edge"), x.side + 2, x.channels, x.scale, x.zero)
        scales = to.constant(np.full(x.channels, 1 / 16))
        rows = []
        for down in ((1, 3, 0), (0, 3, 1)):
            cells = []
            for across in ((1, 3, 0), (0, 3, 1)):
                kernel = np.broadcast_to(np.outer(down, across), (x.channels, 1, 3, 3))
                cell = self._convolution(framed, kernel.astype(np.float64), scales, (x.scale, x.zero))
                cells.append(to.add("Unsqueeze", cell, to.constant([3], np.int64)))
            row = to.add("Concat", *cells, axis=3)  # [1, side, side, 2, channels]
            rows.append(to.add("Unsqueeze", row, to.constant([2], np.int64)))
        shape = to.constant([1, 2 * x.side, 2 * x.side, x.channels], np.int64)
        y = to.add("Reshape", to.add("Concat", *rows, axis=2), shape)
        return Bytes(y, 2 * x.side, x.channels, x.scale, x.zero)

    def add(self, name: str, x: Bytes, guide: Bytes, level: int | None) -> Bytes:
        to = self._to
        scale, zero = self._calibration.points[name]
        laid = guide.name
        if level is not None:
            before = BOX_START * guide.side // BOX_SIZE
            after = x.side - before - guide.side
            pads = to.constant([0, before, before, 0, 0, after, after, 0], np.int64)
            laid = to.add("Pad", laid, pads, to.constant(guide.zero, np.uint8))
        points = (*to.point(guide.scale, guide.zero), *to.point(scale, zero))
        y = to.add("QLinearAdd", x.name, *to.point(x.scale, x.zero), laid, *points, domain=MICROSOFT)
        return Bytes(y, x.side, x.channels, scale, zero)

    def cut_box(self, name: str, x: Bytes, layer: str) -> Bytes:
        to = self._to
        edges = ([BOX_CELLS.start] * 2, [BOX_CELLS.stop] * 2, [1, 2])
        cut = to.add("Slice", x.name, *(to.constant(edge, np.int64) for edge in edges))
        side = BOX_CELLS.stop - BOX_CELLS.start
        scale, zero = self._calibration.points[name]
        box = Bytes(cut, side, x.channels, x.scale, x.zero)
        y = self._convolution(box, np.ones((x.channels, 1, 1, 1)), self._style[layer], (scale, zero))
        return Bytes(y, side, x.channels, scale, zero)

    def factors(self, layer: str, following: str | None) -> str:
        if following is None:
            return self._to.add("Mul", self._demodulation[layer], self._to.constant(GAIN))
        return self._to.add("Mul", self._demodulation[layer], self._gained[following])

    def styles(self, layer: str | None) -> str:
        return self._to.constant(GAIN) if layer is None else self._gained[layer]

    def head(self, name: str, x: Bytes, conv: torch.nn.Conv2d) -> list[onnx.ValueInfoProto]:
        """The outputs `name` and `name`_gates, float32 [cells, channels] in the packed order."""
        orders = head_order(conv.out_channels, gates_by(x.side))
        plain = self._product(x, conv, orders[0], name)
        gates = self._to.add("Sigmoid", self._product(x, conv, orders[1]), name=f"{name}_gates")
        return [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, [x.side**2, len(order)])
            for output, order in zip((plain, gates), orders, strict=True)
        ]

    def _product(self, x: Bytes, conv: torch.nn.Conv2d, order: NDArray[np.int64], name: str = "") -> str:
        """Some outputs of a 1 x 1 convolution, in 32 bits."""
        to = self._to
        weight = array(conv.weight)[order, :, 0, 0]
        steps = np.abs(weight).max(1).clip(1e-9) / 127
        flat = to.add("Reshape", x.name, to.constant([-1, x.channels], np.int64))
        scale, zero = to.point(x.scale, x.zero)
        inputs = [flat, to.constant(np.rint(weight / steps[:, None]).T, np.int8), scale, to.constant(steps)]
        inputs += [zero, to.constant(np.zeros(len(steps)), np.int8), to.constant(array(conv.bias)[order])]
        return to.add("MatMulIntegerToFloat", *inputs, domain=MICROSOFT, name=name)


def array(x: Tensor) -> NDArray[np.float32]:
    """A parameter as numpy."""
    result: NDArray[np.float32] = x.detach().float().numpy()
    return result


def integer_graph(
    net: Generator | HalfGenerator, calibration: Calibration, guide_steps: NDArray[np.float32]
) -> onnx.ModelProto:
    """The whole graph: controls float32 [1, 57] and guides uint8 [1, 88, 88, 32] to canvas and box."""
    to = Writer()
    on = Integers(net, calibration, guide_steps, to)
    canvas, box = carry_out(net, on)
    outputs = on.head("canvas", canvas, net.canvas_head) + on.head("box", box, net.box_head)
    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        to.nodes, "generator",
        [
            tensor("controls", TensorProto.FLOAT, [1, net.config.controls]),
            tensor("guides", TensorProto.UINT8, [1, CELLS, CELLS, WIDTH]),
        ],
        outputs, to.constants,
    )  # fmt: skip
    versions = [helper.make_opsetid("", 18), helper.make_opsetid(MICROSOFT, 1)]
    return helper.make_model(graph, opset_imports=versions, ir_version=9)
