"""How an expression comes and goes, and how strong it is. Knows faces only as templates, neither text nor
sound.

Timing: spontaneous smiles take about half a second to their apex, slower than posed ones, and leave more
slowly still (Schmidt, Cohn & Tian, Biological Psychology 65, 2003; Schmidt et al., J. Nonverbal Behavior 30,
2006); surprise is the fastest and sadness the slowest of the basic emotions (Krumhuber, Kappas & Manstead,
Emotion Review 5, 2013, review); expressions last .5 to 4 s at their apex (Ekman, Emotions Revealed, 2003).

No two are equal: each time an emotion comes, its parts, its two sides and its pace are drawn anew. Sides
differ by a few percent only, left a little stronger: felt smiles are nearly even, posed ones are not (Ekman,
Hager & Friesen, Psychophysiology 18, 1981; Skinner & Mullen, British J. Social Psychology 30, 1991), and what
the avatar shows is meant to look felt.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_INDEX, EMOTION_NAMES

Float64 = NDArray[np.float64]

ONSET_SECONDS = {"joy": 0.5, "sadness": 0.8, "anger": 0.45, "fear": 0.3, "disgust": 0.5, "surprise": 0.25}
"From 10 % to 90 % of the way to the apex."
OFFSET_SECONDS = {"joy": 0.9, "sadness": 1.4, "anger": 0.9, "fear": 0.8, "disgust": 0.8, "surprise": 0.5}
APEX_SECONDS = {"joy": 2.0, "sadness": 4.0, "anger": 3.0, "fear": 2.0, "disgust": 1.6, "surprise": 0.9}
"How fast an expression that stays wanted falls back from its apex to its sustained level (time constant)."
SUSTAINED = {"joy": 0.9, "sadness": 0.95, "anger": 0.92, "fear": 0.9, "disgust": 0.88, "surprise": 0.75}
"Part of the apex that stays as long as the emotion is wanted."
FAINT = 0.15
"An emotion that rises from below this comes anew, as an episode of its own."
PART_SPREAD, PACE_SPREAD = 0.12, 0.15
"Standard deviations of the logarithms of a part's size and of the pace, between episodes."
SIDE_BIAS, SIDE_SPREAD = 0.02, 0.06
"Mean and standard deviation of (left - right) / mean of a part."

_STEMS = tuple(dict.fromkeys(name.removesuffix("Left").removesuffix("Right") for name in ARKIT_NAMES))
_STEM_OF = np.array([_STEMS.index(name.removesuffix("Left").removesuffix("Right")) for name in ARKIT_NAMES])
_SIDE = np.array([name.endswith("Left") * 1.0 - name.endswith("Right") for name in ARKIT_NAMES])
_SIDE[[ARKIT_INDEX[name] for name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight")]] = 0.0


def _by_emotion(table: dict[str, float], neutral: float) -> Float64:
    return np.array([table.get(name, neutral) for name in EMOTION_NAMES], dtype=np.float64)


def _step_for(seconds: Float64) -> Float64:
    """The step of two equal one-pole filters in a row that rise from 10 % to 90 % in `seconds` (3.36 time
    constants)."""
    return np.asarray(1.0 - np.exp(-3.36 / (FRAME_RATE * seconds)))


class Expression:
    """How strongly each emotion shows, frame by frame: an S-shaped onset, an apex, a sustained level, a
    slower offset."""

    _onset_s = _by_emotion(ONSET_SECONDS, 0.5)
    _offset_s = _by_emotion(OFFSET_SECONDS, 0.9)
    _fading = np.exp(-1.0 / (FRAME_RATE * _by_emotion(APEX_SECONDS, 2.0)))
    _sustained = _by_emotion(SUSTAINED, 1.0)

    def __init__(self, rng: np.random.Generator | None = None) -> None:
        """rng: draws the variation; without it all episodes of an emotion are equal."""
        self._rng = rng
        self._halfway = np.zeros(len(EMOTION_NAMES))
        self._level = np.zeros(len(EMOTION_NAMES))
        self._wanted = np.zeros(len(EMOTION_NAMES))
        self._freshness = np.ones(len(EMOTION_NAMES))
        self._frames = np.zeros(len(EMOTION_NAMES))
        self._onset, self._offset = _step_for(self._onset_s), _step_for(self._offset_s)
        self.variation = np.ones((len(EMOTION_NAMES), len(ARKIT_NAMES)))
        "float64 [7, 52]: factors on the weights of the emotions' faces as they show now."

    def step(self, wanted: Float64) -> Float64:
        """One frame. wanted: float64 [7], 0..1. Returns float64 [7], 0..1, what shows; depends on earlier
        frames only."""
        rises = np.maximum(wanted - self._wanted, 0.0)
        self._frames += 1
        if rises.any():
            for i in np.flatnonzero((rises > 0.02) & (self._level < FAINT)):
                self._frames[i] = 0
                if self._rng is not None:
                    self._vary(int(i), self._rng)
        self._freshness = np.minimum(1.0, self._freshness * self._fading + 2.0 * rises)
        self._wanted = wanted.copy()
        target = wanted * (self._sustained + (1.0 - self._sustained) * self._freshness)
        step = np.where(target > self._level, self._onset, self._offset)
        self._halfway = self._halfway + step * (target - self._halfway)
        self._level = self._level + step * (self._halfway - self._level)
        return self._level.copy()

    @property
    def age_s(self) -> float:
        """Seconds since the strongest emotion that shows began to."""
        return float(self._frames[np.argmax(self._level)]) / FRAME_RATE

    def _vary(self, emotion: int, rng: np.random.Generator) -> None:
        """Draw how this episode of an emotion differs from others."""
        parts = np.exp(PART_SPREAD * rng.standard_normal(len(_STEMS)))[_STEM_OF]
        sides = SIDE_BIAS + SIDE_SPREAD * rng.standard_normal(len(_STEMS))[_STEM_OF]
        self.variation[emotion] = parts * (1.0 + 0.5 * sides * _SIDE)
        pace = np.exp(PACE_SPREAD * rng.standard_normal(2))
        self._onset[emotion] = _step_for(self._onset_s[emotion] * pace[0])
        self._offset[emotion] = _step_for(self._offset_s[emotion] * pace[1])


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
