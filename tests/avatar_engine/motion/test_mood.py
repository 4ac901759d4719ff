from __future__ import annotations

import numpy as np

from avatar_engine.config import EmotionChoice, MotionOptions
from avatar_engine.motion.frames import HeardFrame
from avatar_engine.motion.mood import STRETCH_FRAMES, Mood, TextReading
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
