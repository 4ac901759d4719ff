"""Random but plausible facial controls: ARKit-52 weights, head rotation, gaze. Knows no mesh and no picture.

Pure functions of a random generator: frame `index` of `seed` draws from `default_rng([seed, index])`, so
any frame can be made again alone. Distribution: two visemes mixed, an emotion, blinks, brows, now and then
a few single shapes as no emotion combines them, and in a fifth of the frames lips that meet whatever the
rest of the face does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from renderer.synthesis.face_model import FaceModel
from renderer.synthesis.names import ARKIT_NAMES, shapes_of

EYE_LOOK_SIDE_DEG = 30.0  # eyeLookOutLeft = eyeLookInRight = x / 30 degrees
EYE_LOOK_UP_DEG = 25.0  # eyeLookUp = y / 25 degrees
HEAD_LIMIT_DEG = (20.0, 12.0, 9.0)  # yaw, pitch, roll
GAZE_LIMIT_DEG = (18.0, 12.0)
JAW_OPEN_LIMIT = 0.62  # already a shout
LIPS_MEET_GAP_CM = 0.03  # below this mean gap of the inner lips they touch somewhere
LIPS_PARTED_GAP_CM = 0.12  # above it one sees that a tongue moves


@dataclass(frozen=True)
class Controls:
    """What one frame is asked to show."""

    weights: dict[str, float]
    "all 52 ARKit names in the internal order, 0..1; the eyeLook weights repeat the gaze"
    head_deg: tuple[float, float, float]
    "yaw, pitch, roll"
    gaze_deg: tuple[float, float]
    "x to the subject's left, y up, of the eyes in the head"


@dataclass(frozen=True)
class LipGap:
    """The gap between the inner lips of the mean head: linear in the weights."""

    rest_cm: float
    per_weight_cm: Mapping[str, float]

    @classmethod
    def of(cls, model: FaceModel) -> LipGap:
        """Measured on three pairs of inner-lip landmarks (61-63 above 67-65 below)."""
        upper, lower = [5711, 5533, 6216], [5966, 5517, 6470]

        def gap(points: np.ndarray) -> float:
            return float((points[upper, 1] - points[lower, 1]).mean())

        per_weight = {
            name: sum(
                gap(model.expressions[s].astype(float)) for s in shapes_of(name) if s in model.expressions
            )
            for name in ARKIT_NAMES
        }
        return cls(gap(model.vertices), per_weight)

    def measure(self, weights: Mapping[str, float]) -> float:
        """Gap in cm: about 0 when the lips touch, negative when they press."""
        return self.rest_cm + sum(self.per_weight_cm[name] * value for name, value in weights.items())


def both_sides(**weights: float) -> dict[str, float]:
    """Weights by name, where a name that has a left and a right form stands for both."""
    out: dict[str, float] = {}
    for name, value in weights.items():
        sides = (name + "Left", name + "Right") if name + "Left" in ARKIT_NAMES else (name,)
        out |= dict.fromkeys(sides, value)
    return out


VISEMES = {
    "sil": {},
    "PP": both_sides(
        jawOpen=0.05, mouthClose=0.05, mouthPress=0.35, mouthRollLower=0.25, mouthRollUpper=0.25
    ),
    "FF": both_sides(jawOpen=0.08, mouthRollLower=0.5, mouthUpperUp=0.25, mouthFunnel=0.05),
    "TH": both_sides(jawOpen=0.16, mouthLowerDown=0.2),
    "DD": both_sides(jawOpen=0.12, mouthLowerDown=0.2, mouthUpperUp=0.1, mouthStretch=0.1),
    "kk": both_sides(jawOpen=0.18, mouthLowerDown=0.15),
    "CH": both_sides(jawOpen=0.1, mouthFunnel=0.45, mouthPucker=0.2, mouthUpperUp=0.2),
    "SS": both_sides(jawOpen=0.05, mouthStretch=0.3, mouthLowerDown=0.25, mouthUpperUp=0.15, mouthSmile=0.15),
    "nn": both_sides(jawOpen=0.1, mouthLowerDown=0.15),
    "RR": both_sides(jawOpen=0.12, mouthPucker=0.35, mouthFunnel=0.25),
    "aa": both_sides(jawOpen=0.45, mouthLowerDown=0.25, mouthUpperUp=0.15),
    "E": both_sides(jawOpen=0.28, mouthStretch=0.25, mouthSmile=0.15, mouthLowerDown=0.2),
    "I": both_sides(jawOpen=0.14, mouthSmile=0.3, mouthStretch=0.3, mouthLowerDown=0.15),
    "O": both_sides(jawOpen=0.35, mouthFunnel=0.5, mouthPucker=0.2),
    "U": both_sides(jawOpen=0.15, mouthPucker=0.75, mouthFunnel=0.3),
}
"""The fifteen mouth shapes of speech, in the order of Oculus lip sync; the order is part of the draws."""

EMOTIONS = {
    "neutral": {},
    "joy": both_sides(mouthSmile=0.7, cheekSquint=0.45, eyeSquint=0.25, mouthUpperUp=0.15, mouthDimple=0.2),
    "sadness": both_sides(
        browInnerUp=0.7, browDown=0.15, mouthFrown=0.5, mouthShrugLower=0.3, eyeSquint=0.15, mouthPress=0.1
    ),
    "anger": both_sides(
        browDown=0.8,
        eyeSquint=0.35,
        eyeWide=0.2,
        noseSneer=0.35,
        mouthPress=0.35,
        mouthFrown=0.2,
        jawForward=0.1,
    ),
    "fear": both_sides(browInnerUp=0.8, browOuterUp=0.35, eyeWide=0.6, mouthStretch=0.45, jawOpen=0.1),
    "disgust": both_sides(
        noseSneer=0.75, browDown=0.4, mouthUpperUp=0.4, mouthFrown=0.3, cheekSquint=0.3, eyeSquint=0.3
    ),
    "surprise": both_sides(browInnerUp=0.8, browOuterUp=0.8, eyeWide=0.6, jawOpen=0.25),
}
"""Prototypes after the action units of Ekman and Friesen's FACS; the order is part of the draws."""

