import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.elimination import BLOCK, product, solve_symmetric
from renderer.geometry import (
    BOX_SIZE,
    BOX_START,
    CELLS,
    GRID,
    MASKS,
    SIZE,
    AffineFits,
    Geometry,
    Spline,
    delaunay,
    layer_box,
    signed_areas,
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


def radial(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The plate's r^2 log r between points, plainly."""
    squared = np.square(a[:, None] - b[None]).sum(2)
    return squared * np.log(np.maximum(squared, 1e-9)) / 2


def hidden(spline: Spline, points: np.ndarray) -> np.ndarray:
    """How much each point's triangles are flipped or squeezed, one point at a time."""
    triangles, rest, _ = spline.triangles
    ratio = np.clip(signed_areas(points, triangles) / rest, -1, 1.5)
    mean = np.ones(len(points))
    for i in range(len(points)):
        mine = (triangles == i).any(1)
        if mine.any():
            mean[i] = np.average(ratio[mine], weights=abs(rest[mine]))
    return 1 / (1 + np.exp((mean - 0.25) / 0.06))


def plain_warp(spline: Spline, points: np.ndarray) -> np.ndarray:
    """Spline.warp in double precision, from the textbook."""
    source, n = points.astype(np.float64) / SIZE, len(points)
    plane = np.column_stack([np.ones(n), source])
    bent = radial(source, source) + np.diag(1e-5 + spline.soft * hidden(spline, points))
    system = np.block([[bent, plane], [plane.T, np.zeros((3, 3))]])
    found = np.linalg.solve(system, np.concatenate([spline.neutral / SIZE, np.zeros((3, 2))]))
    line = spline.line.astype(np.float64)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    field = np.column_stack([radial(grid, source), np.ones(len(grid)), grid]) @ found
    return cv2.resize(field.reshape(GRID, GRID, 2), (CELLS, CELLS))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_the_fast_warp_is_the_plain_one(geometry: Geometry, seed: int) -> None:
    random = np.random.default_rng(seed)
    weights = (random.random(52) * (random.random(52) < 0.3)).astype(np.float32)
    head, gaze = (random.uniform(-0.3, 0.3, k).astype(np.float32) for k in (3, 2))
    points = geometry.outlines(weights, head, gaze).control
    points[68:80] -= np.float32([random.uniform(0, 120), 0])  # folds part of the face over itself
    difference = abs(geometry.spline.warp(points) - plain_warp(geometry.spline, points)).max() * SIZE
    assert difference < 0.05  # pixels; float32 rounds, the plain one does not


def test_the_fast_radial_terms_are_the_plain_ones() -> None:
    points = np.random.default_rng(4).uniform(0.2, 0.8, (30, 2))
    spline = Spline((points * SIZE).astype(np.float32), np.zeros(30, np.float32))
    grid = np.stack(np.meshgrid(spline.line, spline.line), -1).reshape(-1, 2)
    assert (
        abs(spline._twice_radial_of_grid(points.astype(np.float32)) / 2 - radial(grid, points)).max() < 1e-6
    )
    assert abs(spline._twice_radial_of_points(points) / 2 - radial(points, points)).max() < 1e-7


@pytest.mark.parametrize("size", [5, 24, 25, 96, 164, 230])
def test_block_elimination_solves(size: int) -> None:
    random = np.random.default_rng(size)
    half, right = random.normal(size=(size, size)), random.normal(size=(size, 2))
    system = half @ half.T + np.eye(size)
    table = np.hstack([system, right])
    block = np.arange(size) // BLOCK
    table[:, :size][block[:, None] > block] = np.nan  # left of the diagonal blocks: never read
    found = solve_symmetric(table, np.full_like(table, np.nan))
    assert np.allclose(found, np.linalg.solve(system, right), atol=1e-9)


@pytest.mark.parametrize("shape", [(3, 4, 5), (161, 4, 161), (40, 300, 90)])
def test_a_product_in_pieces_is_the_product(shape: tuple[int, int, int]) -> None:
    n, k, m = shape
    random = np.random.default_rng(m)
    a, b, out = random.normal(size=(n, k)), random.normal(size=(k, m)), np.full((n, m), np.nan)
    product(a, b, out)
    assert np.allclose(out, a @ b)


def test_moving_the_whole_face_moves_the_warp_with_it(geometry: Geometry) -> None:
    points = geometry.neutral + np.float32([10, -6])
    warp = geometry.guides_of(points, np.zeros(52, np.float32)).warp
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
    random = np.random.default_rng(1)
    rest = [random.uniform(200, 300, (k, 2)).astype(np.float32) for k in (9, 22)]
    boxes = [layer_box(rest[0], "iris_left"), layer_box(rest[1], "teeth_upper")]
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (np.concatenate(rest) @ turn.T + [x, y]).astype(np.float32)
    parts = [np.arange(9), np.arange(9, 31)]
    for matrix, part, box in zip(AffineFits(parts, boxes).fit(moved), parts, boxes, strict=True):
        back = np.concatenate([moved[part], np.ones((len(part), 1), np.float32)], 1) @ matrix.T
        assert abs(back - box.neutral).max() < 2e-3


def test_affine_fits_are_those_of_a_general_solver(geometry: Geometry) -> None:
    random = np.random.default_rng(3)
    points = geometry.neutral + random.normal(0, 2, geometry.neutral.shape).astype(np.float32)
    irises = {"iris_left": 2, "iris_right": 3}
    for name, layer in irises.items():
        mine = geometry.rig.group(points, name).astype(np.float64)
        target = layer_box(geometry.rig.group(geometry.neutral, name), name).neutral
        plain = np.linalg.lstsq(np.column_stack([mine, np.ones(len(mine))]), target, rcond=None)[0].T
        fitted = geometry.outlines_of(points, np.zeros(52, np.float32)).affines[layer]
        assert np.allclose(fitted, plain, atol=1e-5)


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
