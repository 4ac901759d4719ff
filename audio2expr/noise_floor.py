"""The steady noise under speech, band by band, and speech without most of it. Knows powers, no sound and no
net.

Minimum statistics (R. Martin, 2001, "Noise power spectral density estimation based on optimal smoothing
and minimum statistics"): within a second every band is free of speech for a moment, so the least smoothed
power of the last second is the noise's, but for a factor. What is below SPECTRAL_FLOOR of the noisy power
is not taken away (Berouti et al. 1979), or what is left of the noise would twitter.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

SMOOTHING = 0.8
"Of a band's power from row to row: about 50 ms, for a band is narrow and its noise flickers."
STEP_BLOCKS, STEPS, STEPS_KNOWN = 2, 13, 6
"A minimum is kept for each 80 ms, for about a second; nothing is taken away before there are STEPS_KNOWN."
BIAS = 2.0
"Mean noise over the least smoothed power of a second: measured on white and pink noise."
SPECTRAL_FLOOR = 0.06


class NoiseFloor:
    """The noise of one session; state of fixed size, never looks ahead."""

    def __init__(self, bands: int, smoothing: float = SMOOTHING, bias: float = BIAS) -> None:
        """smoothing and bias belong together; see SMOOTHING and BIAS."""
        self._kept, self._bias = np.float32(smoothing), np.float32(bias)
        self._smooth = np.zeros(bands, np.float32)
        self._least = np.full(bands, np.inf, np.float32)
        self._blocks = 0
        self._minima: deque[Float32] = deque(maxlen=STEPS)
        self.power = np.zeros(bands, np.float32)
        "Of the noise, in each band; 0 until it is known."

    def push(self, power: Float32) -> Float32:
        """A block of rows -> the same without the noise. power: float32 [rows, bands], 0 or more; returns
        the like, between SPECTRAL_FLOOR of it and all of it."""
        for row in power:
            self._smooth += (1 - self._kept) * (row - self._smooth)
            np.minimum(self._least, self._smooth, out=self._least)
        self._blocks += 1
        if self._blocks == STEP_BLOCKS:
            self._minima.append(self._least)
            self._least, self._blocks = self._smooth.copy(), 0
        if len(self._minima) < STEPS_KNOWN:
            return power
        self.power = self._bias * np.minimum(np.min(self._minima, axis=0), self._least)
        clean = np.maximum(power - self.power, np.float32(SPECTRAL_FLOOR) * power)
        return np.asarray(clean, np.float32)
