from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avatar_engine.clock import FRAME_RATE
from avatar_engine.config import EmotionChoice, MotionOptions
from avatar_engine.motion.emotion import Expression, strengths
from avatar_engine.motion.frames import HeardFrame
from avatar_engine.motion.mood import CLEAR_TEXT, STRETCH_FRAMES, Mood, TextReading, with_voice
from avatar_engine.names import ARKIT_NAMES, EMOTION_INDEX, EMOTION_NAMES
from tests.support.session_fakes import KeywordReader, TaggedSpan, split

JOY = EMOTION_INDEX["joy"]


def heard(voiced: float = 1.0, **emotions: float) -> HeardFrame:
    probs = np.zeros(len(EMOTION_NAMES))
    for name, value in emotions.items():
        probs[EMOTION_INDEX[name]] = value
    return HeardFrame(np.zeros(len(ARKIT_NAMES)), voiced, -25.0 if voiced else -80.0, 120.0, probs, 0.5)


def mood(**options: object) -> tuple[Mood, KeywordReader]:
    reader = KeywordReader()
    return Mood(TextReading(split, reader, reader.coverage), MotionOptions(**options)), reader  # type: ignore[arg-type]


def test_override_wins_over_options_over_text_over_voice() -> None:
    both, _ = mood(emotion=EmotionChoice("fear"))
    both.set_text(split("Such joy."))
    assert both.step(0, heard(anger=0.95)).source == "override"
    both.override(EmotionChoice("disgust", 0.5), until_frame=2)
    assert both.step(1, heard()).strengths[EMOTION_INDEX["disgust"]] == 0.5
    assert both.step(2, heard()).strengths[EMOTION_INDEX["fear"]] == 1.0

    plain, _ = mood()
    plain.set_text(split("Such joy."))
    assert plain.step(0, heard(anger=0.95)).source == "text"
    voice, _ = mood()
    assert voice.step(0, heard(anger=0.95)).source == "audio"


def test_the_voice_counts_little_and_less_the_more_doubtful_it_is() -> None:
    def strength(probability: float) -> float:
        alone, _ = mood()
        for i in range(150):
            feeling = alone.step(i, heard(joy=probability))
        return float(feeling.strengths[JOY])

    assert strength(0.5) < 0.01 < strength(0.7) < strength(0.95) <= 0.35


def test_a_sentence_is_read_once_and_again_only_when_it_grew() -> None:
    growing, reader = mood()
    growing.set_text(split("Such j"))
    growing.step(0, heard())
    growing.step(1, heard())
    growing.set_text(split("Such joy. And more."))
    feeling = growing.step(2, heard())
    growing.step(3, heard())
    assert reader.texts == ["Such j", "Such joy."]
    assert feeling.strengths[JOY] > 0.5


def test_stretches_follow_one_another_without_gaps() -> None:
    one, _ = mood()
    for i in range(STRETCH_FRAMES + 10):
        one.step(i, heard(sadness=0.6))
    one.override(EmotionChoice("joy", 0.4), until_frame=None)
    for i in range(STRETCH_FRAMES + 10, STRETCH_FRAMES + 30):
        one.step(i, heard())
    end = 640 * (STRETCH_FRAMES + 30) - 17
    one.end(end)
    stretches = one.take_emotions()
    assert [scores.source for scores in stretches] == ["audio", "audio", "override"]
    assert stretches[0].start == 0
    assert stretches[-1].end == end
    assert [a.end for a in stretches[:-1]] == [b.start for b in stretches[1:]]
    assert stretches[-1].intensity == np.float64(0.4)


def test_the_end_of_a_phrase_is_told_once() -> None:
    one, _ = mood()
    pauses = [one.step(i, heard(1.0 if i < 20 else 0.0)).pause for i in range(60)]
    assert sum(pauses) == 1
    assert 20 < pauses.index(True) < 30


def test_heard_text_counts_characters_where_there_are_no_blanks() -> None:
    chinese, _ = mood()
    text = "你好世界今天天气真好我们一起去公园散步吧"
    chinese.set_text([TaggedSpan(text)])
    for i in range(40):
        chinese.step(i, heard())
    said = chinese.heard_text()
    assert 3 <= len(said) <= 14
    assert text.startswith(said)


evidence = hnp.arrays(np.float64, len(EMOTION_NAMES), elements=st.floats(0, 1))


