"""What an interrupted head does: it stops and waits, then goes on as if nothing had been. Knows angles only.

People who are cut short hold still while they listen to whoever cuts in; a head that nodded on would go on
speaking without its voice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE

Float64 = NDArray[np.float64]

BRAKE = 0.4
"What is left of the head's speed from one frame to the next: it stands after three."
STILL_FRAMES = round(0.8 * FRAME_RATE)
BACK_SECONDS = 0.35
"Time constant of the way back to where the head would be, that of a critically damped spring."


class Poise:
    """One head over time: passes its angles on, except after `hold`."""

    _rate = 1.0 / (FRAME_RATE * BACK_SECONDS)
    _keep = float(np.exp(-_rate))

    def __init__(self) -> None:
        self._shown = np.zeros(3)
        self._speed = np.zeros(3)
        self._still_left = 0
        self._lag = np.zeros(3)
        self._lag_speed = np.zeros(3)

    def hold(self) -> None:
        """The speech was broken off: stand still for a while from here on."""
        self._still_left = STILL_FRAMES

    def step(self, head_rad: Float64) -> Float64:
        """Where the head would be, float64 [3] -> where it is. Depends on this and earlier frames only."""
        before, lag = self._shown, self._lag
        if self._still_left:
            self._still_left -= 1
            self._shown = before + BRAKE * self._speed
            self._lag = self._shown - head_rad
            self._lag_speed = self._lag - lag
        else:  # the lag goes as a critically damped spring with the speed that it has: no jerk at the start
            pull = self._lag_speed + self._rate * lag
            self._lag = self._keep * (lag + pull)
            self._lag_speed = self._keep * (pull - self._rate * (lag + pull))
            self._shown = head_rad + self._lag
        self._speed = self._shown - before
        return self._shown.copy()
