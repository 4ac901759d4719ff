"""The shipped models, as a worker loads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
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


class Scaled:
    """A portrait's picture at another size: as the portrait scales it, without loading it once more."""

    def __init__(self, portrait: Portrait, size: int) -> None:
        self._portrait = portrait
        self.size = size
        self.limits = portrait.limits
        self.device = portrait.device
        self.press: Press | None = portrait if portrait.batches else None

    def draw(self, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8:
        picture = self._portrait.draw(weights, head_rad, gaze_rad)
        if picture.shape[0] == self.size:
            return picture
        scaled: UInt8 = cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return scaled


class ShippedModels:
    """Motion once, each avatar once: the network draws at one size, whatever is shown."""

    def __init__(self, device: str = "cpu", threads: int = 2) -> None:
        self._device = device
        self._threads = threads
        self._motion = assembly.build_motion(with_text=True)
        self._portraits: dict[str, Portrait] = {}

    def session(self, options: SessionOptions) -> Session:
        return self._motion(MotionOptions(seed=options.seed, emotion=options.emotion))

    def renderer(self, avatar: str, size: int) -> Scaled:
        if avatar not in self._portraits:
            portrait = self.load(avatar)
            # The first picture is slow: it is drawn before anybody waits for it.
            portrait.draw(*(np.zeros(count, np.float32) for count in (len(ARKIT_NAMES), 3, 2)))
            self._portraits[avatar] = portrait
        return Scaled(self._portraits[avatar], size)

    def load(self, avatar: str) -> Portrait:
        """At its largest size."""
        largest = max(assembly.find_avatar(avatar).config["sizes"])
        return assembly.build_renderer(RenderOptions(avatar, largest, self._device, self._threads))