@given(evidence, evidence)
def test_the_voice_never_lowers_what_a_text_says(text: np.ndarray, voice: np.ndarray) -> None:
    says = strengths(text, 1.0)
    heard_too = with_voice(says, strengths(voice, 0.25), float(text[EMOTION_INDEX["neutral"]]))
    assert (heard_too >= says).all()
    if says.max() >= CLEAR_TEXT:
        assert (heard_too == says).all()


@settings(max_examples=25, deadline=None)
@given(evidence, st.sampled_from(["Such joy.", "Such anger and fear.", "Plain words.", "[sadness:0.7] Oh."]))
def test_no_voice_takes_anything_from_the_face_of_a_text(voice: np.ndarray, text: str) -> None:
    def shown(emotions: np.ndarray) -> np.ndarray:
        one, _ = mood()
        one.set_text(split(text))
        frame = HeardFrame(np.zeros(len(ARKIT_NAMES)), 1.0, -25.0, 120.0, emotions, 0.5)
        return np.array([one.step(i, frame).strengths for i in range(12)])

    without, with_it = shown(np.zeros(len(EMOTION_NAMES))), shown(voice)
    assert (with_it >= without).all()
    clear = without.max(axis=1) >= CLEAR_TEXT
    assert (with_it[clear] == without[clear]).all()


def test_a_plain_text_leaves_the_voice_some_room_and_a_neutral_one_less() -> None:
    quiet, voice = np.zeros(len(EMOTION_NAMES)), np.full(len(EMOTION_NAMES), 0.2)
    assert with_voice(quiet, voice, 0.0).max() == pytest.approx(0.2)
    assert 0 < with_voice(quiet, voice, 1.0).max() < 0.1


TWO = "This is pure joy and we all dance and sing today. And this is anger at the people over there."
SPOKEN = 60
"Frames of the first: 12 syllables."


def swelling(i: int, voiced: float = 1.0) -> HeardFrame:
    """Frame `i` of a voice that says five syllables a second."""
    loud = -25 + 4 * np.sin(2 * np.pi * 5 * i / FRAME_RATE) if voiced else -70.0
    return HeardFrame(np.zeros(len(ARKIT_NAMES)), voiced, float(loud), 120.0 * voiced, np.zeros(7), 0.5)


def shown_level(emotion: str, gap: int) -> tuple[np.ndarray, int]:
    """How an emotion shows that the second of two sentences brings, and the frame in which it begins to be
    said."""
    one, _ = mood()
    one.set_text(split(TWO.replace("anger", emotion)))
    expression, levels = Expression(), []
    voiced = [1.0] * SPOKEN + [0.0] * gap + [1.0] * 60
    for i, v in enumerate(voiced):
        levels.append(expression.step(one.step(i, swelling(i, v)).strengths))
    return np.array(levels)[:, EMOTION_INDEX[emotion]], SPOKEN + gap


@pytest.mark.parametrize("emotion", ["surprise", "fear", "anger", "sadness", "disgust"])
@pytest.mark.parametrize("gap", [9, 12, 20])
def test_an_emotion_is_seen_within_a_tenth_of_a_second_of_its_sentence(emotion: str, gap: int) -> None:
    level, begins = shown_level(emotion, gap)
    seen = int(np.argmax(level >= 0.1 * level.max()))
    assert seen <= begins + round(0.1 * FRAME_RATE)
    assert seen >= SPOKEN - 5  # counted syllables may be wrong by one


def test_the_clauses_of_a_sentence_show_their_own_emotions_in_time() -> None:
    one, _ = mood()
    one.set_text(split("I was in such a joy this morning, but now there is only sadness in here."))
    shown = []
    for i in range(75):
        shown.append(one.step(i, swelling(i)).strengths)
    joy, sad = np.array(shown)[:, JOY], np.array(shown)[:, EMOTION_INDEX["sadness"]]
    assert joy[10] > 2 * sad[10]
    assert sad[70] > 2 * joy[70]


def test_the_end_of_a_question_is_told() -> None:
    def asked(text: str) -> list[float]:
        one, _ = mood()
        one.set_text(split(text))
        return [one.step(i, swelling(i)).question for i in range(75)]

    asks = asked("Would you like me to book the early train to London for you?")
    assert asks[2] == 0 and max(asks) == 1
    assert max(asked("I will book the early train to London for you.")) == 0
