"""Picks the thresholds that turn the net's opinions into lips, and measures the finished model. Knows real
lips and weights folders."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from audio2expr import Audio2Expr
from audio2expr.stream import Lips, MouthConfig
from audio2expr.training import corpus, shapes
from audio2expr.training.evaluate import MouthReport, Track, measure
from audio2expr.training.targets import RealClip, load_grid

FROM = (0.04, 0.08, 0.13, 0.2, 0.25, 0.3, 0.4)
WIDTH = (0.1, 0.2, 0.3)


def lips_gap(opinions: tuple[np.ndarray, np.ndarray], config: MouthConfig) -> np.ndarray:
    """Aperture of each frame under a configuration; float32 [frames]."""
    lips = Lips(config)
    return shapes.aperture(
        np.stack(
            [lips.push(m, float(o[0]), float(o[1]), float(o[2])) for m, o in zip(*opinions, strict=True)]
        )
    )


def choose(
    clips: list[RealClip], heard: list[tuple[np.ndarray, np.ndarray]], config: MouthConfig
) -> dict[str, float]:
    """`closed_from` and `closed_full` that follow the real lips of `clips` best while the closures are kept.

    heard: for each clip, weights and probabilities by a net that was not fitted on it (levels.cross_fitted).
    """
    best: tuple[float, dict[str, float]] = (-np.inf, {})
    for low, width in itertools.product(FROM, WIDTH):
        point = {"closed_from": low, "closed_full": round(low + width, 3)}
        tried = replace(config, **point)
        tracks = [
            Track(c.name, c.phones, lips_gap(o, tried), c.gap) for c, o in zip(clips, heard, strict=True)
        ]
        value = _value(measure(tracks))
        if value > best[0]:
            best = (value, point)
    return best[1]


def _value(report: MouthReport) -> float:
    """Correlation, less what closures lack of 96 % and what false ones there are: a missed p is seen first.

    Frames wholly inside a vowel count most; at its edges real lips are often shut as well.
    """
    missed = 3 * max(0.0, 0.96 - report.closure_recall) + max(0.0, 0.95 - report.closure_recall_strict)
    inside = 0.4 * max(0.0, report.false_closures_inside_per_s - 0.15)
    return report.r - missed - inside - 0.2 * max(0.0, report.false_closures_per_s - 0.3)


def report(folder: Path, grid: Path | None, shards: list[Path]) -> dict[str, Any]:
    """The finished model on odd GRID clips and on voices and languages it never heard, rounded for the
    manifest."""
    model = Audio2Expr.load(folder)
    spread = shapes.GAP_ROW[[shapes.CHANNELS.index(_channel(n)) for n in model.names]] / [
        2 if _paired(n) else 1 for n in model.names
    ]
    out: dict[str, Any] = {}
    if grid:
        clips = load_grid(grid, 1)
        tracks = []
        for clip in clips:
            gap = _gap(model, soundfile.read(clip.samples_path, dtype="float32")[0], spread)
            tracks.append(Track(clip.name, clip.phones, gap, clip.gap))
        out["grid_s1_odd"] = _rounded(measure(tracks))
    sessions = [s for path in shards if path.stem == "held_out" for s in corpus.load(path)]
    for key in sorted({s.key for s in sessions}):
        made = [Track(key, s.phones, _gap(model, s.samples, spread)) for s in sessions if s.key == key]
        wanted = ("closure_recall", "false_closures_per_s", "open_over_closed", "silence_gap_max")
        out[key] = {k: v for k, v in _rounded(measure(made)).items() if k in wanted}
    return out


def _paired(name: str) -> bool:
    return name.endswith(("Left", "Right"))


def _channel(name: str) -> str:
    return name.removesuffix("Left").removesuffix("Right")


def _gap(model: Audio2Expr, samples: np.ndarray, spread: np.ndarray) -> np.ndarray:
    stream = model.stream()
    weights = np.concatenate([stream.push(samples).weights, stream.flush().weights])
    return np.asarray(weights @ spread + shapes.GAP_AT_REST)


def _rounded(report: MouthReport) -> dict[str, float | None]:
    """Three digits; None for what could not be measured, since JSON has no NaN."""
    return {k: round(float(v), 3) if np.isfinite(v) else None for k, v in asdict(report).items()}
