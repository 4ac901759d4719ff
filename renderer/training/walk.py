"""The generator's synthesis network step by step, whoever carries the steps out. Knows the network, no graph.

`synthesise` is the one description of the exported network: `Floats` carries it out in PyTorch (and, traced,
becomes the 32-bit graph), `renderer.training.integers` writes it as a graph of 8-bit integers.

Each layer's modulation is folded into the demodulation of the layer before it: styles are positive, so leaky
ReLU lets them through, and what was two passes over all features becomes one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from renderer.geometry import BOX_SIZE, BOX_START
from renderer.torch_generator import Generator, ModulatedConv, lay_into_canvas
from renderer.training.half_network import HalfGenerator

GAIN = 2**0.5
SLOPE = 0.2
BOX_CELLS = slice(BOX_START // 8, (BOX_START + BOX_SIZE) // 8)
"Of the canvas at 64 cells a side."
X = TypeVar("X")
Conv = nn.Conv2d | ModulatedConv


class Steps(Protocol[X]):
    """What the network is made of, on features of some kind X. `name`: what the result is called."""

    def constant(self, name: str) -> X:
        """The learned beginning, modulated for the first layer."""
        ...

    def guides(self) -> X:
        """What the geometry says, 88 cells a side."""
        ...

    def convolve(self, name: str, x: X, conv: Conv, factor: Any, stride: int = 1) -> X:
        """Convolution and bias; outputs times `factor` (what `factors` or `styles` gave), or as they are for
        None."""
        ...

    def activate(self, name: str, x: X) -> X:
        """Leaky ReLU; the gain that goes with it is in the factors."""
        ...

    def enlarge(self, x: X) -> X:
        """Bilinear, twice as many cells a side."""
        ...

    def add(self, name: str, x: X, guide: X, level: int | None) -> X:
        """With a guide of the face box laid into the canvas of 8 * 2^level cells, or for None into the
        box."""
        ...

    def cut_box(self, name: str, x: X, layer: str) -> X:
        """The face box of the canvas at 64 cells, modulated for `layer`."""
        ...

    def factors(self, layer: str, following: str | None) -> Any:
        """Demodulation of a layer, times gain, times the styles of the layer that reads it."""
        ...

    def styles(self, layer: str | None) -> Any:
        """Gain times the styles of a layer, for a guide that it reads; None: a head reads it."""
        ...


def synthesise(net: Generator, on: Steps[X]) -> tuple[X, X]:
    """`Generator.synthesis` for one frame up to its heads: features of the canvas and of the face box."""

    def layer(name: str, x: X, following: str | None, guide: X | None = None, level: int | None = None) -> X:
        conv = conv_of(net, name)
        x = on.convolve(f"{name}.conv", x, conv, on.factors(name, following))
        if conv.up:
            x = on.enlarge(x)
        if guide is not None:
            x = on.add(f"{name}.sum", x, guide, level)
        return on.activate(name, x)

    guides, said = [], on.guides()
    for j, (conv, inject) in enumerate(zip(net.guide, net.inject, strict=True)):
        said = on.activate(
            f"guide.{j}", on.convolve(f"guide.{j}.conv", said, conv, None, stride=min(j, 1) + 1)
        )
        guides.append(on.convolve(f"inject.{j}", said, inject, on.styles(f"second.{4 - j}")))
    x = on.constant("const")
    for i in range(4):
        x = layer(f"first.{i}", x, f"second.{i}", guides[4 - i] if i >= 2 else None, i)
        x = layer(f"second.{i}", x, f"first.{i + 1}" if i < 3 else None)
    box = layer("first.4", on.cut_box("box", x, "first.4"), "second.4", guides[0])
    return x, layer("second.4", box, None)


def synthesise_half(net: HalfGenerator, on: Steps[X]) -> tuple[X, X]:
    """As `synthesise`, for pictures of 256."""
    guides, said = [], on.guides()
    for j, conv in enumerate(net.guide):
        said = on.activate(
            f"guide.{j}", on.convolve(f"guide.{j}.conv", said, conv, None, stride=min(j, 1) + 1)
        )
        guides.append(said)

    def layer(
        name: str, x: X, following: str | None, guide: int | None = None, level: int | None = None
    ) -> X:
        """guide: which of them its `inject` reads."""
        conv = conv_of(net, name)
        x = on.convolve(f"{name}.conv", x, conv, on.factors(name, following))
        if conv.up:
            x = on.enlarge(x)
        if guide is not None:
            inject = net.inject[int(name[-1]) - 2]
            laid = on.convolve(f"inject.{name}", guides[guide], inject, on.styles(following))
            x = on.add(f"{name}.sum", x, laid, level)
        return on.activate(name, x)

    x = on.constant("const")
    for i in range(3):
        x = layer(f"first.{i}", x, f"second.{i}", 2 if i == 2 else None, i)
        x = layer(f"second.{i}", x, f"first.{i + 1}")
    x = layer("first.3", x, None, 1, 3)
    box = layer("first.4", on.cut_box("box", x, "first.4"), "second.4", 1)
    return x, layer("second.4", box, None)


def carry_out(net: Generator | HalfGenerator, on: Steps[X]) -> tuple[X, X]:
    """`synthesise` or `synthesise_half`."""
    return synthesise_half(net, on) if isinstance(net, HalfGenerator) else synthesise(net, on)


def layers_of(net: Generator | HalfGenerator) -> list[str]:
    """The names of its modulated convolutions."""
    names = [f"{kind}.{i}" for kind in ("first", "second") for i in range(len(getattr(net, kind)))]
    return [name for name in names if isinstance(conv_of(net, name), ModulatedConv)]


def conv_of(net: Generator | HalfGenerator, layer: str) -> ModulatedConv:
    """The convolution named first.I or second.I."""
    kind, index = layer.split(".")
    conv: ModulatedConv = getattr(net, kind)[int(index)]
    return conv


class Floats:
    """The steps in PyTorch for n frames: float32, NCHW."""

    def __init__(
        self,
        net: Generator | HalfGenerator,
        w: Tensor,
        guides: Tensor,
        watch: Callable[[str, Tensor], None] = lambda name, x: None,
    ) -> None:
        """w [n, styles] of the mapping network; guides [n, masks + texture + 2, 88, 88]; watch: called with
        everything that has a name."""
        self._net, self._w, self._guides, self._watch = net, w, guides, watch

    def _named(self, name: str, x: Tensor) -> Tensor:
        self._watch(name, x)
        return x

    def _style(self, layer: str) -> Tensor:
        return conv_of(self._net, layer).modulation(self._w)[0]

    def constant(self, name: str) -> Tensor:
        return self._named(name, self._net.const * _each(self._style("first.0")))

    def guides(self) -> Tensor:
        return self._guides

    def convolve(self, name: str, x: Tensor, conv: Conv, factor: Tensor | None, stride: int = 1) -> Tensor:
        y = F.conv2d(x, conv.weight, padding=conv.weight.shape[-1] // 2, stride=stride)
        bias = _each(conv.bias)
        if isinstance(conv, ModulatedConv):  # its bias comes after the demodulation, which is in the factor
            bias = bias / _each(conv.modulation(self._w)[1])
        y = y + bias
        return self._named(name, y if factor is None else y * _each(factor))

    def activate(self, name: str, x: Tensor) -> Tensor:
        return self._named(name, F.leaky_relu(x, SLOPE))

    def enlarge(self, x: Tensor) -> Tensor:
        return F.interpolate(x, scale_factor=2.0, mode="bilinear")

    def add(self, name: str, x: Tensor, guide: Tensor, level: int | None) -> Tensor:
        return self._named(name, x + (guide if level is None else lay_into_canvas(guide, level)))

    def cut_box(self, name: str, x: Tensor, layer: str) -> Tensor:
        return self._named(name, x[:, :, BOX_CELLS, BOX_CELLS] * _each(self._style(layer)))

    def factors(self, layer: str, following: str | None) -> Tensor:
        demodulation = conv_of(self._net, layer).modulation(self._w)[1]
        return demodulation * GAIN if following is None else demodulation * self.styles(following)

    def styles(self, layer: str | None) -> Tensor:
        return torch.tensor([GAIN]) if layer is None else self._style(layer) * GAIN


def _each(channels: Tensor) -> Tensor:
    """[channels] or [n, channels] -> [1 or n, channels, 1, 1]."""
    return channels.reshape(channels.shape[0] if channels.dim() == 2 else 1, -1, 1, 1)
