"""What the face box adds to the canvas on the CPU: the network's detail, and the textures that the face's
geometry carries. Knows arrays only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.geometry import BOX_SIZE, BOX_START, CELLS, LIDS_REGION, SIZE, Guides
from renderer.packing import BOX_GATES, Drawn, gates_by, lay_out
from renderer.parts import Memory, Region, enlarged, is_empty
from renderer.textures import Textures

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
WHOLE = (0, 0, SIZE, SIZE)
LIDS_MARGIN = 8
"Pixels round LIDS_REGION on which the lids' soft edges lie."
FACE_GATE, LIDS_GATE = 0, 4


@dataclass(frozen=True)
class OnSkin:
    """A texture that the spline carries, in one frame."""

    texture: Float32
    places: tuple[Float32, Float32]
    "Column and row (of indices) on the texture, of each cell of the box: float32 [88, 88] each."
    gate: Float32
    "float32 [k, k]: how far it shows, over the box."
    at: Region
    "Where in the box it may show."
    border: int = cv2.BORDER_REPLICATE


@dataclass(frozen=True)
class InOpening:
    """A rigid texture that shows through mouth or eyes, in one frame."""

    texture: Float32
    affine: Float32
    gate: Float32
    opening: UInt8
    "uint8 [side, side], 0..255."
    at: Region


def place_on_skin(textures: Textures, gates: Float32, guides: Guides) -> tuple[OnSkin, ...]:
    """Where the face's textures lie in a frame; gates [gates, k, k]."""
    side, warp = BOX_SIZE // textures.shrink, cv2.split(guides.warp)
    across, down = _places(warp, guides.folds, WHOLE)
    folded = cv2.remap(guides.folds, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    x0, y0, x1, y1 = LIDS_REGION
    near_lids = np.array([[x0, y0], [x1, y1]]) + [[-LIDS_MARGIN], [LIDS_MARGIN]]
    lids_at = _around(cv2.inRange(guides.warp, *(near_lids / SIZE)), side)
    folds_at = _around(cv2.compare(folded, 0, cv2.CMP_GT), side)
    face, lids, folds = (textures.face, WHOLE), (textures.lids, LIDS_REGION), (textures.folds, WHOLE)
    everywhere = (slice(0, side), slice(0, side))
    return (
        OnSkin(face[0], _places(warp, *face), gates[FACE_GATE], everywhere),
        OnSkin(lids[0], _places(warp, *lids), gates[LIDS_GATE], lids_at, cv2.BORDER_CONSTANT),
        OnSkin(folds[0], _places(warp, *folds), folded, folds_at),
    )


def place_in_openings(textures: Textures, gates: Float32, guides: Guides) -> list[InOpening]:
    """Where teeth and irises lie in a frame; gates [gates, k, k]."""
    side = BOX_SIZE // textures.shrink
    mouth, eyes = (cv2.resize(one, (side, side), interpolation=cv2.INTER_AREA) for one in guides.openings)
    in_opening = []
    for k, texture in enumerate(textures.rigid):
        opening = mouth if k < 2 else eyes
        gate = gates[min(k + 1, 3)]
        in_opening.append(InOpening(texture, guides.affines[k], gate, opening, _around(opening, side)))
    return in_opening


def _gates(drawn: Drawn) -> Float32:
    """float32 [gates, k, k]."""
    cells = isqrt(len(drawn.box))
    by = gates_by(cells)
    packed = np.empty((by * cells, by * cells, BOX_GATES), np.float32)
    return np.ascontiguousarray(lay_out(drawn.box_gates, cells, by, packed).transpose(2, 0, 1))


def _places(warp: Sequence[Float32], texture: Float32, region: Sequence[int]) -> tuple[Float32, Float32]:
    """Columns and rows (of indices) on a texture that lies over a region x0, y0, x1, y1 of the neutral face;
    warp: x and y there, 0..1 of the picture."""

    def along(axis: int) -> Float32:
        start, end = region[axis], region[axis + 2]
        scale = texture.shape[1 - axis] / (end - start)
        return warp[axis] * np.float32(SIZE * scale) - np.float32(start * scale + 0.5)

    return along(0), along(1)


def _around(shown: UInt8, side: int) -> Region:
    """The part of the box that holds all that is not 0; of coarser cells with one more all round, into which
    they fade."""
    x, y, w, h = cv2.boundingRect(shown)
    by = side // len(shown)
    if not w or by == 1:
        return slice(y, y + h), slice(x, x + w)
    ends = ((max(at - 1, 0) * by, min(at + length + 1, len(shown)) * by) for at, length in ((y, h), (x, w)))
    rows, columns = (slice(*each) for each in ends)
    return rows, columns


class FaceBox:
    """Draws the face box. Owns its scratch memory: fresh pages cost more than the arithmetic."""

    def __init__(self, textures: Textures) -> None:
        self._textures = textures
        side = self.side = BOX_SIZE // textures.shrink
        self._detail, self._layer, self._gate3 = (Memory(side, side, 3) for _ in range(3))
        self._large = Memory(BOX_SIZE, BOX_SIZE, 3)
        self._across, self._down, self._gate = (Memory(side, side) for _ in range(3))

    def detail(self, drawn: Drawn, guides: Guides) -> Float32:
        """What is added to the canvas, float32 [side, side, 3], valid until the next call."""
        detail = self._colours(drawn)
        gates = _gates(drawn)
        for layer in place_on_skin(self._textures, gates, guides):
            self._add_skin(detail, layer)
        for opening in place_in_openings(self._textures, gates, guides):
            self._add_opening(detail, opening)
        return detail

    def _colours(self, drawn: Drawn) -> Float32:
        """What the network draws."""
        cells, side = isqrt(len(drawn.box)), self.side
        detail = self._detail(side, side, 3)
        if 4 * cells == side:
            return lay_out(drawn.box, cells, 4, detail)
        large = lay_out(drawn.box, cells, 4, self._large(4 * cells, 4 * cells, 3))
        return np.asarray(cv2.resize(large, (side, side), detail, interpolation=cv2.INTER_AREA))

    def _add_skin(self, detail: Float32, layer: OnSkin) -> None:
        if is_empty(layer.at):
            return
        by = self.side // CELLS
        across = enlarged(layer.places[0], by, layer.at, self._across)
        down = enlarged(layer.places[1], by, layer.at, self._down)
        gate = enlarged(layer.gate, self.side // len(layer.gate), layer.at, self._gate)
        shape = (*gate.shape, 3)
        shown = cv2.remap(
            layer.texture, across, down, cv2.INTER_LINEAR, self._layer(*shape), borderMode=layer.border
        )
        cv2.accumulateProduct(shown, cv2.merge([gate] * 3, self._gate3(*shape)), detail[layer.at])

    def _add_opening(self, detail: Float32, layer: InOpening) -> None:
        if is_empty(layer.at):
            return
        rows, columns = layer.at
        shrink = self._textures.shrink
        corner = (BOX_START // shrink + columns.start, BOX_START // shrink + rows.start)
        matrix = to_pixels(layer.affine, layer.texture.shape, corner, shrink)
        gate = enlarged(layer.gate, self.side // len(layer.gate), layer.at, self._gate)
        gate = cv2.multiply(gate, layer.opening[layer.at], scale=1 / 255, dtype=cv2.CV_32F)
        shape, flags = (*gate.shape, 3), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        shown = cv2.warpAffine(
            layer.texture, matrix, gate.shape[::-1], self._layer(*shape), flags, cv2.BORDER_CONSTANT
        )
        cv2.accumulateProduct(shown, cv2.merge([gate] * 3, self._gate3(*shape)), detail[layer.at])


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
