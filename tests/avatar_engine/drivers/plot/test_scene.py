from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.clock import FRAME_RATE, SAMPLE_RATE
from avatar_engine.drivers.plot.scene import LONGEST_S, SceneRecorder, check_span
from avatar_engine.errors import UsageError
from avatar_engine.types import EmotionScores, ExpressionFrame
from tests.support.motion_fakes import moving_frames

RATE = 8000
SOUND = np.random.default_rng(0).normal(0, 0.1, (2 * RATE, 2)).astype(np.float32)
FRAMES = moving_frames(2 * FRAME_RATE)


def record(
    recorder: SceneRecorder, sound: np.ndarray, cuts: list[int], frames: list[ExpressionFrame]
) -> None:
    for block in np.split(sound, sorted(cuts)):
        recorder.sound(block)
    for frame in frames:
        recorder.frame(frame)


@given(st.integers(0, 60), st.integers(1, 60), st.lists(st.integers(0, 2 * RATE), max_size=6))
def test_a_scene_is_the_part_asked_for_however_the_sound_comes(
    first: int, length: int, cuts: list[int]
) -> None:
    sound, frames = SOUND, FRAMES
    recorder = SceneRecorder(RATE, (first / FRAME_RATE, (first + length) / FRAME_RATE))
    record(recorder, sound, cuts, frames)
    if first >= len(frames):
        with pytest.raises(UsageError, match=r"the speech ends at 2\.00 s"):
            recorder.scene([], None, "")
        return
    scene = recorder.scene([], None, "")
    stop, hop = min(first + length, len(frames)), RATE // FRAME_RATE
    np.testing.assert_array_equal(scene.sound, sound[first * hop : stop * hop].mean(axis=1))
    np.testing.assert_array_equal(scene.weights, [frame.weights for frame in frames[first:stop]])
    assert (scene.start_s, scene.end_s) == pytest.approx((first / FRAME_RATE, stop / FRAME_RATE))
    assert scene.times_s[0] == pytest.approx(scene.start_s + 0.02) and recorder.warning is None


def test_emotions_are_cut_to_the_part_shown() -> None:
    probs = np.full(7, 0.5, np.float32)
    stretches = [
        EmotionScores(a * SAMPLE_RATE, b * SAMPLE_RATE, probs, 1.0, "text")
        for a, b in ((0, 1), (1, 3), (3, 9))
    ]
    recorder = SceneRecorder(RATE, (2.0, 4.0))
    record(recorder, np.zeros((4 * RATE, 1), np.float32), [], moving_frames(4 * FRAME_RATE))
    cut = recorder.scene(stretches, None, "").emotions
    assert [(start, end) for start, end, _ in cut] == [(2, 3), (3, 4)]


def test_of_long_speech_the_beginning_is_kept_with_a_word_about_it() -> None:
    recorder = SceneRecorder(RATE, None)
    frame = moving_frames(1)[0]
    for second in range(130):
        recorder.sound(np.zeros((RATE, 1), np.float32))
        for index in range(second * FRAME_RATE, (second + 1) * FRAME_RATE):
            recorder.frame(ExpressionFrame(index, frame.weights, frame.head_rad, frame.gaze_rad))
    scene = recorder.scene([], None, "")
    assert scene.end_s == LONGEST_S and len(scene.sound) == LONGEST_S * RATE
    assert recorder.warning is not None and "the first 120 of 130.00 s; --plot-span" in recorder.warning


@pytest.mark.parametrize(
    ("span", "words"),
    [
        ((3.0, 3.0), "0 <= start < end"),
        ((-1.0, 3.0), "0 <= start < end"),
        ((float("nan"), 3.0), "0 <= start < end"),
        ((0.0, float("inf")), "0 <= start < end"),
        ((0.0, 121.0), "at most 120 s"),
        ((9.0, 10.0), r"the speech ends at 8\.00 s"),
    ],
)
def test_spans_that_make_no_sense(span: tuple[float, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_span(span, 8.0)
    assert check_span(None, 8.0) is None and check_span((1, 20), 8.0) == (1, 20)
