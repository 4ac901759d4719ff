"""A T-shirt cut from the torso, and where the neck leaves it.

Knows a body mesh, no cloth shader and no pose.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.sparse import csr_matrix

from renderer.synthesis.geometry import Array, unit

Polygons = list[list[int]]

BODY_SCALE = 0.985  # Vitruvian's head on ICT-FaceKit's
BODY_SHIFT = np.array([0, 0, 4.2])  # cm
CLEARANCE = 0.8  # cm between skin and cloth
SMOOTHING_STEPS = 12
COLLAR_POINTS = 96
COLLAR_SEAM_DEG = (
    22.0  # where the collar's ring begins, from the front to the subject's left: any place will do
)
COLLAR_PROFILE = (
    (-0.35, -0.75), (0.10, -0.75), (0.26, -0.35), (0.24, 0.35), (0.12, 0.75), (-0.10, 0.85), (-0.28, 0.6),
    (-0.34, 0),
)  # fmt: skip
"""Cross section of the collar, cm: (outward, along the neck)."""


@dataclass(frozen=True)
class Neckline:
    """The cut of a neck opening: its height in front, at the sides and behind, around a vertical axis."""

    front: float = -15.2
    side: float = -12.2
    back: float = -9.8
    centre_z: float = -1.5

    def above(self, points: Array) -> Array:
        """Height [n] of points [n, 3] above the neckline, cm; negative is under the cloth."""
        ahead = np.cos(np.arctan2(points[:, 0], points[:, 2] - self.centre_z))
        towards_front = self.side + (self.front - self.side) * np.abs(ahead) ** 1.6
        towards_back = self.side + (self.back - self.side) * np.abs(ahead) ** 1.5
        return points[:, 1] - np.where(ahead > 0, towards_front, towards_back)


@dataclass(frozen=True, eq=False)
class Garment:
    """A mesh: vertices [n, 3] cm and polygons."""

    vertices: Array
    polygons: Polygons


def cut_shirt(body: Array, faces: NDArray[np.integer], neckline: Neckline) -> Garment:
    """A shirt with a rounded collar for a body on ICT axes (cm; faces [m, 4], triangles repeat a corner)."""
    body = body * BODY_SCALE + BODY_SHIFT
    polygons = _under_neckline(body, faces, neckline.above(body))
    vertices, polygons = _trim_to_neckline(body, polygons, neckline.above(body))
    neck = _neck_ring(vertices, polygons, neckline)
    fixed = np.zeros(len(vertices), bool)
    fixed[neck] = True
    vertices = _smooth(vertices + _normals(vertices, polygons) * CLEARANCE, polygons, fixed)
    collar, collar_polygons = _collar(vertices[neck], first_vertex=len(vertices))
    return Garment(np.r_[vertices, collar], polygons + collar_polygons)


def _edges(polygon: list[int]) -> Iterable[tuple[int, int]]:
    return zip(polygon, polygon[1:] + polygon[:1], strict=True)


def _under_neckline(body: Array, faces: NDArray[np.integer], above: Array) -> Polygons:
    """The torso's polygons that reach under the neckline: the largest connected piece."""
    near = (body[:, 1] > -48) & (np.abs(body[:, 0]) < 30) & (body[:, 1] < -5)
    kept = []
    for face in faces:
        polygon = list(dict.fromkeys(int(v) for v in face))
        if len(polygon) >= 3 and near[polygon].all() and (above[polygon] < 0).any():
            kept.append(polygon)
    parent = list(range(len(body)))

    def root(v: int) -> int:
        while parent[v] != v:
            parent[v] = parent[parent[v]]
            v = parent[v]
        return v

    for polygon in kept:
        for v in polygon[1:]:
            parent[root(v)] = root(polygon[0])
    largest = collections.Counter(root(polygon[0]) for polygon in kept).most_common(1)[0][0]
    return [polygon for polygon in kept if root(polygon[0]) == largest]


