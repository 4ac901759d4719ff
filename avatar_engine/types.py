"""What flows between the stages: frozen, checked when made. Knows shapes and ranges, and nothing of any
model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from avatar_engine.names import ARKIT_NAMES, EMOTION_NAMES

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
EmotionSource = Literal["audio", "text", "tag", "override"]


def check_array(array: object, name: str, shape: tuple[int | None, ...], dtype: type = np.float32) -> None:
    """ValueError unless `array` has this dtype and shape (None: any length) and only finite values."""
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        got = getattr(array, "dtype", type(array))
        raise ValueError(f"{name} must be a {np.dtype(dtype).name} array, not {got}")
    fits = array.ndim == len(shape) and all(w in (None, n) for w, n in zip(shape, array.shape, strict=True))
    if not fits:
        raise ValueError(f"{name} must have shape {shape}, not {array.shape}")
    if dtype == np.float32 and not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity")


def _check_unit(array: Float32, name: str) -> None:
    if array.size and (array.min() < 0 or array.max() > 1):
        raise ValueError(f"{name} must lie in 0..1, not {array.min()}..{array.max()}")


@dataclass(frozen=True, slots=True, eq=False)
class AudioChunk:
    """Speech, mono 16 kHz."""

    start: int
    "Samples since the session began."
    samples: Float32
    "float32 [n], -1..1."

    def __post_init__(self) -> None:
        if self.start < 0:
            raise ValueError(f"start must be at least 0, not {self.start}")
        check_array(self.samples, "samples", (None,))


@dataclass(frozen=True, slots=True, eq=False)
class EmotionScores:
    """What is felt over a stretch of speech."""

    start: int
    end: int
    "Samples since the session began; the stretch is [start, end)."
    probs: Float32
    "float32 [7] in EMOTION_NAMES order: independent, calibrated, .5 is the decision; not normalised."
    intensity: float
    "0..1."
    source: EmotionSource

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a stretch needs 0 <= start <= end, not {self.start}..{self.end}")
        check_array(self.probs, "probs", (len(EMOTION_NAMES),))
        _check_unit(self.probs, "probs")
        if not 0 <= self.intensity <= 1:
            raise ValueError(f"intensity must lie in 0..1, not {self.intensity}")


@dataclass(frozen=True, slots=True, eq=False)
class ExpressionFrame:
    """The face at one frame."""

    index: int
    "Shows what is heard in samples [640 index, 640 (index + 1))."
    weights: Float32
    "float32 [52], 0..1, ARKIT_NAMES order."
    head_rad: Float32
    "float32 [3]: yaw > 0 turns to the subject's left, pitch > 0 looks up, roll > 0 raises the left ear."
    gaze_rad: Float32
    "float32 [2]: +x the subject's left, +y up."

    def __post_init__(self) -> None:
        if self.index < 0:
            raise ValueError(f"index must be at least 0, not {self.index}")
        check_array(self.weights, "weights", (len(ARKIT_NAMES),))
        _check_unit(self.weights, "weights")
        check_array(self.head_rad, "head_rad", (3,))
        check_array(self.gaze_rad, "gaze_rad", (2,))


@dataclass(frozen=True, slots=True, eq=False)
class PortraitFrame:
    """One picture."""

    index: int
    rgba: UInt8
    "uint8 [H, W, 4], sRGB, straight alpha, C-contiguous, owned by the receiver."

    def __post_init__(self) -> None:
        check_array(self.rgba, "rgba", (None, None, 4), np.uint8)


@dataclass(frozen=True, slots=True)
class PlaybackReport:
    """How far playback really got; only a driver that plays can make one."""

    position: int
    "Samples really played."
    interrupted: bool
    heard_text: str


class SpeechFramesLike(Protocol):
    """What an ExpressionStream gives for k frames; see audio2expr.SpeechFrames. Read only."""

    @property
    def weights(self) -> Float32: ...
    @property
    def voiced(self) -> Float32: ...
    @property
    def loudness_db(self) -> Float32: ...
    @property
    def pitch_hz(self) -> Float32: ...
    @property
    def emotion(self) -> Float32: ...
    @property
    def arousal(self) -> Float32: ...


class ExpressionStream(Protocol):
    """Speech -> mouth, one per session. Frames come in order, none twice; push and flush together give
    ceil(n / 640).
    """

    def push(self, samples: Float32) -> SpeechFramesLike: ...
    def flush(self) -> SpeechFramesLike: ...


class EmotionReader(Protocol):
    """Texts -> float32 [n, 7] in the order of `names`; independent, calibrated probabilities."""

    @property
    def names(self) -> tuple[str, ...]: ...
    def read(self, texts: list[str]) -> Float32: ...


class Renderer(Protocol):
    """Controls -> picture."""

    @property
    def size(self) -> int: ...
    def draw(self, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8: ...


class StagedRenderer(Renderer, Protocol):
    """One whose person can stand before something else, if it has a matte."""

    @property
    def has_matte(self) -> bool: ...

    @property
    def device(self) -> str: ...
    def before(self, background: UInt8 | None) -> StagedRenderer:
        """The same before a square picture, uint8 [h, h, 3], RGB, or before nothing: straight alpha."""
        ...
