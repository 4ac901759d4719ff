"""Fits what lies behind a person and what of each pixel is the person: wall, matte of the head, matte of the
body.

The scene gives a matte with every whole picture. Two textures explain them all: head and hair, moved by a
smooth field that the turn of the head chooses (`renderer.torch_places.head_matte`), over shoulders and
neck, which stay. The network draws only what lies inside; so outlines are as sharp as the picture, the
wall stands still, and another background can take its place.

    python -m renderer.training.matte --labels LABELS --frames FRAMES --out runs/canvas.npz
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from renderer.backend import control_vector
from renderer.geometry import HAIR_REGION, MATTE_GRID, SIZE
from renderer.torch_places import head_matte
from renderer.training.dataset import face_controls, is_validation, matte_path, read_labels
from renderer.training.schedule import cosine

WALL_SIDE = 64
"The wall is out of focus."
ONLY_WALL = 0.02
"Matte up to which a pixel shows nothing but the wall."
RATE, MOTION_RATE, BATCH = 2e-2, 4e-3, 4
SMOOTH = 3.0
"Weight of how the field bends."
LEAST_PICTURES = 6
STEPS = 800


def with_matte(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The whole pictures that have one. ValueError where they are too few."""
    found = [row for row in rows if row["kind"] == "full" and matte_path(row).exists()]
    if len(found) < LEAST_PICTURES:
        raise ValueError(
            f"{len(found)} whole pictures with a matte beside them, expected {LEAST_PICTURES} or more: the "
            f"command that rendered the frames adds the mattes when it is called again"
        )
    return found


def read_mattes(rows: list[dict[str, Any]]) -> Tensor:
    """float32 [n, 1, 512, 512], 0..1."""
    mattes = [_read(matte_path(row), cv2.IMREAD_GRAYSCALE) for row in rows]
    return torch.from_numpy(np.stack(mattes))[:, None].float() / 255


def _read(path: Path, flags: int) -> NDArray[np.uint8]:
    """ValueError for what is not a picture of 512 x 512."""
    picture = cv2.imread(str(path), flags)
    if picture is None or picture.shape[:2] != (SIZE, SIZE):
        raise ValueError(f"{path}: not a picture of {SIZE} x {SIZE}; remove it and render again")
    return np.asarray(picture, np.uint8)


def turns(rows: list[dict[str, Any]]) -> Tensor:
    """The controls of labels, float32 [n, 57]."""
    return torch.from_numpy(np.stack([control_vector(*face_controls(row)) for row in rows]))


class MatteFit:
    """Matte of the head with its motion, and of the body; all float32."""

    def __init__(self, head: NDArray[np.uint8], motion: NDArray[np.float32], mattes: Tensor) -> None:
        """head [512, 512] and motion [9, 12]: where the geometry says it is; mattes: a first idea of what
        stays."""
        self.head = torch.from_numpy(head).float()[None, None] / 255
        self.motion = on_grid(torch.from_numpy(motion))
        self.body = mattes.amin(0, keepdim=True).clone()

    def matte(self, controls: Tensor) -> Tensor:
        """[n, 1, 512, 512]."""
        return 1 - (1 - head_matte(self.head, self.motion, controls)) * (1 - self.body)

    def learn(self, mattes: Tensor, controls: Tensor, steps: int, seed: int = 0) -> None:
        """Gradient descent on what it says of true mattes."""
        random = torch.Generator().manual_seed(seed)
        rates = {self.head: RATE, self.body: RATE, self.motion: MOTION_RATE}
        groups = [{"params": [p.requires_grad_(True)], "lr": rate} for p, rate in rates.items()]
        optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
        schedule = cosine(optimizer, steps)
        for _ in range(steps):
            index = torch.randint(len(mattes), (BATCH,), generator=random)
            error = self.matte(controls[index]) - mattes[index]
            loss = error.abs().mean() + error.square().mean() + SMOOTH * bending(self.motion)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                self.head.clamp_(0, 1)
                self.body.clamp_(0, 1)
        for parameter in rates:
            parameter.requires_grad_(False)

    @torch.no_grad()
    def error(self, mattes: Tensor, controls: Tensor) -> float:
        """Mean difference from true mattes, 0..1."""
        parts = torch.arange(len(mattes)).split(BATCH)
        return float(torch.cat([(self.matte(controls[i]) - mattes[i]).abs() for i in parts]).mean())


