"""Text and emotion of a session: sentences, tags, overrides, the voice alone, and what was heard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from avatar_engine.clock import SAMPLES_PER_FRAME
from avatar_engine.config import EmotionChoice, MotionOptions
from avatar_engine.errors import UsageError
from avatar_engine.motion.mood import TextReading
from avatar_engine.motion.said import Place
from avatar_engine.names import ARKIT_INDEX, EMOTION_NAMES
from avatar_engine.session import Session
from avatar_engine.types import ExpressionFrame
from tests.support.session_fakes import (
    SMILE,
    SPEECH,
    TEXT,
    KeywordReader,
    TaggedSpan,
    assert_same_motion,
    new_session,
    parts,
    push,
    run,
    silence,
    split,
    syllables,
    weight,
)

BROW_DOWN = ARKIT_INDEX["browDownLeft"]
BROW_UP = ARKIT_INDEX["browInnerUp"]


def test_each_sentence_shows_its_emotion_on_its_own_stretch() -> None:
    session = new_session()
    session.push_text(
        "This is pure joy and we all dance and sing. And this is anger at the people over there."
    )
    frames = run(session, np.concatenate([syllables(2.4), silence(0.5), syllables(2.4, seed=7)]))
    early, late = slice(25, 58), slice(90, 130)
    assert weight(frames, SMILE)[early].mean() > 0.2
    assert weight(frames, BROW_DOWN)[early].mean() < 0.1
    assert weight(frames, BROW_DOWN)[late].mean() > 0.3
    assert weight(frames, SMILE)[late].mean() < 0.1


def test_text_may_come_with_its_speech_or_after_it() -> None:
    text = "This is pure joy and we all dance and sing."
    late = new_session()
    push(late, syllables(1.0))
    late.push_text(text)
    frames = late.advance()
    assert weight(frames, SMILE).max() < 0.05
    push(late, syllables(1.5, seed=2))
    late.finish()
    assert weight(late.advance(), SMILE)[15:].mean() > 0.2

    after = new_session()
    push(after, syllables(2.4))
    after.push_text(text)
    push(after, silence(0.6))
    after.finish()
    assert weight(after.advance(), SMILE)[70:].max() > 0.2


def test_text_in_pieces_is_the_text_whole() -> None:
    def run_with(pieces: list[str]) -> list[ExpressionFrame]:
        session = new_session()
        for piece in pieces:
            session.push_text(piece)
        return run(session, SPEECH)

    assert_same_motion(
        run_with(["I feel su", "ch joy tod", "ay. And [an", "ger:0.7] then it was gone. "]), run_with([TEXT])
    )


def test_a_tag_sets_the_emotion_with_its_intensity_and_is_not_read() -> None:
    def smile(text: str) -> float:
        reader = KeywordReader()
        session = Session(parts(reader), MotionOptions())
        session.push_text(text)
        level = weight(run(session, syllables(2)), SMILE)[25:].mean()
        assert reader.texts == []
        return level

    weak, strong = smile("[joy:0.3] Some words without feeling."), smile("[joy] Some words without feeling.")
    assert 0.03 < weak < 0.6 * strong


def test_an_override_wins_until_its_time_is_over() -> None:
    session = new_session()
    session.push_text("This is pure joy and we all dance and sing without an end.")
    session.set_emotion("anger", 1.0, ttl_s=1.2)
    frames = run(session, syllables(4))
    assert weight(frames, BROW_DOWN)[15:28].mean() > 0.4
    assert weight(frames, BROW_DOWN)[70:].mean() < 0.1
    assert weight(frames, SMILE)[80:].mean() > 0.2
    assert [scores.source for scores in session.take_emotions()] == ["override", "text"]


def test_the_emotion_of_the_options_holds_for_the_whole_session() -> None:
    session = Session(parts(), MotionOptions(emotion=EmotionChoice("sadness")))
    frames = run(session, syllables(2))
    assert weight(frames, BROW_UP)[30:].mean() > 0.4
    (scores,) = session.take_emotions()
    assert (scores.start, scores.end, scores.source) == (0, 32_000, "override")
    assert EMOTION_NAMES[int(scores.probs.argmax())] == "sadness"


def test_the_voice_alone_colours_the_face_a_little() -> None:
    session = new_session()
    frames = run(session, syllables(4))
    assert 0.005 < weight(frames, SMILE)[50:].mean() < 0.15
    emotions = session.take_emotions()
    assert {scores.source for scores in emotions} == {"audio"}
    assert [scores.end for scores in emotions[:-1]] == [scores.start for scores in emotions[1:]]
    assert emotions[0].start == 0
    assert emotions[-1].end == 64_000
    assert session.take_emotions() == []


def test_a_new_speech_has_its_own_text() -> None:
    session = new_session()
    session.push_text("Pure joy.")
    push(session, syllables(1.0))
    session.begin_speech()
    session.push_text("Plain words of anger that go on for some more time.")
    frames = run(session, syllables(2.0, seed=3))
    assert weight(frames, BROW_DOWN)[55:].mean() > 0.3
    captions = session.take_captions()
    assert [caption.text[:9] for caption in captions] == ["Pure joy.", "Plain wor"]
    assert captions[0].end == captions[1].start == 23 * SAMPLES_PER_FRAME


def test_heard_text_grows_with_the_speech() -> None:
    session = new_session()
    text = "These are some words that are being said. And here are some more of them."
    session.push_text(text)
    assert session.heard_text() == ""
    push(session, syllables(1.5))
    session.advance()
    heard = session.heard_text()
    assert heard
    assert text.startswith(heard)
    push(session, np.concatenate([syllables(4.0, seed=3), silence(2.0)]))
    session.advance()
    assert session.heard_text() == text


def test_text_of_an_unknown_script_is_neutral_with_one_warning() -> None:
    session = new_session()
    session.push_text("これは喜びjoyです。怒りangerもあります。")
    frames = run(session, syllables(3))
    assert weight(frames, SMILE).max() < 0.05
    (warning,) = session.take_warnings()
    assert "これは喜び" in warning
    assert session.take_warnings() == []


def test_a_session_without_a_text_model_refuses_text() -> None:
    without = Session(replace(parts(), text=None))
    with pytest.raises(ValueError, match="with_text=True"):
        without.push_text("Hello")


def test_a_malformed_tag_is_refused_where_it_is_pushed_and_leaves_no_trace() -> None:
    def strict_split(text: str) -> list[TaggedSpan]:
        if "[joy:2]" in text:
            raise ValueError("tag [joy:2]: the intensity is '2', expected a number from 0 to 1")
        return split(text)

    reader = KeywordReader()
    session = Session(
        replace(parts(), text=TextReading(strict_split, reader, reader.coverage)), MotionOptions()
    )
    session.push_text("Hello. ")
    with pytest.raises(UsageError, match="expected a number"):
        session.push_text("[joy:2] there.")
    session.push_text("Good anger.")
    assert len(run(session, syllables(2))) == 50
    assert session.heard_text().startswith("Hello. Good")


def test_the_present_names_the_emotion_in_force_and_the_place_in_the_text() -> None:
    session = new_session()
    assert session.present() is None
    session.push_text("[joy] What a lovely day it is. And then it rained.")
    push(session, SPEECH)
    places = []
    for frame in session.iterate():
        present = session.present()
        assert present is not None
        if frame.index < 10:
            assert present.source == "tag" and present.probs[EMOTION_NAMES.index("joy")] == 1
        places.append(present.place)
    assert list(dict.fromkeys(place.span for place in places))[:2] == [0, 1]
    assert places[0].syllables < 1 < places[-1].syllables


def test_a_session_that_takes_over_goes_on_in_the_text_where_the_last_one_was() -> None:
    session = new_session()
    text = "What a lovely day it is. [anger] And then it rained all day long, and nobody knew why."
    session.begin_speech(Place(1, 9.0))
    session.push_text(text)
    push(session, syllables(1.0))
    session.advance()
    assert session.heard_text().startswith("What a lovely day it is. And then")
    present = session.present()
    assert present is not None and present.place.span == 1 and 9 < present.place.syllables < 20
    assert present.source == "tag" and present.probs[EMOTION_NAMES.index("anger")] == 1
    # Where all was said already, more of the text may come.
    done = new_session()
    done.begin_speech(Place(1, 5.0))
    done.push_text("Only this.")
    push(done, syllables(0.5))
    done.advance()
    done.push_text(" And more of it.")
    push(done, syllables(1.0))
    done.advance()
    assert done.heard_text().startswith("Only this.")
