"""A session's frames: in order, none too early, the same however the speech comes; interrupts and gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_engine.clock import SAMPLES_PER_FRAME, frame_count
from avatar_engine.errors import UsageError
from avatar_engine.motion.lips import aperture
from avatar_engine.names import ARKIT_INDEX
from avatar_engine.types import AudioChunk, ExpressionFrame
from tests.support.session_fakes import (
    LOOKAHEAD,
    SMILE,
    SPEECH,
    TEXT,
    assert_same_motion,
    new_session,
    push,
    run,
    silence,
    syllables,
    weight,
)


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


def test_nothing_piles_up_over_a_long_speech() -> None:
    session = new_session()
    block = syllables(2.0)
    for _ in range(30):
        push(session, block)
        session.advance()
        session.take_emotions()
        held = [value for value in vars(session).values() if hasattr(value, "__len__")]
        assert sum(map(len, held)) < 200
