"""Expression wrinkles: folds of the skin that come with the weights. Knows texels and weights, no renderer.

Skin that is pushed together folds across the direction in which the muscle pulls, at the same places
whenever that muscle pulls (Ekman and Friesen's FACS names them by action unit). So each fold is a line on the
neutral head, painted once as a groove between two soft ridges, and an amount that follows from the ARKit
weights: the height of a face's skin is the sum of amount x groove. The head model's shapes have the coarse
forms (bulge of the cheek, lowered brow); these are the fine ones that its vertices are too far apart for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.spatial import cKDTree

from renderer.synthesis.geometry import inverse_distance_mean, smoothstep
from renderer.synthesis.names import ARKIT_NAMES

Plane = NDArray[np.float32]

ONSET = 1.4
"Exponent of the amount: skin takes up the first part of a movement before it folds."
LARGEST_AMOUNT = 1.15
REACH = 4.0
"A fold is zero farther from its line than this many widths."
RIDGE = 0.45
"Height of the ridges beside a groove, as a share of its depth."
FRONT_CM = 4.0
"Skin in front of this may fold."
MIDDLE_CM = 0.25
"Half the width over which the left side's amount passes into the right side's."


@dataclass(frozen=True)
class Fold:
    """One line on the subject's left half of the face; its mirror image belongs to it."""

    name: str
    line: tuple[tuple[float, float], ...]
    "x (to the subject's left), y (up), cm on the mean head, seen from the front; knots of a spline"
    depth_mm: float
    width_cm: float
    "from the bottom of the groove to where it is 1/e deep"
    driven_by: Mapping[str, float]
    "ARKit weight without its side, or of one side only as written, -> share"
    crosses: bool = False
    "True: the line runs on over the middle, to its own mirror image"


def _lines(
    name: str, lines: list[list[tuple[float, float]]], depth: float, width: float, crosses: bool = False,
    **driven_by: float,
) -> list[Fold]:  # fmt: skip
    return [Fold(name, tuple(line), depth, width, driven_by, crosses) for line in lines]


FOLDS: tuple[Fold, ...] = (
    *_lines(  # frontalis, AU 1: the middle of the forehead
        "forehead, inner",
        [[(0, 6.8), (1.0, 6.95), (2.2, 6.9)], [(0, 7.45), (1.4, 7.6), (2.7, 7.5)],
         [(0, 8.15), (1.3, 8.3), (2.6, 8.2)], [(0, 8.9), (1.0, 9.0), (2.1, 8.9)]],
        0.7, 0.17, crosses=True, browInnerUp=1.0, browOuterUp=0.15,
    ),
    *_lines(  # frontalis, AU 2: its outer parts
        "forehead, outer",
        [[(2.0, 7.0), (3.2, 7.2), (4.4, 6.8)], [(2.2, 7.6), (3.3, 7.8), (4.5, 7.35)],
         [(2.1, 8.25), (3.2, 8.4), (4.3, 8.0)]],
        0.65, 0.17, browOuterUp=1.0, browInnerUp=0.12,
    ),
    *_lines(  # corrugator, AU 4: the frown
        "frown", [[(0.66, 4.6), (0.64, 5.4), (0.86, 6.3)]], 1.25, 0.17, browDown=1.0, noseSneer=0.15,
    ),
    *_lines(  # procerus: across the root of the nose
        "root of the nose", [[(0, 4.15), (0.5, 4.1), (0.95, 3.9)]], 0.7, 0.15, crosses=True,
        browDown=0.55, noseSneer=0.6,
    ),
    *_lines(  # nasalis, AU 9: the sides of the nose
        "side of the nose",
        [[(0.35, 3.05), (0.85, 2.75), (1.35, 2.15)], [(0.5, 2.35), (0.95, 2.0), (1.4, 1.45)]],
        0.7, 0.13, noseSneer=1.0, cheekSquint=0.1,
    ),
    *_lines(  # orbicularis oculi, AU 6: crow's feet
        "crow's feet",
        [[(4.85, 3.75), (5.4, 4.1), (5.95, 4.55)], [(4.95, 3.4), (5.55, 3.4), (6.15, 3.5)],
         [(4.85, 3.05), (5.4, 2.75), (5.95, 2.4)]],
        0.8, 0.13, cheekSquint=0.75, mouthSmile=0.3, eyeSquint=0.4,
    ),
    *_lines(  # AU 6 and 7: below the lower lid
        "below the eye",
        [[(1.95, 2.85), (2.9, 2.5), (3.9, 2.5), (4.6, 2.85)], [(2.1, 2.35), (3.1, 1.95), (4.3, 2.1)]],
        0.6, 0.14, cheekSquint=0.65, eyeSquint=0.5, noseSneer=0.1,
    ),
    *_lines(  # AU 12, 10, 9: from the wing of the nose to the corner of the mouth
        "nasolabial", [[(1.5, 0.15), (2.15, -0.85), (2.85, -2.2), (3.3, -3.4)]],
        1.35, 0.24, mouthSmile=0.85, noseSneer=0.6, mouthUpperUp=0.4, cheekSquint=0.3, mouthStretch=0.25,
    ),
    *_lines(  # AU 14
        "dimple", [[(3.15, -2.75), (3.45, -3.4), (3.35, -4.1)]], 0.8, 0.19, mouthDimple=0.9, mouthSmile=0.4,
    ),
    *_lines(  # AU 15: below the corner of the mouth
        "corner of the mouth", [[(2.55, -3.9), (2.85, -4.6), (2.9, -5.4)]], 0.7, 0.2,
        mouthFrown=1.0, mouthStretch=0.35, mouthPress=0.2,
    ),
    *_lines(  # AU 17: between the lower lip and the chin
        "above the chin", [[(0, -5.35), (0.9, -5.35), (1.7, -5.65)]], 1.0, 0.22, crosses=True,
        mouthShrugLower=0.9, mouthFrown=0.35, mouthPucker=0.2,
    ),
)  # fmt: skip
"""After the action units' folds as the FACS manual describes them; places by the mean head's landmarks."""


