"""What of a picture is the person, and the wall round him, on the CPU. Knows arrays only.

In bytes: what has 8 bits in the end need not be a float for the last step, and costs a third.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.geometry import HAIR_REGION
from renderer.parts import Memory, Region, inside, is_empty, shared

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]


def turn_terms(controls: Float32) -> Float32:
    """The head's turn up to the second order: controls [57] -> [9]."""
    head = controls[52:55]
    return np.concatenate([head, head * head, head * head[[2, 0, 1]]])


def moving_region(shrink: int) -> Region:
    """HAIR_REGION in a picture of 512 / shrink pixels a side."""
    left, top, right, bottom = (edge // shrink for edge in HAIR_REGION)
    return slice(top, bottom), slice(left, right)


class Mattes:
    """How much of each pixel is the person: what stays, and the head as `torch_places.head_matte` moves
    it."""

    def __init__(self, head: UInt8, body: UInt8, motion: Float32, shrink: int = 1) -> None:
        """head, body: uint8 [side, side], how much of each pixel of the neutral picture is head and hair, and
        is what stays; motion: float32 [9, 2, *MATTE_GRID]. side: 512 / shrink."""
        self._head, self._body = head, body
        self._moving = moving_region(shrink)
        self._motion = motion * (np.float32(len(head)) / 2)
        rows, columns = self._moving
        self._across = np.arange(columns.start, columns.stop, dtype=np.float32)[None]
        self._down = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
        self._beside_body = cv2.bitwise_not(body)

    def turned(self, terms: Float32) -> tuple[Float32, Float32]:
        """Columns and rows on the head's matte for each row of the moving region, at the grid's columns;
        terms: of the turn, [9]."""
        across, down = np.einsum("t,tcyx->cyx", terms, self._motion)
        size = (across.shape[1], len(self._down))
        return cv2.resize(across, size), cv2.resize(down, size) + self._down

    def parts(self) -> list[Region]:
        """Where the person can be: what is above the shoulders, and the rest."""
        size, (rows, columns) = len(self._body), self._moving
        beside = self._body.copy()
        beside[rows, columns] = 0
        seen = np.flatnonzero(beside.any(1))
        shoulders = int(seen[0]) if len(seen) else rows.stop
        if shoulders == 0:
            return [(slice(0, size), slice(0, size))]
        return [(slice(0, shoulders), columns), (slice(shoulders, size), slice(0, size))]

    def move(self, turned: tuple[Float32, Float32], rows: slice, matte: UInt8, scratch: Scratch) -> None:
        """Into the matte of some rows, uint8 [rows, side], what the head changes there."""
        part = shared((rows, self._moving[1]), self._moving)
        if is_empty(part):
            return
        shape = (part[0].stop - part[0].start, part[1].stop - part[1].start)
        # rows are there already, only columns are enlarged
        across, down = (
            cv2.resize(cells[part[0]], shape[::-1], out(*shape))
            for cells, out in zip(turned, (scratch.across, scratch.down), strict=True)
        )
        across += self._across
        head = cv2.remap(
            self._head, across, down, cv2.INTER_LINEAR, scratch.head(*shape), cv2.BORDER_REPLICATE
        )
        beside = cv2.bitwise_not(head, head)
        cv2.multiply(self._beside_body[part], beside, beside, scale=1 / 255)
        cv2.bitwise_not(beside, matte[inside(part, (rows, slice(0, 0)))])


class Scratch:
    """Memory of `Mattes` and `lay_wall`: one for each thread."""

    def __init__(self, most: tuple[int, int]) -> None:
        """most: rows and columns."""
        self.head = Memory(*most, dtype=np.uint8)
        self.across, self.down = (Memory(*most) for _ in range(2))
        self.hole, self.wall = (Memory(*most, 3, dtype=np.uint8) for _ in range(2))


def lay_wall(picture: UInt8, matte: UInt8, wall: UInt8, scratch: Scratch) -> None:
    """A wall [h, w, 3] round the person of a picture [h, w, 3], in place."""
    hole, behind = scratch.hole(*picture.shape), scratch.wall(*picture.shape)
    cv2.merge([matte] * 3, hole)
    cv2.multiply(picture, hole, picture, scale=1 / 255)
    cv2.bitwise_not(hole, hole)
    cv2.multiply(wall, hole, behind, scale=1 / 255)
    cv2.add(picture, behind, picture)
