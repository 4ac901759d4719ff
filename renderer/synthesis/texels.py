"""Where on the head each texel lies: the mesh rasterised in texture space. Knows no color."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from renderer.synthesis.face_model import BACK_OF_HEAD_FACES, FaceModel

FACE_TEXTURE_SIZE = 2048
BACK_TEXTURE_SIZE = 1024
_SEAM_SLACK = -0.02  # barycentric: a triangle also fills texels a little outside it, so no seam stays empty


@dataclass(frozen=True, eq=False)
class TexelPositions:
    """Point of the neutral head under each texel, cm; texels of no polygon take their nearest neighbour's."""

    face: NDArray[np.float16]
    "[size, size, 3] tile 0: the face"
    back: NDArray[np.float16]
    "[size, size, 3] tile 1: ears, scalp and neck"


def bake_texels(
    model: FaceModel, face_size: int = FACE_TEXTURE_SIZE, back_size: int = BACK_TEXTURE_SIZE
) -> TexelPositions:
    """Rasterise both skin tiles; half precision (0.005 cm at the head's rim) is finer than a texel.

    Ten seconds.
    """
    first, last = BACK_OF_HEAD_FACES
    back = model.faces_of("M_BackHead")
    back = back[
        (back >= first) & (back <= last)
    ]  # the sockets share the material and overlap in texture space
    return TexelPositions(
        face=rasterise_tile(model, model.faces_of("M_Face"), 0, face_size).astype(np.float16),
        back=rasterise_tile(model, back, 1, back_size).astype(np.float16),
    )


def rasterise_tile(model: FaceModel, polygons: NDArray[np.intp], tile: int, size: int) -> NDArray[np.float32]:
    """Positions [size, size, 3] of the polygons whose u lies in tile..tile + 1; row 0 is v = 1."""
    positions = np.zeros((size, size, 3), np.float32)
    covered = np.zeros((size, size), bool)
    for polygon in polygons:
        corners, texture_corners = model.faces[polygon], model.texture_faces[polygon]
        for triangle in ([0, 1, 2], [0, 2, 3])[: 2 if corners[3] >= 0 else 1]:
            texel = (model.texture_coordinates[texture_corners[triangle]] - [tile, 0]) * [size, size]
            texel[:, 1] = size - texel[:, 1]
            _fill_triangle(positions, covered, texel, model.vertices[corners[triangle]])
    if not covered.any():
        return positions
    nearest = distance_transform_edt(~covered, return_distances=False, return_indices=True)
    return positions[nearest[0], nearest[1]]


def _fill_triangle(
    positions: NDArray[np.float32],
    covered: NDArray[np.bool_],
    texel: NDArray[np.floating],
    corner: NDArray[np.float32],
) -> None:
    size = len(positions)
    x0, y0 = np.maximum(np.floor(texel.min(0) - 1).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(texel.max(0) + 1).astype(int), size)
    if x1 <= x0 or y1 <= y0:
        return
    (ax, ay), (bx, by), (cx, cy) = texel
    double_area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy)
    if abs(double_area) < 1e-9:
        return
    x, y = np.meshgrid(np.arange(x0, x1) + 0.5, np.arange(y0, y1) + 0.5)
    a = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / double_area
    b = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / double_area
    c = 1 - a - b
    inside = (a >= _SEAM_SLACK) & (b >= _SEAM_SLACK) & (c >= _SEAM_SLACK)
    point = a[..., None] * corner[0] + b[..., None] * corner[1] + c[..., None] * corner[2]
    positions[y0:y1, x0:x1][inside] = point[inside]
    covered[y0:y1, x0:x1] |= inside
