from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from renderer.synthesis.face_model import FaceModel
from renderer.synthesis.recipe import SKIN_TONES, Recipe
from renderer.synthesis.skin import (
    SkinMaps,
    gaussian_blob,
    linear_to_srgb,
    paint_skin,
    srgb_to_linear,
    value_noise,
)
from renderer.synthesis.texels import TexelPositions, bake_texels, rasterise_tile


def bald(points: np.ndarray) -> np.ndarray:
    return np.zeros(points.reshape(-1, 3).shape[0], np.float32)


@pytest.fixture(scope="module")
def texels(model: FaceModel) -> TexelPositions:
    return bake_texels(model, 64, 32)


@pytest.fixture(scope="module")
def plain(recipe: Recipe, model: FaceModel, texels: TexelPositions) -> dict[str, SkinMaps]:
    return paint_skin(recipe, model, texels, bald)


def painted_with(recipe: Recipe, model: FaceModel, texels: TexelPositions, **skin: object) -> SkinMaps:
    changed = dataclasses.replace(recipe, skin=dataclasses.replace(recipe.skin, **skin))
    return paint_skin(changed, model, texels, bald)["face"]


def test_texels_lie_on_their_polygon(model: FaceModel) -> None:
    """A square of two tiles: texel positions are linear in u and v, and the other tile is left alone."""
    corners = np.zeros((len(model.vertices), 3), np.float32)
    corners[:4] = [[0, 0, 0], [8, 0, 0], [8, 8, 4], [0, 8, 4]]
    coordinates = np.zeros((4, 2), np.float32)
    coordinates[:] = [[1, 0], [2, 0], [2, 1], [1, 1]]
    square = dataclasses.replace(
        model,
        vertices=corners,
        faces=np.array([[0, 1, 2, 3]]),
        texture_faces=np.array([[0, 1, 2, 3]]),
        texture_coordinates=coordinates,
    )
    positions = rasterise_tile(square, np.array([0]), tile=1, size=16)
    centre = (np.arange(16) + 0.5) / 16
    np.testing.assert_allclose(positions[:, :, 0], np.tile(8 * centre, (16, 1)), atol=1e-5)
    np.testing.assert_allclose(positions[:, :, 1], np.tile(8 * centre[::-1, None], (1, 16)), atol=1e-5)
    np.testing.assert_allclose(positions[:, :, 2], positions[:, :, 1] / 2, atol=1e-5)
    np.testing.assert_array_equal(rasterise_tile(square, np.array([0]), tile=5, size=8), 0)


def test_texels_outside_the_mesh_take_their_neighbours(texels: TexelPositions) -> None:
    assert texels.face.shape == (64, 64, 3) and texels.back.shape == (32, 32, 3)
    np.testing.assert_array_equal(texels.face[0, 30:34], texels.face[1, 30:34])


def test_painting_is_a_function_of_the_recipe(
    recipe: Recipe, model: FaceModel, texels: TexelPositions, plain: dict[str, SkinMaps]
) -> None:
    again = paint_skin(recipe, model, texels, bald)
    for tile in ("face", "back"):
        np.testing.assert_array_equal(again[tile].albedo, plain[tile].albedo)
        np.testing.assert_array_equal(again[tile].height, plain[tile].height)
    other = paint_skin(dataclasses.replace(recipe, seed=recipe.seed + 1), model, texels, bald)
    assert not np.array_equal(other["face"].albedo, plain["face"].albedo)


def test_maps_are_in_range_and_look_like_the_tone(plain: dict[str, SkinMaps], recipe: Recipe) -> None:
    for maps in plain.values():
        assert maps.albedo.min() >= 0 and maps.albedo.max() <= 1
        assert maps.roughness.min() > 0 and maps.roughness.max() < 1
    tone = SKIN_TONES[recipe.skin.tone]
    np.testing.assert_allclose(np.median(plain["back"].albedo, (0, 1)), tone, atol=0.08)


def test_lips_are_redder_than_the_cheek_and_only_there(
    recipe: Recipe, model: FaceModel, texels: TexelPositions, plain: dict[str, SkinMaps]
) -> None:
    bare = painted_with(recipe, model, texels, lip_opacity=0.0)
    changed = np.abs(bare.albedo - plain["face"].albedo).max(2) > 0.02
    places = texels.face[changed].astype(float)
    assert len(places) > 3
    assert (np.abs(places[:, 0]) < 3).all() and (np.abs(places[:, 1] + 3.9) < 1.5).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [("freckles", 1.0), ("stubble", 0.8), ("age", 1.0), ("makeup", 0.9), ("blush", 1.0), ("moles", 40)],
)
def test_every_option_changes_the_picture(
    recipe: Recipe,
    model: FaceModel,
    texels: TexelPositions,
    plain: dict[str, SkinMaps],
    field: str,
    value: float,
) -> None:
    maps = painted_with(recipe, model, texels, **{field: value})
    both = np.concatenate([maps.albedo, maps.height[..., None]], 2)
    before = np.concatenate([plain["face"].albedo, plain["face"].height[..., None]], 2)
    assert np.abs(both - before).max() > 0.01
    assert np.isfinite(both).all()


def test_hair_tints_the_scalp_where_it_grows(
    recipe: Recipe, model: FaceModel, texels: TexelPositions, plain: dict[str, SkinMaps]
) -> None:
    def crown(points: np.ndarray) -> np.ndarray:
        return (points.reshape(-1, 3)[:, 1] > 6).astype(np.float32)

    back = paint_skin(recipe, model, texels, crown)["back"]
    above = texels.back[..., 1].astype(np.float32) > 6
    assert back.albedo[above].mean() < 0.7 * plain["back"].albedo[above].mean()
    np.testing.assert_array_equal(back.albedo[~above], plain["back"].albedo[~above])


def test_noise_has_unit_size_and_repeats_with_its_seed() -> None:
    points = np.random.default_rng(0).uniform(-5, 5, (40, 40, 3)).astype(np.float32)
    first = value_noise(points, 0.5, np.random.default_rng(3))
    assert first.std() == pytest.approx(1, abs=1e-3)
    np.testing.assert_array_equal(first, value_noise(points, 0.5, np.random.default_rng(3)))


def test_a_blob_is_one_at_its_centre_and_falls_by_e_at_a_radius() -> None:
    points = np.array([[1, 2, 3], [3, 2, 3]], np.float32)
    np.testing.assert_allclose(gaussian_blob(points, (1, 2, 3), (2, 1, 1)), [1, np.exp(-1)], rtol=1e-6)


def test_color_spaces_are_inverse() -> None:
    values = np.linspace(0, 1, 101)
    np.testing.assert_allclose(srgb_to_linear(linear_to_srgb(values)), values, atol=2e-4)
