"""Exact picture positions of 368 points per frame: lids, irises, lips, teeth, tongue, face.

No rendering needed.

points_SEED.npz   xy      int16 [frames, points, 2] in 1/32 pixel of the 512 picture (also of hidden points)
                  image   [frames] file names
                  group   [points] landmark, face, lips, eyes, teeth_upper, teeth_lower, tongue, iris_left or
                          iris_right
                  vertex  [points] index in the head model, -1 for irises
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderer.synthesis.camera import CAMERA
from renderer.synthesis.face_model import LANDMARK_VERTICES
from renderer.synthesis.figure import Figure
from renderer.synthesis.frames import FrameRecord, read_records, record_files
from renderer.synthesis.geometry import Array

PIXEL_PARTS = 32
LOWER_JAW = 0.05  # cm: what jawOpen moves farther than this belongs to the lower jaw

Ids = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class LabelPoints:
    """Which points of a figure are labelled."""

    vertices: NDArray[np.int64]
    "[350] vertices of the head model"
    groups: list[str]
    "[368] of these and the two irises"

    @property
    def vertex_column(self) -> NDArray[np.int64]:
        """Vertex of each point, -1 for irises."""
        return np.r_[self.vertices, np.full(len(self.groups) - len(self.vertices), -1)]


def choose_points(figure: Figure) -> LabelPoints:
    """The labelled points of an avatar, spread evenly; on the teeth two vertices at each of 17 places."""
    V, model = figure.vertices, figure.model
    lips = V[list(LANDMARK_VERTICES[48:68])].mean(0)
    face = model.vertices_of("M_Face")
    face = face[(V[face][:, 2] > 1) & (V[face][:, 1] > -11)]
    teeth, inner = model.vertices_of("M_Teeth"), model.vertices_of("M_GumsTongue")
    with_jaw = np.linalg.norm(model.expressions["jawOpen"], axis=1)
    tongue = inner[(with_jaw[inner] > 1) & (np.abs(V[inner][:, 0]) < 1.8) & (V[inner][:, 2] > 7)]
    groups = {
        "landmark": list(LANDMARK_VERTICES),
        "face": farthest_points(V, face, 90),
        "lips": farthest_points(V, _near(V, face, lips, 3.2), 60),
        "eyes": [v for eye in figure.eyes for v in farthest_points(V, _near(V, face, eye.centre, 1.75), 24)],
        "teeth_upper": _tooth_row(V, teeth[with_jaw[teeth] < LOWER_JAW], edge_is_up=False),
        "teeth_lower": _tooth_row(V, teeth[with_jaw[teeth] >= LOWER_JAW], edge_is_up=True),
        "tongue": farthest_points(V, tongue, 16),
    }
    names = [name for name, chosen in groups.items() for _ in chosen]
    vertices = np.array([v for chosen in groups.values() for v in chosen], dtype=np.int64)
    return LabelPoints(vertices, names + ["iris_left"] * 9 + ["iris_right"] * 9)


def farthest_points(positions: Array, candidates: Ids, count: int) -> list[int]:
    """`count` of the candidates from the first on, each the farthest from those before it (Gonzalez 1985)."""
    points = positions[candidates]
    chosen = [0]
    distance = np.linalg.norm(points - points[0], axis=1)
    for _ in range(min(count, len(candidates)) - 1):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return [int(v) for v in candidates[chosen]]


def _near(positions: Array, candidates: Ids, centre: Array, radius_cm: float) -> Ids:
    return candidates[np.linalg.norm(positions[candidates] - centre, axis=1) < radius_cm]


def _tooth_row(positions: Array, teeth: Ids, *, edge_is_up: bool) -> list[int]:
    """Along one arch, seventeen places: the biting edge and the crown 0.6 cm from it, on the front side."""
    sign = 1 if edge_is_up else -1
    chosen = []
    for across in np.linspace(-2.4, 2.4, 17):
        slab = teeth[np.abs(positions[teeth][:, 0] - across) < 0.16]
        front = slab[positions[slab][:, 2] > positions[slab][:, 2].max() - 0.5]
        edge = front[(sign * positions[front][:, 1]).argmax()]
        crown = front[np.abs(positions[front][:, 1] - (positions[edge][1] - sign * 0.6)).argmin()]
        chosen += [int(edge), int(crown)]
    return chosen


def project_points(figure: Figure, points: LabelPoints, record: FrameRecord) -> Array:
    """Positions [points, 2] of one recorded frame, in pixels of the 512 picture."""
    controls = record.controls
    on_head = figure.vertices_at(controls.weights, controls.head_deg, controls.gaze_deg, points.vertices)
    irises = figure.iris_rims(controls.head_deg, controls.gaze_deg)
    return CAMERA.project(np.concatenate([on_head, *irises]))


def write_points(figure: Figure, folder: Path) -> Iterable[tuple[Path, int, float]]:
    """points_SEED.npz beside every frames_SEED.jsonl; yields (file, frames, difference).

    The difference is the largest from landmarks68, in pixels: the labels' own rounding (about 0.01) when
    recipe and head model are those of the render.
    """
    points = choose_points(figure)
    for records_path in record_files(folder):
        records = read_records(records_path)
        positions = [project_points(figure, points, record) for record in records]
        worst = max(
            (
                np.abs(xy[:68] - np.array(r.landmarks68)).max()
                for xy, r in zip(positions, records, strict=True)
            ),
            default=0.0,
        )
        out = folder / records_path.name.replace("frames_", "points_").replace(".jsonl", ".npz")
        _save(out, positions, [record.image for record in records], points)
        yield out, len(records), float(worst)


def _save(path: Path, positions: list[Array], images: list[str], points: LabelPoints) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.npz")
    np.savez_compressed(
        temporary,
        xy=np.round(np.array(positions).reshape(-1, len(points.groups), 2) * PIXEL_PARTS).astype(np.int16),
        image=np.array(images),
        group=np.array(points.groups),
        vertex=points.vertex_column,
    )
    temporary.replace(path)
