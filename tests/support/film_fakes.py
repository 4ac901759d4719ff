"""A drawn face with the generator's interface, models without weights, and ways to look into films."""

from __future__ import annotations

import copy
from pathlib import Path

import av
import cv2
import numpy as np

from avatar_engine.config import MotionOptions, RenderOptions
from avatar_engine.drivers import api
from avatar_engine.errors import UsageError
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES
from avatar_engine.session import SessionParts
from tests.support import session_fakes

SKIN, LIPS, BACKDROP = (224, 172, 140), (150, 40, 50), (40, 60, 90)
JAW, SMILE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthSmileLeft"]


class SketchedFace:
    """Draws a disc with a mouth that opens; the interface of renderer.Portrait."""

    names = ARKIT_NAMES
    limits = {
        "head_deg": {"yaw": 20.0, "pitch": 15.0, "roll": 10.0},
        "gaze_deg": {"x": 25.0, "y": 20.0},
        "weights": {"tongueOut": 1.0},
    }
    device = "a pencil"

    def __init__(self, size: int = 256, *, has_matte: bool = False, fail_at: int | None = None) -> None:
        self.size = size
        self.has_matte = has_matte
        self.drawn = 0
        self._fail_at = fail_at
        self._behind: np.ndarray | None = None

    def before(self, background: np.ndarray | None) -> SketchedFace:
        other = copy.copy(self)
        other._behind = background
        return other

    def draw(self, weights: np.ndarray, head_rad: np.ndarray, gaze_rad: np.ndarray) -> np.ndarray:
        if self.drawn == self._fail_at:
            raise UsageError("the pencil broke")
        self.drawn += 1
        half = self.size // 2
        rgba = np.zeros((self.size, self.size, 4), np.uint8)
        rgba[:] = (*BACKDROP, 0 if self.has_matte else 255)
        if self._behind is not None:
            rgba[:, :, :3] = cv2.resize(self._behind, (self.size, self.size))
        centre = (half + round(float(head_rad[0]) * half), half - round(float(head_rad[1]) * half))
        cv2.circle(rgba, centre, round(0.8 * half), (*SKIN, 255), -1)
        mouth = (
            round((0.3 + 0.1 * float(weights[SMILE])) * half),
            1 + round(0.5 * float(weights[JAW]) * half),
        )
        cv2.ellipse(rgba, (centre[0], centre[1] + half // 3), mouth, 0, 0, 360, (*LIPS, 255), -1)
        return rgba


class SketchedModels(api.Models):
    """Models that need no weights and count how often they are asked for."""

    def __init__(self, *, has_matte: bool = False, fail_at: int | None = None) -> None:
        super().__init__()
        self.has_matte = has_matte
        self.fail_at = fail_at
        self.loaded = 0
        self._made: dict[RenderOptions, SketchedFace] = {}

    def parts(self, options: MotionOptions, *, with_text: bool) -> SessionParts:
        return session_fakes.parts()

    def portrait(self, options: RenderOptions) -> SketchedFace:  # type: ignore[override]
        if options.avatar != "ava":
            raise UsageError(f"unknown avatar {options.avatar!r}: there are ava")
        if options not in self._made:
            self.loaded += 1
            self._made[options] = SketchedFace(options.size, has_matte=self.has_matte, fail_at=self.fail_at)
        return self._made[options]


def pictures(path: Path, decoder: str | None = None) -> list[av.VideoFrame]:
    """All pictures of a film; decoder: another one than FFmpeg's choice (libvpx-vp9 keeps alpha)."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if decoder is None:
            return list(container.decode(stream))
        context = av.CodecContext.create(decoder, "r")
        made = []
        for packet in container.demux(stream):
            made += context.decode(packet if packet.size else None)
        return made


def sound(path: Path) -> tuple[np.ndarray, int]:
    """The sound of a film as a player hears it: float32 [n, channels], and its rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        convert = av.AudioResampler(format="fltp")
        blocks = [part.to_ndarray() for frame in container.decode(stream) for part in convert.resample(frame)]
        return np.concatenate(blocks, axis=1).T, stream.codec_context.sample_rate


def beeps(seconds: float, rate: int, every_s: float = 0.5) -> np.ndarray:
    """Short tones at 0, every_s, …; float32 [n]."""
    t = np.arange(round(seconds * rate)) / rate
    return np.where(t % every_s < 0.03, 0.6 * np.sin(2 * np.pi * 1000 * t), 0).astype(np.float32)


def onsets_s(samples: np.ndarray, rate: int) -> list[float]:
    """Where the tones of `beeps` begin."""
    loud = np.flatnonzero(np.abs(samples) > 0.2)
    first = np.concatenate([[True], np.diff(loud) > 0.2 * rate])
    return [float(place) / rate for place in loud[first]]
