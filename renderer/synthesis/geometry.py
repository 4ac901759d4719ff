"""Small geometry on arrays of points: smooth steps, rotations, normals, sphere fits. Knows no face."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

Array = NDArray[np.floating]

X_AXIS, Y_AXIS, Z_AXIS = np.eye(3)


def smoothstep(x: ArrayLike, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high`, the cubic 3t² - 2t³ in between; `low > high` falls instead of rising."""
    t = np.clip((np.asarray(x) - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def axis_rotation(axis: ArrayLike, angle_rad: ArrayLike) -> Array:
    """Rotation matrices about a unit axis (Rodrigues): angle_rad [...] -> [..., 3, 3]."""
    x, y, z = np.asarray(axis, float)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.asarray(angle_rad)[..., None, None]
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)


def head_rotation(yaw_deg: float, pitch_deg: float, roll_deg: float, share: ArrayLike = 1.0) -> Array:
    """Rotation by a share (0..1, any shape [...]) of yaw (about y), pitch (about -x) and roll (about z).

    -> [..., 3, 3] for column vectors: roll first, then pitch, then yaw.
    """
    share = np.asarray(share, float)
    yaw = axis_rotation(Y_AXIS, np.radians(yaw_deg) * share)
    pitch = axis_rotation(X_AXIS, np.radians(-pitch_deg) * share)
    return yaw @ pitch @ axis_rotation(Z_AXIS, np.radians(roll_deg) * share)


def unit(vectors: Array, floor: float = 1e-9) -> Array:
    """Vectors [..., 3] at length one; `floor` keeps a zero vector from dividing by zero."""
    return vectors / (np.linalg.norm(vectors, axis=-1, keepdims=True) + floor)


def vertex_normals(vertices: Array, faces: NDArray[np.integer]) -> Array:
    """Area-weighted unit normals [n, 3] of a mesh; faces [m, 4], the fourth of a triangle is -1.

    Vertices that no face uses get zero.
    """
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normals, faces[:, k], face_normals)
    is_quad = faces[:, 3] >= 0
    np.add.at(normals, faces[is_quad, 3], face_normals[is_quad])
    return unit(normals)


def inverse_distance_mean(
    tree: cKDTree, values: Array, points: Array, neighbours: int, floor: float
) -> Array:
    """Values [m, ...] of the tree's points at other points [n, ...]: the nearest ones' mean, each counting
    1 / (distance + floor) (Shepard 1968)."""
    distance, nearest = tree.query(points, k=neighbours)
    closeness = 1 / (distance + floor)
    closeness = closeness.reshape(*closeness.shape, *[1] * (values.ndim - 1))
    return (values[nearest] * closeness).sum(1) / closeness.sum(1)


def fit_sphere(points: Array) -> tuple[Array, float]:
    """Centre [3] and radius of the sphere through points [n, 3]: an algebraic fit, exact on a sphere."""
    system = np.c_[2 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0]
    centre = solution[:3]
    return centre, float(np.sqrt(solution[3] + centre @ centre))


def resample_polylines(polylines: list[Array], count: int) -> Array:
    """Polylines of any lengths as `count` points each, evenly spaced: -> [len(polylines), count, 3]."""
    out = np.empty((len(polylines), count, 3))
    for i, line in enumerate(polylines):
        along = np.r_[0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
        if along[-1] < 1e-6:
            out[i] = line[0]
            continue
        at = np.linspace(0, along[-1], count)
        out[i] = np.stack([np.interp(at, along, line[:, k]) for k in range(3)], 1)
    return out