_PRESSING = ("mouthPressLeft", "mouthPressRight", "mouthRollLower", "mouthRollUpper")
_PARTING = ("mouthUpperUpLeft", "mouthUpperUpRight", "mouthLowerDownLeft", "mouthLowerDownRight",
            "mouthFunnel", "mouthStretchLeft", "mouthStretchRight", "jawOpen")  # fmt: skip


def frame_controls(seed: int, index: int, full_share: float, lip_gap: LipGap) -> tuple[Controls, bool]:
    """The controls of one frame, and whether it is a full frame (else a face crop); full_share 0..1."""
    rng = np.random.default_rng([seed, index])
    controls = sample_controls(rng, lip_gap)
    return controls, bool(rng.random() < full_share)


def controls_at_rest() -> Controls:
    """A face that shows nothing and looks ahead."""
    return Controls(dict.fromkeys(ARKIT_NAMES, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0))


def sample_controls(rng: np.random.Generator, lip_gap: LipGap) -> Controls:
    """Draw one face. The order of the draws is fixed: the frames of a seed must never change."""
    weights = dict.fromkeys(ARKIT_NAMES, 0.0)
    _add_speech(rng, weights)
    _add_emotion(rng, weights)
    _add_blink(rng, weights)
    _add_small_movements(rng, weights)
    _make_uneven(rng, weights)
    _limit(weights)
    if rng.random() < 0.22:
        _close_lips(rng, weights, lip_gap)
    head_deg, gaze_deg = _draw_pose(rng)
    weights |= eye_look_weights(gaze_deg)
    return Controls(weights, head_deg, gaze_deg)


def move_tongue(rng: np.random.Generator, controls: Controls, share: float, lip_gap: LipGap) -> None:
    """Let the tongue of a share of faces rise or come out; in place, and only where the lips are open."""
    chosen, amount = rng.random() < share, rng.uniform(0.05, 1)
    if chosen and lip_gap.measure(controls.weights) > LIPS_PARTED_GAP_CM:
        controls.weights["tongueOut"] = float(amount)


def eye_look_weights(gaze_deg: tuple[float, float]) -> dict[str, float]:
    """The eight eyeLook weights of a gaze."""
    x, y = gaze_deg
    left, right = max(x, 0) / EYE_LOOK_SIDE_DEG, max(-x, 0) / EYE_LOOK_SIDE_DEG
    up, down = max(y, 0) / EYE_LOOK_UP_DEG, max(-y, 0) / EYE_LOOK_UP_DEG
    sides = {"eyeLookOutLeft": left, "eyeLookInLeft": right, "eyeLookOutRight": right, "eyeLookInRight": left}
    return sides | both_sides(eyeLookUp=up, eyeLookDown=down)


def _add(weights: dict[str, float], more: Mapping[str, float], scale: float) -> None:
    for name, value in more.items():
        weights[name] += scale * value


