"""States of a conversation, measured on the frames of a session over minutes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from avatar_engine.clock import FRAME_RATE, SAMPLE_RATE
from avatar_engine.config import MotionOptions
from avatar_engine.errors import UsageError
from avatar_engine.motion.fusion import STEADY_GAZE
from avatar_engine.motion.limits import LARGEST_STEP
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES
from avatar_engine.session import Session
from avatar_engine.types import AudioChunk, ExpressionFrame
from tests.support.session_fakes import parts

MINUTES = 3


@dataclass(frozen=True)
class Life:
    """Some minutes in one state: degrees and weights, a row a frame."""

    look: np.ndarray
    head: np.ndarray
    weights: np.ndarray


def life(frames: list[ExpressionFrame]) -> Life:
    head = np.degrees([frame.head_rad for frame in frames])
    gaze = np.degrees([frame.gaze_rad for frame in frames])
    return Life(gaze + STEADY_GAZE * head[:, :2], head, np.array([frame.weights for frame in frames]))


@pytest.fixture(scope="module")
def lives() -> dict[str, Life]:
    lives = {}
    for state in ("idle", "listening", "thinking"):
        session = Session(parts(), MotionOptions(seed=4))
        session.set_state(state)
        session.push_silence(MINUTES * 60 * SAMPLE_RATE)
        session.finish()
        lives[state] = life(session.advance()[2 * FRAME_RATE :])
    return lives


def mean_weight(life: Life, name: str) -> float:
    return float(life.weights[:, ARKIT_INDEX[name]].mean())


def nods_a_minute(life: Life) -> float:
    """Dips of the head by more than 1.2 degrees against its posture around them."""
    pitch = life.head[:, 1]
    width = 3 * FRAME_RATE
    posture = np.array([np.median(pitch[max(0, i - width) : i + width]) for i in range(len(pitch))])
    low = pitch - posture < -1.2
    begins = np.flatnonzero(low[1:] & ~low[:-1])
    nods = begins[np.diff(begins, prepend=-1000) > 1.5 * FRAME_RATE]  # the second dip belongs to the first
    return len(nods) / MINUTES


def test_who_listens_looks_at_the_viewer_and_who_thinks_does_not(lives: dict[str, Life]) -> None:
    away = {state: np.linalg.norm(life.look, axis=1) for state, life in lives.items()}
    assert away["listening"].mean() < away["idle"].mean() < 2.6
    assert away["thinking"].mean() > 7.0
    assert (away["listening"] < 4.0).mean() > 0.95
    assert 0.03 < (away["thinking"] < 4.0).mean() < 0.25, "glances at the viewer now and then"
    assert lives["thinking"].look[:, 1].mean() > 3.0, "up"


def test_who_listens_holds_the_head_still_but_for_nods(lives: dict[str, Life]) -> None:
    assert 5 <= nods_a_minute(lives["listening"]) <= 16
    assert nods_a_minute(lives["idle"]) <= 2
    sideways = {state: float(np.abs(np.diff(life.head[:, 0])).mean()) for state, life in lives.items()}
    assert sideways["listening"] < 0.65 * sideways["idle"] < sideways["thinking"]
    assert np.abs(np.diff(lives["listening"].head[:, 1])).max() < 1.0, "slow: less than 25 degrees a second"


def test_brows_and_tilt_tell_the_states_apart(lives: dict[str, Life]) -> None:
    raised = {state: mean_weight(life, "browOuterUpLeft") for state, life in lives.items()}
    knit = {state: mean_weight(life, "browDownLeft") for state, life in lives.items()}
    assert raised["listening"] > raised["idle"] + 0.08 and raised["listening"] > raised["thinking"] + 0.08
    assert knit["thinking"] > knit["idle"] + 0.1 and knit["thinking"] > knit["listening"] + 0.1
    tilt = {state: float(life.head[:, 2].mean()) for state, life in lives.items()}
    assert abs(tilt["listening"] - tilt["idle"]) > 1 and abs(tilt["thinking"] - tilt["idle"]) > 1
    assert np.sign(tilt["listening"] - tilt["idle"]) != np.sign(tilt["thinking"] - tilt["idle"])


def changing(pieces: list[int]) -> list[ExpressionFrame]:
    """Some states, with sound that is pushed in pieces of these lengths, over and over."""
    session = Session(parts(), MotionOptions(seed=2))
    rng = np.random.default_rng(0)
    changes = {0: "listening", 33_333: "thinking", 70_001: "idle", 90_000: "listening", 130_000: "thinking"}
    sound = 0.2 * rng.standard_normal(160_000).astype(np.float32)
    sound[:100_000] = 0.0
    sound[120_000:] = 0.0
    frames: list[ExpressionFrame] = []
    turn = 0
    while session.position < len(sound):
        if session.position in changes:
            session.set_state(changes[session.position])
        end = min([session.position + pieces[turn % len(pieces)], len(sound), *(
            at for at in changes if at > session.position
        )])  # fmt: skip
        session.push_audio(AudioChunk(session.position, sound[session.position : end]))
        frames += session.advance() if turn % 3 == 0 else []
        turn += 1
    session.finish()
    return frames + session.advance()


def test_the_motion_is_the_same_however_the_sound_is_cut() -> None:
    whole = changing([1_000_000])
    for pieces in ([640], [997, 13, 4001]):
        cut = changing(pieces)
        assert len(cut) == len(whole) == 250
        for a, b in zip(cut, whole, strict=True):
            assert np.array_equal(a.weights, b.weights) and np.array_equal(a.head_rad, b.head_rad)
            assert np.array_equal(a.gaze_rad, b.gaze_rad)


def test_changes_have_no_seam() -> None:
    moved = life(changing([640]))
    steps = np.abs(np.diff(moved.weights, axis=0))
    assert (steps <= LARGEST_STEP + 1e-6).all()
    calm = [not name.startswith(("eye", "jaw", "mouth")) for name in ARKIT_NAMES]
    assert steps[:, calm].max() < 0.08, "a brow needs several frames"
    assert np.abs(np.diff(moved.head, axis=0)).max() < 1.6


def test_a_state_acts_from_its_sample_on_and_not_before() -> None:
    def run(state: str) -> list[ExpressionFrame]:
        session = Session(parts(), MotionOptions(seed=1))
        session.push_silence(3 * SAMPLE_RATE)
        session.set_state(state)
        session.push_silence(3 * SAMPLE_RATE)
        session.finish()
        return session.advance()

    idle, listening = run("idle"), run("listening")
    first = (3 * SAMPLE_RATE - parts().lookahead_samples) // 640
    same = [np.array_equal(a.weights, b.weights) for a, b in zip(idle, listening, strict=True)]
    assert all(same[:first]) and not same[first]


def test_speech_overrides_a_state_and_it_comes_back() -> None:
    session = Session(parts(), MotionOptions(seed=1))
    session.set_state("thinking")
    tone = (0.3 * np.sin(np.arange(6 * SAMPLE_RATE) / 20)).astype(np.float32)
    tone[2 * SAMPLE_RATE : 2 * SAMPLE_RATE + 6400] = 0.0  # a pause between phrases
    session.push_silence(4 * SAMPLE_RATE)
    session.push_audio(AudioChunk(session.position, tone))
    session.push_silence(4 * SAMPLE_RATE)
    session.finish()
    moved = life(session.advance())
    knit = moved.weights[:, ARKIT_INDEX["browDownLeft"]]
    assert knit[75:95].mean() > 0.15
    assert knit[125:250].max() < 0.1
    assert knit[310:340].mean() > 0.15
    away = np.linalg.norm(moved.look, axis=1)
    assert away[40:98].mean() > 6 and np.median(away[125:250]) < 4 and away[310:].mean() > 6


def test_an_unknown_state_is_refused() -> None:
    session = Session(parts())
    with pytest.raises(UsageError, match="unknown state .asleep.: use one of idle, listening"):
        session.set_state("asleep")
