"""Folds of the skin on a made forehead: a flat sheet of texels."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderer.synthesis.assets import Workshop
from renderer.synthesis.controls import EMOTIONS
from renderer.synthesis.figure import Figure
from renderer.synthesis.fold_map import fold_map
from renderer.synthesis.names import ARKIT_NAMES
from renderer.synthesis.recipe import Recipe
from renderer.synthesis.wrinkles import FOLDS, LARGEST_AMOUNT, Wrinkles, fold_amounts, paint_wrinkles
from renderer.training.rig import read_folds

SIZE = 256


@pytest.fixture(scope="module")
def sheet() -> np.ndarray:
    """Points [256, 256, 3] of a sheet in front of the face, 20 cm a side: x to the right, y up."""
    y, x = np.mgrid[10 : -10 : SIZE * 1j, -10 : 10 : SIZE * 1j]
    return np.stack([x, y, np.full_like(x, 9.0)], -1)


@pytest.fixture(scope="module")
def wrinkles(sheet: np.ndarray) -> Wrinkles:
    return paint_wrinkles(sheet, np.random.default_rng(0))


def test_a_face_at_rest_has_no_folds(wrinkles: Wrinkles) -> None:
    assert not fold_amounts({}).any()
    assert not wrinkles.height(fold_amounts({})).any()


def test_folds_are_grooves_of_their_depth_where_their_muscle_is(
    wrinkles: Wrinkles, sheet: np.ndarray
) -> None:
    frown = wrinkles.height(fold_amounts({"browDownLeft": 1.0}))
    row, column = np.unravel_index(frown.argmin(), frown.shape)
    x, y, _ = sheet[row, column]
    assert 0.3 < x < 1.3 and 4.3 < y < 6.6, "between the brows, on the left"
    assert -2.2 < frown.min() < -0.6 and 0 < frown.max() < 0.6
    assert not frown[sheet[..., 0] < -1.5].any()


def test_left_is_the_mirror_of_right(wrinkles: Wrinkles) -> None:
    both = [wrinkles.height(fold_amounts({f"mouthSmile{side}": 1.0})) for side in ("Left", "Right")]
    overlap = (both[0] < -0.2) & (both[1][:, ::-1] < -0.2)
    assert overlap.sum() > 0.5 * (both[0] < -0.2).sum(), "but for skin's own unevenness"


def test_what_crosses_the_middle_is_one_fold(wrinkles: Wrinkles, sheet: np.ndarray) -> None:
    raised = wrinkles.height(fold_amounts({"browInnerUp": 1.0}))
    middle = np.abs(sheet[0, :, 0]).argmin()
    across = raised[:, middle - 12 : middle + 12].min(0)
    assert (across < -0.25).all() and np.ptp(across) < 0.5


@pytest.mark.parametrize("emotion", [name for name in EMOTIONS if name != "neutral"])
def test_every_emotion_folds_the_skin_and_finite(wrinkles: Wrinkles, emotion: str) -> None:
    height = wrinkles.height(fold_amounts(EMOTIONS[emotion]))
    assert height.dtype == np.float32 and np.isfinite(height).all()
    assert height.min() < -0.1


@given(st.dictionaries(st.sampled_from(ARKIT_NAMES), st.floats(0, 1)))
def test_amounts_are_bounded_and_grow_with_the_weights(weights: dict[str, float]) -> None:
    amounts = fold_amounts(weights)
    assert amounts.shape == (2 * len(FOLDS),)
    assert (amounts >= 0).all() and (amounts <= LARGEST_AMOUNT**2).all()
    more = fold_amounts({name: min(1.0, value + 0.1) for name, value in weights.items()})
    assert (more >= amounts).all()


def test_every_share_belongs_to_a_weight() -> None:
    for fold in FOLDS:
        for name in fold.driven_by:
            assert name in ARKIT_NAMES or name + "Left" in ARKIT_NAMES


def test_the_workshop_paints_them_and_the_figure_says_how_deep(workshop: Workshop, figure: Figure) -> None:
    painted = workshop.wrinkles()
    assert painted is not None and painted.size == 48
    posed = figure.pose({"browInnerUp": 1.0}, (0, 0, 0), (0, 0))
    assert posed.fold_amounts.max() == 1


def test_the_map_of_folds_says_where_they_lie_and_what_opens_them(workshop: Workshop) -> None:
    made = fold_map(workshop)
    folds = read_folds(made)
    assert folds is not None and folds.masks.shape == (2 * len(FOLDS), 128, 128)
    weights = dict.fromkeys(ARKIT_NAMES, 0.0) | {"browInnerUp": 0.8, "mouthSmileLeft": 0.5}
    amounts = folds.amounts(np.array(list(weights.values()), np.float32))
    np.testing.assert_allclose(amounts, fold_amounts(weights), atol=1e-5)


def test_a_skin_that_does_not_fold_has_no_map(head_folder: Path, recipe: Recipe, tmp_path: Path) -> None:
    smooth = dataclasses.replace(recipe, skin=dataclasses.replace(recipe.skin, wrinkles=0.0))
    assert read_folds(fold_map(Workshop(smooth, head_folder, tmp_path, texture_sizes=(48, 32)))) is None
