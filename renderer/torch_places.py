"""Where textures lie in the picture, in PyTorch: what moves with the head and how it is sampled. Knows
tensors and the geometry of the picture, no network.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from renderer.geometry import HAIR_REGION, LIDS_REGION, SIZE


def enlarge(x: Tensor, factor: int) -> Tensor:
    return F.interpolate(x, scale_factor=factor, mode="bilinear")


def sample(texture: Tensor, where: Tensor, *, outside: str = "border") -> Tensor:
    """The texture [1, c, h, w] at positions [n, y, x, 2] of -1..1."""
    return F.grid_sample(
        texture.expand(len(where), -1, -1, -1), where, padding_mode=outside, align_corners=False
    )


def carried(grid: Tensor, controls: Tensor, motion: Tensor) -> Tensor:
    """Pixels (x, y, 1) of a grid [n or 1, h, w, 3] -> [n, h, w, 2], -1..1 on a texture that the head carries.

    motion [9, 12]: turns of the head -> what is added to the place; quadratic in the place, because a head is
    round and what is nearer to the camera moves farther. Learned: hair has no points of its own.
    """
    place = grid[..., :2] * (2 / SIZE) - 1
    x, y = place.unbind(-1)
    powers = torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], -1)
    return place + powers @ (turn_terms(controls) @ motion.float()).view(-1, 1, 2, 6).transpose(2, 3)


def turn_terms(controls: Tensor) -> Tensor:
    """The head's turn up to the second order: controls [n, 57] -> [n, 9]."""
    head = controls[:, 52:55]
    return torch.cat([head, head.square(), head * head.roll(1, 1)], 1)


def head_matte(texture: Tensor, motion: Tensor, controls: Tensor) -> Tensor:
    """How much of each pixel is head and hair: a matte [1, 1, h, w] of the neutral picture, moved.

    motion [9, 2, *MATTE_GRID]: terms of the turn -> what is added to the places of HAIR_REGION, in halves of
    the picture. Returns [n, 1, 512, 512].
    """
    x0, y0, x1, y1 = HAIR_REGION
    added = torch.einsum("nt,tcyx->ncyx", turn_terms(controls), motion.float())
    added = F.interpolate(added, size=(y1 - y0, x1 - x0), mode="bilinear")
    place = pixel_grid(SIZE, controls.device)[None, y0:y1, x0:x1, :2] * (2 / SIZE) - 1
    return F.pad(sample(texture, place + added.permute(0, 2, 3, 1)), (x0, SIZE - x1, y0, SIZE - y1))


def pixel_grid(size: int, device: torch.device, start: int = 0) -> Tensor:
    """[size, size, 3]: x, y, 1 of each pixel centre."""
    v = torch.arange(size, device=device) + (start + 0.5)
    y, x = torch.meshgrid(v, v, indexing="ij")
    return torch.stack([x, y, torch.ones_like(x)], -1)


def on_lids(warp: Tensor) -> Tensor:
    """Positions on the neutral face, 0..1 of the picture -> -1..1 on the texture of the closed lids."""
    x0, y0, x1, y1 = LIDS_REGION
    corner, size = warp.new_tensor([x0, y0]), warp.new_tensor([x1 - x0, y1 - y0])
    return (warp * SIZE - corner) * (2 / size) - 1


def hair_region(grid: Tensor) -> Tensor:
    """[n or 1, 1, h, w]: 1 at the pixels (x, y, 1) of a grid that lie in HAIR_REGION."""
    x0, y0, x1, y1 = HAIR_REGION
    x, y = grid[..., 0], grid[..., 1]
    inside = (x > x0) & (x < x1) & (y > y0) & (y < y1)
    return inside.float().view(-1, 1, *inside.shape[-2:])
