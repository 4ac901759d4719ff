"""When and how lids blink. Knows phrases and gaze shifts only as occasions; the rest is human statistics.

- Rate: 17 a minute at rest, 26 in conversation (Bentivoglio et al., Movement Disorders 12, 1997), intervals
  spread about log-normally. People blink where a phrase ends (Nakano & Kitazawa, Exp. Brain Res. 205, 2010)
  and with large gaze shifts (Evinger et al., Exp. Brain Res. 100, 1994).
- Shape: closing is 40 to 47 % faster than opening and many blinks stay incomplete (Sforza et al., Ophthalmic
  Physiol. Opt. 28, 2008); spontaneous lids fall in about 66 ms (VanderWerf et al., J. Neurophysiol. 89,
  2003).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE

Float64 = NDArray[np.float64]

MEDIAN_INTERVAL_S = 3.1
SPREAD = 0.55
"Standard deviation of the logarithm of intervals: the mean is then 3.6 s, 17 a minute before the occasions."
SPEAKING_PACE = 1.55
"How much faster the time to the next blink runs while speaking."
LISTENING_PACE = 0.9
SHORTEST_INTERVAL_S = 0.6
DOUBLE_SHARE = 0.06
INCOMPLETE_SHARE = 0.15
PHRASE_END_SHARE = 0.4
GAZE_SHIFT_SHARE = 0.35
OCCASION_REST_S = 1.5
"No occasion calls for a blink sooner than this after the last."


@dataclass(frozen=True, slots=True)
class _Blink:
    start_s: float
    closing_s: float
    hold_s: float
    opening_s: float
    depth: float
    lag_s: float
    "How much later the right lid starts; lids are never quite equal."

    def closure(self, time_s: float) -> float:
        """How far the lid is down at a time, 0..depth."""
        t = time_s - self.start_s
        if t <= 0:
            return 0.0
        if t < self.closing_s:
            return self.depth * _ease(t / self.closing_s)
        t -= self.closing_s + self.hold_s
        if t <= 0:
            return self.depth
        # opening starts fast and ends slowly
        return self.depth * (1.0 - _ease(min(1.0, t / self.opening_s) ** 0.8))

    @property
    def end_s(self) -> float:
        return self.start_s + self.lag_s + self.closing_s + self.hold_s + self.opening_s


def _ease(part: float) -> float:
    return part * part * (3.0 - 2.0 * part)


class Blinks:
    """The lids of one face: fed a frame at a time, depends on the seed and on earlier frames only."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._frame = 0
        self._blink: _Blink | None = None
        self._last_end_s = -OCCASION_REST_S
        self._next_s = self._interval() * float(rng.uniform(0.2, 1.0))

    def step(
        self, *, phrase_ended: bool, gaze_shifted: bool, speaking: float = 0.0, listening: float = 0.0
    ) -> Float64:
        """float64 [2]: how far the left and the right lid are down, 0..1, in the middle of the next frame.

        speaking, listening: 0..1, set the rate; phrase_ended, gaze_shifted: occasions in this frame.
        """
        time_s = (self._frame + 0.5) / FRAME_RATE
        self._frame += 1
        if self._blink is None:
            pace = 1.0 + (SPEAKING_PACE - 1.0) * speaking + (LISTENING_PACE - 1.0) * listening
            self._next_s -= (pace - 1.0) / FRAME_RATE
            self._seize(time_s, phrase_ended, gaze_shifted)
            if time_s >= self._next_s:
                self._blink = self._make(time_s)
        if self._blink is None:
            return np.zeros(2)
        blink = self._blink
        lids = np.array([blink.closure(time_s), blink.closure(time_s - blink.lag_s)])
        if time_s >= blink.end_s:
            self._blink = None
            self._last_end_s = time_s
            again = self._rng.random() < DOUBLE_SHARE
            self._next_s = time_s + (float(self._rng.uniform(0.08, 0.25)) if again else self._interval())
        return lids

    def _interval(self) -> float:
        return max(
            SHORTEST_INTERVAL_S, float(MEDIAN_INTERVAL_S * np.exp(SPREAD * self._rng.standard_normal()))
        )

    def _seize(self, time_s: float, phrase_ended: bool, gaze_shifted: bool) -> None:
        """Blink now or soon if the occasion calls for it."""
        if time_s - self._last_end_s < OCCASION_REST_S:
            return
        if gaze_shifted and self._rng.random() < GAZE_SHIFT_SHARE:
            self._next_s = time_s
        elif phrase_ended and self._rng.random() < PHRASE_END_SHARE:
            self._next_s = min(self._next_s, time_s + float(self._rng.uniform(0.0, 0.25)))

    def _make(self, time_s: float) -> _Blink:
        rng = self._rng
        incomplete = rng.random() < INCOMPLETE_SHARE
        return _Blink(
            start_s=time_s - float(rng.uniform(0.0, 1.0 / FRAME_RATE)),
            closing_s=float(np.clip(rng.normal(0.075, 0.010), 0.055, 0.1)),
            hold_s=float(np.clip(rng.normal(0.048, 0.012), 0.02, 0.08)),
            opening_s=float(np.clip(rng.normal(0.16, 0.03), 0.11, 0.25)),
            depth=float(rng.uniform(0.55, 0.85)) if incomplete else float(rng.uniform(0.96, 1.0)),
            lag_s=float(abs(rng.normal(0.0, 0.004))),
        )
