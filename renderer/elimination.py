"""A small symmetric linear system on one core, for the spline of every frame. numpy and OpenCV.

OpenBLAS, numpy's and OpenCV's, wakes its threads for systems of 100 unknowns and for larger products; they
then spin for 25 ms, through the whole of the network's turn: a frame took 20 ms instead of 15. So everything
here goes in pieces small enough to stay on the calling thread.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

PRODUCT = 2**18
"Multiplications in a product from which OpenBLAS wakes its threads."
BLOCK = 24
"Unknowns eliminated at a time: OpenCV's own small inverse, not LAPACK's, and few calls. Measured: 17 to 41."


def product(a: Float64, b: Float64, out: Float64) -> None:
    """out = a @ b, in columns few enough to wake no thread."""
    columns = max(1, PRODUCT // (a.shape[0] * a.shape[1]))
    for start in range(0, b.shape[1], columns):
        np.matmul(a, b[:, start : start + columns], out=out[:, start : start + columns])


def solve_symmetric(table: Float64, work: Float64) -> Float64:
    """The solution [n, k] of a symmetric system, by block elimination: U^T D^-1 U, D the diagonal blocks.

    table: [n, n + k], the system with the right sides beside it. It is overwritten; nothing left of the
    diagonal blocks is read. work: memory of the same shape, any content. Each leading block of
    BLOCK unknowns must have an inverse after those before it were eliminated (no pivots are exchanged between
    blocks): true of a definite system, and of a thin-plate spline's with the plane in front and three points
    of the first block off one line.
    """
    n, total = table.shape
    for i in range(0, n, BLOCK):
        j = min(i + BLOCK, n)
        if i:
            change = np.empty((j - i, total - i))
            product(table[:i, i:j].T, work[:i, i:], change)
            table[i:j, i:] -= change
        product(cv2.invert(table[i:j, i:j])[1], table[i:j, j:], work[i:j, j:])
    solution = work[:, n:].copy()
    for i in reversed(range(0, n - BLOCK, BLOCK)):
        j = i + BLOCK
        solution[i:j] -= work[i:j, j:n] @ solution[j:]
    return solution
