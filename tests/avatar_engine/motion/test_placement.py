from __future__ import annotations

import numpy as np
import pytest

from avatar_engine.clock import FRAME_RATE
from avatar_engine.motion.placement import Placement, Rhythm, phrases_of

SENTENCES = [
    "Hello there, I am so glad that you came.",
    "Yesterday I lost my keys and had to walk home through the rain.",
    "What a surprise!",
    "Nobody told me about the meeting, and now everything is late.",
    "The old house at the end of the road was sold to a young family last summer.",
]


def spoken(rate: float, pause_s: float, seed: int = 0) -> tuple[list[tuple[float, float]], list[int]]:
    """(voiced, loudness) of each frame of the sentences at `rate`, and the number of the one being read."""
    rng = np.random.default_rng(seed)
    frames: list[tuple[float, float]] = []
    truth: list[int] = []
    for number, sentence in enumerate(SENTENCES):
        for phrase in phrases_of(sentence):
            length = round(FRAME_RATE * phrase.syllables / rate * rng.uniform(0.93, 1.07))
            rising = np.arange(length) * rate / FRAME_RATE
            loudness = -25 + 5 * np.cos(2 * np.pi * rising) + rng.normal(0, 0.5, length)
            pause = round(FRAME_RATE * (pause_s if phrase.ends_span else 0.25) * rng.uniform(0.7, 1.4))
            frames += [(1.0, float(db)) for db in loudness] + [(0.0, -70.0)] * pause
            truth += [number] * (length + pause)
    return frames, truth


def placed(frames: list[tuple[float, float]]) -> list[int | None]:
    placement = Placement()
    placement.replace_from(0, [phrases_of(sentence) for sentence in SENTENCES])
    return [placement.step(*frame) for frame in frames]


@pytest.mark.parametrize("rate", [3.2, 4.0, 5.0, 6.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_sentences_are_found_at_any_rate_of_speech(rate: float, seed: int) -> None:
    frames, truth = spoken(rate, 0.5, seed)
    found = placed(frames)
    assert np.mean([a == b for a, b in zip(found, truth, strict=True)]) > 0.88


def test_the_place_never_goes_back() -> None:
    found = [span for span in placed(spoken(4.4, 0.5)[0]) if span is not None]
    assert found == sorted(found)


def test_the_place_depends_on_what_was_heard_and_not_on_what_will_be() -> None:
    slow, fast = spoken(4.0, 0.5)[0], spoken(6.0, 0.5)[0]
    assert placed(slow[:80] + fast[80:])[:80] == placed(slow)[:80]


def test_a_long_silence_after_the_last_word_ends_the_text() -> None:
    frames, _ = spoken(5.0, 0.5)
    assert placed(frames + [(0.0, -70.0)] * 40)[-1] is None


def test_text_waits_for_its_speech() -> None:
    assert placed([(0.0, -70.0)] * 200) == [0] * 200


def test_without_text_there_is_no_span() -> None:
    placement = Placement()
    assert placement.step(1.0, -20.0) is None


def test_text_that_comes_late_is_taken_up_where_the_speech_is() -> None:
    frames, truth = spoken(5.0, 0.5)
    placement = Placement()
    for frame in frames[:100]:
        placement.step(*frame)
    placement.replace_from(0, [phrases_of(sentence) for sentence in SENTENCES])
    assert placement.step(*frames[100]) == truth[100] == 1


def test_the_rhythm_of_loudness_tells_the_rate() -> None:
    for rate in (3.0, 5.0, 7.0):
        rhythm = Rhythm()
        for i in range(150):
            rhythm.step(1.0, float(-25 + 5 * np.cos(2 * np.pi * rate * i / FRAME_RATE)))
        from avatar_engine.motion.placement import RATES

        assert RATES[np.argmax(rhythm.log_likelihood())] == pytest.approx(rate, rel=0.12)


def test_phrases_end_at_punctuation_but_not_inside_numbers_or_words() -> None:
    assert [phrase.syllables for phrase in phrases_of("Well, it's 3.5 well-known miles.")] == [
        1,
        pytest.approx(8.2),
    ]
    assert [phrase.ends_span for phrase in phrases_of("你好，世界。")] == [False, True]
    assert [phrase.syllables for phrase in phrases_of("...")] == [0]
