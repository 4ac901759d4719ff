from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_engine.clock import SAMPLES_PER_FRAME, frame_count
from avatar_engine.config import EmotionChoice, MotionOptions
from avatar_engine.errors import UsageError
from avatar_engine.motion.lips import aperture
from avatar_engine.motion.mood import TextReading
from avatar_engine.motion.said import Place
from avatar_engine.names import ARKIT_INDEX, EMOTION_NAMES
from avatar_engine.session import Session
from avatar_engine.types import AudioChunk, ExpressionFrame
from tests.support.session_fakes import (
    LOOKAHEAD,
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
)

SMILE = ARKIT_INDEX["mouthSmileLeft"]
BROW_DOWN = ARKIT_INDEX["browDownLeft"]
BROW_UP = ARKIT_INDEX["browInnerUp"]
SPEECH = np.concatenate([silence(0.2), syllables(1.6), silence(0.5), syllables(1.1, seed=2)])
TEXT = "I feel such joy today. And [anger:0.7] then it was gone. "


def weight(frames: list[ExpressionFrame], index: int) -> np.ndarray:
    return np.array([frame.weights[index] for frame in frames])


def openings(frames: list[ExpressionFrame]) -> np.ndarray:
    return aperture(np.array([frame.weights for frame in frames], dtype=np.float64))


def pushed_in_pieces(sizes: list[int], text: str = TEXT) -> list[ExpressionFrame]:
    session = new_session()
    session.push_text(text)
    frames, at, turn = [], 0, 0
    while at < len(SPEECH):
        piece = SPEECH[at : at + sizes[turn % len(sizes)]]
        push(session, piece)
        frames += session.advance()
        at, turn = at + len(piece), turn + 1
    session.finish()
    return frames + session.advance()


@pytest.fixture(scope="module")
def whole() -> list[ExpressionFrame]:
    return pushed_in_pieces([len(SPEECH)])


@pytest.mark.parametrize("samples", [0, 1, 639, 640, 641, 1280, 1920, 16_001])
def test_a_speech_of_n_samples_has_its_share_of_frames_in_order(samples: int) -> None:
    frames = run(new_session(), syllables(2)[:samples])
    assert [frame.index for frame in frames] == list(range(frame_count(samples)))


@pytest.mark.parametrize("size", [160, 777, 16_000])
def test_the_motion_is_the_same_however_the_speech_is_cut(whole: list[ExpressionFrame], size: int) -> None:
    assert_same_motion(pushed_in_pieces([size]), whole)


def test_single_samples_give_the_same_motion() -> None:
    speech, session = SPEECH[:4000], new_session()
    frames = []
    for i in range(len(speech)):
        push(session, speech[i : i + 1])
        frames += session.advance()
    session.finish()
    assert_same_motion(frames + session.advance(), run(new_session(), speech))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 9000), min_size=1, max_size=6))
def test_any_mix_of_pieces_gives_the_same_motion(whole: list[ExpressionFrame], sizes: list[int]) -> None:
    assert_same_motion(pushed_in_pieces(sizes), whole)


def test_it_does_not_matter_when_advance_is_called() -> None:
    def scenario(eager: bool) -> list[ExpressionFrame]:
        session, frames = new_session(), []
        steps = [
            lambda: push(session, syllables(0.7)),
            lambda: session.push_text("What a joy. "),
            lambda: push(session, syllables(0.9, seed=3)),
            lambda: session.set_emotion("fear", 0.8, ttl_s=0.5),
            lambda: push(session, syllables(1.0, seed=4)),
            lambda: session.interrupt(),
            lambda: session.push_silence(8000),
            lambda: session.push_missing(1000),
            lambda: session.begin_speech(),
            lambda: session.push_text("More anger."),
            lambda: push(session, syllables(1.0, seed=5)),
        ]
        for step in steps:
            step()
            if eager:
                frames += session.advance()
        session.finish()
        return frames + session.advance()

    assert_same_motion(scenario(eager=True), scenario(eager=False))


def test_who_stops_in_the_middle_goes_on_there(whole: list[ExpressionFrame]) -> None:
    session = new_session()
    session.push_text(TEXT)
    push(session, SPEECH)
    session.finish()
    frames = [next(session.iterate()) for _ in range(7)]
    for frame in session.iterate():
        frames.append(frame)
        if len(frames) == 20:
            break
    assert_same_motion(frames + session.advance(), whole)


def test_a_frame_is_known_as_soon_as_the_lookahead_is_there_and_not_before() -> None:
    session = new_session()
    push(session, syllables(1)[: SAMPLES_PER_FRAME + LOOKAHEAD - 1])
    assert session.advance() == []
    push(session, syllables(1)[:1])
    assert [frame.index for frame in session.advance()] == [0]


