"""All avatars in all emotions and visemes, on one picture.

    python -m tests.benchmarks.avatar_sheet -o docs/avatars.jpg [--avatars ava kai]

Rows are avatars. The upper part of each shows the emotions as the engine poses them (with the turn of the
head that belongs to them), the lower one the lips of fifteen classes of phones at their usual aperture.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from audio2expr.training.shapes import ARKIT_NAMES as LIP_NAMES
from audio2expr.training.shapes import expand, shape
from avatar_engine.assembly import avatars, build_renderer, find_avatar
from avatar_engine.config import RenderOptions
from avatar_engine.drivers.motion_files.clip import Limits
from avatar_engine.motion.templates import HEADS_RAD, face_of
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_NAMES
from avatar_engine.types import ExpressionFrame, UInt8

VISEMES = {
    "p b m": ("p", 0.0), "f v": ("f", 0.022), "th": ("th", 0.05), "t d n": ("t", 0.045), "l": ("l", 0.06),
    "s z": ("s", 0.04), "sh ch": ("sh", 0.05), "r": ("r", 0.05), "k g": ("k", 0.06), "aa": ("aa", 0.16),
    "ae eh": ("eh", 0.11), "iy": ("iy", 0.06), "ow": ("ow", 0.08), "uw w": ("uw", 0.03), "rest": ("sil", 0.0),
}  # fmt: skip
"Caption -> phone and gap between the lips, over the distance of the outer corners of the eyes."
STRENGTH = 0.85
SIDE = 168
FACE = (slice(60, 440), slice(66, 446))


def faces() -> Iterator[tuple[str, ExpressionFrame]]:
    """Captions and what is to be drawn."""
    still = np.zeros(2, np.float32)
    for i, emotion in enumerate(EMOTION_NAMES):
        levels = np.zeros(len(EMOTION_NAMES))
        levels[i] = STRENGTH * (emotion != "neutral")
        weights = face_of(levels).astype(np.float32)
        yield emotion, ExpressionFrame(0, weights, (levels @ HEADS_RAD).astype(np.float32), still)
    for caption, (phone, gap) in VISEMES.items():
        weights = np.zeros(len(ARKIT_NAMES), np.float32)
        weights[[ARKIT_INDEX[name] for name in LIP_NAMES]] = expand(shape(phone, gap))
        yield caption, ExpressionFrame(0, weights, np.zeros(3, np.float32), still)


def row_of(avatar: str) -> UInt8:
    """The faces of one avatar, in two or three lines of tiles."""
    renderer = build_renderer(RenderOptions(avatar=avatar))
    limits = Limits.of_avatar(find_avatar(avatar).config["limits"])
    tiles = []
    for caption, frame in faces():
        shown = limits.clamp(frame)
        rgba = renderer.draw(shown.weights, shown.head_rad, shown.gaze_rad)
        face = cv2.resize(rgba[FACE][:, :, 2::-1], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        strip = np.full((20, SIDE, 3), 255, np.uint8)
        cv2.putText(strip, caption, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
        tiles.append(np.vstack([strip, face]))
    columns = len(EMOTION_NAMES) + 1
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % columns)
    lines = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.asarray(np.vstack(lines), np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.jpg")
    parser.add_argument("--avatars", nargs="+", default=[facts.name for facts in avatars()])
    options = parser.parse_args()
    picture = np.vstack([row_of(avatar) for avatar in options.avatars])
    if not cv2.imwrite(str(options.output), picture, [cv2.IMWRITE_JPEG_QUALITY, 88]):
        raise SystemExit(f"cannot write {options.output}")


if __name__ == "__main__":
    main()
