"""Blocks of sound at another rate, by one real filter (soxr); cut anywhere, the result is the same."""

from __future__ import annotations

import numpy as np
import soxr

from avatar_engine.clock import SAMPLE_RATE
from avatar_engine.types import Float32


class Resampler:
    """float32 [n, channels] at one rate in, at another out; starts and ends with its input, without delay."""

    def __init__(self, from_rate: int, to_rate: int, channels: int) -> None:
        self._stream = (
            None
            if from_rate == to_rate
            else soxr.ResampleStream(from_rate, to_rate, channels, dtype="float32")
        )
        self._channels = channels

    def push(self, block: Float32, *, last: bool = False) -> Float32:
        """What can be known after `block`; after `last` nothing may follow."""
        if self._stream is None:
            return block
        # With one channel soxr gives one dimension.
        made: Float32 = self._stream.resample_chunk(np.ascontiguousarray(block), last=last)
        return made.reshape(-1, self._channels)


class SpeechConverter:
    """Speech as the engine hears it: mono at 16 kHz, -1..1. The mean of all channels is heard."""

    def __init__(self, from_rate: int) -> None:
        self._resampler = Resampler(from_rate, SAMPLE_RATE, 1)

    def push(self, block: Float32, *, last: bool = False) -> Float32:
        """float32 [n, channels] at the source's rate -> float32 [m]."""
        mono = block.mean(axis=1, keepdims=True, dtype=np.float32)
        return np.clip(self._resampler.push(mono, last=last)[:, 0], -1, 1)
