"""What a plot of some motion shows, picked up while the motion is made. Knows frames and sound, nothing of
drawing.

Only the part that is shown is kept, so memory does not grow with the length of the speech.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE, SAMPLE_RATE
from avatar_engine.drivers.plot.phone_files import LabelledPhone
from avatar_engine.errors import UsageError
from avatar_engine.names import ARKIT_NAMES
from avatar_engine.types import EmotionScores, ExpressionFrame, Float32

LONGEST_S = 120.0
"Shown at most: beyond, a syllable is finer than a line."


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Some speech and the motion made of it, from start_s to end_s."""

    start_s: float
    end_s: float
    sound: Float32
    "float32 [n], mono."
    sound_rate: int
    weights: Float32
    "float32 [k, 52], one each 40 ms."
    head_rad: Float32
    "float32 [k, 3]."
    gaze_rad: Float32
    "float32 [k, 2]."
    emotions: tuple[tuple[float, float, EmotionScores], ...]
    "(start_s, end_s, scores), in order, cut to the part shown."
    phones: tuple[LabelledPhone, ...] | None
    title: str

    @property
    def times_s(self) -> NDArray[np.float64]:
        """The middles of the frames, float64 [k]."""
        return self.start_s + (np.arange(len(self.weights)) + 0.5) / FRAME_RATE


def check_span(span: Sequence[float] | None, duration_s: float | None) -> tuple[float, float] | None:
    """The span as (start, end) in seconds; UsageError where it is none, too long or beyond a known end."""
    if span is None:
        return None
    start_s, end_s = (float(value) for value in span)
    if not 0 <= start_s < end_s < float("inf"):
        raise UsageError(f"plot span {start_s:g} to {end_s:g} s; expected 0 <= start < end")
    if end_s - start_s > LONGEST_S:
        raise UsageError(
            f"plot span {start_s:g} to {end_s:g} s is too long; expected at most {LONGEST_S:g} s"
        )
    if duration_s is not None and start_s >= duration_s:
        raise UsageError(f"plot span begins at {start_s:g} s, but the speech ends at {duration_s:.2f} s")
    return start_s, end_s


class SceneRecorder:
    """Keeps what is heard and seen between two moments."""

    def __init__(self, sound_rate: int, span: tuple[float, float] | None) -> None:
        """span: seconds; None: from the start, LONGEST_S at most."""
        self._rate = sound_rate
        self._chosen = span is not None
        start_s, end_s = (0.0, LONGEST_S) if span is None else span
        # The tolerance: 0.28 s are 7 frames, though 0.28 * 25 is a little more.
        self._first, self._stop = int(start_s * FRAME_RATE + 1e-6), int(np.ceil(end_s * FRAME_RATE - 1e-6))
        self._heard = 0
        self._seen = 0
        self._sound: list[Float32] = []
        self._frames: list[ExpressionFrame] = []

    def sound(self, block: Float32) -> None:
        """The next block of the source, float32 [n, channels]."""
        first, stop = (frame * self._rate // FRAME_RATE - self._heard for frame in (self._first, self._stop))
        self._heard += len(block)
        if stop > 0 and first < len(block):
            self._sound.append(block[max(first, 0) : stop].mean(axis=1, dtype=np.float32))

    def frame(self, frame: ExpressionFrame) -> None:
        """The next frame."""
        self._seen = frame.index + 1
        if self._first <= frame.index < self._stop:
            self._frames.append(frame)

    @property
    def warning(self) -> str | None:
        """What is to be said where the part shown is not the whole, and nobody chose it."""
        if self._chosen or self._seen <= self._stop:
            return None
        return (
            f"the plot shows the first {LONGEST_S:g} of {self._seen / FRAME_RATE:.2f} s; "
            f"--plot-span START END chooses another part"
        )

    def scene(
        self, emotions: Sequence[EmotionScores], phones: tuple[LabelledPhone, ...] | None, title: str
    ) -> Scene:
        """What was kept. UsageError where the speech ended before the part began."""
        frames = self._frames
        if not frames:
            raise UsageError(
                f"plot span begins at {self._first / FRAME_RATE:g} s, but the speech ends at "
                f"{self._seen / FRAME_RATE:.2f} s"
            )
        start_s = self._first / FRAME_RATE
        end_s = start_s + len(frames) / FRAME_RATE
        cut = [(max(e.start / SAMPLE_RATE, start_s), min(e.end / SAMPLE_RATE, end_s), e) for e in emotions]
        return Scene(
            start_s,
            end_s,
            np.concatenate(self._sound) if self._sound else np.zeros(0, np.float32),
            self._rate,
            np.array([frame.weights for frame in frames], np.float32).reshape(-1, len(ARKIT_NAMES)),
            np.array([frame.head_rad for frame in frames], np.float32),
            np.array([frame.gaze_rad for frame in frames], np.float32),
            tuple(stretch for stretch in cut if stretch[0] < stretch[1]),
            phones,
            title,
        )
