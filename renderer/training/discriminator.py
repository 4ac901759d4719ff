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

    DETAIL = 8.0
    "How much the finest octave, which it sees apart, is enlarged: 1 % of contrast decides what is crisp."

    def __init__(self, masks: int, channels: tuple[int, ...] = (24, 48, 64, 96)) -> None:
        super().__init__()
        self.enter = nn.Conv2d(6 + masks, channels[0], 3, padding=1)
        self.blocks = nn.ModuleList(Block(i, o) for i, o in zip(channels, channels[1:], strict=False))
        self.leave = nn.Conv2d(channels[-1], 1, 3, padding=1)
        for module in self.modules():  # He et al. 2015: PyTorch's own start fades to nothing in nine layers
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.2, nonlinearity="leaky_relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, pictures: Tensor, masks: Tensor) -> tuple[Tensor, list[Tensor]]:
        coarse = F.interpolate(F.avg_pool2d(pictures, 2), scale_factor=2, mode="bilinear")
        seen = torch.cat([pictures, self.DETAIL * (pictures - coarse), masks], 1)
        x = F.leaky_relu(self.enter(seen), 0.2)
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x.float())
        return self.leave(x).float(), features


PATCH = 64
"Side of a patch in pixels."


def patch_corners(landmarks: Tensor, side: int, random: torch.Generator) -> Tensor:
    """Where the judge looks: both halves of the mouth, both eyes, and anywhere; int64 [n, 5, 2], x and y.

    landmarks [n, 68, 2] in the crop's own pixels. Judging patches instead of whole crops costs a third.
    """
    mouth = landmarks[:, 48:68].mean(1)
    centres = [
        mouth - mouth.new_tensor([PATCH / 2, 0]),
        mouth + mouth.new_tensor([PATCH / 2, 0]),
        landmarks[:, 36:42].mean(1),
        landmarks[:, 42:48].mean(1),
        (torch.rand(len(landmarks), 2, generator=random) * side).to(mouth),
    ]
    corners = torch.stack(centres, 1).round().long() - PATCH // 2
    return corners.clamp(0, side - PATCH)


def cut_patches(x: Tensor, corners: Tensor) -> Tensor:
    """[n, c, side, side] at corners [n, k, 2] -> [n * k, c, 64, 64]."""
    return torch.stack(
        [
            picture[:, top : top + PATCH, left : left + PATCH]
            for picture, places in zip(x, corners.tolist(), strict=True)
            for left, top in places
        ]
    )


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
