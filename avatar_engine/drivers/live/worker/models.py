"""The shipped models, as a worker loads them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from avatar_engine import assembly
from avatar_engine.config import MotionOptions, RenderOptions
from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.drivers.live.worker.wire import Press
from avatar_engine.names import ARKIT_NAMES
from avatar_engine.session import Session
from avatar_engine.types import Float32, UInt8

if TYPE_CHECKING:
    from renderer import Portrait


class Sized:
    """A portrait at another of its sizes, sharing the network; on a GPU all sizes share one press."""

    def __init__(self, portrait: Portrait, size: int) -> None:
        self._portrait = portrait.at(size)
        self.size = size
        self.limits = portrait.limits
        self.device = portrait.device
        self.press: Press | None = portrait if portrait.batches else None

    def draw(self, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8:
        return self._portrait.draw(weights, head_rad, gaze_rad)


class ShippedModels:
    """Motion once, each avatar's network once, whatever sizes are shown."""

    def __init__(self, device: str = "cpu", threads: int = 2, background: UInt8 | None = None) -> None:
        """background: uint8 [h, h, 3], RGB, in place of the avatars' own."""
        self._device = device
        self._background = background
        self._threads = threads
        # Beside the first portrait: half of what a start waits for.
        self._motion = ThreadPoolExecutor(1, "models").submit(assembly.build_motion, with_text=True)
        self._portraits: dict[str, Portrait] = {}
        self._sized: dict[tuple[str, int], Sized] = {}

    def session(self, options: SessionOptions) -> Session:
        return self._motion.result()(MotionOptions(seed=options.seed, emotion=options.emotion))

    def renderer(self, avatar: str, size: int) -> Sized:
        if (avatar, size) not in self._sized:
            self._sized[avatar, size] = Sized(self._portrait(avatar), size)
        return self._sized[avatar, size]

    def load_largest(self, avatar: str) -> None:
        """An avatar's network, before anybody asks for a size of it."""
        self._portrait(avatar)

    def _portrait(self, avatar: str) -> Portrait:
        if avatar not in self._portraits:
            portrait = self.load(avatar)
            # The first picture is slow: it is drawn before anybody waits for it.
            portrait.draw(*(np.zeros(count, np.float32) for count in (len(ARKIT_NAMES), 3, 2)))
            self._portraits[avatar] = portrait
        return self._portraits[avatar]

    def load(self, avatar: str) -> Portrait:
        """At its largest size."""
        largest = max(assembly.find_avatar(avatar).config["sizes"])
        portrait = assembly.build_renderer(RenderOptions(avatar, largest, self._device, self._threads))
        if self._background is None:
            return portrait
        return portrait.before(self._background)
