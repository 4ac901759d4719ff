"""Features and textures -> picture, on the CPU with OpenCV: what `Generator.compose` does, a few times
faster.

Knows arrays only. The picture is BGR, float32, -1..1 until the last lines, which lay the wall round the
person in bytes, and made where the person can be: above the shoulders that is three quarters of it. A picture
of half the size is composed at that size, from textures that are averaged first: a quarter of the work. With
features averaged as well it is the large picture's average but for what lies between a product of means and a
mean of products (48 dB and more).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.backdrop import Mattes, Scratch, lay_wall, moving_region, turn_terms
from renderer.face_box import FaceBox
from renderer.geometry import BOX_SIZE, BOX_START, SIZE, Guides
from renderer.packing import Drawn, lay_out
from renderer.parts import Memory, Region, enlarged, inside, is_empty, shared
from renderer.textures import Textures

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
CANVAS_CELLS = 64
"Cells a side of the canvas's features."


@dataclass(frozen=True)
class Frame:
    """What all parts of a frame share."""

    drawn: Drawn
    gates: tuple[Float32, Float32]
    "Of plate and hair, float32 [128, 128, 3], the same for all colours."
    hair: Float32
    "float32 [2, 3, 3]: places on the hair's texture, see `Hair`."
    matte: tuple[Float32, Float32]
    "See `Mattes.turned`."
    face: Callable[[], Float32]
    "Waits for what the face box adds to the canvas."


class Hair:
    """The texture that the head carries as `torch_places.carried` says, inside HAIR_REGION."""

    def __init__(self, texture: Float32, motion: Float32, shrink: int) -> None:
        """motion: float32 [9, 12]; of a picture of 512 / shrink pixels a side."""
        self._texture, self._motion = texture, motion
        self._half = np.array([texture.shape[1], texture.shape[0]]) / 2
        self.region = moving_region(shrink)
        y, x = (((np.arange(each.start, each.stop) + 0.5) * 2 * shrink / SIZE - 1) for each in self.region)
        self._across = np.stack([x**power for power in range(3)]).astype(np.float32)
        self._down = np.stack([y**power for power in range(3)], 1).astype(np.float32)

    def turned(self, terms: Float32) -> Float32:
        """float32 [2, 3, 3]: the polynomials of a pixel's column and row on the texture (of indices), powers
        of its own row by those of its own column; terms: of the head's turn, [9]."""
        motion = np.einsum("t,tk->k", terms, self._motion).reshape(2, 6)
        motion[:, 0] += 1
        motion[[0, 1], [1, 2]] += 1
        motion *= self._half[:, None]
        motion[:, 0] -= 0.5
        one, x, y, xx, xy, yy = motion.T
        none = np.zeros_like(one)
        return np.stack([[one, x, xx], [y, xy, none], [yy, none, none]]).transpose(2, 0, 1).astype(np.float32)

    def laid(self, turned: Float32, part: Region, memory: tuple[Memory, Memory, Memory]) -> Float32:
        """The hair of a part of the region, float32 [rows, columns, 3], in the last memory."""
        across, down, layer = memory
        rows, columns = inside(part, self.region)
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        # einsum, no BLAS: its threads spin on after the product
        lines = np.einsum("aij,jx->aix", turned, self._across[:, columns])
        maps = [
            np.einsum("yi,ix->yx", self._down[rows], line, out=out(*shape))
            for line, out in zip(lines, (across, down), strict=True)
        ]
        laid = layer(*shape, 3)
        cv2.remap(self._texture, maps[0], maps[1], cv2.INTER_LINEAR, laid, cv2.BORDER_REPLICATE)
        return laid


