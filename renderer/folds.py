"""Which parts of an avatar's skin fold, and how far the weights of a face open them. Knows arrays only.

Skin folds where and as far as muscles push it together. Both follow from the weights alone (Ekman and
Friesen's FACS names them by action unit), so the network need not learn them, only the generator's `folds`
texture what they look like. `renderer.synthesis.fold_map` makes the map from the scene's own folds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
MASK_SIZE = 128
"Cells a side of the map, over the whole picture."


@dataclass(frozen=True, eq=False)
class FoldMap:
    """Folds of one person."""

    masks: UInt8
    "uint8 [folds, 128, 128] over the neutral picture: 255 where a fold is, soft around it."
    shares: Float32
    "float32 [folds, 52]: a fold's amount is min(shares @ weights, largest) ** onset."
    onset: float
    largest: float

    def amounts(self, weights: Float32) -> Float32:
        """weights [52], 0..1 -> float32 [folds]; 0: flat skin."""
        # einsum, no BLAS: its threads spin on after the product
        pulls = np.einsum("fw,w->f", self.shares, weights)
        return np.asarray(np.clip(pulls, 0, self.largest) ** self.onset, np.float32)

    def opening(self, weights: Float32) -> Float32:
        """weights [52], 0..1 -> float32 [128, 128] over the neutral picture: how far the skin is folded."""
        total = np.zeros((MASK_SIZE, MASK_SIZE), np.float32)
        for amount, (patch, mask) in zip(self.amounts(weights), self._patches, strict=True):
            if amount > 0:
                total[patch] += amount * mask
        return total

    @cached_property
    def _patches(self) -> list[tuple[tuple[slice, slice], Float32]]:
        """Where each mask is not empty, and its values there, 0..1."""
        boxes = (cv2.boundingRect(mask) for mask in self.masks)
        places = [(slice(y, y + h), slice(x, x + w)) for x, y, w, h in boxes]
        return [(at, mask[at] * np.float32(1 / 255)) for at, mask in zip(places, self.masks, strict=True)]
