"""What the exported graph reads and draws, in its own order of bytes and channels. Knows arrays only.

Guides go in as uint8 [1, 88, 88, 32], NHWC, value = (byte - 128) * step of the channel: the part masks, the
guide texture where the spline takes it, the spline itself, and nothing (the rest fills a vector register).
What is drawn comes out as float32 [cells, channels], colours as sub-row, sub-column, BGR of a pixel shuffle
by 4, gates (0..1) as sub-row, sub-column, gate of one by 2 (or by 4 in the box of the network for pictures of
256): a row of a cell's pixels is one run of memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.geometry import CELLS, MASKS, Guides

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
WIDTH = 32
"Channels of the packed guides."
ZERO = 128
"The byte that stands for 0."
OUTPUTS = ("canvas", "canvas_gates", "box", "box_gates")
BOX_GATES = 5
"Of the face box: face, upper teeth, lower teeth, irises, lids."
COLOURS = 48
"Channels of a head that are colours."


@dataclass(frozen=True)
class Drawn:
    """What the network draws for one frame, packed."""

    canvas: Float32
    "float32 [64 * 64, 48]."
    canvas_gates: Float32
    "float32 [64 * 64, 4 * 2]: plate, hair."
    box: Float32
    "float32 [88 * 88, 48], of the network for pictures of 256 [44 * 44, 48]."
    box_gates: Float32
    "float32 [88 * 88, 4 * 5] or [44 * 44, 16 * 5]: the gates of BOX_GATES."


class GuidePacker:
    """Packs one frame's guides; owns the memory they are packed into."""

    def __init__(self, texture: Float32) -> None:
        """texture: the learned guide texture, float32 [4 k, side, side] on the neutral face."""
        count, self._side = texture.shape[:2]
        used = len(MASKS) + count + 2
        self.steps = np.zeros(WIDTH, np.float32)
        "float32 [32]: what one step of each channel's byte is worth; 0 where nothing is said."
        self.steps[: len(MASKS)] = 1 / 127
        self.steps[len(MASKS) : used - 2] = np.abs(texture).max((1, 2)).clip(1e-6) / 127
        self.steps[used - 2 : used] = 0.5 / 127
        steps = self.steps[len(MASKS) : used - 2, None, None]
        whole = (np.rint(texture / steps) + ZERO).astype(np.uint8)
        self._parts = [  # remap takes at most four channels
            np.ascontiguousarray(part.transpose(1, 2, 0)) for part in whole.reshape(-1, 4, *whole.shape[1:])
        ]
        self._packed = np.full((CELLS, CELLS, WIDTH), ZERO, np.uint8)
        self._places = [place for channel in range(used) for place in (channel, channel)]

    def pack(self, guides: Guides) -> UInt8:
        """uint8 [1, 88, 88, 32], valid until the next call."""
        across, down = cv2.split(guides.warp * np.float32(self._side) - np.float32(0.5))
        moved = [
            cv2.remap(part, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for part in self._parts
        ]
        warp = cv2.convertScaleAbs(guides.warp, alpha=254, beta=ZERO - 127)
        masks = np.bitwise_or(guides.masks >> 1, ZERO)
        cv2.mixChannels([*masks, *moved, warp], [self._packed], self._places)
        return self._packed[None]


def gates_by(side: int) -> int:
    """The pixel shuffle of a head's gates; side: cells a side of its features."""
    return 4 if side == CELLS // 2 else 2


def head_order(outputs: int, by: int = 2) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which channel of the network's head (colour or gate, sub-row, sub-column) each packed channel is:
    colours, gates. by: the gates' pixel shuffle."""
    colours = np.arange(COLOURS).reshape(3, 4, 4).transpose(1, 2, 0).reshape(-1)
    gates = np.arange(COLOURS, outputs).reshape(-1, by, by).transpose(1, 2, 0).reshape(-1)
    return colours, gates


def lay_out(features: Float32, side: int, factor: int, out: Float32) -> Float32:
    """Pixel shuffle of packed channels: [rows * side, factor * factor * c] -> out [rows * factor, side *
    factor, c]."""
    run = features.shape[1] // factor
    cells = features.reshape(-1, side, factor, run)
    np.copyto(out.reshape(len(cells), factor, side, run), cells.transpose(0, 2, 1, 3))
    return out
