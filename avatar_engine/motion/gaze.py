"""Where the eyes look: fixations on the viewer's face, small saccades, short looks away. Knows nothing of the
lids.

Directions are in the world, as seen from the neutral head: +x the subject's left, +y up, in degrees; (0, 0)
is the viewer. Fixations of a face last about a second and jump between its eyes and mouth (Yarbus 1967);
speakers look away more than listeners, mostly aside and for about a second (Lee, Badler & Badler, Eyes Alive,
SIGGRAPH 2002: 41 % of talking time; an avatar that sells presence looks away less). A saccade lasts 21 ms +
2.2 ms a degree (ibid.): a frame or two. Who listens hardly looks away, who thinks looks up or aside and only
glances at the viewer (sources in attention.py).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE

Float64 = NDArray[np.float64]

FACE_POINTS = ((1.0, 0.3), (-1.0, 0.3), (0.0, -1.5), (0.0, 0.0))
"The viewer's eyes, mouth and the bridge of the nose from 60 cm, degrees."
AWAY_SPEAKING, AWAY_SILENT = 0.22, 0.13
"Share of fixations that look away from the viewer."
AWAY_LISTENING = 0.03
GLANCE_SHARE = 0.14
"How many of a thinker's fixations are short glances at the viewer."
SHIFT_DEGREES = 5.0
"From here on a saccade is a gaze shift that often comes with a blink."


class Gaze:
    """One pair of eyes: fed a frame at a time, depends on the seed and on earlier frames only."""

    def __init__(self, rng: np.random.Generator, liveliness: float) -> None:
        self._rng = rng
        self._liveliness = liveliness
        self._target = np.zeros(2)
        self._from = np.zeros(2)
        self._moving = 0
        self._frames_left = int(FRAME_RATE * rng.uniform(0.8, 2.0))
        self._away = False
        self._mood = "idle"
        self._side = 1.0
        self.shifted = False
        "Whether the last step began a large gaze shift."

    def step(
        self, *, speaking: float, downcast: float, listening: float = 0.0, thinking: float = 0.0
    ) -> Float64:
        """float64 [2], degrees. speaking, listening, thinking: 0..1; downcast: 0..1, how sad or ashamed the
        look is."""
        self.shifted = False
        self._attend("thinking" if thinking >= 0.5 else "listening" if listening >= 0.5 else "idle")
        self._frames_left -= 1
        if self._frames_left <= 0:
            self._jump(speaking, downcast)
        if self._moving:
            self._moving -= 1
            return np.asarray(self._from + (0.55 if self._moving else 1.0) * (self._target - self._from))
        return self._target.copy()

    def _attend(self, mood: str) -> None:
        """Another state: the eyes leave for it, or come back from it, at once."""
        if mood == self._mood:
            return
        if "thinking" in (mood, self._mood):
            self._away = mood != "thinking"  # the next fixation is on the viewer, or not
            self._frames_left = min(self._frames_left, 2)
            self._side = float(self._rng.choice([-1.0, 1.0]))
        self._mood = mood

    def _jump(self, speaking: float, downcast: float) -> None:
        target, seconds = self._think() if self._mood == "thinking" else self._rest(speaking)
        target[1] -= downcast * 3.0
        self._from, self._target = self._target, target
        distance = float(np.linalg.norm(target - self._from))
        self.shifted = distance >= SHIFT_DEGREES
        self._moving = 2 if distance >= 3.0 else 1
        self._frames_left = max(2, round(seconds * FRAME_RATE))

    def _think(self) -> tuple[Float64, float]:
        """Where a thinker looks next, and for how long: mostly up and to one side, now and then the other."""
        rng = self._rng
        if not self._away or rng.random() >= GLANCE_SHARE:
            self._away = True
            if rng.random() < 0.15:
                self._side = -self._side
            target = np.array([self._side * rng.uniform(7.0, 15.0), rng.uniform(2.0, 8.5)])
            return target, float(np.clip(0.85 * np.exp(0.4 * rng.standard_normal()), 0.35, 2.0))
        self._away = False
        return 0.3 * rng.standard_normal(2), float(rng.uniform(0.3, 0.6))

    def _rest(self, speaking: float) -> tuple[Float64, float]:
        """The next fixation of one who speaks, listens or idles, and for how long."""
        rng, lively = self._rng, self._liveliness
        away_silent = AWAY_LISTENING if self._mood == "listening" else AWAY_SILENT
        away_share = (away_silent + (AWAY_SPEAKING - away_silent) * speaking) * min(1.5, lively)
        self._away = not self._away and bool(rng.random() < away_share)
        if self._away:
            size = float(rng.uniform(4.0, 9.0))
            angle = float(rng.choice([0.15, 0.5, 2.64, 2.99, -0.5, -2.64])) + float(rng.normal(0, 0.15))
            target = size * np.array([np.cos(angle), 0.7 * np.sin(angle)])
            seconds = float(np.clip(0.7 * np.exp(0.4 * rng.standard_normal()), 0.3, 1.6))
        else:
            point = FACE_POINTS[int(rng.integers(len(FACE_POINTS)))]
            target = lively * (np.array(point) + 0.3 * rng.standard_normal(2))
            seconds = float(np.clip(1.0 * np.exp(0.55 * rng.standard_normal()), 0.28, 4.0))
        return np.asarray(target), seconds