def test_no_frame_hears_beyond_its_lookahead() -> None:
    cut = 30 * SAMPLES_PER_FRAME
    changed = SPEECH.copy()
    changed[cut:] = syllables(5, seed=9)[: len(changed) - cut]
    known = (cut - LOOKAHEAD) // SAMPLES_PER_FRAME
    first, second = run(new_session(), SPEECH), run(new_session(), changed)
    assert_same_motion(first[:known], second[:known])
    assert first[known + 3].weights.tobytes() != second[known + 3].weights.tobytes()


def test_another_seed_lives_differently() -> None:
    one, other = run(new_session(seed=0), SPEECH), run(new_session(seed=1), SPEECH)
    assert any(a.head_rad.tobytes() != b.head_rad.tobytes() for a, b in zip(one, other, strict=True))


def test_silence_is_alive_with_lips_that_do_not_move() -> None:
    frames = run(new_session(), silence(20))
    assert np.ptp(openings(frames)) < 1e-3
    assert openings(frames).max() < 0.02
    assert weight(frames, ARKIT_INDEX["eyeBlinkLeft"]).max() > 0.9
    assert np.degrees(np.ptp([frame.head_rad for frame in frames], axis=0)).min() > 0.5
    assert np.degrees(np.ptp([frame.gaze_rad for frame in frames], axis=0)).min() > 0.5


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


def test_an_interrupt_shuts_the_mouth_within_three_frames() -> None:
    session = new_session()
    session.push_text("A long joy that is not to be heard to its end, because somebody breaks in.")
    push(session, syllables(1.0)[: 16_000 - 700])
    before = session.advance()
    assert openings(before)[-1] > 0.02
    session.interrupt()
    assert session.epoch == 1
    session.push_silence(16_000)
    after = session.advance()
    assert [frame.index for frame in after] == list(range(len(before), len(before) + len(after)))
    assert openings(after)[0] > 0.012
    assert openings(after)[2:].max() <= 0.0101
    assert weight(after, SMILE)[-1] < 0.4 * weight(after, SMILE)[0]
    session.finish()
    session.advance()
    assert session.position == 16_000 - 700 + 16_000


def test_frames_after_an_interrupt_still_add_up() -> None:
    session = new_session()
    push(session, syllables(0.5)[:7_777])
    session.interrupt()
    push(session, syllables(1.0, seed=3)[:10_001])
    session.finish()
    assert [frame.index for frame in session.advance()] == list(range(frame_count(17_778)))


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


def test_missing_sound_is_bridged_and_long_gaps_close_the_mouth() -> None:
    session = new_session()
    loud = syllables(4.0, rate=0.0001) + np.float32(0.2)
    push(session, loud[:16_000])
    session.push_missing(3 * SAMPLES_PER_FRAME)
    push(session, loud[:16_000])
    session.push_missing(32_000)
    session.finish()
    opening = openings(session.advance())
    assert opening[20:45].min() > 0.05
    assert opening[-10:].max() < 0.02


def test_text_of_an_unknown_script_is_neutral_with_one_warning() -> None:
    session = new_session()
    session.push_text("これは喜びjoyです。怒りangerもあります。")
    frames = run(session, syllables(3))
    assert weight(frames, SMILE).max() < 0.05
    (warning,) = session.take_warnings()
    assert "これは喜び" in warning
    assert session.take_warnings() == []


def test_wrong_use_is_refused_with_a_reason() -> None:
    session = new_session()
    push(session, syllables(0.1))
    with pytest.raises(ValueError, match="must go on at sample 1600"):
        session.push_audio(AudioChunk(1700, syllables(0.1)))
    with pytest.raises(UsageError, match="did you mean 'joy'"):
        session.set_emotion("jou")
    with pytest.raises(ValueError, match="ttl_s"):
        session.set_emotion("joy", 1.0, ttl_s=0)
    session.finish()
    session.finish()
    session.advance()
    assert session.advance() == []
    with pytest.raises(ValueError, match="finished"):
        push(session, syllables(0.1))


def test_a_session_without_a_text_model_refuses_text() -> None:
    without = Session(replace(parts(), text=None))
    with pytest.raises(ValueError, match="with_text=True"):
        without.push_text("Hello")


def test_nothing_piles_up_over_a_long_speech() -> None:
    session = new_session()
    block = syllables(2.0)
    for _ in range(30):
        push(session, block)
        session.advance()
        session.take_emotions()
        held = [value for value in vars(session).values() if hasattr(value, "__len__")]
        assert sum(map(len, held)) < 200


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
