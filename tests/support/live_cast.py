"""Tiny models for live sessions, found by name from a spawned worker, and a viewer made of aiortc."""

from __future__ import annotations

import time

from avatar_engine.config import MotionOptions
from avatar_engine.drivers.live.interface import SessionOptions
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
