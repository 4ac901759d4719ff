"""What of a picture is the person, and the wall round him, on the CPU. Knows arrays only.

In bytes: what has 8 bits in the end need not be a float for the last step, and costs a third.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.geometry import HAIR_REGION

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
Region = tuple[slice, slice]
STRIP = 16
"Rows of a strip that is looked at as a whole when it is asked whether the wall is seen there."


def turn_terms(controls: Float32) -> Float32:
    """The head's turn up to the second order: controls [57] -> [9]."""
    head = controls[52:55]
    return np.concatenate([head, head * head, head * np.roll(head, 1)])


def moving_region(shrink: int) -> Region:
    """HAIR_REGION in a picture of 512 / shrink pixels a side."""
    left, top, right, bottom = (edge // shrink for edge in HAIR_REGION)
    return slice(top, bottom), slice(left, right)


class HeadMatte:
    """What of HAIR_REGION is head and hair, as `torch_places.head_matte` says."""

    def __init__(self, texture: UInt8, motion: Float32, shrink: int) -> None:
        """texture: of a picture of 512 / shrink pixels a side; motion: float32 [9, 2, *MATTE_GRID]."""
        self._texture = texture
        height, width = texture.shape
        self._motion = motion * np.array([width / 2, height / 2], np.float32)[:, None, None]
        left, top, right, bottom = (edge // shrink for edge in HAIR_REGION)
        across, down = (np.arange(*ends, dtype=np.float32) for ends in ((left, right), (top, bottom)))
        self._places = [np.repeat(across[None], len(down), 0), np.repeat(down[:, None], len(across), 1)]
        self._maps = [np.empty_like(places) for places in self._places]
        self._matte = np.empty((len(down), len(across)), np.uint8)

    def at(self, controls: Float32) -> UInt8:
        """uint8, as large as the region, in scratch memory."""
        added = np.einsum("t,tcyx->cyx", turn_terms(controls), self._motion)
        for places, grid, out in zip(self._places, added, self._maps, strict=True):
            cv2.add(cv2.resize(grid, self._matte.shape[::-1], out), places, out)
        across, down = self._maps
        cv2.remap(self._texture, across, down, cv2.INTER_LINEAR, self._matte, cv2.BORDER_REPLICATE)
        return self._matte


class Backdrop:
    """Lays a wall round the person of each picture. Owns its scratch memory."""

    def __init__(
        self, wall: UInt8 | None, head: UInt8, body: UInt8, motion: Float32, shrink: int = 1
    ) -> None:
        """wall: uint8 [side, side, 3], or None; head, body: uint8 [side, side], how much of each pixel of the
        neutral picture is head and hair, and is what stays; motion: see HeadMatte. side: 512 / shrink."""
        self._wall = wall
        self._head = HeadMatte(head, motion, shrink)
        self._moving = moving_region(shrink)
        self._beside_body = np.ascontiguousarray(cv2.bitwise_not(body)[self._moving])
        self._around = np.empty_like(self._beside_body)
        self.matte = body.copy()
        "uint8 [side, side]: how much of each pixel of the last picture is the person."
        self._layer = Layer(self._around.shape)
        still = cv2.bitwise_not(body)
        still[self._moving] = 0
        self._still = [(region, Layer(still[region].shape)) for region in _strips(still)]
        if wall is not None:
            for region, layer in self._still:
                layer.make(np.ascontiguousarray(still[region]), wall[region])

    def turn(self, controls: Float32) -> None:
        """Move the matte to where the head is."""
        head = self._head.at(controls)
        cv2.bitwise_not(head, head)
        cv2.multiply(self._beside_body, head, self._around, scale=1 / 255)
        cv2.bitwise_not(self._around, self.matte[self._moving])
        if self._wall is not None:
            self._layer.make(self._around, self._wall[self._moving])

    def lay(self, picture: UInt8) -> None:
        """The wall round the person of a picture [side, side, 3], in place."""
        if self._wall is None:
            return
        for region, layer in ((self._moving, self._layer), *self._still):
            layer.lay(picture[region])


class Layer:
    """A part of the wall with a hole in it."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._hole, self._wall = (np.empty((*shape, 3), np.uint8) for _ in range(2))

    def make(self, around: UInt8, wall: UInt8) -> None:
        """around: how much of each pixel is wall, [h, w]; wall: [h, w, 3]."""
        cv2.merge([around] * 3, self._hole)
        cv2.multiply(wall, self._hole, self._wall, scale=1 / 255)
        cv2.bitwise_not(self._hole, self._hole)

    def lay(self, picture: UInt8) -> None:
        """Over a picture [h, w, 3], in place."""
        cv2.multiply(picture, self._hole, picture, scale=1 / 255)
        cv2.add(picture, self._wall, picture)


def _strips(still: UInt8) -> list[Region]:
    """Parts of the picture, few and large, that hold all pixels where `still` is not 0."""
    found: list[Region] = []
    half = still.shape[1] // 2
    for side in (slice(0, half), slice(half, 2 * half)):
        for top in range(0, len(still), STRIP):
            seen = np.flatnonzero(still[top : top + STRIP, side].any(0)) + side.start
            if not len(seen):
                continue
            rows, columns = slice(top, top + STRIP), slice(int(seen[0]), int(seen[-1]) + 1)
            if found and found[-1][1] == columns and found[-1][0].stop == top:
                rows = slice(found.pop()[0].start, rows.stop)
            found.append((rows, columns))
    return found
