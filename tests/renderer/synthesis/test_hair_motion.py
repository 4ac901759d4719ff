"""How hair moves in the picture, on a ball of hair whose motion is known."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from renderer.synthesis.camera import CAMERA
from renderer.synthesis.face_model import LANDMARK_VERTICES
from renderer.synthesis.figure import Figure
from renderer.synthesis.hair_motion import hair_motion
from renderer.synthesis.pose import pose_head


def ball(count: int = 40_000, radius: float = 8.0) -> np.ndarray:
    """Points [n, 3] on a ball about where a skull is, cm."""
    way = np.random.default_rng(0).normal(size=(count, 3))
    return way / np.linalg.norm(way, axis=1, keepdims=True) * radius + [0, 5, 0]


@pytest.fixture(scope="module")
def made() -> dict[str, np.ndarray]:
    points = ball()
    strands = SimpleNamespace(rest=points.reshape(-1, 10, 3))
    return hair_motion(SimpleNamespace(strand_sets=[strands], vertices=points))  # type: ignore[arg-type]


def carried(place: np.ndarray, head_deg: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """The motion as it is written down: place [2] in halves of the picture -> place on the texture."""
    head = head_deg / 20
    terms = [*head, *(head**2), *(head * np.roll(head, 1))]
    x, y = place
    added = np.zeros(2)
    for term, rows in zip(terms, motion.reshape(9, 2, 6), strict=True):
        for axis in (0, 1):
            added[axis] += term * (rows[axis] @ [1, x, y, x * x, x * y, y * y])
    return place + added


@pytest.mark.parametrize("head_deg", [(10, 0, 0), (0, 8, 0), (0, 0, 6), (-8, 5, 3)])
def test_what_is_seen_of_hair_comes_back_to_its_place(made: dict[str, np.ndarray], head_deg) -> None:
    points = ball()
    front = points[(points[:, 2] > 4) & (points[:, 1] > 5)]
    rest, now = (2 * CAMERA.project(p) / 512 - 1 for p in (front, pose_head(front, head_deg)))
    back = np.array([carried(place, np.array(head_deg, float), made["hair_motion"]) for place in now])
    still = np.linalg.norm(now - rest, axis=1).mean() * 256
    assert np.linalg.norm(back - rest, axis=1).mean() * 256 < 0.25 * still


def test_the_outline_moves_less_than_what_is_inside(made: dict[str, np.ndarray]) -> None:
    """A ball that turns about itself looks the same; this one turns about its neck as well."""
    turned = np.array([15.0, 0, 0])
    inside, outline = (carried(np.zeros(2), turned, made[k]) for k in ("hair_motion", "matte_motion"))
    assert abs(outline[0]) < 0.5 * abs(inside[0])


def test_the_matte_covers_the_head_and_not_the_wall(made: dict[str, np.ndarray]) -> None:
    matte = made["hair_matte"]
    x, y = CAMERA.project(np.array([0.0, 5, 8])).astype(int)
    assert matte.shape == (512, 512) and matte[y, x] == 255 and not matte[:, :20].any()


def test_hair_is_shown_where_no_skin_is_before_it(figure: Figure) -> None:
    shown = hair_motion(figure)["hair_shown"]
    nose = CAMERA.project(figure.vertices[[LANDMARK_VERTICES[30]]])[0].astype(int)
    assert shown.shape == (512, 512) and shown.dtype == np.uint8
    assert not shown[nose[1] - 4 : nose[1] + 4, nose[0] - 4 : nose[0] + 4].any() and not shown[:, :10].any()


def test_hair_of_the_figure_gives_finite_motions(figure: Figure) -> None:
    made = hair_motion(figure)
    assert all(np.isfinite(value).all() for value in made.values())
    assert made["hair_motion"].shape == made["matte_motion"].shape == (9, 12)
