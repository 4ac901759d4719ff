"""How the head moves: sway, breath, nods on stressed syllables, posture of an emotion, a little after the
gaze.

Knows loudness, pitch and where the eyes go. Head motion and the voice's pitch and loudness go together
(Yehia, Kuratate & Vatikiotis-Bateson, J. Phonetics 30, 2002; Munhall et al., Psychological Science 15, 2004);
a few degrees, mostly nods on accents (Graf, Cosatto, Ström & Huang, FG 2002) and tilts or turns on questions
(Busso, Deng, Grimm, Neumann & Narayanan, IEEE Trans. ASLP 15, 2007; Heylen, Int. J. Humanoid Robotics 3,
2006). At rest 12 to 16 breaths a minute; who speaks breathes in quickly in pauses and out slowly while
speaking (Winkworth, Davis, Adams & Ellis, J. Speech Hear. Res. 38, 1995).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE
from avatar_engine.motion.frames import HeardFrame
from avatar_engine.motion.noise import Drift, Ease, Spring

Float64 = NDArray[np.float64]

SWAY_DEGREES = np.array([2.0, 1.1, 1.1])
"Standard deviation of yaw, pitch, roll while speaking."
SILENT_SWAY = 0.6
"Part of it that is left in silence."
ATTENTIVE_SWAY = 0.4
"Part of that which is left while listening."
NOD_DEGREES = 2.6
"How far a strongly stressed syllable takes the head down."
ACCENT_DEGREES = np.array([1.3, 0.0, 0.9])
"Sideways part of some accents: yaw, pitch, roll."
FOLLOW_GAZE = 0.28
"Part of a gaze shift that the head makes."
TILT_DEGREES = np.array([0.8, 0.9, 3.2])
"Yaw, pitch and roll at the end of a question; yaw and roll to a seeded side."
RISING_SEMITONES = 3.5
"Above the voice's mean: a final rise, as of a question, where the text is not known."
RISING_FRAMES = 6
OCTAVE_ERROR = 10.5
"Semitones from which a pitch is rather taken for twice the true one."
RISE_HELD_FRAMES = 20
BREATH_DEGREES = 0.35
BREATH_S = 4.2
"14 breaths a minute at rest; two fifths of it in, three out."
QUICK_BREATH_S = 0.55
"Breathing in between two phrases."
LARGEST_DEGREES = np.array([18.0, 11.0, 8.0])
"Just inside what the avatars are trained on."
STRESS = 0.75
"Emphasis from which a syllable counts as stressed."


class Stress:
    """How much a syllable stands out of its voice, from loudness and pitch against running means of the same
    speaker, and whether the voice's pitch has been rising as at the end of a question."""

    _step = 1.0 - float(np.exp(-1.0 / (3.0 * FRAME_RATE)))

    def __init__(self) -> None:
        self._loudness = -30.0
        self._spread = 6.0
        self._pitch = 0.0
        self._frames = 0
        self._high = 0
        self._held = 0

    @property
    def rising(self) -> float:
        """1 while the pitch has stayed high for a quarter of a second, and for .8 s after; else 0."""
        return float(self._held > 0)

    def step(self, heard: HeardFrame) -> float:
        """0 for what is usual, 1 for a clear stress, up to 2. Moves its means only on voiced frames."""
        self._held = max(0, self._held - 1)
        if not heard.valid or heard.voiced < 0.5:
            return 0.0
        self._frames += 1
        step = max(self._step, 1.0 / self._frames)
        louder = heard.loudness_db - self._loudness
        self._loudness += step * louder
        self._spread += step * (abs(louder) - self._spread)
        value = louder / (1.25 * self._spread + 2.0)
        if heard.pitch_hz > 0:
            pitch = 12.0 * float(np.log2(heard.pitch_hz))
            if self._pitch == 0.0:
                self._pitch = pitch
            higher = float(np.clip(pitch - self._pitch, -12.0, 12.0))
            self._pitch += step * higher
            self._high = self._high + 1 if RISING_SEMITONES <= higher < OCTAVE_ERROR else 0
            if self._high >= RISING_FRAMES:
                self._held = RISE_HELD_FRAMES
            value += higher / 6.0
        return float(np.clip(value, 0.0, 2.0)) * heard.voiced if self._frames > FRAME_RATE // 5 else 0.0


