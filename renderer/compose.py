"""Features and textures -> picture, on the CPU with OpenCV: what `Generator.compose` does, a few times
faster.

Knows arrays only. The picture is BGR, float32, -1..1 until the last lines, which lay the wall round the
person in bytes. A picture of half the size is composed at that size, from textures that are averaged first: a
quarter of the work. With features averaged as well it is the large picture's average but for what lies
between a product of means and a mean of products (48 dB and more).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.backdrop import Backdrop, moving_region, turn_terms
from renderer.geometry import (
    BOX_SIZE,
    BOX_START,
    CELLS,
    HAIR_REGION,
    LIDS_REGION,
    RIGID_LAYERS,
    SIZE,
    Guides,
    box_feather,
)
from renderer.packing import BOX_GATES, Drawn, gates_by, lay_out

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
CANVAS_CELLS = 64
"Cells a side of the canvas's features."


@dataclass(frozen=True)
class Textures:
    """The picture textures, each doubled once (a gate of .5 shows them as they are) and in OpenCV's
    layout."""

    shrink: int
    "The picture has 512 / shrink pixels a side."
    plate: Float32
    hair: Float32
    face: Float32
    rigid: tuple[Float32, ...]
    "In the order of RIGID_LAYERS, with a border of one empty texel, for soft edges."
    lids: Float32
    "Closed lids over LIDS_REGION of the neutral face."
    folds: Float32
    "What expressions add to the skin, as large as the face texture."
    hair_motion: Float32
    "float32 [9, 12]: turns of the head -> how the hair texture moves, see `torch_places.carried`."
    wall: UInt8 | None
    "uint8 [512 / shrink, 512 / shrink, 3]: what is behind the person; None: nothing, colours are his alone."
    matte: UInt8
    "uint8 [512 / shrink, 512 / shrink]: how much of a pixel is head and hair; moves in its own way."
    body: UInt8
    "The same of what stays."
    matte_motion: Float32
    "float32 [9, 2, *MATTE_GRID]: turns of the head -> how its matte moves, see `torch_places.head_matte`."
    feather: Float32
    "float32 [352 / shrink, 352 / shrink, 3]: the face box's fading edge."


def make_textures(tensors: dict[str, Float32], shrink: int = 1) -> Textures:
    """From the generator's tensors `textures.NAME` [1, 3, h, w], `hair_motion` and the feather's
    definition, for pictures of 512 / shrink pixels a side; shrink is 1 or 2."""

    def texture(name: str) -> Float32:
        full = np.ascontiguousarray(2 * tensors[f"textures.{name}"][0].transpose(1, 2, 0))
        return average(full, shrink)

    def picture(name: str) -> Float32:
        small = np.ascontiguousarray(tensors[f"textures.{name}"][0].transpose(1, 2, 0))
        return average(cv2.resize(small, (SIZE, SIZE)), shrink)

    return Textures(
        shrink=shrink,
        plate=2 * picture("plate"),
        hair=texture("hair"),
        face=texture("face"),
        rigid=tuple(texture(name) for name in RIGID_LAYERS),
        lids=texture("lids"),
        folds=texture("folds"),
        hair_motion=tensors["hair_motion"],
        wall=cv2.convertScaleAbs((picture("wall").clip(-1, 1) + 1) * 127.5),
        matte=cv2.convertScaleAbs(picture("matte"), alpha=255),
        body=cv2.convertScaleAbs(picture("body"), alpha=255),
        matte_motion=tensors["matte_motion"],
        feather=cv2.merge([average(box_feather(), shrink)] * 3),
    )


def average(picture: Float32, shrink: int) -> Float32:
    """Means of shrink x shrink pixels."""
    if shrink == 1:
        return picture
    size = (picture.shape[1] // shrink, picture.shape[0] // shrink)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


class CarriedPlaces:
    """Where the pixels of HAIR_REGION lie on a texture that the head carries, as `torch_places.carried`
    says."""

    def __init__(self, motion: Float32, texture: Float32, shrink: int) -> None:
        """motion: float32 [9, 12], as in `Textures`; of a picture of 512 / shrink pixels a side."""
        self._motion = motion
        self._half = np.array([texture.shape[1], texture.shape[0]]) / 2
        left, top, right, bottom = (edge // shrink for edge in HAIR_REGION)
        x, y = (((np.arange(*ends) + 0.5) * 2 * shrink / SIZE - 1) for ends in ((left, right), (top, bottom)))
        self._across = np.stack([x**power for power in range(3)]).astype(np.float32)
        self._down = np.stack([y**power for power in range(3)], 1).astype(np.float32)
        self._maps = [np.empty((len(y), len(x)), np.float32) for _ in range(2)]

    def maps(self, controls: Float32) -> list[Float32]:
        """Columns and rows (of indices) on the texture for each pixel, in scratch memory."""
        motion = np.einsum("t,tk->k", turn_terms(controls), self._motion).reshape(2, 6)
        motion[:, 0] += 1
        motion[[0, 1], [1, 2]] += 1
        motion *= self._half[:, None]
        motion[:, 0] -= 0.5
        for (one, x, y, xx, xy, yy), out in zip(motion, self._maps, strict=True):
            middle = np.array([[one, x, xx], [y, xy, 0], [yy, 0, 0]], np.float32)
            # einsum, no BLAS: its threads spin on after the product
            np.einsum("yi,ix->yx", self._down, np.einsum("ij,jx->ix", middle, self._across), out=out)
        return self._maps


def to_pixels(
    affine: Float32, shape: tuple[int, ...], corner: tuple[int, int], shrink: int = 1
) -> NDArray[np.float64]:
    """From (pixel centre of the 512 picture -> -1..1) to OpenCV's (index in a region at `corner` of a picture
    that is `shrink` times smaller -> index in a texture of this shape)."""
    half = np.array([shape[1], shape[0]], np.float64) / 2
    matrix = affine.astype(np.float64) * half[:, None]
    matrix[:, :2] *= shrink
    matrix[:, 2] += half - 0.5 + matrix[:, :2] @ (np.array(corner) + 0.5)
    return matrix


def blank(side: int, *channels: int) -> Float32:
    """Scratch memory, not set to anything."""
    return np.empty((side, side, *channels), np.float32)


class Composer:
    """Features and textures -> picture. Owns its scratch memory: fresh pages cost more than the arithmetic.

    With more than one thread, face and canvas are worked out side by side.
    """

    def __init__(self, textures: Textures, threads: int = 1) -> None:
        self._beside = ThreadPoolExecutor(1, "compose") if threads > 1 else None
        self.textures = textures
        shrink = textures.shrink
        self._size, self._side = SIZE // shrink, BOX_SIZE // shrink
        side = self._side
        self._box = slice(BOX_START // shrink, BOX_START // shrink + side)
        self.hair_at = moving_region(shrink)
        self._small = blank(SIZE // 2, 3)
        self._picture, self._gate3 = blank(self._size, 3), blank(self._size, 3)
        self.hair = np.empty_like(self._picture[self.hair_at])
        self._hair_places = CarriedPlaces(textures.hair_motion, textures.hair, shrink)
        self.backdrop = Backdrop(textures.wall, textures.matte, textures.body, textures.matte_motion, shrink)
        self._hair_gate3 = np.empty_like(self.hair)
        self._gate = blank(self._size)
        self._canvas_gates = blank(2 * CANVAS_CELLS, 2)
        self._box_gates = blank(2 * CELLS, BOX_GATES)
        self._box_gate = [blank(side) for _ in range(BOX_GATES)]
        self._detail, self._face, self._face_gate3 = blank(side, 3), blank(side, 3), blank(side, 3)
        self._large_detail = blank(BOX_SIZE, 3)
        self._warp = blank(side, 2)
        self._across, self._down = blank(side), blank(side)
        self._bytes = np.empty((self._size, self._size, 3), np.uint8)

    def compose(self, drawn: Drawn, controls: Float32, guides: Guides) -> UInt8:
        """uint8 [512 / shrink, 512 / shrink, 4], RGBA."""
        textures, picture, size = self.textures, self._picture, (self._size, self._size)
        face = self._beside.submit(self.face_detail, drawn, guides) if self._beside else None
        small = picture if textures.shrink == 2 else self._small
        lay_out(drawn.canvas, CANVAS_CELLS, 4, small)
        if textures.shrink == 1:
            cv2.resize(small, size, picture)
        gates = lay_out(drawn.canvas_gates, CANVAS_CELLS, 2, self._canvas_gates)
        gate = cv2.resize(gates[:, :, 0], size, self._gate)
        cv2.accumulateProduct(textures.plate, cv2.merge([gate] * 3, self._gate3), picture)
        self._lay_hair(controls)
        self.backdrop.turn(controls)
        gate = cv2.resize(gates[:, :, 1], size, self._gate)
        cv2.merge([gate[self.hair_at]] * 3, self._hair_gate3)
        cv2.accumulateProduct(self.hair, self._hair_gate3, picture[self.hair_at])
        detail = face.result() if face else self.face_detail(drawn, guides)
        cv2.accumulateProduct(detail, textures.feather, picture[self._box, self._box])
        cv2.addWeighted(picture, 127.5, picture, 0, 127.5, self._bytes, cv2.CV_8U)  # -1..1 -> 0..255, clipped
        self.backdrop.lay(self._bytes)
        rgba = np.asarray(cv2.cvtColor(self._bytes, cv2.COLOR_BGR2RGBA), np.uint8)
        cv2.mixChannels([self.backdrop.matte], [rgba], [0, 3])
        return rgba

    def _lay_hair(self, controls: Float32) -> None:
        """Hair as it lies in HAIR_REGION, into `hair`."""
        across, down = self._hair_places.maps(controls)
        cv2.remap(self.textures.hair, across, down, cv2.INTER_LINEAR, self.hair, cv2.BORDER_REPLICATE)

    def face_detail(self, drawn: Drawn, guides: Guides) -> Float32:
        """What the face box adds to the canvas, [352 / shrink, 352 / shrink, 3]."""
        textures, side = self.textures, (self._side, self._side)
        cells = isqrt(len(drawn.box))
        if 4 * cells == self._side:
            detail = lay_out(drawn.box, cells, 4, self._detail)
        else:
            large = lay_out(drawn.box, cells, 4, self._large_detail)
            detail = cv2.resize(large, side, self._detail, interpolation=cv2.INTER_AREA)
        fine = lay_out(drawn.box_gates, cells, gates_by(cells), self._box_gates)
        gate = list(np.ascontiguousarray(fine.transpose(2, 0, 1)))
        if textures.shrink == 1:  # one by one: OpenCV is slow with more than four channels
            gate = [cv2.resize(one, side, large) for one, large in zip(gate, self._box_gate, strict=False)]
        cv2.resize(guides.warp, side, self._warp)
        cv2.split(self._warp, [self._across, self._down])
        height, width = textures.face.shape[:2]
        for axis, length in ((self._across, width), (self._down, height)):
            axis *= np.float32(length)
            axis -= np.float32(0.5)
        cv2.remap(textures.face, self._across, self._down, cv2.INTER_LINEAR, self._face, cv2.BORDER_REPLICATE)
        cv2.merge([gate[0]] * 3, self._face_gate3)
        cv2.accumulateProduct(self._face, self._face_gate3, detail)
        self._add_lids(detail, gate[4], guides.warp)
        self._add_folds(detail, guides)
        openings = [cv2.resize(whole, side, interpolation=cv2.INTER_AREA) for whole in guides.openings]
        for k, texture in enumerate(textures.rigid):
            opening = openings[int(k > 1)]
            add_rigid(detail, texture, guides.affines[k], gate[min(k + 1, 3)], opening, textures.shrink)
        return detail

    def _add_lids(self, detail: Float32, gate: Float32, warp: Float32) -> None:
        """Lay the closed lids into the face box; gate of the box's size. `_warp` holds the enlarged warp."""
        texture, shrink = self.textures.lids, self.textures.shrink
        corner, end = np.array(LIDS_REGION[:2], np.float64), np.array(LIDS_REGION[2:], np.float64)
        margin = 8
        there = cv2.inRange(warp, (corner - margin) / SIZE, (end + margin) / SIZE)
        x, y, w, h = (4 // shrink * v for v in cv2.boundingRect(there))
        region = (slice(max(y - 4, 0), y + h + 4), slice(max(x - 4, 0), x + w + 4))
        scale = np.array(texture.shape[1::-1]) / (end - corner)
        places = self._warp[region] * (SIZE * scale).astype(np.float32)
        across, down = cv2.split(places - (corner * scale + 0.5).astype(np.float32))
        shut = cv2.remap(texture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        cv2.accumulateProduct(shut, cv2.merge([gate[region]] * 3), detail[region])

    def _add_folds(self, detail: Float32, guides: Guides) -> None:
        """Lay the skin's folds into the face box, only where there are any: a face at rest has none."""
        across, down = cv2.split(guides.warp * np.float32(len(guides.folds)) - np.float32(0.5))
        opening = cv2.remap(guides.folds, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        x, y, w, h = cv2.boundingRect(cv2.compare(opening, 0, cv2.CMP_GT))
        if not w:
            return
        by = 4 // self.textures.shrink  # pixels a cell; the opening fades into the cell beside it
        region = (slice(max(y - 1, 0) * by, (y + h + 1) * by), slice(max(x - 1, 0) * by, (x + w + 1) * by))
        shown = cv2.resize(opening, (self._side, self._side))[region]
        across, down = self._across[region], self._down[region]
        folds = cv2.remap(
            self.textures.folds, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        cv2.accumulateProduct(folds, cv2.merge([shown] * 3), detail[region])


def add_rigid(
    detail: Float32, texture: Float32, affine: Float32, gate: Float32, opening: UInt8, shrink: int
) -> None:
    """Lay one rigid texture into the face box, only where its opening shows it."""
    x, y, w, h = cv2.boundingRect(opening)
    if not w:
        return
    region = (slice(y, y + h), slice(x, x + w))
    matrix = to_pixels(affine, texture.shape, (BOX_START // shrink + x, BOX_START // shrink + y), shrink)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    layer = cv2.warpAffine(texture, matrix, (w, h), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    shown = gate[region] * (opening[region] * np.float32(1 / 255))
    part = detail[region]
    part += layer * shown[:, :, None]
