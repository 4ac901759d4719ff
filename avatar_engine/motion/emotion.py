"""What an emotion does to a face: templates, and how an expression comes and goes. Knows nothing of text or
sound.

The templates are the action-unit prototypes of Ekman & Friesen (Facial Action Coding System, 1978, table
11-1; the consistently active units of Du, Tao & Martinez, PNAS 2014, agree), written as ARKit weights, an
intensity of 1 being a strong but not a posed face:

    joy 6+12 · sadness 1+4+15+17 · anger 4+5+7+24 · fear 1+2+4+5+20 · disgust 9+10+4+15 · surprise 1+2+5+26

Timing: spontaneous smiles take about half a second to their apex, slower than posed ones, and leave more
slowly still (Schmidt, Cohn & Tian, Biological Psychology 65, 2003; Schmidt et al., J. Nonverbal Behavior 30,
2006); surprise is the fastest and sadness the slowest of the basic emotions (Krumhuber, Kappas & Manstead,
Emotion Review 5, 2013, review).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_INDEX, EMOTION_NAMES

Float64 = NDArray[np.float64]

# paired names stand for Left and Right
TEMPLATES: dict[str, dict[str, float]] = {
    "neutral": {},
    "joy": {"mouthSmile": 0.75, "cheekSquint": 0.5, "eyeSquint": 0.28, "mouthUpperUp": 0.12,
            "mouthDimple": 0.2, "browOuterUp": 0.06},
    "sadness": {"browInnerUp": 0.85, "browDown": 0.18, "mouthFrown": 0.55, "mouthShrugLower": 0.3,
                "eyeSquint": 0.15, "mouthPress": 0.1},
    "anger": {"browDown": 0.9, "eyeSquint": 0.35, "eyeWide": 0.2, "noseSneer": 0.38, "mouthPress": 0.35,
              "mouthFrown": 0.2, "jawForward": 0.1},
    "fear": {"browInnerUp": 0.8, "browOuterUp": 0.35, "browDown": 0.1, "eyeWide": 0.6, "mouthStretch": 0.45,
             "jawOpen": 0.1},
    "disgust": {"noseSneer": 0.75, "browDown": 0.4, "mouthUpperUp": 0.4, "mouthFrown": 0.3,
                "cheekSquint": 0.3, "eyeSquint": 0.3},
    "surprise": {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.6, "jawOpen": 0.25},
}  # fmt: skip

HEAD_DEGREES: dict[str, tuple[float, float, float]] = {
    "joy": (0.0, 0.6, 1.0),
    "sadness": (0.8, -4.0, 1.2),
    "anger": (0.0, -2.6, 0.0),
    "fear": (1.0, 1.6, -0.8),
    "disgust": (2.6, 1.2, -1.2),
    "surprise": (0.0, 2.4, 0.0),
}
"""Yaw, pitch, roll: heads hang in sadness, lower in anger, rise in surprise and turn from what disgusts
(Wallbott 1998)."""

ONSET_SECONDS = {"joy": 0.5, "sadness": 0.8, "anger": 0.45, "fear": 0.3, "disgust": 0.5, "surprise": 0.25}
"From 10 % to 90 % of the way to the apex."
OFFSET_SECONDS = {"joy": 0.9, "sadness": 1.4, "anger": 0.9, "fear": 0.8, "disgust": 0.8, "surprise": 0.5}
APEX_SECONDS = {"joy": 2.0, "sadness": 4.0, "anger": 3.0, "fear": 2.0, "disgust": 1.6, "surprise": 0.9}
"How fast an expression that stays wanted falls back from its apex to its sustained level (time constant)."
SUSTAINED = {"joy": 0.85, "sadness": 0.92, "anger": 0.88, "fear": 0.85, "disgust": 0.8, "surprise": 0.65}
"Part of the apex that stays as long as the emotion is wanted."


def template(name: str) -> Float64:
    """float64 [52]: the face of one emotion at intensity 1."""
    weights = np.zeros(len(ARKIT_NAMES))
    for part, value in TEMPLATES[name].items():
        for full in (part, part + "Left", part + "Right"):
            if full in ARKIT_INDEX:
                weights[ARKIT_INDEX[full]] = value
    return weights


FACES = np.array([template(name) for name in EMOTION_NAMES])
"float64 [7, 52]."
HEADS_RAD = np.radians([HEAD_DEGREES.get(name, (0.0, 0.0, 0.0)) for name in EMOTION_NAMES])
"float64 [7, 3]: yaw, pitch, roll."


def _by_emotion(table: dict[str, float], neutral: float) -> Float64:
    return np.array([table.get(name, neutral) for name in EMOTION_NAMES], dtype=np.float64)


def _step_for(seconds: Float64) -> Float64:
    """The step of two equal one-pole filters in a row that rise from 10 % to 90 % in `seconds` (3.36 time
    constants)."""
    return np.asarray(1.0 - np.exp(-3.36 / (FRAME_RATE * seconds)))


class Expression:
    """How strongly each emotion shows, frame by frame: an S-shaped onset, an apex, a sustained level, a
    slower offset."""

    _onset = _step_for(_by_emotion(ONSET_SECONDS, 0.5))
    _offset = _step_for(_by_emotion(OFFSET_SECONDS, 0.9))
    _fading = np.exp(-1.0 / (FRAME_RATE * _by_emotion(APEX_SECONDS, 2.0)))
    _sustained = _by_emotion(SUSTAINED, 1.0)

    def __init__(self) -> None:
        self._halfway = np.zeros(len(EMOTION_NAMES))
        self._level = np.zeros(len(EMOTION_NAMES))
        self._wanted = np.zeros(len(EMOTION_NAMES))
        self._freshness = np.ones(len(EMOTION_NAMES))

    def step(self, wanted: Float64) -> Float64:
        """One frame. wanted: float64 [7], 0..1. Returns float64 [7], 0..1, what shows; depends on earlier
        frames only."""
        rises = np.maximum(wanted - self._wanted, 0.0)
        self._freshness = np.minimum(1.0, self._freshness * self._fading + 2.0 * rises)
        self._wanted = wanted.copy()
        target = wanted * (self._sustained + (1.0 - self._sustained) * self._freshness)
        step = np.where(target > self._level, self._onset, self._offset)
        self._halfway = self._halfway + step * (target - self._halfway)
        self._level = self._level + step * (self._halfway - self._level)
        return self._level.copy()


def strengths(probabilities: Float64, intensity: float) -> Float64:
    """Independent probabilities float64 [7] -> how much of each emotion to show, float64 [7], the strongest =
    intensity.

    A probability of .5 is the reader's decision and shows clearly, below .25 nothing shows; a confident
    'neutral' beside them takes up to two thirds away. All together stay below 1.1 of one full face.
    """
    shown = confidence(probabilities)
    strongest = float(shown.max())
    if strongest <= 0:
        return shown
    neutral = float(probabilities[EMOTION_INDEX["neutral"]])
    calm = 1.0 - 0.66 * min(1.0, max(0.0, (neutral - 0.5) / 0.5))
    shown *= intensity * calm / strongest
    total = float(shown.sum())
    return shown * min(1.0, 1.1 / total) if total > 0 else shown


def confidence(probabilities: Float64) -> Float64:
    """float64 [7]: 0 below .25, .65 at the decision .5, 1 from .8 on; neutral is 0."""
    shown = np.interp(probabilities, [0.25, 0.5, 0.8], [0.0, 0.65, 1.0])
    shown[EMOTION_INDEX["neutral"]] = 0.0
    return np.asarray(shown, dtype=np.float64)


def dominant(values: Float64) -> str:
    """The name of the strongest emotion, neutral where none shows."""
    best = int(np.argmax(values))
    return EMOTION_NAMES[best] if values[best] > 0 and math.isfinite(values[best]) else "neutral"
