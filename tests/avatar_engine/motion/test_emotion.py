from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avatar_engine.clock import FRAME_RATE
from avatar_engine.motion.emotion import ONSET_SECONDS, Expression, dominant, strengths
from avatar_engine.motion.noise import generator
from avatar_engine.motion.templates import FACES, TEMPLATES
from avatar_engine.names import ARKIT_INDEX, EMOTION_INDEX, EMOTION_NAMES

probabilities = hnp.arrays(np.float64, len(EMOTION_NAMES), elements=st.floats(0, 1))


def only(name: str, value: float = 1.0) -> np.ndarray:
    wanted = np.zeros(len(EMOTION_NAMES))
    wanted[EMOTION_INDEX[name]] = value
    return wanted


def course(expression: Expression, wanted: np.ndarray, seconds: float, name: str) -> np.ndarray:
    return np.array(
        [expression.step(wanted)[EMOTION_INDEX[name]] for _ in range(round(seconds * FRAME_RATE))]
    )


def test_every_emotion_has_a_face_within_the_weights() -> None:
    assert set(TEMPLATES) == set(EMOTION_NAMES)
    assert FACES.min() >= 0
    assert FACES.max() <= 0.95
    assert not FACES[EMOTION_INDEX["neutral"]].any()
    assert FACES[EMOTION_INDEX["joy"], ARKIT_INDEX["mouthSmileRight"]] > 0.5
    assert FACES[EMOTION_INDEX["sadness"], ARKIT_INDEX["browInnerUp"]] > 0.5


@pytest.mark.parametrize("name", [name for name in EMOTION_NAMES if name != "neutral"])
def test_an_expression_comes_in_its_time_falls_from_its_apex_and_leaves_more_slowly(name: str) -> None:
    expression = Expression()
    rise = course(expression, only(name), 8.0, name)
    apex = rise.max()
    ten_to_ninety = np.argmax(rise >= 0.9 * apex) - np.argmax(rise >= 0.1 * apex)
    assert ten_to_ninety / FRAME_RATE == pytest.approx(ONSET_SECONDS[name], rel=0.45, abs=0.06)
    assert 0.8 < apex <= 1.0
    assert 0.4 * apex < rise[-1] < 0.98 * apex
    assert rise[0] < 0.2
    fall = course(expression, only(name, 0.0), 4.0, name)
    assert (np.diff(fall) <= 0).all()
    falling = np.sum(fall > 0.1 * fall[0]) - np.sum(fall > 0.9 * fall[0])
    assert falling > ten_to_ninety
    assert fall[-1] < 0.05


def test_surprise_is_faster_than_sadness() -> None:
    half = {
        name: np.argmax(course(Expression(), only(name), 3, name) > 0.4) for name in ("surprise", "sadness")
    }
    assert half["surprise"] < half["sadness"]


@given(st.lists(probabilities, min_size=1, max_size=20))
def test_no_course_of_wishes_leaves_the_range(wishes: list[np.ndarray]) -> None:
    expression = Expression()
    for wanted in wishes:
        level = expression.step(wanted)
        assert level.min() >= 0
        assert level.max() <= 1


@given(probabilities, st.floats(0, 1))
def test_the_strongest_emotion_shows_with_the_intensity_at_most(probs: np.ndarray, intensity: float) -> None:
    shown = strengths(probs, intensity)
    assert 0 <= shown.max() <= intensity + 1e-12
    assert shown.sum() <= 1.1 + 1e-9
    assert shown[EMOTION_INDEX["neutral"]] == 0


def test_doubtful_emotions_do_not_show_and_neutral_calms() -> None:
    assert strengths(np.full(7, 0.2), 1.0).max() == 0
    joy = only("joy", 0.8)
    assert strengths(joy, 1.0)[EMOTION_INDEX["joy"]] == 1.0
    calm = joy + only("neutral", 0.9)
    assert strengths(calm, 1.0)[EMOTION_INDEX["joy"]] < 0.6


def test_the_dominant_emotion_is_named() -> None:
    assert dominant(only("fear")) == "fear"
    assert dominant(np.zeros(7)) == "neutral"


def episodes(count: int, seed: int = 5) -> list[np.ndarray]:
    """How each of some smiles of one face differs from the template."""
    expression, varied = Expression(generator(seed, "expression")), []
    for _ in range(count):
        course(expression, only("joy"), 1.0, "joy")
        varied.append(expression.variation[EMOTION_INDEX["joy"]].copy())
        course(expression, only("joy", 0.0), 4.0, "joy")
    return varied


def test_no_two_smiles_are_equal_and_each_follows_from_the_seed() -> None:
    smiles = episodes(12)
    for i, one in enumerate(smiles):
        for other in smiles[:i]:
            assert np.abs(one - other).max() > 0.05
    assert [smile.tobytes() for smile in episodes(12)] == [smile.tobytes() for smile in smiles]
    assert episodes(1, seed=6)[0].tobytes() != smiles[0].tobytes()


def test_the_two_sides_of_a_felt_smile_are_nearly_even_the_left_a_little_stronger() -> None:
    left, right = ARKIT_INDEX["mouthSmileLeft"], ARKIT_INDEX["mouthSmileRight"]
    smiles = np.array(episodes(80))
    uneven = (smiles[:, left] - smiles[:, right]) / (0.5 * (smiles[:, left] + smiles[:, right]))
    assert 0.0 < uneven.mean() < 0.05
    assert 0.03 < uneven.std() < 0.1


def test_an_emotion_that_goes_on_is_one_episode() -> None:
    expression = Expression(generator(1, "expression"))
    course(expression, only("joy"), 1.0, "joy")
    before = expression.variation.copy()
    for strength in (0.7, 1.0, 0.8):
        course(expression, only("joy", strength), 0.5, "joy")
    assert (expression.variation == before).all()
    assert expression.age_s == pytest.approx(2.5, abs=0.15)
