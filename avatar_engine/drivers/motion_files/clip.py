"""Motion of a whole file: resampling, checks, limits. Knows frames and avatars' ranges, no file format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES
from avatar_engine.types import EmotionScores, ExpressionFrame, Float32

Float64 = NDArray[np.float64]

GAZE_X_FULL_RAD = float(np.radians(30))
"Gaze to the side at which eyeLookOut and eyeLookIn are 1."
GAZE_Y_FULL_RAD = float(np.radians(25))
"Gaze up or down at which eyeLookUp or eyeLookDown is 1."
LONGEST_S = 24 * 3600.0
"Longer motion files are taken for damaged."
ON_GRID_S = 0.001
"Times this close to the 25 fps grid are not resampled."
HARMLESS = 1e-3
"So far beyond its range a value is clamped without a word: nobody could see it."
AGREEMENT = 1e-4
"eyeLook weights this close to those of the gaze are left as they are."

_COLUMNS = (*ARKIT_NAMES, "head yaw", "head pitch", "head roll", "gaze x", "gaze y")
_LEFT_OUT, _LEFT_IN = ARKIT_INDEX["eyeLookOutLeft"], ARKIT_INDEX["eyeLookInLeft"]
_RIGHT_OUT, _RIGHT_IN = ARKIT_INDEX["eyeLookOutRight"], ARKIT_INDEX["eyeLookInRight"]
_UP = [ARKIT_INDEX["eyeLookUpLeft"], ARKIT_INDEX["eyeLookUpRight"]]
_DOWN = [ARKIT_INDEX["eyeLookDownLeft"], ARKIT_INDEX["eyeLookDownRight"]]


@dataclass(frozen=True, slots=True, eq=False)
class MotionClip:
    """Motion at 25 fps, as read: finite, but maybe beyond what an avatar can show (see `fit`)."""

    weights: Float32
    "float32 [n, 52], ARKIT_NAMES order."
    head_rad: Float32
    "float32 [n, 3]: yaw, pitch, roll."
    gaze_rad: Float32
    "float32 [n, 2]: x, y."
    emotions: tuple[EmotionScores, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    "What the reader had to assume, a line each."

    def __post_init__(self) -> None:
        n = len(self.weights)
        for array, name, width in (
            (self.weights, "weights", 52),
            (self.head_rad, "head_rad", 3),
            (self.gaze_rad, "gaze_rad", 2),
        ):
            if array.dtype != np.float32 or array.shape != (n, width):
                raise ValueError(
                    f"{name} must be float32 of shape ({n}, {width}), not {array.dtype} {array.shape}"
                )

    def __len__(self) -> int:
        return len(self.weights)

    @classmethod
    def from_frames(
        cls, frames: Sequence[ExpressionFrame], emotions: Iterable[EmotionScores], meta: Mapping[str, Any]
    ) -> MotionClip:
        """The frames of one session, in order."""
        return cls(
            np.array([frame.weights for frame in frames], np.float32).reshape(-1, len(ARKIT_NAMES)),
            np.array([frame.head_rad for frame in frames], np.float32).reshape(-1, 3),
            np.array([frame.gaze_rad for frame in frames], np.float32).reshape(-1, 2),
            tuple(emotions),
            dict(meta),
        )

    def frames(self) -> Iterable[ExpressionFrame]:
        """The frames, ready to be drawn; ValueError for weights beyond 0..1: `fit` first."""
        for index in range(len(self)):
            yield ExpressionFrame(index, self.weights[index], self.head_rad[index], self.gaze_rad[index])


@dataclass(frozen=True, slots=True)
class Limits:
    """What an avatar was trained on; symmetric about 0 for angles."""

    head_rad: tuple[float, float, float]
    gaze_rad: tuple[float, float]
    weights: tuple[float, ...]
    "Upper bounds in ARKIT_NAMES order; the lower bound is 0."

    @classmethod
    def of_avatar(cls, limits: Mapping[str, Any]) -> Limits:
        """From a portrait's `limits`: {"head_deg": {yaw, pitch, roll}, "gaze_deg": {x, y}, "weights": {name:
        bound}}."""
        head, gaze, weights = limits["head_deg"], limits["gaze_deg"], limits.get("weights", {})
        return cls(
            (_radians(head["yaw"]), _radians(head["pitch"]), _radians(head["roll"])),
            (_radians(gaze["x"]), _radians(gaze["y"])),
            tuple(float(weights.get(name, 1.0)) for name in ARKIT_NAMES),
        )

    def clamp(self, frame: ExpressionFrame) -> ExpressionFrame:
        """`frame` within the limits; bit for bit the same where it already is."""
        head, gaze = np.array(self.head_rad, np.float32), np.array(self.gaze_rad, np.float32)
        return ExpressionFrame(
            frame.index,
            np.minimum(frame.weights, np.array(self.weights, np.float32)),
            np.clip(frame.head_rad, -head, head),
            np.clip(frame.gaze_rad, -gaze, gaze),
        )


def _radians(degrees: float | Sequence[float]) -> float:
    """A symmetric bound in radians, from one number or from [lowest, highest]."""
    bound = degrees if isinstance(degrees, int | float) else min(abs(float(end)) for end in degrees)
    return float(np.radians(bound))


def gaze_from_weights(weights: Float64) -> Float64:
    """Gaze [n, 2] in radians that the eyeLook weights [n, 52] show: the mean of both eyes."""
    x = (weights[:, _LEFT_OUT] - weights[:, _LEFT_IN] + weights[:, _RIGHT_IN] - weights[:, _RIGHT_OUT]) / 2
    y = weights[:, _UP].mean(axis=1) - weights[:, _DOWN].mean(axis=1)
    return np.stack([x * GAZE_X_FULL_RAD, y * GAZE_Y_FULL_RAD], axis=1)


def with_gaze_weights(weights: Float32, gaze_rad: Float32) -> Float32:
    """`weights` with the eyeLook weights that belong to `gaze_rad`; where they already do, bit for bit the
    same."""
    x = (gaze_rad[:, 0] / GAZE_X_FULL_RAD).astype(np.float64)
    y = (gaze_rad[:, 1] / GAZE_Y_FULL_RAD).astype(np.float64)
    wanted = weights.astype(np.float64)
    wanted[:, _LEFT_OUT] = wanted[:, _RIGHT_IN] = np.clip(x, 0, 1)
    wanted[:, _RIGHT_OUT] = wanted[:, _LEFT_IN] = np.clip(-x, 0, 1)
    wanted[:, _UP] = np.clip(y, 0, 1)[:, None]
    wanted[:, _DOWN] = np.clip(-y, 0, 1)[:, None]
    agrees = np.abs(wanted - weights) < AGREEMENT
    return np.where(agrees, weights, wanted).astype(np.float32)


def resample(times_s: Float64, clip: MotionClip) -> MotionClip:
    """`clip`, whose frames are at `times_s` (ascending, from 0), at 25 fps: linear, angles the short way
    round.

    As many frames as 25 fps needs to reach the last time; a clip that is on the 25 fps grid already comes
    back as it is.
    """
    if len(times_s) < 2 or np.abs(times_s - np.arange(len(times_s)) / FRAME_RATE).max() < ON_GRID_S:
        return clip
    count = int(np.floor(times_s[-1] * FRAME_RATE + 1e-6)) + 1
    grid = np.arange(count) / FRAME_RATE

    def on_grid(values: Float32, *, angle: bool) -> Float32:
        source = np.unwrap(values.astype(np.float64), axis=0) if angle else values
        return np.stack([np.interp(grid, times_s, column) for column in source.T], axis=1).astype(np.float32)

    return replace(
        clip,
        weights=on_grid(clip.weights, angle=False),
        head_rad=on_grid(clip.head_rad, angle=True),
        gaze_rad=on_grid(clip.gaze_rad, angle=True),
    )


def fit(clip: MotionClip, limits: Limits) -> tuple[MotionClip, str | None]:
    """`clip` clamped to what the avatar can show, and one line that says so where anything was beyond it.

    Where gaze and eyeLook weights disagree gaze wins: the weights are made to follow it.
    """
    degrees = 180 / np.pi
    weights, weight_excess = _clamp(clip.weights, np.zeros(len(ARKIT_NAMES)), np.array(limits.weights))
    head_rad, head_excess = _clamp(clip.head_rad, -np.array(limits.head_rad), np.array(limits.head_rad))
    gaze_rad, gaze_excess = _clamp(clip.gaze_rad, -np.array(limits.gaze_rad), np.array(limits.gaze_rad))
    excess = np.concatenate([weight_excess, head_excess, gaze_excess], axis=1)
    fitted = replace(clip, weights=with_gaze_weights(weights, gaze_rad), head_rad=head_rad, gaze_rad=gaze_rad)
    if not (excess > HARMLESS).any():
        return fitted, None
    frame, column = np.unravel_index(int(excess.argmax()), excess.shape)
    values = np.concatenate([clip.weights, clip.head_rad * degrees, clip.gaze_rad * degrees], axis=1)
    allowed = np.concatenate([weights, head_rad * degrees, gaze_rad * degrees], axis=1)
    beyond = int((excess > HARMLESS).any(axis=1).sum())
    return fitted, (
        f"{beyond} of {len(clip)} frames go beyond what the avatar can show and were clamped: worst at frame "
        f"{frame}, {_COLUMNS[column]} {values[frame, column]:.4g} became {allowed[frame, column]:.4g}"
    )


def _clamp(values: Float32, low: Float64, high: Float64) -> tuple[Float32, Float64]:
    """Clamped values, and by how much each was beyond."""
    clamped = np.clip(values, low.astype(np.float32), high.astype(np.float32))
    return clamped, np.abs(values.astype(np.float64) - clamped)
