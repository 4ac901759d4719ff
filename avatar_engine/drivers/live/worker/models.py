"""The shipped models, as a worker loads them."""

from __future__ import annotations

import cv2

from avatar_engine import assembly
from avatar_engine.config import MotionOptions, RenderOptions
from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.session import Session
from avatar_engine.types import Float32, Renderer, UInt8


class Scaled:
    """A renderer's picture at another size: as renderer.Portrait scales it, without loading it once more."""

    def __init__(self, renderer: Renderer, size: int) -> None:
        self._renderer = renderer
        self.size = size
        self.limits = renderer.limits  # type: ignore[attr-defined]
        self.device = renderer.device  # type: ignore[attr-defined]

    def draw(self, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8:
        picture = self._renderer.draw(weights, head_rad, gaze_rad)
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
        self._portraits: dict[str, Renderer] = {}

    def session(self, options: SessionOptions) -> Session:
        return self._motion(MotionOptions(seed=options.seed, emotion=options.emotion))

    def renderer(self, avatar: str, size: int) -> Renderer:
        if avatar not in self._portraits:
            largest = max(assembly.find_avatar(avatar).config["sizes"])
            drawn = RenderOptions(avatar, largest, self._device, self._threads)
            self._portraits[avatar] = assembly.build_renderer(drawn)
        return Scaled(self._portraits[avatar], size)
