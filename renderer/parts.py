"""Parts of pictures: rows and columns of them, enlarged alone as in the whole. Knows arrays only."""

from __future__ import annotations

from math import prod
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Region = tuple[slice, slice]
"Rows and columns."


class Memory:
    """Scratch memory for arrays of changing shape: fresh pages cost more than the arithmetic."""

    def __init__(self, *shape: int, dtype: Any = np.float32) -> None:
        """shape: of the largest array."""
        self._flat = np.empty(prod(shape), dtype)

    def __call__(self, *shape: int) -> NDArray[Any]:
        """An array of this shape; valid until the next call."""
        return self._flat[: prod(shape)].reshape(shape)


def enlarged(source: Float32, by: int, part: Region, memory: Memory) -> Float32:
    """Part of what `cv2.resize` makes of the whole source [h, w, ...], `by` times as large, bilinear."""
    if by == 1:
        return source[part]
    ends = []
    for along, length in zip(part, source.shape, strict=False):  # one cell more to each side
        ends.append((max(along.start // by - 1, 0), min(-(-along.stop // by) + 1, length)))
    (top, bottom), (left, right) = ends
    out = memory(by * (bottom - top), by * (right - left), *source.shape[2:])
    cv2.resize(source[top:bottom, left:right], out.shape[1::-1], out)
    (y, x), (rows, columns) = (by * top, by * left), part
    return out[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]


def shared(one: Region, other: Region) -> Region:
    """Where both are; may be empty."""
    rows, columns = (
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True)
    )
    return rows, columns


def inside(part: Region, whole: Region) -> Region:
    """The same part, counted from where the whole begins."""
    rows, columns = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, whole, strict=True))
    return rows, columns


def is_empty(part: Region) -> bool:
    return any(along.stop <= along.start for along in part)
