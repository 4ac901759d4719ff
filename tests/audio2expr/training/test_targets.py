"""Lips follow phones: shut where they must be, open where they must be, still where nobody speaks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio2expr.training import shapes, targets
from audio2expr.training.phones import BILABIAL, PHONES, SILENCE, Phone
from audio2expr.training.targets import LipModel, make_targets

from .made_data import make_face_model, make_grid

LIPS = LipModel.load()
SHAPES = LIPS.shapes()


def in_time(names: list[str], length_s: float) -> list[Phone]:
    return [Phone(i * length_s, (i + 1) * length_s, name) for i, name in enumerate(names)]


def test_every_phone_has_a_shape_with_its_own_gap() -> None:
    gap = dict(zip(PHONES, shapes.aperture(SHAPES), strict=True))
    assert all(gap[p] < 0 for p in BILABIAL)
    assert gap["aa"] > 3 * gap["uw"] and gap["ae"] > 0.1
    assert 0 < gap["f"] < 0.03
    assert (SHAPES >= 0).all() and (SHAPES <= 1).all()
    jaw, close = shapes.CHANNELS.index("jawOpen"), shapes.CHANNELS.index("mouthClose")
    assert (SHAPES[:, close] <= SHAPES[:, jaw] + 0.05).all()


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.sampled_from([p for p in PHONES if p != SILENCE]), min_size=3, max_size=20),
    length_s=st.floats(0.03, 0.25),
)
def test_bilabials_shut_and_vowels_do_not(names: list[str], length_s: float) -> None:
    phones = in_time(names, length_s)
    n_frames = int(np.ceil(len(names) * length_s / 0.04))
    made = make_targets(phones, n_frames, LIPS, SHAPES)
    gap = shapes.aperture(made.weights)
    for phone in phones:
        frames = np.arange(
            int(phone.start_s / 0.04 + 1e-6), min(int(np.ceil(phone.end_s / 0.04 - 1e-6)), n_frames)
        )
        if phone.name in BILABIAL and len(frames):
            assert gap[frames].min() < 0.01
    mostly_vowel = (made.voiced > 0.5) & (made.closed == 0)
    assert (gap[mostly_vowel] > 0.02).all()
    assert (made.weights >= 0).all() and (made.weights <= 1).all()


def test_silence_is_still_and_shut() -> None:
    phones = [Phone(0, 1, "sil"), Phone(1, 1.2, "aa"), Phone(1.2, 3, "sil")]
    made = make_targets(phones, 75, LIPS, SHAPES)
    assert not made.weights[:18].any() and not made.weights[38:].any()
    assert made.weights[26:29].any()
    assert made.speech[10] == 0 and made.speech[27] == 1


def test_the_curve_of_the_gap_is_the_blend_of_the_fitted_ones() -> None:
    phones = in_time(["sil", "t", "aa", "l", "iy", "sil"], 0.15)
    times = (np.arange(22) + 0.5) * 0.04
    share = LIPS.dominance(phones, times)
    np.testing.assert_allclose(share.sum(axis=1), 1)
    assert LIPS.raw_gap(phones, times).max() <= LIPS.gap.max()


def test_fitting_finds_who_opens_and_who_shuts(tmp_path: Path) -> None:
    clips = targets.load_grid(make_grid(tmp_path / "grid"), None)
    fitted = targets.fit(clips, steps=60)
    gap = dict(zip(PHONES, fitted.gap, strict=True))
    assert gap["aa"] > gap["s"] > gap["uw"] > gap["b"]
    again = LipModel.from_json(fitted.to_json())
    np.testing.assert_allclose(again.gap, fitted.gap, atol=1e-5)


def test_parity_splits_clips_sorted_by_name(tmp_path: Path) -> None:
    folder = make_grid(tmp_path / "grid")
    assert [c.name for c in targets.load_grid(folder, 0)] == ["clip0", "clip2"]
    assert [c.name for c in targets.load_grid(folder, 1)] == ["clip1", "clip3"]


def test_gaps_come_back_out_of_a_face_model(tmp_path: Path) -> None:
    rest, gaps = shapes.gap_of_face_model(make_face_model(tmp_path / "face.npz"))
    assert rest == pytest.approx(shapes.GAP_AT_REST)
    assert gaps == pytest.approx(shapes.GAP)
