"""The shipped models, as a worker loads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from avatar_engine import assembly
from avatar_engine.config import MotionOptions, RenderOptions
from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.session import Session
from avatar_engine.types import Renderer

if TYPE_CHECKING:
    from renderer import Portrait


class ShippedModels:
    """Motion once, each avatar's network once, whatever sizes are shown."""

    def __init__(self, device: str = "cpu", threads: int = 2) -> None:
        self._device = device
        self._threads = threads
        self._motion = assembly.build_motion(with_text=True)
        self._portraits: dict[tuple[str, int], Portrait] = {}

    def session(self, options: SessionOptions) -> Session:
        return self._motion(MotionOptions(seed=options.seed, emotion=options.emotion))

    def renderer(self, avatar: str, size: int) -> Renderer:
        largest = max(assembly.find_avatar(avatar).config["sizes"])
        if (avatar, largest) not in self._portraits:
            drawn = RenderOptions(avatar, largest, self._device, self._threads)
            self._portraits[avatar, largest] = assembly.build_renderer(drawn)
        if (avatar, size) not in self._portraits:
            self._portraits[avatar, size] = self._portraits[avatar, largest].at(size)
        return self._portraits[avatar, size]
