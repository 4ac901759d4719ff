"""Picks the thresholds that turn the net's opinions into lips, and measures the finished model. Knows real
lips and weights folders."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from audio2expr import Audio2Expr
from audio2expr.mouth import Lips, MouthConfig, Opinions
from audio2expr.training import corpus, shapes
from audio2expr.training.evaluate import MouthReport, Track, measure
from audio2expr.training.levels import Heard
from audio2expr.training.targets import RealClip, load_grid

FROM = (-0.4, -0.2, 0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
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


def choose(clips: list[RealClip], heard: list[Heard], config: MouthConfig) -> dict[str, float]:
    """`closed_from` and `closed_full` that follow the real lips of `clips` best while the closures are kept.

    heard: for each clip, what a net said that was not fitted on it (levels.cross_fitted).
    """
    best: tuple[float, dict[str, float]] = (-np.inf, {})
    for low in FROM:
        point = {"closed_from": low, "closed_full": round(low + WIDTH, 3)}
        value = _value(measure(tracks(clips, heard, replace(config, **point))))
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


def report(folder: Path, grid: Path | None, shards: list[Path]) -> dict[str, Any]:
    """The finished model on odd GRID clips and on voices and languages it never heard, rounded for the
    manifest."""
    model = Audio2Expr.load(folder)
    spread = shapes.GAP_ROW[[shapes.CHANNELS.index(_channel(n)) for n in model.names]] / [
        2 if _paired(n) else 1 for n in model.names
    ]
    out: dict[str, Any] = {}
    if grid:
        filmed = []
        for clip in load_grid(grid, 1):
            gap = _gap(model, soundfile.read(clip.samples_path, dtype="float32")[0], spread)
            filmed.append(Track(clip.name, clip.phones, gap, clip.gap))
        out["grid_s1_odd"] = rounded(measure(filmed))
    sessions = [s for path in shards if path.stem == "held_out" for s in corpus.load(path)]
    for key in sorted({s.key for s in sessions}):
        made = [Track(key, s.phones, _gap(model, s.samples, spread)) for s in sessions if s.key == key]
        wanted = ("closure_recall", "false_closures_per_s", "open_over_closed", "silence_gap_max")
        out[key] = {k: v for k, v in rounded(measure(made)).items() if k in wanted}
    return out


def _paired(name: str) -> bool:
    return name.endswith(("Left", "Right"))


def _channel(name: str) -> str:
    return name.removesuffix("Left").removesuffix("Right")


def _gap(model: Audio2Expr, samples: np.ndarray, spread: np.ndarray) -> np.ndarray:
    stream = model.stream()
    weights = np.concatenate([stream.push(samples).weights, stream.flush().weights])
    return np.asarray(weights @ spread + shapes.GAP_AT_REST)


def rounded(report: MouthReport) -> dict[str, float | None]:
    """Three digits; None for what could not be measured, since JSON has no NaN."""
    return {k: round(float(v), 3) if np.isfinite(v) else None for k, v in asdict(report).items()}