class Head:
    """One head: fed a frame at a time, depends on the seed and on earlier frames only."""

    def __init__(self, rng: np.random.Generator, liveliness: float) -> None:
        self._rng = rng
        self._liveliness = liveliness
        self._sway = Drift(rng.spawn(1)[0], 3, (0.45, 1.4, 4.5), (0.35, 0.65, 0.7))
        self._nod = Spring(3, 0.09)
        self._posture = Spring(3, 0.45)
        self._after_gaze = Spring(2, 0.16)
        self._accent = np.zeros(3)
        self._stressed = False
        self._tilt = Spring(3, 0.22)
        self._side = 1.0
        self._asks = False
        self._breath = Breath(rng)

    def step(
        self,
        *,
        stress: float,
        speaking: float,
        arousal: float,
        posture_rad: Float64,
        gaze_degrees: Float64,
        listening: float = 0.0,
        nod_degrees: float = 0.0,
        question: float = 0.0,
        phrase_ended: bool = False,
    ) -> Float64:
        """Yaw, pitch, roll in radians, float64 [3].

        stress: 0..2 (Stress); speaking, arousal: 0..1; posture_rad: float64 [3] of the emotion; gaze_degrees:
        float64 [2] in the world; listening: 0..1, holds the head still; nod_degrees: pitch of a nod;
        question: 0..1, tilts the head; phrase_ended: a pause begins.
        """
        amount = self._liveliness * (SILENT_SWAY + (1.0 - SILENT_SWAY) * speaking) * (0.8 + 0.4 * arousal)
        amount *= 1.0 - (1.0 - ATTENTIVE_SWAY) * listening * (1.0 - speaking)
        degrees = SWAY_DEGREES * amount * self._sway.step()
        degrees += self._liveliness * self._nod.step(self._accents(stress))
        follow = FOLLOW_GAZE * self._after_gaze.step(gaze_degrees)
        degrees[:2] += follow
        degrees += self._liveliness * self._tilt.step(self._question(question))
        breath = self._breath.step(speaking=speaking >= 0.5, phrase_ended=phrase_ended)
        degrees[1] += BREATH_DEGREES * self._liveliness * breath + nod_degrees
        degrees += np.degrees(self._posture.step(posture_rad))
        # soft limits: linear for everyday angles, never beyond what the avatar can show
        return np.asarray(np.radians(LARGEST_DEGREES * np.tanh(degrees / LARGEST_DEGREES)))

    def _accents(self, stress: float) -> Float64:
        """The target of the accent movement: down with stress, at times aside."""
        if stress >= STRESS and not self._stressed:
            aside = self._rng.random() < 0.5
            self._accent = ACCENT_DEGREES * self._rng.standard_normal(3) * (1.0 if aside else 0.2)
        self._stressed = stress >= STRESS
        target = self._accent * min(1.0, stress)
        target[1] -= NOD_DEGREES * stress
        return target

    def _question(self, question: float) -> Float64:
        """The target of the tilt; each question has a side of its own."""
        if question >= 0.5 and not self._asks:
            self._side = float(self._rng.choice([-1.0, 1.0]) * self._rng.uniform(0.7, 1.2))
        self._asks = question >= 0.5
        return np.asarray(question * TILT_DEGREES * np.array([self._side, 1.0, self._side]))


class Breath:
    """How full the lungs are, as it moves head and chest: in quickly between phrases, out while speaking."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._full = float(rng.uniform(0.2, 0.8))
        self._smooth = Ease(0.12)
        self._is_in = bool(rng.random() < 0.4)
        self._seconds = self._length()

    def step(self, *, speaking: bool, phrase_ended: bool) -> float:
        """-1 empty to 1 full."""
        if phrase_ended and self._full < 0.6:
            self._is_in, self._seconds = True, QUICK_BREATH_S / 0.4
        share = 0.4 if self._is_in else -0.6
        self._full += 1.0 / (FRAME_RATE * self._seconds * share)
        if self._full >= 1.0:
            self._full, self._is_in, self._seconds = 1.0, False, self._length()
        elif self._full <= 0.0:
            # who still speaks on empty lungs goes on until the phrase ends
            self._full, self._is_in, self._seconds = 0.0, not speaking, self._length()
        return 2.0 * self._smooth.step(self._full) - 1.0

    def _length(self) -> float:
        return BREATH_S * float(np.exp(0.15 * self._rng.standard_normal()))
