"""Judges drawn motion: flicker against rendered clips, and how still a face is that is told to be still.

    python -m renderer.training.flicker --weights renderer/weights/ava --clips FOLDER

FOLDER holds clips that `python -m renderer.synthesis render --motion` made, one a seed. Flicker is what a
smooth motion has least of and noise most: the mean absolute second difference over time, |I(t-1) - 2 I(t) +
I(t+1)|, in grey levels, inside a part's box. The truth's own holds the noise of its few samples, so the same
is said of both after a blur over time of three frames, which takes that noise to a third and motion hardly.
Jitter: the largest and the 99th percentile change of a pixel when every weight of a still face trembles.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.geometry import SIZE, bounding_box
from renderer.portrait import Portrait
from renderer.training.dataset import face_controls, read_labels
from renderer.training.evaluate import PARTS

Float32 = NDArray[np.float32]
SHORTEST = 4
"Frames of a clip that are too few."
TREMBLE = 1e-3
"Of every weight; of head and gaze in radians half of it, .03 degrees."


def second_difference(frames: Float32) -> Float32:
    """Pictures [n, ...] -> mean absolute second difference over time of each element, [...]."""
    return np.asarray(np.abs(frames[:-2] - 2 * frames[1:-1] + frames[2:]).mean(0), np.float32)


def over_time(frames: Float32) -> Float32:
    """Binomial blur of three frames, [n, ...] -> [n - 2, ...]."""
    return np.asarray((frames[:-2] + 2 * frames[1:-1] + frames[2:]) / 4, np.float32)


def judge_clip(portrait: Portrait, rows: list[dict[str, Any]]) -> dict[str, float]:
    """Figures of one clip: flicker of truth and drawn and their ratio, in each part's box."""
    true, drawn = np.full((2, len(rows), SIZE, SIZE, 3), np.nan, np.float32)
    marks = []
    for k, row in enumerate(rows):
        x, y, w, h = row["box"]
        true[k, y : y + h, x : x + w] = cv2.imread(str(row["path"]))
        drawn[k] = portrait.draw(*face_controls(row))[:, :, 2::-1]
        marks.append(row["landmarks68"])
    landmarks = np.asarray(marks, np.float32)
    out: dict[str, float] = {}
    for part, (points, margin) in PARTS.items():
        around = landmarks[:, points].reshape(-1, 2)
        x0, y0, x1, y1 = bounding_box(around, margin, (0, 0, SIZE, SIZE))
        seen, shown = (frames[:, y0:y1, x0:x1] for frames in (true, drawn))
        shown = np.where(np.isnan(seen), np.nan, shown)
        for name, a, b in (("", seen, shown), (" blurred", over_time(seen), over_time(shown))):
            truth, ours = (float(np.nanmean(second_difference(frames))) for frames in (a, b))
            out |= {
                f"{part} truth{name}": truth,
                f"{part} drawn{name}": ours,
                f"{part} ratio{name}": ours / truth,
            }
    return out


def judge_stillness(portrait: Portrait, frames: int = 25, seed: int = 0) -> dict[str, float]:
    """How far pixels move, in grey levels, when all controls of a resting face tremble by TREMBLE."""
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(frames):
        weights = np.clip(random.normal(0, TREMBLE, 52), 0, 1).astype(np.float32)
        head, gaze = (random.normal(0, TREMBLE / 2, size).astype(np.float32) for size in (3, 2))
        drawn.append(portrait.draw(weights, head, gaze)[:, :, :3].astype(np.float32))
    moved = np.abs(np.stack(drawn) - np.median(drawn, 0))
    return {"jitter mean": float(moved.mean()), "jitter p99": float(np.percentile(moved, 99))}


def judge(weights: Path, folders: list[Path]) -> dict[str, float]:
    """Means over all clips of the folders, and the stillness of the face."""
    portrait = Portrait.load(weights)
    clips: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in read_labels(folders):
        clips[f"{row['path'].parent}/{row['image'].split('_')[0]}"].append(row)
    long_enough = [rows for rows in clips.values() if len(rows) > SHORTEST]
    if not long_enough:
        raise ValueError(
            f"no clip of more than {SHORTEST} frames among {len(clips)}: render some with --motion"
        )
    found = [judge_clip(portrait, rows) for rows in long_enough]
    means = {name: float(np.mean([clip[name] for clip in found])) for name in found[0]}
    lengths = [len(rows) for rows in long_enough]
    figures = {"clips": len(found), "left out": len(clips) - len(found)}
    figures |= {"shortest": min(lengths), "longest": max(lengths), **means, **judge_stillness(portrait)}
    return {name: round(value, 3) for name, value in figures.items()}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--clips", type=Path, nargs="+", required=True)
    arguments = parser.parse_args(argv)
    print(json.dumps(judge(arguments.weights, arguments.clips)))


if __name__ == "__main__":
    main()
