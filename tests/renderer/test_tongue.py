"""The tongue in the picture: where its points go, and the mask that the generator is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.assembly import find_avatar
from avatar_engine.names import ARKIT_INDEX
from renderer.geometry import MASKS, Geometry
from renderer.rig import Rig, load_rig
from renderer.tongue import TongueMap
from renderer.training.rig import read_tongue, save
from tests.renderer.conftest import made_tongue

REST = np.array([[256.0, 326], [246, 324], [266, 324], [240, 320], [272, 320], [256, 318]], np.float32)
WAY = np.array([[256.0, 320], [256, 325], [256, 340]], np.float32)
AHEAD = np.zeros(3, np.float32), np.zeros(2, np.float32)


def mask(geometry: Geometry, weight: float, jaw: float = 0.6) -> np.ndarray:
    weights = np.zeros(52, np.float32)
    weights[ARKIT_INDEX["tongueOut"]], weights[ARKIT_INDEX["jawOpen"]] = weight, jaw
    return geometry.guides(weights, *AHEAD).masks[MASKS.index("tongue")]


@pytest.mark.parametrize(("weight", "tip"), [(0.0, REST[0]), (0.4, WAY[0]), (0.6, WAY[1]), (1.0, WAY[2])])
def test_the_tip_is_where_its_way_goes(weight: float, tip: np.ndarray) -> None:
    moved = made_tongue().moved(weight, REST, WAY)
    np.testing.assert_allclose(moved[0], tip, atol=1e-4)
    np.testing.assert_allclose(moved[5] - REST[5], 0.6 * (tip - REST[0]), atol=1e-4)


def test_closed_teeth_hold_it_back() -> None:
    tongue = made_tongue()
    assert [tongue.limited(1.0, gap) for gap in (-3.0, 0.0, 5.0, 10.0, 30.0)] == pytest.approx(
        [0.4, 0.4, 0.7, 1, 1]
    )
    assert tongue.limited(0.3, -3.0) == 0.3


@given(weight=st.floats(0, 1), gap=st.floats(-20, 60))
def test_it_moves_without_jumps(weight: float, gap: float) -> None:
    tongue = made_tongue()
    limited = [tongue.limited(w, gap) for w in (weight, min(1.0, weight + 1e-3))]
    here, near = (tongue.seen(w, tongue.moved(w, REST, WAY)) for w in limited)
    assert np.isfinite(here).all() and np.abs(here - near).max() < 0.3


def test_a_resting_tongue_has_no_mask_and_a_moving_one_grows_into_it(rig: Rig) -> None:
    geometry = Geometry(rig)
    assert not mask(geometry, 0.0).any()
    sums = [int(mask(geometry, weight).sum()) for weight in (0.01, 0.05, 0.3)]
    assert 0 < sums[0] < sums[1] < sums[2]


def test_the_mask_does_not_jump(rig: Rig) -> None:
    geometry = Geometry(rig)
    masks = np.stack([mask(geometry, weight) for weight in np.arange(0, 1.001, 0.01)]).astype(int)
    changes = np.abs(np.diff(masks, axis=0)).sum((1, 2)) / 255
    assert changes.max() < 8, "cells"


def test_closed_lips_hide_it() -> None:
    ava = Geometry(load_rig(find_avatar("ava").folder / "rig.safetensors"))
    assert mask(ava, 1.0, jaw=0.0).sum() < 0.05 * mask(ava, 1.0, jaw=0.4).sum()


def test_a_tongue_that_is_out_lies_before_the_lower_lip(rig: Rig) -> None:
    geometry = Geometry(rig)
    lowest = [np.flatnonzero(mask(geometry, weight).any(1)).max() for weight in (0.4, 1.0)]
    assert lowest[1] > lowest[0]
    assert mask(geometry, 1.0).max() > 200


def test_it_is_saved_with_the_rig(rig: Rig, tmp_path: Path) -> None:
    save(rig, tmp_path / "rig.safetensors")
    loaded = load_rig(tmp_path / "rig.safetensors").tongue
    assert loaded is not None and rig.tongue is not None
    assert tuple(loaded.steps) == rig.tongue.steps and loaded.wide_px == rig.tongue.wide_px
    np.testing.assert_array_equal(loaded.share, rig.tongue.share)


def test_labels_name_it_or_it_lies_still() -> None:
    labels = {"tongue_share": np.ones(3, np.float32), "tongue_steps": np.array([0, 0.4, 0.6, 1], np.float32),
              "tongue_wide_px": np.float32(9.5)}  # fmt: skip
    assert read_tongue({}) is None
    found = read_tongue(labels)
    assert isinstance(found, TongueMap) and found.steps == (0.0, 0.4, 0.6, 1.0) and found.wide_px == 9.5
