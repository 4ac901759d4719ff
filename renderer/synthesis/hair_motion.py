"""How hair moves in the picture when its head turns: a start for how the generator moves it.

What one sees of hair moves like the surface of a ball: its middle most, its rim not at all. The outline is
another matter: as the ball turns, other hairs make it up, and it only goes where the head goes. One motion
for both is 16 pixels wrong at the rim or in the middle; one for each is right by a pixel. Knows the figure,
no picture.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.synthesis.camera import CAMERA, PICTURE_SIZE
from renderer.synthesis.controls import HEAD_LIMIT_DEG
from renderer.synthesis.face_model import SKIN_VERTICES
from renderer.synthesis.figure import Figure
from renderer.synthesis.geometry import Array
from renderer.synthesis.pose import pose_head

TURNS = 150
TURN_DEG = (8.0, 5.0, 4.0)
"Standard deviation of yaw, pitch and roll, as of the frames."
POINTS = 150_000
"Of all strands, for speed."
LOWEST_PX = 220
"Hair below this row of the neutral picture lies in the face box's reach, or hangs."
FRONT_CM = -2.0
"Hair behind this is seen only as outline."
CELL_PX, DEPTH_CM = 4, 0.35
"Seen is what lies at most so far behind the nearest hair of its cell."
GAP_CELLS, BEHIND_CM = 9, -100.0
CENTRE = np.array([[0.0, 6.0, 0.0]])
"Of the skull, cm; the outline is measured round it."
ANGLES = np.radians(np.arange(-95, 96, 3))
"From straight up, to the subject's left."


def hair_motion(figure: Figure, seed: int = 0) -> dict[str, np.ndarray]:
    """hair_motion, matte_motion float32 [9, 12] as `renderer.torch_places.carried` takes them, hair_matte
    uint8 [512, 512]: the head with its hair on the neutral picture; hair_shown uint8 [512, 512]: 255 where
    one sees hair there, not skin."""
    random = np.random.default_rng(seed)
    strands = figure.strand_sets[0].rest.reshape(-1, 3)
    points = strands[random.integers(len(strands), size=min(POINTS, len(strands)))]
    rest, skin = CAMERA.project(points), figure.vertices[:SKIN_VERTICES]
    usable = _seen(rest, points[:, 2]) & (rest[:, 1] < LOWEST_PX) & (points[:, 2] > FRONT_CM)
    outline = _outline(rest, CAMERA.project(CENTRE))
    surface_rows, outline_rows = [], []
    turns = random.normal(size=(TURNS, 3)) * TURN_DEG
    for head_deg in np.clip(turns, -np.array(HEAD_LIMIT_DEG), HEAD_LIMIT_DEG):
        moved = pose_head(points, head_deg)
        places = CAMERA.project(moved)
        both = np.flatnonzero(usable & _seen(places, moved[:, 2]))
        both = random.choice(both, min(400, len(both)), replace=False)
        surface_rows.append(_equations(places[both], rest[both], head_deg))
        now = _outline(places, CAMERA.project(pose_head(CENTRE, head_deg, rigid=True)))
        known = np.isfinite(now).all(1) & np.isfinite(outline).all(1)
        outline_rows.append(_equations(now[known], outline[known], head_deg))
    return {
        "hair_motion": _solve(surface_rows, powers=6),
        "matte_motion": _solve(outline_rows, powers=3),
        "hair_matte": _matte(rest, CAMERA.project(skin)),
        "hair_shown": _shown(rest, points[:, 2], CAMERA.project(skin), skin[:, 2]),
    }


def _shown(hair: Array, hair_depth: Array, skin: Array, skin_depth: Array) -> NDArray[np.uint8]:
    """Where hair at places [n, 2] (pixels) is nearer to the camera than skin is."""
    of_hair, of_skin = _nearest(hair, hair_depth), _nearest(skin, skin_depth)
    # the skin has fewer points than cells
    whole = cv2.morphologyEx(np.maximum(of_skin, BEHIND_CM), cv2.MORPH_CLOSE, np.ones((GAP_CELLS, GAP_CELLS)))
    shown = (of_hair > whole).astype(np.uint8) * 255
    return np.asarray(cv2.resize(cv2.medianBlur(shown, 3), (PICTURE_SIZE, PICTURE_SIZE)), np.uint8)


def _nearest(places: Array, depth: Array) -> Array:
    """Depth of what is nearest in each cell, [rows, columns]; minus infinity where nothing is."""
    nearest = np.full((PICTURE_SIZE // CELL_PX,) * 2, -np.inf)
    np.maximum.at(nearest, _cells(places), depth)
    return nearest


def _cells(places: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row and column of the cells in which places [n, 2] are, [n] each."""
    column, row = np.clip(places // CELL_PX, 0, PICTURE_SIZE // CELL_PX - 1).astype(np.intp).T
    return row, column


def _seen(places: Array, depth: Array) -> NDArray[np.bool_]:
    """Which points at places [n, 2] (pixels) are not hidden by other hair; depth towards the camera."""
    return np.asarray(depth > _nearest(places, depth)[_cells(places)] - DEPTH_CM)


def _outline(places: Array, centre: Array) -> Array:
    """The rim of points [n, 2] round centre [1, 2] in the directions of ANGLES, [angles, 2]; NaN where there
    are none."""
    away = places - centre
    radius, angle = np.hypot(*away.T), np.arctan2(away[:, 0], -away[:, 1])
    sector = np.digitize(angle, ANGLES - np.diff(ANGLES)[0] / 2) - 1
    rim = np.full(len(ANGLES), np.nan)
    for k in range(len(ANGLES)):
        inside = radius[sector == k]
        if len(inside) > 20:
            rim[k] = np.quantile(inside, 0.985)  # a few hairs stand out
    return np.asarray(centre + rim[:, None] * np.stack([np.sin(ANGLES), -np.cos(ANGLES)], 1))


def _equations(places: Array, rest: Array, head_deg: Array) -> tuple[Array, Array]:
    """For points seen at `places` that are at `rest` on the neutral picture: features [n, 9, 6] and what is
    to be added to the place, [n, 2], in halves of the picture."""
    here, there = (2 * p / PICTURE_SIZE - 1 for p in (places, rest))
    head = np.asarray(head_deg) / 20
    terms = np.concatenate([head, head * head, head * np.roll(head, 1)])
    x, y = here.T
    powers = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
    return terms[None, :, None] * powers[:, None], there - here


def _solve(rows: list[tuple[Array, Array]], powers: int) -> NDArray[np.float32]:
    """Least squares; only the first so many powers of the position are used."""
    features = np.concatenate([f for f, _ in rows])[:, :, :powers]
    wanted = np.concatenate([b for _, b in rows])
    found = np.linalg.lstsq(features.reshape(len(features), -1), wanted, rcond=None)[0]
    motion = np.zeros((9, 2, 6))
    motion[:, :, :powers] = found.reshape(9, powers, 2).transpose(0, 2, 1)
    return motion.reshape(9, 12).astype(np.float32)


def _matte(*parts: Array) -> NDArray[np.uint8]:
    """Where points [n, 2] lie, holes filled."""
    matte = np.zeros((PICTURE_SIZE, PICTURE_SIZE), np.uint8)
    for places in parts:
        column, row = np.clip(places.astype(int), 0, PICTURE_SIZE - 1).T
        matte[row, column] = 255
    closed = cv2.morphologyEx(matte, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (15, 15)))
    return np.asarray(cv2.GaussianBlur(closed, (0, 0), 1.5), np.uint8)
