"""Tiny models for live sessions, found by name from a spawned worker, and a viewer made of aiortc."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from avatar_engine import assembly
from avatar_engine.config import MotionOptions
from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.drivers.live.worker.models import ShippedModels
from avatar_engine.drivers.live.worker.stage import i420
from avatar_engine.errors import UsageError
from avatar_engine.names import ARKIT_INDEX
from avatar_engine.session import Session
from renderer import Portrait
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


TROUPE = ("rosa", "viola")
"Avatars of DyedCast."


def dye(avatar: str) -> np.ndarray:
    """The colour of an avatar's pictures, seeded by its name: uint8 [3], RGB."""
    return np.random.default_rng(list(avatar.encode())).integers(40, 216, 3).astype(np.uint8)


class _DyedFace(SketchedFace):
    def __init__(self, size: int, avatar: str) -> None:
        super().__init__(size)
        self._dye = dye(avatar)

    def draw(self, *face: np.ndarray) -> np.ndarray:
        rgba = super().draw(*face)
        rgba[..., :3] = rgba[..., :3] // 8 + self._dye // 8 * 7
        return rgba


class DyedCast(SketchedCast):
    """A tiny avatar for every name, told by its colour."""

    def renderer(self, avatar: str, size: int) -> SketchedFace:
        return _DyedFace(size, avatar)


def dyed() -> DyedCast:
    return DyedCast()


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


class SketchedPress:
    """Draws many faces at once, as a GPU does; counts how many."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.breaks_on: set[int] = set()
        "Sizes."

    def draw_yuv420(
        self, weights: np.ndarray, head: np.ndarray, gaze: np.ndarray, sizes: Sequence[int], _: np.ndarray
    ) -> list[np.ndarray]:
        self.batches.append(len(weights))
        if self.breaks_on & set(sizes):
            raise UsageError("the press broke")
        faces = zip(weights, head, gaze, sizes, strict=True)
        return [i420(SketchedFace(size).draw(*face)) for *face, size in faces]


class PressedFace(SketchedFace):
    def __init__(self, size: int, press: SketchedPress) -> None:
        super().__init__(size)
        self.press = press


class PressedCast(SketchedCast):
    """All sessions are drawn in batches."""

    def __init__(self) -> None:
        self.press = SketchedPress()

    def renderer(self, avatar: str, size: int) -> PressedFace:
        return PressedFace(size, self.press)


def pressed() -> PressedCast:
    return PressedCast()


UNLUCKY = 13
"A seed."


class UnluckyCast(PressedCast):
    """The session of this seed breaks in its second second; the others live."""

    def session(self, options: SessionOptions) -> Session:
        session = super().session(options)
        if options.seed == UNLUCKY:
            push, left = session.push_silence, iter(range(30))

            def fragile(samples: int) -> None:
                if next(left, None) is None:
                    raise UsageError("the thread broke")
                push(samples)

            session.push_silence = fragile  # type: ignore[method-assign]
        return session


def unlucky() -> UnluckyCast:
    return UnluckyCast()


class _Tired(SketchedFace):
    """Works on its 10th picture for so many processor seconds."""

    def __init__(self, size: int, seconds: float) -> None:
        super().__init__(size)
        self._seconds = seconds

    def draw(self, *face: np.ndarray) -> np.ndarray:
        start = time.process_time()
        while self.drawn == 10 and time.process_time() - start < self._seconds:
            pass
        return super().draw(*face)


class SlowlyDrawnCast(SketchedCast):
    seconds = 1.4

    def renderer(self, avatar: str, size: int) -> SketchedFace:
        return _Tired(size, self.seconds)


def slowly_drawn() -> SlowlyDrawnCast:
    return SlowlyDrawnCast()


class EndlessCast(SlowlyDrawnCast):
    seconds = float("inf")


def endless() -> EndlessCast:
    return EndlessCast()


class TorchModels(ShippedModels):
    """What is shipped as a GPU draws it, with PyTorch, here on the CPU."""

    def load(self, avatar: str) -> Portrait:
        import torch

        from renderer.torch_backend import TorchBackend

        torch.set_num_threads(1)
        facts = assembly.find_avatar(avatar)
        backend = TorchBackend(facts.folder, facts.config, "cpu")
        return Portrait(backend, facts.config, max(facts.config["sizes"]), "cpu (PyTorch)")


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
