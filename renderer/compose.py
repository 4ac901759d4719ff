"""Features and textures -> picture, on the CPU with OpenCV: what `Generator.compose` does, a few times
faster.

Knows arrays only. Every array is BGR, float32, -1..1 until the last line. A picture of half the size is
composed at that size, from textures that are averaged first: a quarter of the work. With features averaged as
well it is the large picture's average but for what lies between a product of means and a mean of products (48
dB and more).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import isqrt

import cv2
import numpy as np
from numpy.typing import NDArray

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
from renderer.packing import Drawn, gates_by, lay_out

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
FOLDS_SEEN = 0.02
"A gate of the folds below this is none: it would show a twenty-fifth of their texture at most."
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
    lids: Float32 | None
    "Closed lids over LIDS_REGION of the neutral face; None in weights that have none."
    folds: Float32 | None
    "What expressions add to the skin, as large as the face texture; None in weights that have none."
    hair_motion: Float32
    "float32 [9, 6]: head rotation -> change of the hair's affine map."
    feather: Float32
    "float32 [352 / shrink, 352 / shrink, 3]: the face box's fading edge."

    @property
    def gates(self) -> int:
        """Gates of the face box, as `Drawn.box_gates` has them."""
        return 4 + (self.lids is not None) + (self.folds is not None)


def make_textures(tensors: dict[str, Float32], shrink: int = 1) -> Textures:
    """From the generator's tensors `textures.NAME` [1, 3, h, w], `hair_motion` and the feather's
    definition, for pictures of 512 / shrink pixels a side; shrink is 1 or 2."""

    def texture(name: str) -> Float32:
        full = np.ascontiguousarray(2 * tensors[f"textures.{name}"][0].transpose(1, 2, 0))
        return average(full, shrink)

    plate = np.ascontiguousarray(2 * tensors["textures.plate"][0].transpose(1, 2, 0))
    return Textures(
        shrink=shrink,
        plate=average(cv2.resize(plate, (SIZE, SIZE)), shrink),
        hair=texture("hair"),
        face=texture("face"),
        rigid=tuple(texture(name) for name in RIGID_LAYERS),
        lids=texture("lids") if "textures.lids" in tensors else None,
        folds=texture("folds") if "textures.folds" in tensors else None,
        hair_motion=tensors["hair_motion"],
        feather=cv2.merge([average(box_feather(), shrink)] * 3),
    )


def average(picture: Float32, shrink: int) -> Float32:
    """Means of shrink x shrink pixels."""
    if shrink == 1:
        return picture
    size = (picture.shape[1] // shrink, picture.shape[0] // shrink)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def hair_matrix(controls: Float32, motion: Float32) -> Float32:
    """[2, 3]: picture pixel centre -> -1..1 on the hair texture, as `Generator.hair_map`."""
    head = controls[52:55]
    terms = np.concatenate([head, head * head, head * np.roll(head, 1)])
    rest = np.array([2 / SIZE, 0, -1, 0, 2 / SIZE, -1], np.float32)
    scale = np.array([2 / SIZE, 2 / SIZE, 1, 2 / SIZE, 2 / SIZE, 1], np.float32)
    return (rest + scale * (terms @ motion)).reshape(2, 3).astype(np.float32)


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
        left, top, right, bottom = (edge // shrink for edge in HAIR_REGION)
        self.hair_at = (slice(top, bottom), slice(left, right))
        self._small = blank(SIZE // 2, 3)
        self._picture, self._gate3 = blank(self._size, 3), blank(self._size, 3)
        self.hair = np.empty((bottom - top, right - left, 3), np.float32)
        self._hair_gate3 = np.empty_like(self.hair)
        self._gate = blank(self._size)
        self._canvas_gates = blank(2 * CANVAS_CELLS, 2)
        self._box_gates = blank(2 * CELLS, textures.gates)
        self._box_gate = [blank(side) for _ in range(textures.gates)]
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
        top, left = self.hair_at[0].start, self.hair_at[1].start
        affine = hair_matrix(controls, textures.hair_motion)
        matrix = to_pixels(affine, textures.hair.shape, (left, top), textures.shrink)
        height, width = self.hair.shape[:2]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        cv2.warpAffine(textures.hair, matrix, (width, height), self.hair, flags, cv2.BORDER_REPLICATE)
        gate = cv2.resize(gates[:, :, 1], size, self._gate)
        cv2.merge([gate[self.hair_at]] * 3, self._hair_gate3)
        cv2.accumulateProduct(self.hair, self._hair_gate3, picture[self.hair_at])
        detail = face.result() if face else self.face_detail(drawn, guides)
        cv2.accumulateProduct(detail, textures.feather, picture[self._box, self._box])
        cv2.addWeighted(picture, 127.5, picture, 0, 127.5, self._bytes, cv2.CV_8U)  # -1..1 -> 0..255, clipped
        return np.asarray(cv2.cvtColor(self._bytes, cv2.COLOR_BGR2RGBA))

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
        height, width = textures.face.shape[:2]
        cv2.resize(guides.warp, side, self._warp)
        cv2.split(self._warp, [self._across, self._down])
        for axis, length in ((self._across, width), (self._down, height)):
            axis *= np.float32(length)
            axis -= np.float32(0.5)
        cv2.remap(textures.face, self._across, self._down, cv2.INTER_LINEAR, self._face, cv2.BORDER_REPLICATE)
        cv2.merge([gate[0]] * 3, self._face_gate3)
        cv2.accumulateProduct(self._face, self._face_gate3, detail)
        if textures.lids is not None:
            self._add_lids(detail, gate[4], guides.warp)
        if textures.folds is not None:
            self._add_folds(detail, gate[-1])
        openings = [cv2.resize(whole, side, interpolation=cv2.INTER_AREA) for whole in guides.openings]
        for k, texture in enumerate(textures.rigid):
            opening = openings[int(k > 1)]
            add_rigid(detail, texture, guides.affines[k], gate[min(k + 1, 3)], opening, textures.shrink)
        return detail

    def _add_lids(self, detail: Float32, gate: Float32, warp: Float32) -> None:
        """Lay the closed lids into the face box; gate of the box's size. `_warp` holds the enlarged warp."""
        texture, shrink = self.textures.lids, self.textures.shrink
        assert texture is not None
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

    def _add_folds(self, detail: Float32, gate: Float32) -> None:
        """Lay the skin's folds into the face box, only where their gate shows any: a face at rest has
        none."""
        assert self.textures.folds is not None
        x, y, w, h = cv2.boundingRect(cv2.compare(gate, FOLDS_SEEN, cv2.CMP_GT))
        if not w:
            return
        region = (slice(y, y + h), slice(x, x + w))
        places = self._across[region], self._down[region]
        folds = cv2.remap(self.textures.folds, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cv2.accumulateProduct(folds, cv2.merge([gate[region]] * 3), detail[region])


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
