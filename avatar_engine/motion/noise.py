"""Seeded smooth noise for living things: band-limited, about 1/f. Knows neither faces nor time in seconds of
a clock."""

from __future__ import annotations

import math
import zlib

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE

Float64 = NDArray[np.float64]


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A random generator of its own for each purpose, so that one kind of movement never changes another."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(purpose.encode())]))


class Drift:
    """Channels of noise with unit variance, smooth at 25 fps: white noise through two equal one-pole filters
    an octave.

    seconds: time constants of the octaves; shares: their parts of the standard deviation. State starts at
    rest, so motion grows from a neutral pose. A step depends on the seed and the count of steps, on nothing
    else.
    """

    def __init__(
        self, rng: np.random.Generator, channels: int, seconds: tuple[float, ...], shares: tuple[float, ...]
    ) -> None:
        self._rng = rng
        self._shape = (len(seconds), channels)
        self._keep = np.exp(-1.0 / (FRAME_RATE * np.array(seconds)))[:, None]
        keep = self._keep
        # variance of white noise after two poles at `keep`: (1-k)^4 (1+k²) / (1-k²)³
        spread = np.sqrt((1 - keep) ** 4 * (1 + keep**2) / (1 - keep**2) ** 3)
        share = np.array(shares) / np.sqrt(np.sum(np.square(shares)))
        self._scale = share[:, None] / spread
        self._first = np.zeros(self._shape)
        self._second = np.zeros(self._shape)

    def step(self) -> Float64:
        """float64 [channels] for the next frame."""
        white = self._rng.standard_normal(self._shape)
        self._first = self._keep * self._first + (1 - self._keep) * white
        self._second = self._keep * self._second + (1 - self._keep) * self._first
        return np.asarray((self._scale * self._second).sum(0))


class Spring:
    """A critically damped follower: smooth in position and speed, no overshoot. float64 [channels]."""

    def __init__(self, channels: int, seconds: float) -> None:
        self._keep = float(np.exp(-1.0 / (FRAME_RATE * seconds)))
        self._first = np.zeros(channels)
        self._second = np.zeros(channels)

    def step(self, target: Float64) -> Float64:
        self._first = self._keep * self._first + (1 - self._keep) * target
        self._second = self._keep * self._second + (1 - self._keep) * self._first
        return self._second.copy()


class Ease:
    """A Spring of one number, without the cost of an array."""

    def __init__(self, seconds: float) -> None:
        self._keep = math.exp(-1.0 / (FRAME_RATE * seconds))
        self._first = 0.0
        self._second = 0.0

    def step(self, target: float) -> float:
        self._first = self._keep * self._first + (1 - self._keep) * target
        self._second = self._keep * self._second + (1 - self._keep) * self._first
        return self._second
