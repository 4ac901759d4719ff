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
from audio2expr.mouth import Lips, MouthConfig, Opinions
from audio2expr.training import shapes
from audio2expr.training.conditions import by_voice, gap_of
from audio2expr.training.evaluate import MouthReport, Track, measure
from audio2expr.training.levels import Heard
from audio2expr.training.targets import RealClip, load_grid

FROM = (-0.4, -0.2, 0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
EASE = (0.0, 0.25, 0.5, 0.75, 1.0)
WIDTH = 0.2
"Evidence between open and wholly closed lips: narrow, since half closed lips are right for nothing."


def lips_weights(heard: Heard, config: MouthConfig) -> np.ndarray:
    """Channel weights of each frame under a configuration; float32 [frames, channels]."""
    lips = Lips(config)
    return np.stack(
        [
            lips.push(mouth, Opinions(*map(float, said)), sound)
            for mouth, said, sound in zip(heard.weights, heard.opinions, heard.sounds, strict=True)
        ]
    )


def choose(
    clips: list[RealClip], clean: list[Heard], noisy: list[Heard], config: MouthConfig
) -> dict[str, float]:
    """`closed_from`, `closed_full` and `noise_ease` that follow the real lips of `clips` best while the
    closures are kept, in noise as well.

    clean, noisy: for each clip, what a net said that was not fitted on it (levels.cross_fitted).
    """
    best: tuple[float, dict[str, float]] = (-np.inf, {})
    for low, ease in itertools.product(FROM, EASE):
        point = {"closed_from": low, "closed_full": round(low + WIDTH, 3), "noise_ease": ease}
        moved = replace(config, **point)
        quiet, loud = (measure(tracks(clips, heard, moved)) for heard in (clean, noisy))
        value = _value(quiet) - _cost_of_noise(quiet, loud)
        if value > best[0]:
            best = (value, point)
    return best[1]


def tracks(clips: list[RealClip], heard: list[Heard], config: MouthConfig) -> list[Track]:
    """The mouth of each clip under a configuration."""
    return [
        Track(clip.name, clip.phones, shapes.aperture(lips_weights(said, config)), clip.gap)
        for clip, said in zip(clips, heard, strict=True)
    ]


def _value(report: MouthReport) -> float:
    """Correlation, less what closures lack of 98 % (95 % in their middle) and what false ones there are.

    A missed p is seen first. Frames wholly inside a vowel are a fault; of those at its edges a few are, since
    real lips are often shut there as well.
    """
    missed = 3 * max(0.0, 0.98 - report.closure_recall) + max(0.0, 0.95 - report.closure_recall_strict)
    inside = 0.4 * max(0.0, report.false_closures_inside_per_s - 0.05)
    return report.r - missed - inside - 0.6 * max(0.0, report.false_closures_per_s - 0.2)


def _cost_of_noise(clean: MouthReport, noisy: MouthReport) -> float:
    """What closures noise takes beyond the tenth that it may, and what false ones it makes inside vowels."""
    lost = max(0.0, clean.closure_recall - 0.08 - noisy.closure_recall)
    return lost + 0.2 * max(0.0, noisy.false_closures_inside_per_s - clean.false_closures_inside_per_s - 0.1)


def report(folder: Path, grid: Path | None, shards: list[Path]) -> dict[str, Any]:
    """The finished model on odd GRID clips and on voices and languages it never heard, rounded for the
    manifest."""
    model = Audio2Expr.load(folder)
    out: dict[str, Any] = {}
    if grid:
        filmed = []
        for clip in load_grid(grid, 1):
            gap = gap_of(model, soundfile.read(clip.samples_path, dtype="float32")[0])
            filmed.append(Track(clip.name, clip.phones, gap, clip.gap))
        out["grid_s1_odd"] = rounded(measure(filmed))
    wanted = ("closure_recall", "bilabials", "false_closures_per_s", "open_over_closed", "silence_gap_max")
    held_out = [path for path in shards if path.stem.startswith("held_out")]
    for condition in ("clean", "pink noise 10 dB"):
        for key, found in by_voice(model, held_out, condition).items():
            kept = {k: round(v, 3) if np.isfinite(v) else None for k, v in found.items() if k in wanted}
            out[f"{key}, {condition}"] = kept
    return out


def rounded(report: MouthReport) -> dict[str, Any]:
    """Three digits; None for what could not be measured, since JSON has no NaN."""

    def short(value: Any) -> Any:
        if isinstance(value, tuple):
            return [short(v) for v in value]
        return round(float(value), 3) if np.isfinite(value) else None

    return {k: short(v) for k, v in asdict(report).items()}