def _trim_to_neckline(body: Array, polygons: Polygons, above: Array) -> tuple[Array, Polygons]:
    """Vertices above the neckline pulled down to where their edges cross it; unused vertices dropped."""
    crossings = collections.defaultdict(list)
    for polygon in polygons:
        for a, b in _edges(polygon):
            if (above[a] > 0) != (above[b] > 0):
                share = above[a] / (above[a] - above[b])
                crossings[a if above[a] > 0 else b].append(body[a] + share * (body[b] - body[a]))
    polygons = [p for p in polygons if all(above[v] <= 0 or v in crossings for v in p)]
    vertices = body.copy()
    for v, points in crossings.items():
        vertices[v] = np.mean(points, 0)
    used = sorted({v for polygon in polygons for v in polygon})
    renumbered = {v: i for i, v in enumerate(used)}
    return vertices[used], [[renumbered[v] for v in polygon] for polygon in polygons]


def _neck_ring(vertices: Array, polygons: Polygons, neckline: Neckline) -> list[int]:
    """The open edge around the neck as an ordered ring, from COLLAR_SEAM_DEG towards the subject's right."""
    uses = collections.Counter(tuple(sorted(edge)) for polygon in polygons for edge in _edges(polygon))
    beside = collections.defaultdict(list)
    for (a, b), count in uses.items():
        if count == 1:
            beside[a].append(b)
            beside[b].append(a)
    border = np.array(sorted(beside))
    points = vertices[border]
    neck = border[(neckline.above(points) > -0.6) & (points[:, 1] > -19)]
    azimuth = np.arctan2(vertices[neck, 0], vertices[neck, 2] - neckline.centre_z)
    start = int(neck[np.abs(azimuth - np.radians(COLLAR_SEAM_DEG)).argmin()])
    ring, previous = [start], start
    current = min(beside[start], key=lambda v: vertices[v, 0])
    while current != start and len(ring) <= len(border):
        ring.append(current)
        previous, current = current, next(v for v in beside[current] if v != previous)
    return ring


def _normals(vertices: Array, polygons: Polygons) -> Array:
    normals = np.zeros_like(vertices)
    for polygon in polygons:
        a, b, c = vertices[polygon[:3]]
        normals[polygon] += np.cross(b - a, c - a)
    return unit(normals)


def _smooth(vertices: Array, polygons: Polygons, fixed: NDArray[np.bool_]) -> Array:
    """Laplacian smoothing that leaves the neck ring: cloth bridges the hollows of a body."""
    pairs = np.array([edge for polygon in polygons for edge in _edges(polygon)])
    rows, columns = np.r_[pairs[:, 0], pairs[:, 1]], np.r_[pairs[:, 1], pairs[:, 0]]
    beside = csr_matrix((np.ones(len(rows)), (rows, columns)), (len(vertices),) * 2)
    beside.data[:] = 1  # an edge of two polygons counts once
    mean = csr_matrix(beside.multiply(1 / beside.sum(1)))
    for _ in range(SMOOTHING_STEPS):
        vertices = np.where(fixed[:, None], vertices, 0.5 * vertices + 0.5 * (mean @ vertices))
    return vertices


def _collar(ring: Array, first_vertex: int) -> tuple[Array, Polygons]:
    """A rounded band along a closed ring of points, and its polygons counted from first_vertex."""
    closed = np.r_[ring, ring[:1]]
    along = np.r_[0, np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))]
    at = np.linspace(0, along[-1], COLLAR_POINTS, endpoint=False)
    line = np.stack([np.interp(at, along, closed[:, k]) for k in range(3)], 1)
    line = gaussian_filter1d(line, 1.6, axis=0, mode="wrap")
    outward = line - line.mean(0)
    outward[:, 1] = 0
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    upward = np.array([0, 1.0, 0])[None] - 0.35 * outward
    upward /= np.linalg.norm(upward, axis=1, keepdims=True)
    vertices = np.concatenate([line + outward * out + upward * up for out, up in COLLAR_PROFILE])
    rings, n = len(COLLAR_PROFILE), COLLAR_POINTS
    polygons = [
        [
            first_vertex + i * n + k,
            first_vertex + (i + 1) % rings * n + k,
            first_vertex + (i + 1) % rings * n + (k + 1) % n,
            first_vertex + i * n + (k + 1) % n,
        ]
        for i in range(rings)
        for k in range(n)
    ]
    return vertices, polygons
