"""The picture textures of one avatar as the CPU lays them. Knows arrays only."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.geometry import RIGID_LAYERS, SIZE, box_feather

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]


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
