from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avatar_engine.motion.fusion import weigh
from avatar_engine.motion.limits import (
    CLOSE_BEYOND_JAW,
    CLOSED,
    CROSSING,
    LARGEST,
    LARGEST_STEP,
    Limits,
    aperture_window,
    fit_aperture,
    in_range,
)
from avatar_engine.motion.lips import APERTURE, APERTURE_REST, aperture
from avatar_engine.motion.templates import FACES
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES

faces = hnp.arrays(np.float64, len(ARKIT_NAMES), elements=st.floats(0, 1))
mixes = hnp.arrays(np.float64, len(FACES), elements=st.floats(0, 1.1))
TINY = 1e-9
JAW, CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
BLINKS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]
WIDES = [ARKIT_INDEX["eyeWideLeft"], ARKIT_INDEX["eyeWideRight"]]


def closed_mouth(strength: float = 1.0) -> np.ndarray:
    weights = np.zeros(len(ARKIT_NAMES))
    for name, value in (
        ("jawOpen", 0.06),
        ("mouthClose", 0.06),
        ("mouthPressLeft", 0.2),
        ("mouthPressRight", 0.2),
    ):
        weights[ARKIT_INDEX[name]] = strength * value
    return weights


@given(mixes, st.floats(0, 1), st.floats(0, 1))
def test_closed_speech_stays_closed_whatever_the_emotion(
    mix: np.ndarray, strength: float, speaking: float
) -> None:
    speech = closed_mouth(strength)
    assert aperture(speech) <= CLOSED
    face = Limits().apply(weigh(speech, mix @ FACES, speaking), speech, float(aperture(speech)))
    assert CROSSING - TINY <= aperture(face) <= CLOSED + TINY


@settings(max_examples=300)
@given(faces, faces, st.floats(-0.05, 0.2))
def test_any_face_can_be_brought_into_any_window(face: np.ndarray, speech: np.ndarray, wanted: float) -> None:
    low, high = aperture_window(wanted)
    fitted = fit_aperture(in_range(face), in_range(speech), low, high)
    assert min(low, APERTURE_REST) - TINY <= aperture(fitted) <= high + TINY  # nothing else opens a bare face
    assert fitted.min() >= -TINY
    assert fitted.max() <= 1 + TINY
    assert fitted[CLOSE] <= fitted[JAW] + CLOSE_BEYOND_JAW + TINY


@given(faces)
def test_what_fits_already_is_not_touched(face: np.ndarray) -> None:
    face = in_range(face)
    opening = float(aperture(face))
    assert fit_aperture(face, face, opening - 1e-6, opening + 1e-6) is face


@given(st.floats(-0.05, 0.3), st.floats(-0.05, 0.3))
def test_the_window_follows_the_speech_without_jumps(one: float, other: float) -> None:
    for a, b in zip(aperture_window(one), aperture_window(other), strict=True):
        assert abs(a - b) <= 2.5 * abs(one - other) + TINY
    low, high = aperture_window(one)
    assert low < high
    assert high >= CLOSED


@given(st.lists(st.tuples(faces, faces, st.floats(-0.02, 0.2)), min_size=1, max_size=6))
def test_every_face_over_time_is_possible(frames: list[tuple[np.ndarray, np.ndarray, float]]) -> None:
    limits, last = Limits(), None
    bound = ~np.array([name.startswith(("mouth", "jaw", "cheek", "nose")) for name in ARKIT_NAMES])
    for weights, speech, wanted in frames:
        face = limits.apply(1.5 * weights - 0.2, in_range(speech), wanted)
        assert face.min() >= 0
        assert face.max() <= 1
        assert (face <= LARGEST + TINY).all()
        assert aperture(face) <= aperture_window(wanted)[1] + TINY
        assert aperture(face) >= CROSSING - TINY
        assert (face[WIDES] + face[BLINKS] <= 1 + TINY).all()
        if last is not None:
            moved = np.abs(face - last)
            rising_wide = np.maximum(face - last, 0)[WIDES]  # a falling lid takes eyeWide along at once
            others = bound.copy()
            others[WIDES] = False
            assert (moved[others] <= LARGEST_STEP[others] + TINY).all()
            assert (rising_wide <= LARGEST_STEP[WIDES] + TINY).all()
        last = face


def test_a_closure_takes_no_more_than_two_frames_from_an_open_vowel() -> None:
    vowel = np.zeros(len(ARKIT_NAMES))
    vowel[JAW] = 0.5
    limits = Limits()
    for _ in range(5):
        limits.apply(vowel, vowel, float(aperture(vowel)))
    closed = closed_mouth()
    openings = [float(aperture(limits.apply(closed, closed, float(aperture(closed))))) for _ in range(2)]
    assert openings[-1] <= CLOSED


def test_a_lid_shuts_within_two_frames() -> None:
    limits, shut = Limits(), np.zeros(len(ARKIT_NAMES))
    limits.apply(shut, shut, 0.009)
    shut[BLINKS] = 1.0
    assert [round(float(limits.apply(shut, np.zeros_like(shut), 0.009)[BLINKS[0]]), 2) for _ in range(2)] == [
        0.85,
        1.0,
    ]


def test_nose_and_cheeks_do_not_twitch_with_a_closure() -> None:
    sneer = ARKIT_INDEX["noseSneerLeft"]
    speech = closed_mouth()
    angry = weigh(speech, 0.85 * FACES[0], 1.0)
    assert Limits().apply(angry, speech, float(aperture(speech)))[sneer] == angry[sneer]


def test_an_emotion_never_shuts_an_open_vowel() -> None:
    vowel = np.zeros(len(ARKIT_NAMES))
    vowel[JAW] = 0.35
    wanted = float(aperture(vowel))
    for face in FACES:
        shown = Limits().apply(weigh(vowel, face, 1.0), vowel, wanted)
        assert 0.6 * wanted <= aperture(shown) <= wanted + 0.026


def test_jaw_alone_opens_and_mouth_close_closes() -> None:
    assert APERTURE[JAW] > 0.2
    assert APERTURE[CLOSE] < -0.2
