"""Five minutes of one face: rates as in people, and nothing that a viewer could see come back."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_engine.clock import FRAME_RATE
from avatar_engine.config import MotionOptions
from avatar_engine.motion.emotion import Expression
from avatar_engine.motion.frames import Feeling, HeardFrame
from avatar_engine.motion.fusion import STEADY_GAZE, Face
from avatar_engine.motion.gaze import saccade_seconds
from avatar_engine.motion.head import Breath, Head
from avatar_engine.motion.lips import aperture
from avatar_engine.motion.noise import generator
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_INDEX, EMOTION_NAMES
from avatar_engine.types import ExpressionFrame
from tests.support.session_fakes import NoSmoother

FIVE_MINUTES = 300 * FRAME_RATE
BLINK = ARKIT_INDEX["eyeBlinkLeft"]


def sound(voiced: float, loudness_db: float = -25.0, **mouth: float) -> HeardFrame:
    weights = np.zeros(len(ARKIT_NAMES))
    for name, value in mouth.items():
        weights[ARKIT_INDEX[name]] = value
    return HeardFrame(weights, voiced, loudness_db, 120.0 * voiced, np.zeros(7), 0.5)


def felt(name: str = "neutral", strength: float = 0.0, pause: bool = False) -> Feeling:
    strengths = np.zeros(len(EMOTION_NAMES))
    strengths[EMOTION_INDEX[name]] = strength
    return Feeling(strengths, "tag", pause=pause)


def five_minutes(speaking: bool, seed: int) -> list[ExpressionFrame]:
    """Phrases of 1 to 4 s with pauses between them and a stress now and then, or silence."""
    rng, face = np.random.default_rng(seed), Face(MotionOptions(seed=seed), NoSmoother())
    frames: list[ExpressionFrame] = []
    while len(frames) < FIVE_MINUTES:
        phrase = int(rng.integers(25, 100)) * speaking
        for i in range(phrase + int(rng.integers(9, 30))):
            voiced = i < phrase
            loud = -25.0 + 6.0 * (rng.random() < 0.06) if voiced else -70.0
            heard = sound(float(voiced), loud, jawOpen=0.15 * voiced)
            frames.append(face.step(len(frames), heard, felt(pause=speaking and i == phrase + 6)))
    return frames[:FIVE_MINUTES]


@pytest.fixture(scope="module", params=[False, True], ids=["silent", "speaking"])
def life(request: pytest.FixtureRequest) -> tuple[bool, list[ExpressionFrame]]:
    return request.param, five_minutes(request.param, seed=3)


def most_alike(series: np.ndarray, from_s: float = 6.0) -> float:
    """The largest autocorrelation at lags from `from_s` seconds to half the series."""
    x = series - series.mean()
    power = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
    correlation = np.fft.irfft(power)[: len(x)]
    correlation *= len(x) / (correlation[0] * (len(x) - np.arange(len(x))))
    return float(correlation[round(from_s * FRAME_RATE) : len(x) // 2].max())


def test_nothing_comes_back_that_one_could_spot(life: tuple[bool, list[ExpressionFrame]]) -> None:
    _, frames = life
    head = np.array([frame.head_rad for frame in frames])
    look = np.array([frame.gaze_rad for frame in frames]) + STEADY_GAZE * head[:, :2]
    lids = np.array([frame.weights[BLINK] for frame in frames])
    series = {"yaw": head[:, 0], "pitch": head[:, 1], "roll": head[:, 2], "lids": lids}
    series |= {"look aside": look[:, 0], "look up": look[:, 1]}
    for name, values in series.items():
        assert most_alike(values) < 0.5, name


def test_blinks_come_as_often_as_those_of_people(life: tuple[bool, list[ExpressionFrame]]) -> None:
    speaking, frames = life
    down = np.array([frame.weights[BLINK] for frame in frames]) > 0.3
    rate = np.sum(down[1:] & ~down[:-1]) / 5
    low, high = (21, 30) if speaking else (13, 20)  # 26 and 17 in Bentivoglio et al. 1997
    assert low <= rate <= high


def test_eyes_stay_with_the_viewer_for_most_of_the_time(life: tuple[bool, list[ExpressionFrame]]) -> None:
    _, frames = life
    head = np.degrees([frame.head_rad[:2] for frame in frames])
    away = np.linalg.norm(np.degrees([f.gaze_rad for f in frames]) + STEADY_GAZE * head, axis=1) > 3.2
    assert 0.05 < away.mean() < 0.32


def test_saccades_last_as_long_as_their_size_says() -> None:
    assert saccade_seconds(1.0) == pytest.approx(0.023, abs=0.001)
    assert saccade_seconds(10.0) == pytest.approx(0.043, abs=0.001)


def test_who_speaks_breathes_in_where_a_phrase_ends() -> None:
    breath = Breath(generator(1, "breath"))
    speaking = [breath.step(speaking=True, phrase_ended=False) for _ in range(150)]
    assert speaking[-1] < -0.9  # empty, and no breath taken inside the phrase
    pause = [breath.step(speaking=False, phrase_ended=i == 0) for i in range(20)]
    assert max(pause) > 0.7


def test_a_question_tilts_the_head() -> None:
    def roll(question: float) -> float:
        head = Head(generator(2, "head"), 1.0)
        for _ in range(40):
            angles = head.step(
                stress=0.0,
                speaking=1.0,
                arousal=0.5,
                posture_rad=np.zeros(3),
                gaze_degrees=np.zeros(2),
                question=question,
            )
        return float(np.degrees(angles[2]))

    assert 1.5 < abs(roll(1.0) - roll(0.0)) < 4.5


def test_a_fresh_surprise_parts_resting_lips_and_a_word_has_them_back_at_once() -> None:
    face = Face(MotionOptions(seed=1), NoSmoother())
    quiet, closed = sound(0.0, -70.0), sound(0.0, -40.0, mouthPressLeft=0.35, mouthPressRight=0.35)

    def opening(heard: HeardFrame, count: int) -> list[float]:
        frames = [face.step(0, heard, felt("surprise", 1.0)) for _ in range(count)]
        return [float(aperture(frame.weights.astype(np.float64))) for frame in frames]

    assert max(opening(quiet, 40)) > 0.05
    assert opening(closed, 2)[-1] <= 0.0101
    opening(sound(1.0, jawOpen=0.3), 10)
    assert max(opening(quiet, 15)[8:]) <= 0.0101  # not in the pauses of a sentence
    assert max(opening(quiet, 100)[60:]) <= 0.0101  # nor in a long silence


@pytest.mark.parametrize("name", EMOTION_NAMES)
def test_every_emotion_leaves_lips_that_can_be_read(name: str) -> None:
    face = Face(MotionOptions(seed=2), NoSmoother())
    vowel = sound(1.0, jawOpen=0.3, mouthLowerDownLeft=0.1, mouthLowerDownRight=0.1)
    closed = sound(0.9, mouthPressLeft=0.35, mouthPressRight=0.35, mouthRollLower=0.25)
    openings: dict[bool, list[float]] = {True: [], False: []}
    for i in range(200):
        shut = i % 8 < 3
        frame = face.step(i, closed if shut else vowel, felt(name, 1.0))
        if i % 8 in (2, 6):
            openings[shut].append(float(aperture(frame.weights.astype(np.float64))))
    assert max(openings[True]) < 0.02
    assert min(openings[False]) >= 3 * max(0.01, max(openings[True]))


def test_words_that_are_stressed_show_more() -> None:
    def brow(loudness_db: float) -> float:
        face = Face(MotionOptions(seed=2, liveliness=0.0), NoSmoother())
        for i in range(120):
            face.step(i, sound(1.0, -25.0), felt("anger", 0.6))
        frames = [face.step(i, sound(1.0, loudness_db), felt("anger", 0.6)) for i in range(6)]
        return max(float(frame.weights[ARKIT_INDEX["browDownLeft"]]) for frame in frames)

    assert brow(-12.0) > 1.04 * brow(-25.0)


def test_onsets_are_drawn_but_every_one_arrives() -> None:
    expression = Expression(generator(3, "expression"))
    wanted = np.zeros(len(EMOTION_NAMES))
    wanted[EMOTION_INDEX["joy"]] = 1.0
    for _ in range(6):
        levels = [expression.step(wanted)[EMOTION_INDEX["joy"]] for _ in range(40)]
        assert max(levels) > 0.85
        for _ in range(120):
            expression.step(0 * wanted)
