"""The landmark rig: controls -> where the face's points lie in the picture. Knows no mesh and no network.

The points (68 landmarks, face, lids, teeth, irises) were read off the scene's labels for thousands of random
controls; a ridge regression on polynomials of the controls reproduces them (`renderer.training.rig` fits it
and says how well). Perspective and rotation are smooth, so second order in the head's angles times first
order in the weights is enough; lids slide over a ball and need their own products.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

LID_NAMES = ("eyeBlink", "eyeSquint", "eyeWide", "eyeLookUp", "eyeLookDown", "cheekSquint")


@dataclass(frozen=True)
class Rig:
    """Ridge regression from controls to points; `groups` names each point."""

    names: tuple[str, ...]
    "ARKit names, the order of the weights."
    groups: tuple[str, ...]
    "Group of each point, e.g. landmark, teeth_upper, iris_left."
    mean: Float32
    "float32 [2 * points]."
    coefficients: Float32
    "float32 [features, 2 * points]."

    @cached_property
    def spans(self) -> dict[str, tuple[int, int]]:
        """First and last + 1 point of each group; a group's points lie together."""
        spans: dict[str, tuple[int, int]] = {}
        for i, group in enumerate(self.groups):
            spans[group] = (spans.get(group, (i, i))[0], i + 1)
        return spans

    @cached_property
    def lids(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return lid_columns(self.names)

    def points(self, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> Float32:
        """weights [names], head_rad [3], gaze_rad [2] -> float32 [points, 2], pixels of the 512 picture."""
        row = features(weights[None], head_rad[None], gaze_rad[None], self.lids)
        # einsum, no BLAS: its threads spin on after the product and slow the network down by half
        flat = np.einsum("k,kp->p", row[0].astype(np.float32), self.coefficients) + self.mean
        return np.asarray(flat.reshape(-1, 2), np.float32)

    def group(self, points: Float32, name: str) -> Float32:
        """The points of one group, [k, 2]."""
        start, end = self.spans[name]
        return points[start:end]


def lid_columns(names: Sequence[str]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Columns of LID_NAMES for the left and the right eye."""
    index = {n: i for i, n in enumerate(names)}
    left, right = (tuple(index[n + side] for n in LID_NAMES) for side in ("Left", "Right"))
    return left, right


def pairs(x: Float64) -> Float64:
    """All products of two columns: [n, k] -> [n, k (k + 1) / 2]."""
    i, j = np.triu_indices(x.shape[1])
    return x[:, i] * x[:, j]


def outer(a: Float64, b: Float64) -> Float64:
    """Every column of a times every column of b, [n, ka * kb]."""
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)


def features(
    weights: Float32, head_rad: Float32, gaze_rad: Float32, lids: tuple[tuple[int, ...], tuple[int, ...]]
) -> Float64:
    """Polynomial features of n controls: weights [n, 52], head_rad [n, 3], gaze_rad [n, 2] -> float64 [n,
    features]."""
    w, h, g = (np.asarray(a, np.float64) for a in (weights, head_rad, gaze_rad))
    h2, g_y = pairs(h), g[:, 1:]
    h3 = np.stack([h[:, i] * h[:, j] * h[:, k] for i, j, k in combinations_with_replacement(range(3), 3)], 1)
    columns = [np.ones((len(w), 1)), w, h, h2, h3, outer(w, h), outer(w, h2)]
    for side in lids:
        lid = w[:, list(side)]
        blink = lid[:, :1]
        columns += [pairs(lid), blink**3, blink * g, blink**2 * g, blink * g_y**2, blink * h, blink**2 * h]
    columns += [pairs(g), g**3, outer(g, h), outer(g, h2), outer(g**2, h)]
    return np.concatenate(columns, 1)


def load_rig(path: Path) -> Rig:
    """The rig that `renderer.training.rig` wrote."""
    with safe_open(path, "numpy") as file:
        facts = file.metadata()
        return Rig(
            names=tuple(json.loads(facts["names"])),
            groups=tuple(json.loads(facts["groups"])),
            mean=file.get_tensor("mean"),
            coefficients=file.get_tensor("coefficients"),
        )
