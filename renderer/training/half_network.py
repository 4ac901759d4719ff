"""The network that draws pictures of 256: the generator without its level of 128 cells. Knows tensors only.

A student (Hinton et al. 2015) of the generator of 512: the same controls, guides and textures, the same kind
of layers and the same composition, so that only its features differ. The canvas ends at the first convolution
of 64 cells, the face box goes on with two more at 64 cells: at half the size a cell is as many pixels as one
of 128 cells is in the large picture.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from renderer.packing import BOX_GATES, COLOURS
from renderer.torch_generator import CANVAS_LAYERS, Generator, GeneratorConfig, ModulatedConv
from renderer.training.prune import pruned


@dataclass(frozen=True)
class HalfConfig:
    """What is needed to build the network again."""

    controls: int = 57
    styles: int = 192
    channels: tuple[int, ...] = (96, 128, 128, 80)
    "At 8, 16, 32 and 64 cells a side."
    inputs: int = 30
    "Channels of the guides."
    guide_channels: tuple[int, int, int] = (16, 64, 96)
    "At 88, 44 and 22 cells of the face box."

    @classmethod
    def tiny(cls) -> HalfConfig:
        """For tests: a student of `GeneratorConfig.tiny`."""
        return cls(styles=8, channels=(8, 8, 8, 8), inputs=18, guide_channels=(4, 4, 4))


class HalfGenerator(nn.Module):  # type: ignore[misc]  # torch is not read by mypy
    """Parameters only; `renderer.training.walk.synthesise_half` carries the network out."""

    def __init__(self, config: HalfConfig) -> None:
        super().__init__()
        self.config = config
        c, s, g = config.channels, config.styles, config.guide_channels
        self.mapping = nn.Sequential(
            nn.Linear(config.controls, s), nn.LeakyReLU(0.2), nn.Linear(s, s), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.const = nn.Parameter(torch.randn(1, c[0], 8, 8))
        pairs = [(c[max(i - 1, 0)], c[i], 0 < i < 4) for i in range(4)] + [(c[3], c[3], False)]
        self.first = nn.ModuleList(ModulatedConv(i, o, s, up=up) for i, o, up in pairs)
        self.second = nn.ModuleList(
            ModulatedConv(o, o, s) if level != 3 else nn.Identity() for level, (_, o, _) in enumerate(pairs)
        )
        sizes = ((config.inputs, g[0], 1), (g[0], g[1], 2), (g[1], g[2], 2))
        self.guide = nn.ModuleList(nn.Conv2d(i, o, 3, stride=stride, padding=1) for i, o, stride in sizes)
        self.inject = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in ((g[2], c[2]), (g[1], c[3]), (g[1], c[3])))
        "Into first.2, first.3 and first.4."
        self.canvas_head = nn.Conv2d(c[3], COLOURS + 4 * len(CANVAS_LAYERS), 1)
        self.box_head = nn.Conv2d(c[3], COLOURS + 16 * BOX_GATES, 1)
        for head in (self.canvas_head, self.box_head):
            nn.init.normal_(head.weight, std=0.3 / head.in_channels**0.5)
            nn.init.zeros_(head.bias)


def start_of(net: Generator, config: HalfConfig, geometry: dict[str, Tensor]) -> HalfGenerator:
    """A student that begins with the channels of `net` that matter most; what it has of its own begins as
    good as absent. geometry: some frames, as for `Generator.forward`."""
    wide = (*config.channels, net.config.channels[4])
    slim: GeneratorConfig = dataclasses.replace(
        net.config, channels=wide, guide_channels=config.guide_channels
    )
    teacher = pruned(net, slim, geometry)
    half = HalfGenerator(config)
    state: dict[str, Any] = half.state_dict()
    for name, value in teacher.state_dict().items():
        level = name.split(".")[1] if "." in name else ""
        taken = name.startswith(("mapping", "const", "guide.")) or (
            name.startswith(("first.", "second.")) and level in "012"
        )
        if taken or name.startswith("first.3"):
            state[name] = value
        elif name.startswith("second.3"):
            state[name.replace("second.3", "first.4")] = value
    for part in ("weight", "bias"):
        state[f"inject.0.{part}"] = teacher.state_dict()[f"inject.2.{part}"]
        state[f"inject.1.{part}"] = teacher.state_dict()[f"inject.1.{part}"]
        state[f"inject.2.{part}"] = torch.zeros_like(state[f"inject.2.{part}"])
    half.load_state_dict(state)
    return half
