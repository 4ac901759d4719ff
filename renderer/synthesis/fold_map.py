"""Where the folds of an avatar's skin lie on its neutral picture, and what opens them: for the rig.

Drawn from the geometry alone: the texels of each fold, moved to this person's face and projected.
"""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import cKDTree

from renderer.synthesis.assets import Workshop
from renderer.synthesis.camera import CAMERA, PICTURE_SIZE
from renderer.synthesis.face_model import SKIN_VERTICES
from renderer.synthesis.geometry import Array, inverse_distance_mean
from renderer.synthesis.names import ARKIT_NAMES
from renderer.synthesis.wrinkles import LARGEST_AMOUNT, ONSET, fold_shares

MASK_SIZE = 128
SEEN_MM = 0.04


def fold_map(workshop: Workshop) -> dict[str, np.ndarray]:
    """What `renderer.folds.FoldMap` is made of: fold_masks uint8 [folds, 128, 128] over the neutral picture,
    255 where a fold is; fold_shares float32 [folds, 52]: a fold's amount is min(shares @ weights,
    fold_largest) ** fold_onset. Nothing for a recipe whose skin does not fold.
    """
    wrinkles = workshop.wrinkles()
    if wrinkles is None:
        return {}
    figure, texels = workshop.figure(), workshop.wrinkle_texels()
    on_mean = workshop.model.vertices[:SKIN_VERTICES]
    shift = figure.vertices[:SKIN_VERTICES] - on_mean
    tree = cKDTree(on_mean)
    masks = []
    for patch, height in zip(wrinkles.patches, wrinkles.heights, strict=True):
        seen = np.abs(height) > SEEN_MM
        points = texels[patch][seen].astype(np.float64)
        drawn = np.zeros((PICTURE_SIZE, PICTURE_SIZE), np.float32)
        if len(points):
            moved = inverse_distance_mean(tree, shift, points, neighbours=4, floor=0.01)
            drawn = _splat(CAMERA.project(points + moved), height[seen])
        masks.append(_mask(drawn))
    return {
        "fold_masks": np.stack(masks),
        "fold_shares": fold_shares(ARKIT_NAMES).astype(np.float32),
        "fold_onset": np.array(ONSET),
        "fold_largest": np.array(LARGEST_AMOUNT),
    }


def _splat(positions: Array, values: Array) -> np.ndarray:
    """Means of values [n] in the pixels of positions [n, 2], float32 [512, 512], holes filled."""
    column, row = np.clip(positions.astype(int), 0, PICTURE_SIZE - 1).T
    index, cells = row * PICTURE_SIZE + column, PICTURE_SIZE**2
    sums, counts = (np.bincount(index, w, cells).reshape(PICTURE_SIZE, -1) for w in (values, None))
    blurred = [cv2.GaussianBlur(x.astype(np.float32), (0, 0), 0.6) for x in (sums, counts)]
    return np.where(blurred[1] > 0.2, blurred[0] / np.maximum(blurred[1], 1e-6), 0).astype(np.float32)


def _mask(height: np.ndarray) -> np.ndarray:
    """uint8 [128, 128]: 255 over a fold and its ridges, soft around them."""
    support = cv2.dilate((np.abs(height) > SEEN_MM).astype(np.uint8) * 255, np.ones((5, 5), np.uint8))
    small = cv2.resize(support, (MASK_SIZE, MASK_SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 0.8), np.uint8)
