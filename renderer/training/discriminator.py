"""The judge of texture: a patch discriminator that sees the picture together with what it should show."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Discriminator(nn.Module):
    """Residual patch discriminator (StyleGAN2's blocks, PatchGAN's output), conditioned on the part masks.

    pictures [n, 3, s, s], -1..1, and masks [n, m, s, s] at the same place -> logits [n, 1, s / 16, s / 16]
    and the features of each level. A patch of the right texture in the wrong place is a fake: that is what
    teeth and lids need.
    """

    def __init__(self, masks: int, channels: tuple[int, ...] = (32, 64, 128, 192, 192)) -> None:
        super().__init__()
        self.enter = nn.Conv2d(3 + masks, channels[0], 3, padding=1)
        self.blocks = nn.ModuleList(Block(i, o) for i, o in zip(channels, channels[1:], strict=False))
        self.leave = nn.Conv2d(channels[-1], 1, 3, padding=1)

    def forward(self, pictures: Tensor, masks: Tensor) -> tuple[Tensor, list[Tensor]]:
        x = F.leaky_relu(self.enter(torch.cat([pictures, masks], 1)), 0.2)
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x.float())
        return self.leave(x).float(), features


class Block(nn.Module):
    """Two convolutions and a skip; halves the side."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, inputs, 3, padding=1)
        self.second = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.first(x), 0.2)
        y = F.leaky_relu(F.avg_pool2d(self.second(y), 2), 0.2)
        return (y + self.skip(F.avg_pool2d(x, 2))) * 0.5**0.5
