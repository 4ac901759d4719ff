"""Where teeth and irises lie: affine maps fitted to their points. Knows arrays only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class LayerBox:
    """The box of a rigid texture on the neutral face."""

    neutral: Float32
    "float32 [k, 2]: its points, -1..1 in the box."


def layer_box(points: Float32, name: str) -> LayerBox:
    """Teeth: a box 1.24 x as wide as the row, of the texture's shape; irises: 1.25 x the radius."""
    if name.startswith("teeth"):
        centre = points.mean(0)
        radius = np.ptp(points[:, 0]) * 0.62 * np.array([1, 48 / 128], np.float32)
    else:
        centre = points[0]
        radius = np.full(2, np.linalg.norm(points[1:] - centre, axis=1).mean() * 1.25, np.float32)
    return LayerBox(((points - centre) / radius).astype(np.float32))


class AffineFits:
    """Least-squares affine maps from picture pixels to the boxes of rigid layers, all at once.

    By the normal equations of centred points: two unknowns a row, and several times faster than a general
    solver.
    """

    def __init__(self, parts: Sequence[NDArray[np.int64]], boxes: Sequence[LayerBox]) -> None:
        """parts: of each layer, which points of the rig are its own, in the order of its box's."""
        most = max(len(part) for part in parts)
        self._index = np.stack([np.pad(part, (0, most - len(part)), "edge") for part in parts])
        self._own = np.stack([np.arange(most) < len(part) for part in parts]).astype(np.float64)[..., None]
        self._share = self._own / self._own.sum(1, keepdims=True)
        target = np.stack([np.pad(box.neutral, ((0, most - len(box.neutral)), (0, 0))) for box in boxes])
        self._middle = target.astype(np.float64).sum(1, keepdims=True) / self._own.sum(1, keepdims=True)
        self._target = (target - self._middle) * self._own

    def fit(self, points: Float32) -> Float32:
        """points [n, 2] of the rig -> float32 [layers, 2, 3]."""
        source = points[self._index].astype(np.float64)
        middle = (source * self._share).sum(1, keepdims=True)
        centred = (source - middle) * self._own
        turned = centred.transpose(0, 2, 1)
        (a, b), (_, d) = (turned @ centred).transpose(1, 2, 0)
        inverse = np.stack([d, -b, -b, a], -1).reshape(-1, 2, 2) / (a * d - b * b)[:, None, None]
        linear = inverse @ (turned @ self._target)
        return (
            np.concatenate([linear, self._middle - middle @ linear], 1).transpose(0, 2, 1).astype(np.float32)
        )
