"""Reads CharMorph-Vitruvian's guide curves and fits them to the ICT head. Knows no strand count, no renderer.

Hair is designed on another head: a similarity brings it over (alignment.py), then a smooth warp lays the
other scalp on this one, and whatever still dips into the skin is pushed out.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from renderer.synthesis.alignment import Similarity, vitruvian_axes
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.face_model import SKIN_FACES, SKIN_VERTICES, FaceModel
from renderer.synthesis.geometry import Array, vertex_normals

GROOMS_FOLDER = "grooms"
ALIGNED_FILE = "vitruvian_aligned.npz"


class HeadSurface:
    """The skin as dense points with normals, to measure how far above it something is."""

    def __init__(self, model: FaceModel) -> None:
        vertices = model.vertices.astype(np.float64)
        faces = model.faces[:SKIN_FACES]
        normals = vertex_normals(vertices, faces)
        quads = faces[faces[:, 3] >= 0]
        a, b, c, d = (vertices[quads[:, k]] for k in range(4))
        within = [
            (a * (1 - u) + b * u) * (1 - v) + (d * (1 - u) + c * u) * v
            for u, v in ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75))
        ]
        self.points = np.concatenate([vertices[:SKIN_VERTICES], *within])
        "[n, 3] cm: the vertices and four points in each quad"
        stacked = np.concatenate([normals[:SKIN_VERTICES]] + [normals[quads].mean(1)] * 4)
        self.normals = stacked / (np.linalg.norm(stacked, axis=1, keepdims=True) + 1e-9)
        self.tree = cKDTree(self.points)

    def height(self, points: Array, nearest: NDArray[np.intp]) -> Array:
        """Signed height [n] of points [n, 3] above the skin at their nearest surface points."""
        return ((points - self.points[nearest]) * self.normals[nearest]).sum(1)

    def push_out(self, strands: Array, margin_cm: float = 0.15, passes: int = 2) -> Array:
        """Strands [n, k, 3] kept above the skin: a fifth of the margin at the root, all of it at the tip."""
        count, length, _ = strands.shape
        margin = np.minimum(margin_cm * np.tile(np.linspace(0.2, 1, length), count), margin_cm)
        points = strands.reshape(-1, 3)
        for _ in range(passes):
            distance, nearest = self.tree.query(points)
            height = self.height(points, nearest)
            sunk = (height < margin) & (
                distance < 3
            )  # farther than that is hair that hangs, not hair that dips
            points = points.copy()
            points[sunk] += self.normals[nearest[sunk]] * (margin[sunk] - height[sunk])[:, None]
        return points.reshape(strands.shape)


class GroomLibrary:
    """The grooms of one converted folder, fitted to one head."""

    def __init__(self, folder: Path, surface: HeadSurface) -> None:
        self.folder = folder / GROOMS_FOLDER
        self.surface = surface
        aligned = _read(folder / ALIGNED_FILE, ("P", "s", "R", "T"))
        self._similarity = Similarity(float(aligned["s"]), aligned["R"], aligned["T"])
        self._fit_warp(aligned["P"])

    def guides(self, name: str) -> list[Array]:
        """The guide curves of a groom, roots first, each [any, 3] cm on this head."""
        stored = _read(self.folder / "hairstyles" / f"{name}.npz", ("data", "cnt"))
        points = self._warp(self._similarity.apply(vitruvian_axes(stored["data"])))
        return np.split(points, np.cumsum(stored["cnt"])[:-1])

    def _fit_warp(self, body: Array) -> None:
        """Anchors on the other head's scalp, and where each should go: its nearest point of this skin."""
        head = body[(body[:, 1] > -10) & (np.abs(body[:, 0]) < 10)]
        offset = head - np.array([0, 2, 2.0])
        radius = np.linalg.norm(offset, axis=1)
        direction = offset / radius[:, None]
        neighbours = cKDTree(direction).query(direction, k=12)[1]
        outer = radius >= np.median(radius[neighbours], 1) - 0.25  # not the mouth cavity or the eye sockets
        anchors = head[outer]
        self._anchor_tree = cKDTree(anchors)
        self._anchor_shift = self.surface.points[self.surface.tree.query(anchors)[1]] - anchors

    def _warp(self, points: Array, neighbours: int = 64, width_cm: float = 1.6) -> Array:
        distance, nearest = self._anchor_tree.query(points, k=min(neighbours, self._anchor_tree.n))
        weight = np.exp(-(((distance - distance[:, :1]) / width_cm) ** 2)) + 1e-9
        return points + (self._anchor_shift[nearest] * weight[..., None]).sum(1) / weight.sum(1)[:, None]


def load_torso(folder: Path) -> tuple[Array, NDArray[np.integer]]:
    """Vitruvian's body on ICT axes, not aligned: vertices [n, 3] cm, polygons [m, 4]."""
    body, faces = (
        folder / GROOMS_FOLDER / "morphs" / "L1" / "Default.npy",
        folder / GROOMS_FOLDER / "faces.npy",
    )
    for path in (body, faces):
        if not path.is_file():
            raise SynthesisError(f"no torso at {path}: expected the folder written by 'convert'.")
    return vitruvian_axes(read_array(body)), read_array(faces).astype(int)


def read_array(path: Path) -> NDArray[np.generic]:
    """An npy file of CharMorph-Vitruvian; SynthesisError if it is damaged or not an array."""
    try:
        with path.open("rb") as file:
            return np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise SynthesisError(
            f"{path} cannot be read ({error}); copy it from CharMorph-Vitruvian again."
        ) from error


def _read(path: Path, keys: tuple[str, ...]) -> dict[str, NDArray[np.generic]]:
    if not path.is_file():
        raise SynthesisError(f"no groom at {path}: copy it from CharMorph-Vitruvian with 'convert'.")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {key: archive[key] for key in keys}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise SynthesisError(f"{path} cannot be read: {error}; expected {', '.join(keys)}.") from error
