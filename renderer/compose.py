"""Features and textures -> picture, on the CPU with OpenCV: what `Generator.compose` does, a few times faster.

Knows arrays only. Every array is BGR, float32, -1..1 until the last line.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.geometry import BOX_SIZE, BOX_START, RIGID_LAYERS, SIZE, Guides

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]

BOX = slice(BOX_START, BOX_START + BOX_SIZE)


@dataclass(frozen=True)
class Textures:
    """The picture textures, each doubled once (a gate of .5 shows them as they are) and in OpenCV's layout."""

    plate: Float32
    hair: Float32
    face: Float32
    rigid: tuple[Float32, ...]
    "In the order of RIGID_LAYERS, with a border of one empty texel, for soft edges."
    hair_motion: Float32
    "float32 [9, 6]: head rotation -> change of the hair's affine map."
    feather: Float32
    "float32 [352, 352, 3]: the face box's fading edge."


def make_textures(tensors: dict[str, Float32]) -> Textures:
    """From the generator's tensors `textures.NAME` [1, 3, h, w], `hair_motion` and the feather's definition."""

    def texture(name: str) -> Float32:
        return np.ascontiguousarray(2 * tensors[f"textures.{name}"][0].astype(np.float32).transpose(1, 2, 0))

    return Textures(
        plate=cv2.resize(texture("plate"), (SIZE, SIZE)),
        hair=texture("hair"),
        face=texture("face"),
        rigid=tuple(texture(name) for name in RIGID_LAYERS),
        hair_motion=tensors["hair_motion"].astype(np.float32),
        feather=cv2.merge([box_feather()] * 3),
    )


def box_feather(margin: int = 32) -> Float32:
    """float32 [352, 352]: 0 at the edge of the face box, 1 from `margin` pixels inwards, smooth between."""
    v = np.arange(BOX_SIZE, dtype=np.float32) + 0.5
    ramp = np.clip(np.minimum(v, BOX_SIZE - v) / margin, 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return ramp[:, None] * ramp[None]


def shuffle(features: Float32, factor: int) -> Float32:
    """Pixel shuffle: [c * factor^2, h, w] -> [h * factor, w * factor, c]."""
    count, height, width = features.shape
    parts = features.reshape(count // factor**2, factor, factor, height, width).transpose(3, 1, 4, 2, 0)
    return parts.reshape(height * factor, width * factor, -1)


def sigmoid(x: Float32) -> Float32:
    return 1 / (1 + np.exp(-x))


def hair_matrix(controls: Float32, motion: Float32) -> Float32:
    """[2, 3]: picture pixel centre -> -1..1 on the hair texture, as `Generator.hair_map`."""
    head = controls[52:55]
    terms = np.concatenate([head, head * head, head * np.roll(head, 1)])
    rest = np.array([2 / SIZE, 0, -1, 0, 2 / SIZE, -1], np.float32)
    scale = np.array([2 / SIZE, 2 / SIZE, 1, 2 / SIZE, 2 / SIZE, 1], np.float32)
    return (rest + scale * (terms @ motion)).reshape(2, 3).astype(np.float32)


def to_pixels(affine: Float32, shape: tuple[int, ...], corner: tuple[int, int]) -> Float32:
    """From (pixel centre -> -1..1) to OpenCV's (index in a region at `corner` -> index in a texture of this shape)."""
    half = np.array([shape[1], shape[0]], np.float64) / 2
    matrix = affine.astype(np.float64) * half[:, None]
    matrix[:, 2] += half - 0.5 + matrix[:, :2] @ (np.array(corner) + 0.5)
    return matrix


def compose(canvas: Float32, box: Float32, controls: Float32, guides: Guides, textures: Textures) -> UInt8:
    """canvas [56, 64, 64] and box [64, 88, 88] of the network -> uint8 [512, 512, 4], RGBA."""
    picture = cv2.resize(shuffle(canvas[:48], 4), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    gates = cv2.resize(sigmoid(shuffle(canvas[48:], 2)), (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
    plate_gate, hair_gate = cv2.split(gates)
    cv2.accumulateProduct(textures.plate, cv2.merge([plate_gate] * 3), picture)
    matrix = to_pixels(hair_matrix(controls, textures.hair_motion), textures.hair.shape, (0, 0))
    hair = cv2.warpAffine(
        textures.hair, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    cv2.accumulateProduct(hair, cv2.merge([hair_gate] * 3), picture)
    cv2.accumulateProduct(face_detail(box, guides, textures), textures.feather, picture[BOX, BOX])
    np.maximum(picture, -1, out=picture)  # convertScaleAbs folds negative values back
    return cv2.cvtColor(cv2.convertScaleAbs(picture, alpha=127.5, beta=127.5), cv2.COLOR_BGR2RGBA)


def face_detail(box: Float32, guides: Guides, textures: Textures) -> Float32:
    """What the face box adds to the canvas, [352, 352, 3]."""
    detail = np.ascontiguousarray(shuffle(box[:48], 4))
    gates = cv2.resize(sigmoid(shuffle(box[48:], 2)), (BOX_SIZE, BOX_SIZE), interpolation=cv2.INTER_LINEAR)
    gate = cv2.split(gates)
    warp = cv2.resize(guides.warp, (BOX_SIZE, BOX_SIZE), interpolation=cv2.INTER_LINEAR)
    height, width = textures.face.shape[:2]
    across, down = cv2.split(warp)
    face = cv2.remap(
        textures.face, across * width - 0.5, down * height - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    cv2.accumulateProduct(face, cv2.merge([gate[0]] * 3), detail)
    for k, texture in enumerate(textures.rigid):
        add_rigid(detail, texture, guides.affines[k], gate[min(k + 1, 3)], guides.openings[int(k > 1)])
    return detail


def add_rigid(detail: Float32, texture: Float32, affine: Float32, gate: Float32, opening: UInt8) -> None:
    """Lay one rigid texture into the face box, only where its opening shows it."""
    x, y, w, h = cv2.boundingRect(opening)
    if not w:
        return
    region = (slice(y, y + h), slice(x, x + w))
    matrix = to_pixels(affine, texture.shape, (BOX_START + x, BOX_START + y))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    layer = cv2.warpAffine(texture, matrix, (w, h), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    shown = gate[region] * (opening[region] * np.float32(1 / 255))
    part = detail[region]
    part += layer * shown[:, :, None]