@dataclass(frozen=True, eq=False)
class Wrinkles:
    """All folds of one face as patches of its texture."""

    size: int
    "side of the texture in texels"
    patches: tuple[tuple[slice, slice], ...]
    heights: tuple[Plane, ...]
    "mm below (negative) or above the skin at amount 1, over the patch of the same index"

    def height(self, amounts: NDArray[np.floating]) -> Plane:
        """The skin's height for amounts [folds] as `fold_amounts` gives them: float32 [size, size], mm."""
        out = np.zeros((self.size, self.size), np.float32)
        for amount, patch, height in zip(amounts, self.patches, self.heights, strict=True):
            if amount > 0:
                out[patch] += np.float32(amount) * height
        return out


def fold_amounts(weights: Mapping[str, float]) -> NDArray[np.float64]:
    """How deep each fold is, 0..1.15: left sides of FOLDS in order, then right sides.

    weights: ARKit names -> 0..1; a name left out is 0.
    """
    pulls = fold_shares(tuple(weights)) @ np.array(list(weights.values()), np.float64)
    return np.clip(pulls, 0.0, LARGEST_AMOUNT) ** ONSET


def fold_shares(names: Sequence[str]) -> NDArray[np.float64]:
    """What each of the named ARKit weights adds to each fold, [folds, names]; order as `fold_amounts`."""
    rows = []
    for side in ("Left", "Right"):
        for fold in FOLDS:
            named = {n if n in ARKIT_NAMES else n + side: share for n, share in fold.driven_by.items()}
            rows.append([named.get(name, 0.0) for name in names])
    return np.array(rows, np.float64)


def paint_wrinkles(points: NDArray[np.floating], rng: np.random.Generator, depth: float = 1.0) -> Wrinkles:
    """Every fold on the texture whose texels lie at points [size, size, 3] of the neutral head, cm.

    depth: a factor on all. rng makes them a little uneven, as skin is; order of draws fixed.
    """
    points = np.asarray(points, np.float32)
    sparse = points[::8, ::8].reshape(-1, 3).astype(np.float64)
    front = sparse[sparse[:, 2] > FRONT_CM]
    patches, heights = [], []
    for side in (1.0, -1.0):
        for fold in FOLDS:
            line, along = _curve(fold, side, front, rng)
            patch, height = _groove(fold, side, points, line, along)
            patches.append(patch)
            heights.append(np.float32(depth) * height)
    return Wrinkles(len(points), tuple(patches), tuple(heights))


def _groove(
    fold: Fold,
    side: float,
    points: NDArray[np.float32],
    line: NDArray[np.float64],
    along: NDArray[np.float64],
) -> tuple[tuple[slice, slice], Plane]:
    """The patch of the texture that the fold touches, and its height there."""
    reach = REACH * fold.width_cm
    low, high = line.min(0) - reach, line.max(0) + reach
    near = ((points >= low) & (points <= high)).all(-1)
    rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
    if not len(rows):
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), np.float32)
    patch = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
    there = points[patch]
    distance, index = cKDTree(line).query(there.reshape(-1, 3), distance_upper_bound=reach)
    distance, index = distance.reshape(there.shape[:2]), index.reshape(there.shape[:2])
    strength = np.append(along, 0.0)[index]
    d = np.where(np.isfinite(distance), distance, reach) / fold.width_cm
    groove = np.exp(-(d**2)) - RIDGE * (np.exp(-((d / 2.2) ** 2)) - np.exp(-(d**2)))
    shown = smoothstep(side * there[..., 0], -MIDDLE_CM, MIDDLE_CM) if fold.crosses else 1.0
    height = -fold.depth_mm * groove * strength * shown * smoothstep(REACH - d, 0, 1)
    return patch, height.astype(np.float32)


def _curve(
    fold: Fold, side: float, front: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points of the line on the skin [n, 3] and how deep it is at each, fading towards its ends."""
    knots = np.array(fold.line)
    knots = knots + rng.normal(size=knots.shape) * [0.0, 0.05]  # only up and down: sides must meet
    t = np.linspace(0, 1, 120)
    line = CubicSpline(np.linspace(0, 1, len(knots)), knots)(t)
    wobble = np.interp(t, np.linspace(0, 1, 9), rng.normal(size=9))
    fade = smoothstep(1 - t, 0, 0.35) * (1.0 if fold.crosses else smoothstep(t, 0, 0.3))
    line[:, 0] *= side
    if fold.crosses:
        line[:, 1] += (knots[0, 1] - line[0, 1]) * (1 - t) ** 4
        line = np.concatenate([(line[:25] * [-1, 1])[::-1], line])  # a little over the middle
        fade, wobble = np.concatenate([np.ones(25), fade]), np.concatenate([np.full(25, wobble[0]), wobble])
    depth = inverse_distance_mean(cKDTree(front[:, :2]), front[:, 2], line, neighbours=8, floor=0.02)
    return np.c_[line, depth], fade * np.clip(1 + 0.25 * wobble, 0.3, 1.5)
