"""Faces of emotions: single, weak, mixed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avatar_engine.motion.limits import LARGEST
from avatar_engine.motion.templates import FACES, face_of
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_INDEX, EMOTION_NAMES

FELT = [name for name in EMOTION_NAMES if name != "neutral"]
SMILE, FROWN = ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthFrownLeft"]
BROW_UP, BROW_DOWN = ARKIT_INDEX["browInnerUp"], ARKIT_INDEX["browDownLeft"]
UPPER = np.array([name.startswith(("brow", "eye")) for name in ARKIT_NAMES])


def felt(**levels: float) -> np.ndarray:
    out = np.zeros(len(EMOTION_NAMES))
    for name, level in levels.items():
        out[EMOTION_INDEX[name]] = level
    return out


@pytest.mark.parametrize("name", EMOTION_NAMES)
def test_a_full_emotion_is_its_template_and_none_is_a_bare_face(name: str) -> None:
    np.testing.assert_allclose(face_of(felt(**{name: 1.0})), FACES[EMOTION_INDEX[name]], atol=1e-12)
    assert not face_of(felt(**{name: 0.0})).any()


@pytest.mark.parametrize("name", FELT)
def test_a_weak_emotion_shows_more_than_in_proportion_first_in_brows_and_eyes(name: str) -> None:
    full, weak = face_of(felt(**{name: 1.0})), face_of(felt(**{name: 0.3}))
    parts = full > 0.1
    shares = weak[parts] / full[parts]
    assert (shares > 0.3).all()
    if (parts & UPPER).any() and (parts & ~UPPER).any():
        assert shares[UPPER[parts]].min() > shares[~UPPER[parts]].max()


def test_emotions_that_people_mix_up_differ_where_they_are_told_apart() -> None:
    fear, surprise, sad, anger, disgust = (
        FACES[EMOTION_INDEX[name]] for name in ("fear", "surprise", "sadness", "anger", "disgust")
    )
    stretch, wide = ARKIT_INDEX["mouthStretchLeft"], ARKIT_INDEX["eyeWideLeft"]
    assert fear[BROW_DOWN] > surprise[BROW_DOWN] + 0.3
    assert fear[stretch] > surprise[stretch] + 0.5
    assert fear[wide] > sad[wide] + 0.5
    assert disgust[ARKIT_INDEX["noseSneerLeft"]] > anger[ARKIT_INDEX["noseSneerLeft"]] + 0.3
    assert anger[ARKIT_INDEX["mouthPressLeft"]] > disgust[ARKIT_INDEX["mouthPressLeft"]] + 0.3
    distances = [np.linalg.norm(a - b) for i, a in enumerate(FACES) for b in FACES[:i]]
    assert min(distances) > 1.0


def test_no_face_asks_for_more_than_a_face_can_do() -> None:
    beyond = FACES - LARGEST
    assert beyond.max() <= 0.1  # a little, so that .6 of it is seen


@given(hnp.arrays(np.float64, len(EMOTION_NAMES), elements=st.floats(0, 1.5)), st.floats(0.5, 1.5))
def test_any_mix_stays_a_face(levels: np.ndarray, variation: float) -> None:
    face = face_of(levels, variation)
    assert np.isfinite(face).all()
    assert face.min() >= 0
    assert face.max() <= 1


@given(st.sampled_from(FELT), st.sampled_from(FELT), st.floats(0.05, 1), st.floats(0.05, 1))
def test_a_mix_moves_smoothly_with_its_parts(one: str, other: str, a: float, b: float) -> None:
    before, after = felt(**{one: a}), felt(**{one: a})
    before[EMOTION_INDEX[other]], after[EMOTION_INDEX[other]] = b, b + 1e-4
    assert np.abs(face_of(after) - face_of(before)).max() < 0.01


def test_happily_surprised_smiles_below_and_wonders_above() -> None:
    mixed = face_of(felt(joy=0.7, surprise=0.7))
    assert mixed[SMILE] > 0.5
    assert mixed[BROW_UP] > 0.6
    assert mixed[ARKIT_INDEX["eyeSquintLeft"]] < 0.35


def test_a_sad_smile_smiles_below_and_is_sad_above() -> None:
    mixed = face_of(felt(joy=0.6, sadness=0.6))
    assert mixed[SMILE] > 2 * mixed[FROWN]
    assert mixed[BROW_UP] > 0.6


def test_the_stronger_of_two_rules() -> None:
    mostly_sad = face_of(felt(joy=0.2, sadness=0.8))
    assert mostly_sad[FROWN] > 3 * mostly_sad[SMILE]
