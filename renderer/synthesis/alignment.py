"""Lays CharMorph-Vitruvian on ICT-FaceKit: axes and units, a similarity, ICP.

Knows two point sets, no hair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from renderer.synthesis.geometry import Array

EYE_HEIGHT_CM = 160.0  # of a Vitruvian standing on the floor; ICT-FaceKit has its origin near there


@dataclass(frozen=True, eq=False)
class Similarity:
    """x -> scale * rotation @ x + shift."""

    scale: float
    rotation: Array
    "[3, 3]"
    shift: Array
    "[3] cm"

    def apply(self, points: Array) -> Array:
        """Points [..., 3] mapped."""
        return self.scale * points @ self.rotation.T + self.shift


def vitruvian_axes(points: ArrayLike) -> Array:
    """Vitruvian's metres (z up, face towards -y) as centimetres, y up, z front, eyes near 0: [..., 3]."""
    points = np.asarray(points, np.float64) * 100
    return np.stack([points[..., 0], points[..., 2] - EYE_HEIGHT_CM, -points[..., 1]], -1)


def fit_similarity(source: Array, target: Array) -> Similarity:
    """The least-squares similarity from points [n, 3] to their partners (Umeyama, PAMI 13(4), 1991)."""
    source_mean, target_mean = source.mean(0), target.mean(0)
    a, b = source - source_mean, target - target_mean
    U, S, Vt = np.linalg.svd(b.T @ a / len(a))
    mirror = np.diag([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    rotation = U @ mirror @ Vt
    scale = np.trace(np.diag(S) @ mirror) / (a**2).sum() * len(a)
    return Similarity(float(scale), rotation, target_mean - scale * rotation @ source_mean)


def iterative_closest_points(
    source: Array, target: Array, iterations: int = 40, keep: float = 0.8
) -> Similarity:
    """Trimmed ICP (Chetverikov et al., 2002): each step fits the `keep` share of nearest points."""
    tree = cKDTree(target)
    moved = source
    fit = Similarity(1.0, np.eye(3), np.zeros(3))
    for _ in range(iterations):
        distance, partner = tree.query(moved)
        near = distance <= np.quantile(distance, keep)
        fit = fit_similarity(source[near], target[partner[near]])
        moved = fit.apply(source)
    return fit
