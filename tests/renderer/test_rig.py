from dataclasses import replace
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avatar_engine.names import ARKIT_NAMES
from renderer.rig import Rig, features, lid_columns, load_rig
from renderer.training.rig import errors, save
from tests.renderer.conftest import made_labels


def test_rig_follows_points_it_has_not_seen(rig: Rig) -> None:
    controls, points, group = made_labels(200, seed=9)
    assert errors(rig, controls, points, group)["p95_px"] < 0.1


def test_rig_of_neutral_controls_is_the_neutral_face(rig: Rig) -> None:
    still = rig.points(np.zeros(52, np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32))
    assert abs(rig.group(still, "iris_left")[0] - [302, 215]).max() < 0.2


def test_saved_rig_gives_the_same_points(rig: Rig, tmp_path) -> None:
    save(rig, tmp_path / "rig.safetensors")
    again = load_rig(tmp_path / "rig.safetensors")
    weights = np.full(52, 0.3, np.float32)
    head, gaze = np.array([0.1, -0.05, 0.02], np.float32), np.array([0.05, 0.1], np.float32)
    assert np.array_equal(rig.points(weights, head, gaze), again.points(weights, head, gaze))
    assert again.spans == rig.spans
    assert rig.folds is not None and again.folds is not None
    assert np.array_equal(rig.folds.opening(weights), again.folds.opening(weights))


def test_a_rig_whose_skin_never_folds_is_saved_too(rig: Rig, tmp_path: Path) -> None:
    save(replace(rig, folds=None), tmp_path / "rig.safetensors")
    assert load_rig(tmp_path / "rig.safetensors").folds is None


@given(hnp.arrays(np.float32, 52, elements=st.floats(0, 1, width=32)))
def test_skin_folds_as_far_as_its_muscles_pull(rig: Rig, weights: np.ndarray) -> None:
    folds = rig.folds
    assert folds is not None
    plain = sum(
        min(float(share @ weights), folds.largest) ** folds.onset * mask / 255
        for share, mask in zip(folds.shares, folds.masks, strict=True)
    )
    np.testing.assert_allclose(folds.opening(weights), plain, atol=1e-4)


def plain_features(w: np.ndarray, h: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The polynomial's terms, written out by kind."""
    pairs = lambda x: [x[:, i] * x[:, j] for i, j in combinations_with_replacement(range(x.shape[1]), 2)]  # noqa: E731
    outer = lambda a, b: [p * q for p in a for q in b]  # noqa: E731
    ws, hs, gs, h2, one = list(w.T), list(h.T), list(g.T), pairs(h), [np.ones(len(w))]
    h3 = [hs[i] * hs[j] * hs[k] for i, j, k in combinations_with_replacement(range(3), 3)]
    terms = [*one, *ws, *hs, *h2, *h3, *outer(ws, hs), *outer(ws, h2)]
    for side in lid_columns(ARKIT_NAMES):
        blink = w[:, side[0]]
        terms += [*pairs(w[:, list(side)]), blink**3, *outer([blink], gs), *outer([blink**2], gs)]
        terms += [blink * gs[1] ** 2, *outer([blink], hs), *outer([blink**2], hs)]
    terms += [*pairs(g), *(g**3).T, *outer(gs, hs), *outer(gs, h2), *outer((g**2).T, hs)]
    return np.stack(terms, 1)


def test_features_are_the_polynomial_that_the_rig_was_fitted_to(rig: Rig) -> None:
    random = np.random.default_rng(1)
    controls = random.random((5, 52)), random.normal(size=(5, 3)), random.normal(size=(5, 2))
    found = features(*controls, lid_columns(ARKIT_NAMES))
    assert found.shape[1] == len(rig.coefficients)
    assert np.allclose(found, plain_features(*controls), rtol=1e-12)


def test_points_are_the_features_times_the_coefficients(rig: Rig) -> None:
    random = np.random.default_rng(2)
    weights, head, gaze = (random.uniform(-0.3, 0.8, k).astype(np.float32) for k in (52, 3, 2))
    plain = plain_features(weights[None], head[None], gaze[None])[0] @ rig.coefficients.astype(np.float64)
    assert abs(rig.points(weights, head, gaze).ravel() - (plain + rig.mean)).max() < 1e-3
