from __future__ import annotations

import collections
import dataclasses

import numpy as np
import pytest

from renderer.synthesis.eyes import IRIS_RADIUS, iris_patch, paint_eyes, sclera_patch
from renderer.synthesis.garment import COLLAR_POINTS, COLLAR_PROFILE, Garment, Neckline, cut_shirt
from renderer.synthesis.pose import CORNEA_BULGE
from renderer.synthesis.recipe import Recipe
from tests.renderer.synthesis.made_head import made_body


def test_the_eyeball_is_a_sphere_with_a_cornea_on_it() -> None:
    patch = sclera_patch(1.2)
    distance = np.linalg.norm(patch.points, axis=1)
    assert distance.min() == pytest.approx(1.2) and distance.max() == pytest.approx(1.2 + CORNEA_BULGE)
    assert len(patch.uv) == 4 * len(patch.faces)
    assert patch.uv.min() >= 0 and patch.uv.max() <= 1


def test_the_iris_lies_behind_the_cornea_and_fills_its_texture() -> None:
    patch = iris_patch(1.2)
    seen = np.hypot(*patch.points[:, :2].T) <= IRIS_RADIUS
    assert np.linalg.norm(patch.points[seen], axis=1).max() < 1.2
    assert np.hypot(*patch.points[:, :2].T).max() == pytest.approx(1.08 * IRIS_RADIUS)
    assert np.hypot(*(patch.uv - 0.5).T).max() == pytest.approx(0.4975)


def test_eye_textures_have_a_black_pupil_and_a_clear_cornea(recipe: Recipe) -> None:
    textures = paint_eyes(recipe.eyes, 5)
    assert textures.iris[250:262, 250:262].max() == 0
    assert textures.iris[256, 400].max() > 40
    assert textures.sclera[256, 256, 3] == 0 and textures.sclera[20, 256, 3] == 255
    np.testing.assert_array_equal(textures.iris, paint_eyes(recipe.eyes, 5).iris)
    wide = paint_eyes(dataclasses.replace(recipe.eyes, pupil=0.6), 5)
    assert (wide.iris.max(2) == 0).sum() > 2 * (textures.iris.max(2) == 0).sum()


@pytest.fixture(scope="module")
def shirt() -> Garment:
    return cut_shirt(*made_body(), Neckline())


def test_the_neckline_is_lowest_in_front_and_highest_behind() -> None:
    line = Neckline(front=-15, side=-12, back=-10, centre_z=-1)
    height = -line.above(np.array([[0, 0, 5], [5, 0, -1], [-5, 0, -1], [0, 0, -7.0]]))
    np.testing.assert_allclose(height, [-15, -12, -12, -10], atol=1e-6)


def test_the_shirt_ends_at_the_neckline_with_a_collar_around_it(shirt: Garment) -> None:
    collar = shirt.vertices[-COLLAR_POINTS * len(COLLAR_PROFILE) :]
    cloth = shirt.vertices[: -len(collar)]
    assert Neckline().above(cloth).max() < 1.0
    assert cloth[:, 1].min() < -45
    around = np.hypot(collar[:, 0], collar[:, 2] + 1.5)
    assert around.min() > 5 and around.max() < 13
    assert Neckline().above(collar).max() < 2.5


def test_the_shirt_is_one_clean_mesh(shirt: Garment) -> None:
    used = {v for polygon in shirt.polygons for v in polygon}
    assert used == set(range(len(shirt.vertices)))
    assert all(len(set(polygon)) == len(polygon) in (3, 4) for polygon in shirt.polygons)
    edges = collections.Counter(
        tuple(sorted(e)) for p in shirt.polygons for e in zip(p, p[1:] + p[:1], strict=True)
    )
    assert set(edges.values()) <= {1, 2}, "no edge has three polygons"
    assert np.isfinite(shirt.vertices).all()


def test_cloth_stands_off_the_body(shirt: Garment) -> None:
    """At chest height the made body is a cylinder of radius 17 * 0.985."""
    chest = shirt.vertices[(shirt.vertices[:, 1] < -30) & (shirt.vertices[:, 1] > -40)]
    radius = np.hypot(chest[:, 0], chest[:, 2] + 5.7 * 0.985 - 4.2)
    assert radius.min() > 17 * 0.985 + 0.3, "smoothing takes back less than half a centimetre"