def on_grid(motion: Tensor) -> Tensor:
    """A motion [9, 12] quadratic in the place, as `carried` takes it -> [9, 2, *MATTE_GRID], as `head_matte`
    does."""
    (x0, y0, x1, y1), (rows, columns) = HAIR_REGION, MATTE_GRID
    across = (x0 + (torch.arange(columns) + 0.5) * (x1 - x0) / columns) * (2 / SIZE) - 1
    down = (y0 + (torch.arange(rows) + 0.5) * (y1 - y0) / rows) * (2 / SIZE) - 1
    y, x = torch.meshgrid(down, across, indexing="ij")
    powers = torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y])
    return torch.einsum("tck,kyx->tcyx", motion.view(9, 2, 6), powers).contiguous()


def bending(motion: Tensor) -> Tensor:
    """Mean square of the second differences over the grid."""
    return motion.diff(n=2, dim=-1).square().mean() + motion.diff(n=2, dim=-2).square().mean()


def fit_wall(pictures: list[NDArray[np.uint8]], mattes: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of what is seen of the wall in pictures [512, 512, 3] with mattes [n, 512, 512], and smooth
    where it never is: [64, 64, 3], -1..1."""
    seen = np.zeros((SIZE, SIZE, 1), np.float32)
    total = np.zeros((SIZE, SIZE, 3), np.float32)
    for picture, matte in zip(pictures, mattes, strict=True):
        clear = (cv2.dilate(matte, np.ones((3, 3))) <= ONLY_WALL).astype(np.float32)[:, :, None]
        seen += clear
        total += clear * (picture.astype(np.float32) / 127.5 - 1)
    size = (WALL_SIDE, WALL_SIDE)
    seen, total = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (seen, total))
    known = seen[:, :, None] > 0
    wall = np.where(known, total / np.maximum(seen[:, :, None], 1e-6), 0)
    filled = np.zeros_like(wall)
    for spread in (32.0, 16.0, 8.0, 4.0, 2.0):  # from far to near: each mends the last where it knows more
        weight = cv2.GaussianBlur(known.astype(np.float32), (0, 0), spread)[:, :, None]
        near = cv2.GaussianBlur(np.where(known, wall, 0).astype(np.float32), (0, 0), spread)
        trust = np.clip(4 * weight, 0, 1)
        filled = trust * near / np.maximum(weight, 1e-6) + (1 - trust) * filled
    return np.asarray(np.where(known, wall, filled), np.float32)


def fit_canvas(
    labels: Mapping[str, np.ndarray], rows: list[dict[str, Any]], steps: int
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """What `renderer.training.layers.start_from` takes over and `renderer.training.polish` is told, and
    figures.

    rows: all labels; held-out ones are for the figures only.
    """
    rows = with_matte(rows)
    train = [row for row in rows if not is_validation(row)]
    mattes, controls = read_mattes(train), turns(train)
    fit = MatteFit(labels["hair_matte"], labels["matte_motion"], mattes)
    fit.learn(mattes, controls, steps)
    facts = {"pictures": len(train), "mean error": round(fit.error(mattes, controls), 5)}
    held_out = [row for row in rows if is_validation(row)]
    if held_out:
        facts["held out"] = round(fit.error(read_mattes(held_out), turns(held_out)), 5)
    made = {"matte": fit.head[0, 0].numpy(), "body": fit.body[0, 0].numpy()}
    pictures = [_read(Path(row["path"]), cv2.IMREAD_COLOR) for row in train]
    wall = fit_wall(pictures, mattes[:, 0].numpy())
    motions = {"hair_motion": labels["hair_motion"], "matte_motion": fit.motion.numpy()}
    return made | motions | {"wall": wall, "hair_shown": labels["hair_shown"]}, facts


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path, required=True, help="npz of renderer.synthesis.rig_labels")
    parser.add_argument("--frames", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True, help="npz to write")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args(argv)
    try:
        with np.load(arguments.labels) as labels:
            made, facts = fit_canvas(labels, read_labels(arguments.frames), max(1, arguments.steps))
    except (ValueError, OSError) as error:
        raise SystemExit(f"matte: {error}") from None
    np.savez(arguments.out, **made)
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
