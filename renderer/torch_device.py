"""What surrounds the network on its device, for many faces at once: the spline before it, sizes and YUV after
it. The same arithmetic as renderer.geometry and renderer.backend, in PyTorch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from renderer.geometry import GRID, SIZE, Spline
from renderer.torch_places import enlarge


class BatchSpline(nn.Module):  # type: ignore[misc]  # torch is not read by mypy
    """renderer.geometry.Spline for n faces at once: on the CPU it is half of what a frame's guides cost."""

    def __init__(self, spline: Spline) -> None:
        super().__init__()
        triangles, rest, around = spline.triangles
        buffers: dict[str, NDArray[Any]] = {
            "neutral": spline.neutral.astype(np.float64) / SIZE,
            "soft": spline.soft.astype(np.float64),
            "line": spline.line,
            "triangles": triangles,
            "rest": rest,
            "around": around,
        }
        for name, array in buffers.items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)

    def forward(self, points: Tensor) -> Tensor:
        """points float32 [n, points, 2] in the picture -> float32 [n, 88, 88, 2]: see Spline.warp."""
        n, count = points.shape[:2]
        source = points.double() / SIZE
        system = source.new_zeros(n, count + 3, count + 3)
        squared = (source[:, :, None] - source[:, None]).square().sum(-1)
        system[:, 3:, 3:] = squared * squared.clamp_min(1e-9).log() * 0.5
        system[:, 3:, 3:].diagonal(dim1=1, dim2=2).add_(1e-5 + self.soft * self._hidden(points))
        system[:, 0, 3:] = system[:, 3:, 0] = 1
        system[:, 3:, 1:3] = source
        system[:, 1:3, 3:] = source.transpose(1, 2)
        right = F.pad(self.neutral, (0, 0, 3, 0)).expand(n, -1, -1)
        solution = solve(system, right).float()
        radii = self._twice_radial_of_grid(source.float())
        down, across = torch.meshgrid(self.line, self.line, indexing="ij")
        grid = torch.stack([across, down], -1).view(-1, 2)
        field = 0.5 * radii @ solution[:, 3:] + solution[:, :1] + grid @ solution[:, 1:3]
        return enlarge(field.view(n, GRID, GRID, 2).permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)

    def _twice_radial_of_grid(self, source: Tensor) -> Tensor:
        """r^2 log r^2 from each cell of the grid to source [n, points, 2]: [n, cells, points]."""
        across, down = ((self.line[None, :, None] - source[:, None, :, axis]).square() for axis in (0, 1))
        squared = (down[:, :, None] + (across + 1e-9)[:, None]).flatten(1, 2)
        return squared * squared.log()

    def _hidden(self, points: Tensor) -> Tensor:
        """float64 [n, points]: see Spline."""
        corner = points[:, self.triangles]
        a, b = (corner[:, :, k] - corner[:, :, 0] for k in (1, 2))
        area = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
        ratio = (area / self.rest).clamp(-1, 1.5) * self.rest.abs()
        total = torch.zeros(points.shape[:2], dtype=torch.float64, device=points.device)
        total.index_add_(1, self.triangles.view(-1), ratio.double().repeat_interleave(3, 1))
        mean = torch.where(self.around > 0, total / self.around.clamp_min(1e-9), 1.0)
        return 1 / (1 + ((mean - 0.25) / 0.06).clamp(-60, 60).exp())


def solve(system: Tensor, right: Tensor) -> Tensor:
    """torch.linalg.solve. On the CPU numpy's: on two threads PyTorch 2.13's own (oneMKL: "Parameter 6 was
    incorrect on entry to DLASWP") never comes back from a system of 161 rows."""
    if system.device.type != "cpu":
        return torch.linalg.solve(system, right)
    return torch.from_numpy(np.linalg.solve(system.numpy(), right.numpy()))


def to_rgb(pictures: Tensor) -> Tensor:
    """The network's pictures [n, 3, h, w], BGR, -1..1 -> RGB, whole numbers 0..255, float32."""
    return ((pictures.float().clamp(-1, 1) + 1) * 127.5).round().flip(1)


def to_rgba(rgb: Tensor, matte: Tensor) -> Tensor:
    """float32 [n, 3, h, w], 0..255, and how much of each pixel is there, [n, 1, h, w], 0..1 -> uint8 [n, h,
    w, 4]."""
    return torch.cat([rgb, (matte * 255).round()], 1).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def scaled(rgb: Tensor, size: int) -> Tensor:
    """Square pictures at another size, by the mean of the area that a pixel covers, whole numbers."""
    side = rgb.shape[-1]
    if side == size:
        return rgb
    edges = torch.arange(size + 1, device=rgb.device, dtype=torch.float64) * (side / size)
    cells = torch.arange(side, device=rgb.device, dtype=torch.float64)
    shared = torch.minimum(edges[1:, None], cells + 1) - torch.maximum(edges[:-1, None], cells)
    mean = (shared.clamp_min(0) * (size / side)).float()
    return (mean @ rgb @ mean.t()).round()


def to_yuv420(rgb: Tensor, matrix: Tensor) -> Tensor:
    """float32 [n, 3, size, size], 0..255 -> uint8 [n, 3 / 2 size, size]: see renderer.backend.yuv420."""
    n, _, size, _ = rgb.shape
    half = F.avg_pool2d(rgb, 2).round()
    y = torch.einsum("c,nchw->nhw", matrix[0, :3], rgb) + matrix[0, 3]
    uv = torch.einsum("kc,nchw->nkhw", matrix[1:, :3], half) + matrix[1:, 3].view(2, 1, 1)
    planes = torch.cat([y.reshape(n, -1), uv.reshape(n, -1)], 1)
    return planes.round().clamp(0, 255).to(torch.uint8).view(n, -1, size)
