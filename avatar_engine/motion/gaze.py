"""Where the eyes look: on the viewer's face, in small saccades, with looks away between. Knows nothing of the
lids.

Directions are in the world, as seen from the neutral head: +x the subject's left, +y up, in degrees; (0, 0)
is the viewer.

- How long: mutual gaze and looks away as measured in conversations (Lee, Badler & Badler, Eyes Alive,
  SIGGRAPH 2002: talking 3.1 s on and .93 s away, listening 7.9 s and .43 s); fixations inside the viewer's
  face jump between eyes and mouth (Yarbus, Eye Movements and Vision, 1967) and last about half a second,
  log-normally spread (Võ, Smith, Mital & Henderson, J. Vision 12, 2012).
- How far and where: sizes of looks away fall exponentially with a mean of 6.9 degrees, directions as in table
  1 of Eyes Alive; here 3.5 to 12 degrees, less downwards and upwards, for an avatar that looks far away seems
  absent.
- How fast: a saccade of A degrees lasts 21 ms + 2.2 ms A (Carpenter, Movements of the Eyes, 1988) and is
  faster in its first half. It is sampled in the middle of each frame, so it takes one to two of them.
- When: speakers look away as they begin a turn and back at its end (Kendon, Acta Psychologica 26, 1967).

Who listens hardly looks away, who thinks looks up or aside and only glances at the viewer (sources in
attention.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE

Float64 = NDArray[np.float64]

FACE_POINTS = ((1.0, 0.3), (-1.0, 0.3), (0.0, -1.5), (0.0, 0.0))
"The viewer's eyes, mouth and the bridge of the nose from 60 cm, degrees."
POINT_SHARES = (0.36, 0.36, 0.16, 0.12)
FIXATION_MEDIAN_S, FIXATION_SPREAD = 0.55, 0.5
"Of one point of the viewer's face."
ON_VIEWER_S = {"speaking": 3.1, "idle": 5.0, "listening": 7.9}
AWAY_S = {"speaking": 0.93, "idle": 0.9, "listening": 0.43}
"Medians, log-normal with the spreads below."
ON_SPREAD, AWAY_SPREAD = 0.6, 0.4
AWAY_MEAN_DEGREES, AWAY_RANGE_DEGREES = 6.9, (3.5, 12.0)
AWAY_DIRECTIONS = (0.155, 0.065, 0.177, 0.074, 0.168, 0.079, 0.204, 0.078)
"Shares of the eight directions, from the subject's right counted upwards (Eyes Alive, table 1)."
UPRIGHT = 0.6
"How much shorter looks up and down are: the eyes' vertical way is short, and looking down reads as shame."
BEGIN_AWAY_SHARE, END_BACK_SHARE = 0.4, 0.7
"How often the first words of a turn take the eyes away, and the end of a phrase brings them back."
TURN_FRAMES = 2 * FRAME_RATE
"Silence after which speech is a new turn."
GLANCE_SHARE = 0.14
"How many of a thinker's fixations are short glances at the viewer."
SHIFT_DEGREES = 5.0
"From here on a saccade is a gaze shift that often comes with a blink."


def saccade_seconds(degrees: float) -> float:
    """How long a saccade of this size lasts: the main sequence."""
    return 0.021 + 0.0022 * degrees


@dataclass(frozen=True, slots=True, eq=False)
class _Saccade:
    start: Float64
    end: Float64
    begins_s: float
    lasts_s: float

    def at(self, time_s: float) -> Float64:
        part = min(1.0, max(0.0, (time_s - self.begins_s) / self.lasts_s))
        # minimum jerk over warped time: the peak of speed at two fifths of the way, as in large saccades
        part = part**0.9
        way = part**3 * (10.0 - 15.0 * part + 6.0 * part * part)
        return np.asarray(self.start + way * (self.end - self.start))


class Gaze:
    """One pair of eyes: fed a frame at a time, depends on the seed and on earlier frames only."""

    def __init__(self, rng: np.random.Generator, liveliness: float) -> None:
        self._rng = rng
        self._liveliness = liveliness
        self._frame = 0
        self._saccade = _Saccade(np.zeros(2), np.zeros(2), 0.0, 1.0)
        self._next_s = float(rng.uniform(0.4, 1.0))
        "When this fixation ends."
        self._turns_s = float(rng.uniform(1.0, 3.0))
        "When the eyes leave the viewer, or come back."
        self._away = False
        self._mood = "idle"
        self._side = 1.0
        self._silent = TURN_FRAMES
        self.shifted = False
        "Whether the last step began a large gaze shift."

    def step(
        self,
        *,
        speaking: float,
        downcast: float,
        listening: float = 0.0,
        thinking: float = 0.0,
        phrase_ended: bool = False,
    ) -> Float64:
        """float64 [2], degrees, in the middle of the next frame. speaking, listening, thinking: 0..1;
        downcast: 0..1, how sad or ashamed the look is; phrase_ended: a pause begins."""
        self.shifted = False
        now = (self._frame + 0.5) / FRAME_RATE
        self._frame += 1
        self._attend("thinking" if thinking >= 0.5 else "listening" if listening >= 0.5 else "idle", now)
        self._take_turns(speaking, phrase_ended, now)
        if now >= min(self._next_s, self._turns_s):
            self._jump("speaking" if speaking >= 0.5 and self._mood == "idle" else self._mood, downcast, now)
        return self._saccade.at(now)

    def _attend(self, mood: str, now: float) -> None:
        """Another state: the eyes leave for it, or come back from it, at once."""
        if mood == self._mood:
            return
        if "thinking" in (mood, self._mood):
            self._away = mood != "thinking"  # the next fixation is on the viewer, or not
            self._turns_s = min(self._turns_s, now + 2.0 / FRAME_RATE)
            self._side = float(self._rng.choice([-1.0, 1.0]))
        self._mood = mood

    def _take_turns(self, speaking: float, phrase_ended: bool, now: float) -> None:
        """Eyes away at the beginning of a turn, back at its end."""
        if speaking >= 0.5:
            if self._silent >= TURN_FRAMES and not self._away and self._rng.random() < BEGIN_AWAY_SHARE:
                self._turns_s = now + float(self._rng.uniform(0.0, 0.4))
            self._silent = 0
        else:
            self._silent += 1
        if phrase_ended and self._away and self._mood != "thinking" and self._rng.random() < END_BACK_SHARE:
            self._turns_s = now

    def _jump(self, mood: str, downcast: float, now: float) -> None:
        turns = now >= self._turns_s
        target = self._think(now) if mood == "thinking" else self._rest(mood, turns, now)
        target[1] -= downcast * 3.0
        here = self._saccade.at(now)
        distance = float(np.linalg.norm(target - here))
        self.shifted = distance >= SHIFT_DEGREES
        begins = now - float(self._rng.uniform(0.0, 1.0 / FRAME_RATE))
        self._saccade = _Saccade(here, target, begins, saccade_seconds(distance))

    def _think(self, now: float) -> Float64:
        """Where a thinker looks next: mostly up and to one side, now and then the other."""
        rng = self._rng
        if not self._away or rng.random() >= GLANCE_SHARE:
            self._away = True
            if rng.random() < 0.15:
                self._side = -self._side
            target = np.array([self._side * rng.uniform(7.0, 15.0), rng.uniform(2.0, 8.5)])
            seconds = float(np.clip(0.85 * np.exp(0.4 * rng.standard_normal()), 0.35, 2.0))
        else:
            self._away = False
            target, seconds = 0.3 * rng.standard_normal(2), float(rng.uniform(0.3, 0.6))
        self._next_s = self._turns_s = now + seconds
        return target

    def _rest(self, mood: str, turns: bool, now: float) -> Float64:
        """The next fixation of one who speaks, listens or idles."""
        rng, lively = self._rng, self._liveliness
        if turns:
            self._away = not self._away and lively > 0
            medians, spread = (AWAY_S, AWAY_SPREAD) if self._away else (ON_VIEWER_S, ON_SPREAD)
            seconds = medians[mood] * math.exp(spread * rng.standard_normal())
            if not self._away:
                seconds /= min(1.5, max(0.2, lively))
            self._turns_s = now + float(np.clip(seconds, 0.25, 20.0))
        if self._away:
            self._next_s = self._turns_s
            return self._aside()
        point = FACE_POINTS[int(rng.choice(len(FACE_POINTS), p=POINT_SHARES))]
        self._next_s = now + float(
            np.clip(FIXATION_MEDIAN_S * math.exp(FIXATION_SPREAD * rng.standard_normal()), 0.16, 3.0)
        )
        return np.asarray(lively * (np.array(point) + 0.3 * rng.standard_normal(2)))

    def _aside(self) -> Float64:
        """A direction away from the viewer."""
        rng = self._rng
        low, high = AWAY_RANGE_DEGREES
        size = min(high, low + float(rng.exponential(AWAY_MEAN_DEGREES - low)))
        eighth = int(rng.choice(8, p=AWAY_DIRECTIONS)) + float(rng.uniform(-0.5, 0.5))
        angle = math.pi - eighth * math.pi / 4
        return np.array([size * math.cos(angle), UPRIGHT * size * math.sin(angle)])