class Painter:
    """Makes one part of each picture. Owns its scratch memory: fresh pages cost more than the arithmetic."""

    def __init__(self, textures: Textures, hair: Hair, mattes: Mattes, part: Region) -> None:
        """part: some rows, and where in them the person can be."""
        self._textures, self._hair, self._mattes = textures, hair, mattes
        self._rows, self._columns = part
        size, side = SIZE // textures.shrink, BOX_SIZE // textures.shrink
        height, width = (along.stop - along.start for along in part)
        self._box = slice(BOX_START // textures.shrink, BOX_START // textures.shrink + side)
        self._small = Memory(height + 16, 4 * CANVAS_CELLS, 3)
        self._picture, self._gate3 = (Memory(height + 16, width + 16, 3) for _ in range(2))
        self._hair_memory = Memory(height, width), Memory(height, width), Memory(height, width, 3)
        self._matte = textures.body[self._rows].copy()
        self._scratch = Scratch((height, width))
        self._bytes = np.zeros((height, size, 3), np.uint8)
        if textures.wall is not None:
            self._bytes[:] = textures.wall[self._rows]

    def paint(self, frame: Frame, out: UInt8) -> None:
        """Into out, uint8 [512 / shrink, 512 / shrink, 4]; beside the person all stays as it is."""
        rows, columns = self._rows, self._columns
        self._mattes.move(frame.matte, rows, self._matte, self._scratch)
        person, picture = self._person(frame), self._bytes[:, columns]
        # -1..1 -> 0..255, clipped
        cv2.addWeighted(person, 127.5, person, 0, 127.5, picture, cv2.CV_8U)
        if self._textures.wall is not None:
            wall = self._textures.wall[rows, columns]
            lay_wall(picture, self._matte[:, columns], wall, self._scratch)
        cv2.cvtColor(self._bytes, cv2.COLOR_BGR2RGBA, out[rows])
        cv2.mixChannels([self._matte], [out[rows]], [0, 3])

    def _person(self, frame: Frame) -> Float32:
        """The picture without the wall, float32 [rows, columns, 3], -1..1 and a little beyond."""
        part = self._rows, self._columns
        picture = self._colours(frame.drawn)
        cv2.accumulateProduct(self._textures.plate[part], self._gate(frame.gates[0], part), picture)
        moving = shared(part, self._hair.region)
        if not is_empty(moving):
            hair = self._hair.laid(frame.hair, moving, self._hair_memory)
            cv2.accumulateProduct(hair, self._gate(frame.gates[1], moving), picture[inside(moving, part)])
        box = self._box, self._box
        faced = shared(part, box)
        if not is_empty(faced):
            cut = inside(faced, box)
            feather = self._textures.feather[cut]
            cv2.accumulateProduct(frame.face()[cut], feather, picture[inside(faced, part)])
        return picture

    def _colours(self, drawn: Drawn) -> Float32:
        """The canvas that the network draws."""
        cell, rows = 8 // self._textures.shrink, self._rows
        first, last = max(rows.start // cell - 1, 0), min(-(-rows.stop // cell) + 1, CANVAS_CELLS)
        features = drawn.canvas[first * CANVAS_CELLS : last * CANVAS_CELLS]
        small = lay_out(features, CANVAS_CELLS, 4, self._small(4 * (last - first), 4 * CANVAS_CELLS, 3))
        there = slice(rows.start - cell * first, rows.stop - cell * first), self._columns
        return enlarged(small, cell // 4, there, self._picture)

    def _gate(self, gates: Float32, part: Region) -> Float32:
        return enlarged(gates, SIZE // self._textures.shrink // len(gates), part, self._gate3)


class Composer:
    """Features and textures -> picture. Not for two threads at once.

    With more than one thread of its own, the face box and the shoulders are worked out beside the rest.
    """

    def __init__(self, textures: Textures, threads: int = 1) -> None:
        self.textures = textures
        self.mattes = Mattes(textures.matte, textures.body, textures.matte_motion, textures.shrink)
        self.hair = Hair(textures.hair, textures.hair_motion, textures.shrink)
        self.face_box = FaceBox(textures)
        self._painters = [Painter(textures, self.hair, self.mattes, part) for part in self.mattes.parts()]
        self._beside = ThreadPoolExecutor(1, "compose") if threads > 1 else None

    def compose(self, drawn: Drawn, controls: Float32, guides: Guides) -> UInt8:
        """uint8 [512 / shrink, 512 / shrink, 4], RGBA."""
        size = SIZE // self.textures.shrink
        picture = np.empty((size, size, 4), np.uint8)
        first, *others = self._painters
        if self._beside:
            face = self._beside.submit(self.face_box.detail, drawn, guides)
            frame = self._frame(drawn, controls, face.result)
            waiting = [self._beside.submit(painter.paint, frame, picture) for painter in others]
            first.paint(frame, picture)
            for each in waiting:
                each.result()
        else:
            detail = self.face_box.detail(drawn, guides)
            frame = self._frame(drawn, controls, lambda: detail)
            for painter in self._painters:
                painter.paint(frame, picture)
        return picture

    def _frame(self, drawn: Drawn, controls: Float32, face: Callable[[], Float32]) -> Frame:
        side = 2 * CANVAS_CELLS
        gates = lay_out(drawn.canvas_gates, CANVAS_CELLS, 2, np.empty((side, side, 2), np.float32))
        plate, hair = (cv2.merge([gate] * 3) for gate in cv2.split(gates))
        terms = turn_terms(controls)
        return Frame(drawn, (plate, hair), self.hair.turned(terms), self.mattes.turned(terms), face)
