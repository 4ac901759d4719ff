"""Frames that move in all their numbers, and the files made of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar_engine.drivers.motion_files.clip import MotionClip, with_gaze_weights
from avatar_engine.drivers.motion_files.files import MotionWriter
from avatar_engine.types import EmotionScores, ExpressionFrame


def moving_frames(count: int, seed: int = 0) -> list[ExpressionFrame]:
    """Frames with weights of all magnitudes; gaze and eyeLook weights agree."""
    rng = np.random.default_rng(seed)
    scale = rng.choice([1, 1e-3, 1e-8], (count, 52)).astype(np.float32)
    gaze = rng.uniform(-0.3, 0.3, (count, 2)).astype(np.float32)
    weights = with_gaze_weights(rng.random((count, 52), dtype=np.float32) * scale, gaze)
    head = rng.uniform(-0.15, 0.15, (count, 3)).astype(np.float32)
    return [ExpressionFrame(i, weights[i], head[i], gaze[i]) for i in range(count)]


def write_motion(
    path: Path, frames: list[ExpressionFrame], emotions: list[EmotionScores] | None = None
) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = MotionWriter(file, path.suffix)
        for frame in frames:
            writer.write(frame)
        writer.finish(emotions or [], {"seed": 3})
    return path


def stacked(frames: list[ExpressionFrame]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(np.array([getattr(f, name) for f in frames]) for name in ("weights", "head_rad", "gaze_rad"))


def arrays(clip: MotionClip) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return clip.weights, clip.head_rad, clip.gaze_rad
