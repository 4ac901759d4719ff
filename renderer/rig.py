"""The landmark rig: controls -> where the face's points lie in the picture. Knows no mesh and no network.

The points (68 landmarks, face, lids, teeth, irises, tongue) were read off the scene's labels for thousands of
random controls; a ridge regression on polynomials of the controls reproduces them (`renderer.training.rig`
fits it and says how well). Perspective and rotation are smooth, so second order in the head's angles times
first order in the weights is enough; lids slide over a ball and need their own products.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from renderer.folds import MASK_SIZE, FoldMap
from renderer.tongue import TongueMap

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
    folds: FoldMap | None = None
    "Of the skin; None for one that never folds."
    tongue: TongueMap | None = None
    "None for one that lies still."

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

    @cached_property
    def factors(self) -> NDArray[np.int64]:
        """What each feature multiplies, see `factors`."""
        return factors(len(self.names), self.lids)

    def points(self, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> Float32:
        """weights [names], head_rad [3], gaze_rad [2] -> float32 [points, 2], pixels of the 512 picture."""
        controls = np.concatenate([[1.0], weights, head_rad, gaze_rad])
        row = terms_of(controls, self.factors).astype(np.float32)
        # einsum, no BLAS: its threads spin on after the product and slow the network down by half
        flat = np.einsum("k,kp->p", row, self.coefficients) + self.mean
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


def factors(weights: int, lids: tuple[tuple[int, ...], tuple[int, ...]]) -> NDArray[np.int64]:
    """The polynomial's terms, [features, 3]: each is the product of three of (1, weights, head, gaze)."""
    w = range(1, weights + 1)
    h = range(weights + 1, weights + 4)
    g = range(weights + 4, weights + 6)
    h2 = list(combinations_with_replacement(h, 2))
    terms: list[tuple[int, ...]] = [(), *((i,) for i in (*w, *h)), *h2, *combinations_with_replacement(h, 3)]
    terms += [(i, j) for i in w for j in h] + [(i, *pair) for i in w for pair in h2]
    for side in lids:
        lid = [w[i] for i in side]
        k = lid[0]  # the blink
        terms += [*combinations_with_replacement(lid, 2), (k, k, k), *((k, i) for i in g)]
        terms += [*((k, k, i) for i in g), (k, g[1], g[1]), *((k, i) for i in h), *((k, k, i) for i in h)]
    terms += [*combinations_with_replacement(g, 2), *((i, i, i) for i in g)]
    terms += [(i, j) for i in g for j in h] + [(i, *pair) for i in g for pair in h2]
    terms += [(i, i, j) for i in g for j in h]
    return np.array([(*term, 0, 0, 0)[:3] for term in terms])


def features(
    weights: Float32, head_rad: Float32, gaze_rad: Float32, lids: tuple[tuple[int, ...], tuple[int, ...]]
) -> Float64:
    """Polynomial features of n controls: weights [n, 52], head_rad [n, 3], gaze_rad [n, 2] -> float64 [n,
    features]."""
    controls = [np.asarray(a, np.float64) for a in (np.ones((len(weights), 1)), weights, head_rad, gaze_rad)]
    return terms_of(np.concatenate(controls, 1), factors(weights.shape[1], lids))


def terms_of(controls: Float64, table: NDArray[np.int64]) -> Float64:
    """The products of (1, weights, head, gaze) [..., k] that `factors` names, [..., features]."""
    first, second, third = (controls[..., column] for column in table.T)
    return np.asarray(first * second * third)


def load_rig(path: Path) -> Rig:
    """The rig that `renderer.training.rig` wrote."""
    with safe_open(path, "numpy") as file:
        facts = file.metadata()
        return Rig(
            names=tuple(json.loads(facts["names"])),
            groups=tuple(json.loads(facts["groups"])),
            mean=file.get_tensor("mean"),
            coefficients=file.get_tensor("coefficients").astype(np.float32),
            folds=_read_folds(file, facts, path) if "folds" in facts else None,
            tongue=TongueMap(file.get_tensor("tongue.share"), **json.loads(facts["tongue"]))
            if "tongue" in facts
            else None,
        )


def _read_folds(file: Any, facts: dict[str, str], path: Path) -> FoldMap:
    """Masks lie in the file as one PNG, below each other: they are nearly empty."""
    shares = file.get_tensor("folds.shares")
    masks = cv2.imdecode(file.get_tensor("folds.masks"), cv2.IMREAD_GRAYSCALE)
    if masks is None or masks.shape != (len(shares) * MASK_SIZE, MASK_SIZE):
        raise ValueError(f"{path}: its map of folds cannot be read; make the rig again")
    return FoldMap(masks.reshape(-1, MASK_SIZE, MASK_SIZE), shares, **json.loads(facts["folds"]))
