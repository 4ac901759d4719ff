"""Tiny models for live sessions, found by name from a spawned worker, and a viewer made of aiortc."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from avatar_engine.config import MotionOptions
from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.names import ARKIT_INDEX
from avatar_engine.session import Session
from tests.support import session_fakes
from tests.support.film_fakes import SketchedFace


class SketchedCast:
    """A worker's models: a drawn disc that opens its mouth with loudness."""

    def session(self, options: SessionOptions) -> Session:
        return Session(session_fakes.parts(), MotionOptions(seed=options.seed, emotion=options.emotion))

    def renderer(self, avatar: str, size: int) -> SketchedFace:
        return SketchedFace(size)


def sketched() -> SketchedCast:
    return SketchedCast()


class BrokenCast(SketchedCast):
    """Its pencil breaks at the 30th picture."""

    def renderer(self, avatar: str, size: int) -> SketchedFace:
        return SketchedFace(size, fail_at=30)


def broken() -> BrokenCast:
    return BrokenCast()


class SlowCast(SketchedCast):
    def renderer(self, avatar: str, size: int) -> SketchedFace:
        time.sleep(60)
        return SketchedFace(size)


def slow() -> SlowCast:
    return SlowCast()


class _OwnLoudness(session_fakes.LoudnessStream):
    """Opens the jaw where a frame's own samples are loud, whatever follows."""

    def _rows(self, until: int) -> session_fakes.Heard:
        loud = []
        while self._next < until:
            own, self._samples = np.split(self._samples, [640])
            loud.append(float(np.sqrt(np.mean(own.astype(np.float64) ** 2))) if len(own) else 0.0)
            self._next += 1
        rms = np.array(loud)
        jaw = (rms > 0.1).astype(np.float32)
        weights = np.stack([jaw, *[0 * jaw] * 4], axis=-1).astype(np.float32).reshape(-1, 5)
        calm = np.zeros((len(rms), 3), np.float32)
        return session_fakes.Heard(weights, jaw, 20 * np.log10(rms + 1e-5), 120 * jaw, calm, 0.5 + 0 * jaw)


class _Lamp(SketchedFace):
    """White where the jaw is open, else dark."""

    def draw(self, weights: np.ndarray, head_rad: np.ndarray, gaze_rad: np.ndarray) -> np.ndarray:
        level = 235 if weights[ARKIT_INDEX["jawOpen"]] > 0.3 else 20
        return np.full((self.size, self.size, 4), level, np.uint8)


class FlashingCast(SketchedCast):
    """A picture is white exactly where its own 40 ms of sound are loud: flash and beep."""

    def session(self, options: SessionOptions) -> Session:
        return Session(replace(session_fakes.parts(), open_stream=_OwnLoudness), MotionOptions(options.seed))

    def renderer(self, avatar: str, size: int) -> SketchedFace:
        return _Lamp(size)


def flashing() -> FlashingCast:
    return FlashingCast()