def _add_speech(rng: np.random.Generator, weights: dict[str, float]) -> None:
    names = list(VISEMES)
    first, second = rng.choice(len(names), 2)
    mix, strength = rng.uniform(), rng.uniform(0.5, 1.25)
    if rng.random() < 0.85:
        _add(weights, VISEMES[names[first]], strength * mix)
        _add(weights, VISEMES[names[second]], strength * (1 - mix))


def _add_emotion(rng: np.random.Generator, weights: dict[str, float]) -> None:
    if rng.random() < 0.65:
        emotion = list(EMOTIONS)[rng.integers(len(EMOTIONS))]
        strength = rng.uniform(0, 1.1)
        _add(weights, EMOTIONS[emotion], strength * (1 if rng.random() < 0.5 else 0.5))


def _add_blink(rng: np.random.Generator, weights: dict[str, float]) -> None:
    if rng.random() < 0.35:
        closed = 1.0 if rng.random() < 0.3 else rng.uniform(0, 1)
        weights["eyeBlinkLeft"] += closed
        weights["eyeBlinkRight"] += np.clip(closed + rng.normal() * 0.04, 0, 1)
    elif rng.random() < 0.06:  # a wink
        side = "eyeBlinkLeft" if rng.random() < 0.5 else "eyeBlinkRight"
        weights[side] += rng.uniform(0.3, 1)


def _add_small_movements(rng: np.random.Generator, weights: dict[str, float]) -> None:
    spreads = {
        "browInnerUp": 0.2,
        "browOuterUp": 0.2,
        "browDown": 0.15,
        "eyeSquint": 0.15,
        "mouthSmile": 0.15,
    }
    _add(weights, both_sides(**{name: max(0, rng.normal() * spread) for name, spread in spreads.items()}), 1)
    if rng.random() < 0.25:  # shapes that no emotion combines: the generator must not tie them to one another
        how_many = rng.integers(1, 6)
        for k in rng.choice(len(ARKIT_NAMES) - 1, how_many, replace=False):  # all but tongueOut
            weights[ARKIT_NAMES[k]] += rng.uniform(0, 0.8)


def _make_uneven(rng: np.random.Generator, weights: dict[str, float]) -> None:
    for name in weights:
        if name.endswith("Left"):
            weights[name] *= 1 + rng.normal() * 0.06


def _limit(weights: dict[str, float]) -> None:
    for name in weights:
        weights[name] = float(np.clip(weights[name], 0, 1))
    weights["jawOpen"] = min(weights["jawOpen"], JAW_OPEN_LIMIT)
    weights["mouthClose"] = min(weights["mouthClose"], weights["jawOpen"])  # lips do not cross
    weights["tongueOut"] = 0.0  # see move_tongue
    for side in ("Left", "Right"):
        weights["eyeWide" + side] *= 1 - weights["eyeBlink" + side]


def _close_lips(rng: np.random.Generator, weights: dict[str, float], lip_gap: LipGap) -> None:
    """Make the lips meet: mouthClose first, then pressing, at last less of what parts them."""
    wanted_cm = rng.uniform(-0.06, 0.05)

    def close() -> None:
        weights["mouthClose"] = 0.0
        needed = (wanted_cm - lip_gap.measure(weights)) / lip_gap.per_weight_cm["mouthClose"]
        weights["mouthClose"] = float(np.clip(needed, 0, min(1.0, weights["jawOpen"] + 0.05)))

    close()
    for name in _PRESSING:
        if lip_gap.measure(weights) > LIPS_MEET_GAP_CM:
            weights[name] = float(np.clip(weights[name] + rng.uniform(0.1, 0.6), 0, 1))
    if lip_gap.measure(weights) > LIPS_MEET_GAP_CM:
        for name in _PARTING:
            weights[name] *= 0.6
        close()


def _draw_pose(rng: np.random.Generator) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """Head and gaze; mostly the eyes turn back part of the head's way, as when somebody keeps looking."""
    head_limit, gaze_limit = np.array(HEAD_LIMIT_DEG), np.array(GAZE_LIMIT_DEG)
    yaw, pitch, roll = np.clip(rng.normal(size=3) * [8, 5, 4], -head_limit, head_limit)
    gaze = rng.normal(size=2) * [6, 4]
    gaze -= [0.5 * yaw * (rng.random() < 0.6), 0.4 * pitch * (rng.random() < 0.6)]
    x, y = np.clip(gaze, -gaze_limit, gaze_limit)
    return (float(yaw), float(pitch), float(roll)), (float(x), float(y))
