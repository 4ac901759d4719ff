"""The whole motion chain with the weights that ship: audio2expr, fusion, smoother, limits."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_engine import assembly
from avatar_engine.clock import frame_count
from avatar_engine.config import EmotionChoice, MotionOptions
from avatar_engine.motion.lips import aperture
from avatar_engine.names import ARKIT_INDEX
from avatar_engine.types import ExpressionFrame
from tests.support.session_fakes import assert_same_motion, push, run, silence

NEAR_SILENCE = 1e-4


@pytest.fixture(scope="module")
def new_session() -> assembly.SessionFactory:
    return assembly.build_motion(MotionOptions(seed=11), with_text=False)


def vowels(seconds: float) -> np.ndarray:
    """A buzzing voice of 120 Hz with two moving formants, four swells a second; float32 at 16 kHz."""
    t = np.arange(round(seconds * 16_000)) / 16_000
    swell = np.clip(np.sin(2 * np.pi * 4 * t), 0, 1) ** 0.5
    first = 550 + 200 * np.sin(2 * np.pi * 2 * t)
    voice = sum(
        np.exp(-(((120 * k - first) / 200) ** 2)) * np.sin(2 * np.pi * 120 * k * t)
        + 0.4 * np.exp(-(((120 * k - 1500) / 300) ** 2)) * np.sin(2 * np.pi * 120 * k * t)
        for k in range(1, 25)
    )
    noise = np.random.default_rng(0).standard_normal(len(t))
    return (0.15 * swell * voice + NEAR_SILENCE * noise).astype(np.float32)


def openings(frames: list[ExpressionFrame]) -> np.ndarray:
    return aperture(np.array([frame.weights for frame in frames], dtype=np.float64))


SPEECH = np.concatenate([silence(0.3), vowels(1.2), silence(0.31)])[:28_000]


@pytest.fixture(scope="module")
def whole(new_session: assembly.SessionFactory) -> list[ExpressionFrame]:
    return run(new_session(), SPEECH)


@pytest.mark.parametrize("size", [1, 160, 777, 16_000])
def test_pieces_of_any_size_give_the_whole_speechs_motion(
    new_session: assembly.SessionFactory, whole: list[ExpressionFrame], size: int
) -> None:
    session, frames = new_session(), []
    for start in range(0, len(SPEECH), size):
        push(session, SPEECH[start : start + size])
        frames += session.advance()
    session.finish()
    assert_same_motion(frames + session.advance(), whole)
    assert len(whole) == frame_count(len(SPEECH))


def test_the_same_seed_gives_the_same_bits_in_a_new_factory(whole: list[ExpressionFrame]) -> None:
    again = assembly.build_motion(MotionOptions(seed=11), with_text=False)
    assert_same_motion(run(again(), SPEECH), whole)


def test_no_frame_hears_more_than_eighty_milliseconds_ahead(
    new_session: assembly.SessionFactory, whole: list[ExpressionFrame]
) -> None:
    cut = 640 * 25
    changed = SPEECH.copy()
    changed[cut:] = vowels(3)[: len(SPEECH) - cut]
    assert_same_motion(run(new_session(), changed)[: 25 - 2], whole[: 25 - 2])


@pytest.mark.parametrize("emotion", ["neutral", "joy", "disgust", "surprise"])
def test_silence_keeps_the_lips_closed_and_still_in_every_emotion_that_lasts(
    new_session: assembly.SessionFactory, emotion: str
) -> None:
    frames = run(new_session(MotionOptions(emotion=EmotionChoice(emotion))), silence(7))
    opening = openings(frames)[100:]  # a surprise may gape as it begins
    assert opening.max() < 0.02
    assert np.abs(np.diff(opening)).max() < 2e-3
    assert np.ptp([frame.head_rad[0] for frame in frames]) > np.radians(0.2)


def test_a_voice_opens_the_mouth(whole: list[ExpressionFrame]) -> None:
    opening = openings(whole)
    assert opening[10:36].max() > 0.03
    assert opening[:4].max() < 0.02
    assert max(frame.weights[ARKIT_INDEX["jawOpen"]] for frame in whole) > 0.05
