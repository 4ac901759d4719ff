"""What flows inside motion, one object a frame. Knows no model and no rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_engine.types import EmotionSource

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class HeardFrame:
    """What the speech stream says about one frame, in the engine's own order of names."""

    weights: Float64
    "float64 [52], 0..1: the mouth of the speech alone."
    voiced: float
    "0..1: is somebody speaking a syllable."
    loudness_db: float
    pitch_hz: float
    "0 where unvoiced."
    emotion: Float64
    "float64 [7], 0..1, independent: what the voice sounds like."
    arousal: float
    "0..1."
    valid: bool = True
    "False: the sound of this frame was lost on the way; the other fields mean nothing."


@dataclass(frozen=True, slots=True, eq=False)
class Feeling:
    """What the face should show at one frame."""

    strengths: Float64
    "float64 [7] in EMOTION_NAMES order, 0..1; neutral stays 0: it is the absence of the others."
    source: EmotionSource
    pause: bool
    "A phrase just ended: a place where people blink."
    question: float = 0.0
    "0..1: the end of a question is being spoken."
