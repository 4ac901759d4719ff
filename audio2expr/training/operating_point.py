"""Picks the thresholds that turn the net's opinions into lips, and measures the finished model. Knows real
lips and weights folders."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soundfile

from audio2expr import Audio2Expr
from audio2expr.features import BLOCK, ROWS, FrontEnd
from audio2expr.stream import LOOKAHEAD_BLOCKS, Lips, MouthConfig
from audio2expr.training import corpus, shapes
from audio2expr.training.dataset import run_front_end
from audio2expr.training.evaluate import MouthReport, Track, measure
from audio2expr.training.targets import RealClip, load_grid

FROM = (0.04, 0.08, 0.13, 0.2, 0.25, 0.3, 0.4)
WIDTH = (0.1, 0.2, 0.3)


def net_opinions(
    samples: np.ndarray, mouth: onnxruntime.InferenceSession, config: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Open-mouth weights [frames, channels] and probabilities [frames, 3] of a whole sound, before any
    threshold."""
    rows = run_front_end(samples, FrontEnd.from_config(config))
    window = config["mouth"]["window_rows"]
    past = window - (1 + LOOKAHEAD_BLOCKS) * ROWS
    rows = np.pad(rows, [(past, 0), (0, 0)])
    n_frames = -(-len(samples) // BLOCK)
    made = [
        mouth.run(None, {"rows": np.ascontiguousarray(rows[None, i * ROWS : i * ROWS + window])})
        for i in range(n_frames)
    ]
    return np.concatenate([m[0] for m in made]), np.concatenate([m[1] for m in made])


def lips_gap(opinions: tuple[np.ndarray, np.ndarray], config: MouthConfig) -> np.ndarray:
    """Aperture of each frame under a configuration; float32 [frames]."""
    lips = Lips(config)
    return shapes.aperture(
        np.stack(
            [lips.push(m, float(o[0]), float(o[1]), float(o[2])) for m, o in zip(*opinions, strict=True)]
        )
    )


def choose(clips: list[RealClip], folder: Path, config: dict[str, Any]) -> dict[str, float]:
    """`closed_from` and `closed_full` that follow the real lips of `clips` best while the closures are
    kept."""
    mouth = onnxruntime.InferenceSession(str(folder / "mouth.onnx"), providers=["CPUExecutionProvider"])
    heard = [net_opinions(soundfile.read(c.samples_path, dtype="float32")[0], mouth, config) for c in clips]
    best: tuple[float, dict[str, float]] = (-np.inf, {})
    for low, width in itertools.product(FROM, WIDTH):
        point = {"closed_from": low, "closed_full": round(low + width, 3)}
        tried = replace(MouthConfig.from_config(config["mouth"]), **point)
        tracks = [
            Track(c.name, c.phones, lips_gap(o, tried), c.gap) for c, o in zip(clips, heard, strict=True)
        ]
        value = _value(measure(tracks))
        if value > best[0]:
            best = (value, point)
    return best[1]


def _value(report: MouthReport) -> float:
    """Correlation, less what closures lack of 95 % and what false closures have above .12 a second."""
    missed = 2 * max(0.0, 0.95 - report.closure_recall) + max(0.0, 0.95 - report.closure_recall_strict)
    return report.r - missed - 0.4 * max(0.0, report.false_closures_per_s - 0.12)


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
