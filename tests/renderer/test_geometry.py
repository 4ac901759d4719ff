import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.geometry import (
    BOX_SIZE,
    BOX_START,
    CELLS,
    MASKS,
    SIZE,
    Geometry,
    Spline,
    delaunay,
    fit_affine,
    layer_box,
    radial,
    signed_areas,
    solve,
    square_distances,
)  # fmt: skip
from renderer.rig import Rig

STILL = np.zeros(3, np.float32), np.zeros(2, np.float32)


@pytest.fixture(scope="module")
def geometry(rig: Rig) -> Geometry:
    return Geometry(rig)


def cells() -> np.ndarray:
    v = (BOX_START + 4 * np.arange(CELLS) + 2) / SIZE
    return np.stack(np.meshgrid(v, v), -1)


def test_the_neutral_face_is_not_warped(geometry: Geometry) -> None:
    warp = geometry.guides(np.zeros(52, np.float32), *STILL).warp
    assert abs(warp - cells())[2:-2, 2:-2].max() * SIZE < 0.05


def test_the_spline_takes_each_point_back_to_its_neutral_place() -> None:
    random = np.random.default_rng(0)
    neutral = (BOX_START + BOX_SIZE * (0.2 + 0.6 * random.random((40, 2)))).astype(np.float32)
    bend = np.stack([4 * np.sin(neutral[:, 1] / 40), 4 * np.cos(neutral[:, 0] / 50)], 1)
    moved = neutral + bend.astype(np.float32)
    spline = Spline(neutral, np.zeros(len(neutral), np.float32))
    warp = spline.warp(moved)
    column, row = ((moved - BOX_START) / 4 - 0.5).round().astype(int).T
    expected = neutral + (np.stack([column, row], 1) + 0.5) * 4 + BOX_START - moved
    assert abs(warp[row, column] * SIZE - expected).max() < 0.3  # the grid is 8 pixels wide


def test_the_fast_radial_terms_are_the_plain_ones() -> None:
    points = np.random.default_rng(4).uniform(0.2, 0.8, (30, 2)).astype(np.float32)
    spline = Spline(points * SIZE, np.zeros(30, np.float32))
    plain = radial(square_distances(spline._grid, points))
    assert abs(spline._twice_radial_of_grid(points) / 2 - plain).max() < 1e-6


@pytest.mark.parametrize("size", [5, 96, 97, 164, 230])
def test_elimination_of_halves_solves(size: int) -> None:
    random = np.random.default_rng(size)
    system, right = random.normal(size=(size, size)) + 4 * np.eye(size), random.normal(size=(size, 2))
    assert np.allclose(solve(system, right), np.linalg.solve(system, right), atol=1e-9)


def test_moving_the_whole_face_moves_the_warp_with_it(geometry: Geometry) -> None:
    points = geometry.neutral + np.float32([10, -6])
    warp = geometry.guides_of(points).warp
    shifted = cells() - np.array([10, -6]) / SIZE
    assert abs(warp - shifted)[4:-4, 4:-4].max() * SIZE < 0.1


def test_masks_lie_where_the_parts_are(geometry: Geometry) -> None:
    masks = geometry.guides(np.zeros(52, np.float32), *STILL).masks
    assert masks.shape == (len(MASKS), CELLS, CELLS) and masks.dtype == np.uint8
    at = lambda x, y: (round((y - BOX_START) / 4), round((x - BOX_START) / 4))  # noqa: E731
    assert masks[MASKS.index("mouth")][at(256, 320)] > 200
    assert masks[MASKS.index("irises")][at(302, 215)] > 200
    assert masks[MASKS.index("mouth")][at(256, 215)] == 0


def test_what_lies_behind_an_opening_shows_through_nothing_else(geometry: Geometry) -> None:
    guides = geometry.guides(np.zeros(52, np.float32), *STILL)
    masks = dict(zip(MASKS, guides.masks, strict=True))
    assert not (masks["irises"] > masks["eyes"]).any()
    assert not (masks["upper teeth"] > masks["mouth"]).any()
    mouth, eyes = guides.openings
    assert mouth[320 - BOX_START, 256 - BOX_START] == 255 and eyes[320 - BOX_START, 256 - BOX_START] == 0


@given(st.floats(-0.3, 0.3), st.floats(0.7, 1.4), st.floats(-40, 40), st.floats(-40, 40))
@settings(max_examples=40, deadline=None)
def test_an_affine_motion_of_a_rigid_part_is_found_exactly(
    angle: float, scale: float, x: float, y: float
) -> None:
    rest = np.random.default_rng(1).uniform(200, 300, (9, 2)).astype(np.float32)
    box = layer_box(rest, "iris_left")
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (rest @ turn.T + [x, y]).astype(np.float32)
    matrix = fit_affine(moved, box)
    back = np.concatenate([moved, np.ones((9, 1), np.float32)], 1) @ matrix.T
    assert abs(back - box.neutral).max() < 2e-3


def test_delaunay_triangles_cover_the_hull_without_overlap() -> None:
    points = np.random.default_rng(2).uniform(100, 400, (60, 2)).astype(np.float32)
    area = abs(signed_areas(points, delaunay(points))).sum() / 2
    hull = cv2.contourArea(cv2.convexHull(points))
    assert abs(area - hull) / hull < 0.02


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_any_controls_give_finite_guides(geometry: Geometry, seed: int) -> None:
    random = np.random.default_rng(seed)
    guides = geometry.guides(
        random.random(52).astype(np.float32), random.uniform(-0.5, 0.5, 3).astype(np.float32),
        random.uniform(-0.5, 0.5, 2).astype(np.float32),
    )  # fmt: skip
    assert np.isfinite(guides.warp).all() and np.isfinite(guides.affines).all()
