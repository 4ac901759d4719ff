"""Mouth shapes in time (what Rhubarb and viseme detectors give) as lip apertures, to be measured like a mouth
that moves.

Such tools know no aperture: each shape gets the mean of real lips while it shows, and the whole curve one
delay and one blur. All of that is fitted on filmed clips, the same that our own mouth was fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from audio2expr.training.evaluate import speech_span
from audio2expr.training.phones import Phone
from audio2expr.training.targets import FRAME_S

LAGS_S = tuple(round(0.02 * step, 2) for step in range(-6, 9))
"How much later than it should a tool may be; taken back in its favour."
BLURS_S = (0.0, 0.02, 0.04, 0.06, 0.08)
"Standard deviation: cues are hard cuts, and whoever animates with them blends."
STEP_S = 0.01


class Cue(NamedTuple):
    """One shape in time."""

    start_s: float
    end_s: float
    shape: str


class FilmedCues(NamedTuple):
    """What a tool gave for a clip, and what the lips did."""

    cues: Sequence[Cue]
    phones: list[Phone]
    gap: np.ndarray
    "float [frames]."


def shapes_at(cues: Sequence[Cue], times_s: np.ndarray) -> np.ndarray:
    """The shapes shown at times; before the first cue the first, behind the last the last."""
    starts = np.array([cue.start_s for cue in cues])
    names = np.array([cue.shape for cue in cues])
    return np.asarray(names[np.clip(np.searchsorted(starts, times_s, side="right") - 1, 0, len(cues) - 1)])


def middles(n_frames: int) -> np.ndarray:
    return (np.arange(n_frames) + 0.5) * FRAME_S


@dataclass(frozen=True)
class ShapeLevels:
    """How a tool's shapes are read."""

    levels: dict[str, float]
    "Aperture of each shape."
    lag_s: float
    blur_s: float

    def gap(self, cues: Sequence[Cue], n_frames: int) -> np.ndarray:
        """Aperture of the frames, float [n_frames]."""
        usual = float(np.mean(list(self.levels.values())))
        times = np.arange(-50, round(n_frames * FRAME_S / STEP_S) + 50) * STEP_S + self.lag_s
        steps = np.array([self.levels.get(shape, usual) for shape in shapes_at(cues, times)])
        if self.blur_s:
            reach = np.arange(-40, 41) * STEP_S
            kernel = np.exp(-0.5 * (reach / self.blur_s) ** 2)
            steps = np.convolve(steps, kernel / kernel.sum(), "same")
        return np.interp(middles(n_frames) + self.lag_s, times, steps)

    def shows(
        self, shapes: frozenset[str], cues: Sequence[Cue], n_frames: int, margin_s: float = 0.0
    ) -> np.ndarray:
        """Whether one of `shapes` is on in the middle of each frame, and has been and will be for `margin_s`;
        bool [n_frames]."""
        steps = round(margin_s / STEP_S)
        times = middles(n_frames) + self.lag_s + np.arange(-steps, steps + 1)[:, None] * STEP_S
        return np.asarray(np.isin(shapes_at(cues, times), sorted(shapes)).all(axis=0))


def fit_levels(clips: Sequence[FilmedCues]) -> ShapeLevels:
    """The reading whose curve follows the real lips of `clips` best inside speech."""
    spans = [speech_span(clip.phones, len(clip.gap)) for clip in clips]
    real = np.concatenate([clip.gap[span] for clip, span in zip(clips, spans, strict=True)])

    def levels_at(lag_s: float) -> dict[str, float]:
        shown = [
            shapes_at(clip.cues, middles(len(clip.gap)) + lag_s)[span]
            for clip, span in zip(clips, spans, strict=True)
        ]
        shapes = np.concatenate(shown)
        return {str(shape): float(real[shapes == shape].mean()) for shape in np.unique(shapes)}

    def r(reading: ShapeLevels) -> float:
        curves = [
            reading.gap(clip.cues, len(clip.gap))[span] for clip, span in zip(clips, spans, strict=True)
        ]
        curve = np.concatenate(curves)
        return float(np.corrcoef(curve, real)[0, 1]) if curve.std() > 1e-9 else -1.0

    readings = [ShapeLevels(levels_at(lag_s), lag_s, blur_s) for lag_s in LAGS_S for blur_s in BLURS_S]
    return max(readings, key=r)
