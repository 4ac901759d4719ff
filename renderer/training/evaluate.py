"""Judges pictures against held-out frames: PSNR, SSIM and sharpness of face, mouth and eyes. Knows frames and
a draw function.

    python -m renderer.training.evaluate --weights renderer/weights/ava --frames FOLDER \
        [--sheet OUT.png] [--worst OUT.png]

judges the shipped weights through the very code that users run. Boxes: face = bounds of the 68 landmarks,
mouth = points 49-68 + 6 px, eyes = points 37-48 + 6 px. Sharpness at s px: mean |residual of a Gaussian of s
px| over that of the truth.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch

from renderer.geometry import SIZE, bounding_box
from renderer.torch_generator import Generator
from renderer.training.dataset import Frames, crop, face_controls, read_labels
from renderer.training.similarity import ms_ssim, psnr, sharpness, ssim

WORST = 20
PARTS = {"face": (slice(0, 68), 0), "mouth": (slice(48, 68), 6), "eyes": (slice(36, 48), 6)}


def measure(drawn: np.ndarray, truth: np.ndarray, landmarks: np.ndarray) -> dict[str, float]:
    """All figures of one picture; float32 [h, w, 3] of 0..255 and landmarks [68, 2] in its own pixels."""
    height, width = truth.shape[:2]
    result: dict[str, float] = {}
    for part, (points, margin) in PARTS.items():
        x0, y0, x1, y1 = bounding_box(landmarks[points], margin, (0, 0, width, height))
        a, b = drawn[y0:y1, x0:x1], truth[y0:y1, x0:x1]
        result[f"{part} dB"] = psnr(a, b)
        result[f"{part} ssim"] = ssim(a, b)
        for pixels in (1, 2):
            result[f"{part} {pixels}px"] = sharpness(a, b, pixels)
    return result


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    return {k: round(float(np.mean([r[k] for r in rows])), 3) for k in rows[0]}


@torch.no_grad()
def draw_all(net: Generator, frames: Frames, batch: int = 16) -> list[np.ndarray]:
    """Every frame through the PyTorch network: float32 [side, side, 3], BGR 0..255, rounded as a picture
    is."""
    pictures = []
    for start in range(0, len(frames), batch):
        index = torch.arange(start, min(start + batch, len(frames)), device=frames.pictures.device)
        with torch.autocast(frames.pictures.device.type, torch.bfloat16):
            drawn = net(frames.geometry(index))
        drawn = crop(drawn, frames.origin[index], frames.side)
        drawn = ((drawn.clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1)
        pictures += [p.astype(np.float32) for p in drawn.cpu().numpy()]
    return pictures


def judge(net: Generator, frames: Frames) -> dict[str, float]:
    """Mean figures of a network on frames; names of full frames begin with "full "."""
    rows = []
    for i, drawn in enumerate(draw_all(net, frames)):
        truth = frames.pictures[i].permute(1, 2, 0).cpu().numpy().astype(np.float32)
        landmarks = (frames.landmarks[i] - frames.origin[i]).cpu().numpy()
        row = measure(drawn, truth, landmarks)
        if frames.side == SIZE:
            row = {f"full {k}": v for k, v in row.items() if k.startswith("face")} | {
                "full dB": psnr(drawn, truth),
                "full ms-ssim": ms_ssim(drawn, truth),
            }
        rows.append(row)
    return mean_of(rows)


def sheet(net: Generator, frames: Frames, path: Path, columns: int = 6, rows: int = 2) -> None:
    """A contact sheet of the first frames at 1:1: truth above, drawn below."""
    pairs = []
    for i, drawn in enumerate(draw_all(net, frames, batch=8)[: columns * rows]):
        truth = frames.pictures[i].permute(1, 2, 0).cpu().numpy()
        pairs.append(np.vstack([truth, drawn.astype(np.uint8)]))
    write_sheet(pairs, path, columns)


def write_sheet(pictures: list[np.ndarray], path: Path, columns: int = 6) -> None:
    """Pictures of one size, in rows."""
    pictures = pictures + [np.zeros_like(pictures[0])] * (-len(pictures) % columns)
    rows = [np.hstack(pictures[i : i + columns]) for i in range(0, len(pictures), columns)]
    cv2.imwrite(str(path), np.vstack(rows))


def judge_weights(
    weights: Path,
    folders: list[Path],
    sheet_path: Path | None = None,
    size: int = 512,
    worst: Path | None = None,
) -> dict[str, float]:
    """The shipped back end on all frames of some folders, at 512, or at 256 against the averaged truth.

    sheet_path: a contact sheet of all face crops, truth above drawn; worst: of the 20 whose mouth and eyes
    are farthest from the truth, the worst first.
    """
    from renderer.portrait import Portrait  # the product itself, not the training network

    portrait, by = Portrait.load(weights, size), SIZE // size
    results, pairs = [], []
    for row in read_labels(folders):
        truth = cv2.imread(str(row["path"])).astype(np.float32)
        rgba = portrait.draw(*face_controls(row))
        x, y, w, h = row["box"]
        left, top = (-(-edge // by) for edge in (x, y))  # whole pixels of the small picture
        truth = truth[top * by - y :, left * by - x :]
        height, width = (side // by for side in truth.shape[:2])
        truth = cv2.resize(truth[: height * by, : width * by], (width, height), interpolation=cv2.INTER_AREA)
        drawn = rgba[top : top + height, left : left + width, 2::-1].astype(np.float32)
        landmarks = np.asarray(row["landmarks68"], np.float32) / by - [left, top]
        results.append(measure(drawn, truth, landmarks.astype(np.float32)))
        if row["kind"] == "face":
            likeness = results[-1]["mouth dB"] + results[-1]["eyes dB"]
            pairs.append((likeness, np.vstack([truth, drawn]).astype(np.uint8)))
    if sheet_path:
        write_sheet([pair for _, pair in pairs], sheet_path)
    if worst:
        write_sheet([pair for _, pair in sorted(pairs, key=lambda each: each[0])[:WORST]], worst)
    return mean_of(results)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=Path, nargs="+", required=True)
    parser.add_argument("--sheet", type=Path, help="contact sheet of all face crops: truth above drawn")
    parser.add_argument("--worst", type=Path, help=f"the same of the worst {WORST}")
    parser.add_argument("--size", type=int, choices=(256, 512), default=512)
    arguments = parser.parse_args()
    figures = judge_weights(
        arguments.weights, arguments.frames, arguments.sheet, arguments.size, arguments.worst
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
