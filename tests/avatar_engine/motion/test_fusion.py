from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.config import MotionOptions
from avatar_engine.motion.frames import Feeling, HeardFrame
from avatar_engine.motion.fusion import REGIONS, Face, look_weights, weigh
from avatar_engine.motion.lips import aperture
from avatar_engine.motion.templates import FACES
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_INDEX
from avatar_engine.types import ExpressionFrame
from tests.support.session_fakes import NoSmoother

JOY = FACES[EMOTION_INDEX["joy"]]


def mouth(**levels: float) -> np.ndarray:
    weights = np.zeros(len(ARKIT_NAMES))
    for name, value in levels.items():
        weights[ARKIT_INDEX[name]] = value
    return weights


def heard(
    weights: np.ndarray, voiced: float = 1.0, loudness_db: float = -25.0, valid: bool = True
) -> HeardFrame:
    return HeardFrame(weights, voiced, loudness_db, 120.0 * voiced, np.zeros(7), 0.5, valid)


def felt(name: str = "neutral", strength: float = 0.0) -> Feeling:
    strengths = np.zeros(7)
    strengths[EMOTION_INDEX[name]] = strength
    return Feeling(strengths, "tag", pause=False)


def live(frames: list[tuple[HeardFrame, Feeling]], **options: float) -> list[ExpressionFrame]:
    face = Face(MotionOptions(seed=4, **options), NoSmoother())  # type: ignore[arg-type]
    return [face.step(i, *frame) for i, frame in enumerate(frames)]


def column(frames: list[ExpressionFrame], name: str) -> np.ndarray:
    return np.array([frame.weights[ARKIT_INDEX[name]] for frame in frames])


def test_every_weight_belongs_to_one_region() -> None:
    for name in ARKIT_NAMES:
        assert sum(name.startswith(region.prefixes) for region in REGIONS.values()) == 1, name


def test_speech_owns_the_lips_and_emotion_the_brows() -> None:
    lips, brows = REGIONS["lips"], REGIONS["brows"]
    assert lips.speech == 1 == lips.emotion_silent > lips.emotion_speaking
    assert brows.emotion_speaking == 1 > brows.speech
    assert REGIONS["jaw"].emotion_speaking == 0


def test_a_round_vowel_stays_round_in_a_smile() -> None:
    smile = ARKIT_INDEX["mouthSmileLeft"]
    flat = weigh(mouth(jawOpen=0.2), JOY, 1.0)[smile]
    assert 0.1 < weigh(mouth(jawOpen=0.2, mouthPucker=0.6), JOY, 1.0)[smile] < 0.5 * flat + 0.01


def test_an_emotion_smiles_more_in_silence_than_over_speech() -> None:
    smile = ARKIT_INDEX["mouthSmileLeft"]
    assert weigh(mouth(), JOY, 0.0)[smile] > weigh(mouth(), JOY, 1.0)[smile] > 0.2


def test_gaze_and_look_weights_tell_the_same() -> None:
    frames = live([(heard(mouth(), 0.0), felt())] * 400)
    for frame in frames:
        x, y = np.degrees(frame.gaze_rad)
        left = frame.weights[ARKIT_INDEX["eyeLookOutLeft"]] - frame.weights[ARKIT_INDEX["eyeLookInLeft"]]
        up = frame.weights[ARKIT_INDEX["eyeLookUpRight"]] - frame.weights[ARKIT_INDEX["eyeLookDownRight"]]
        assert abs(left - x / 30) < 1e-5
        assert abs(up - y / 25) < 1e-5


@given(st.floats(-0.5, 0.5), st.floats(-0.4, 0.4))
def test_both_eyes_look_the_same_way(x: float, y: float) -> None:
    weights = look_weights(np.array([x, y]))
    assert weights["eyeLookOutLeft"] == weights["eyeLookInRight"]
    assert weights["eyeLookInLeft"] == weights["eyeLookOutRight"]
    assert min(weights["eyeLookUpLeft"], weights["eyeLookDownLeft"]) == 0
    assert all(0 <= value <= 1 for value in weights.values())


def test_the_eyes_stay_on_the_viewer_while_the_head_turns() -> None:
    frames = live([(heard(mouth(), 0.0), felt())] * 1500)
    head, gaze = np.array([f.head_rad[:2] for f in frames]), np.array([f.gaze_rad for f in frames])
    assert np.degrees(np.abs(np.median(head + gaze, axis=0))).max() < 2.0
    turn, look = np.diff(head[:, 0]), np.diff(gaze[:, 0])
    fixed = np.abs(look) < np.radians(0.3)  # between saccades
    assert np.corrcoef(turn[fixed], look[fixed])[0, 1] < -0.8


def test_blinks_go_through_any_emotion_and_take_eye_wide_away() -> None:
    for name in ("joy", "fear", "surprise", "anger"):
        frames = live([(heard(mouth(), 0.0), felt(name, 1.0))] * 600)
        blink, wide = column(frames, "eyeBlinkLeft"), column(frames, "eyeWideLeft")
        assert blink.max() > 0.9
        assert (blink + wide <= 1 + 1e-6).all()


def test_both_sides_of_an_expression_differ_a_little() -> None:
    frames = live([(heard(mouth(), 0.0), felt("joy", 1.0))] * 100)[50:]
    left, right = column(frames, "mouthSmileLeft"), column(frames, "mouthSmileRight")
    assert 0.001 < np.abs(left - right).max() < 0.15
    assert 0.003 < column(frames, "cheekSquintLeft").std() < 0.1


def test_strength_and_liveliness_scale_the_face() -> None:
    frames = [(heard(mouth(), 0.0), felt("anger", 1.0))] * 100
    full, half, none = (column(live(frames, emotion_strength=s), "browDownLeft")[80] for s in (1.0, 0.5, 0.0))
    assert full > 1.3 * half > 2 * none
    still = live([(heard(mouth(), 0.0), felt())] * 200, liveliness=0.0)
    assert np.ptp([f.head_rad for f in still], axis=0).max() == 0


def test_missing_frames_hold_the_mouth_and_then_let_it_close() -> None:
    open_mouth = mouth(jawOpen=0.3)
    frames = [(heard(open_mouth), felt())] * 10
    frames += [(heard(mouth(), 0.0, valid=False), felt())] * 30
    jaw = column(live(frames), "jawOpen")
    assert jaw[15] > 0.25
    assert jaw[-1] < 0.05


def test_closed_lips_stay_closed_in_every_emotion_and_seed() -> None:
    closed = mouth(jawOpen=0.05, mouthClose=0.05, mouthPressLeft=0.2, mouthPressRight=0.2)
    for name in EMOTION_INDEX:
        frames = live([(heard(closed), felt(name, 1.0))] * 60)
        opening = aperture(np.array([f.weights for f in frames], dtype=np.float64))
        assert opening.max() <= 0.0101
        assert opening.min() >= -0.0151
