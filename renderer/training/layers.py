"""Gives a new person's shoulders and hair to their textures before the network learns anything.

The outline of hair is drawn best by textures that move with the head over one that stays: they are as sharp
as the picture, while the network's own canvas has cells of 8 pixels. Left to themselves both learn at once,
the canvas is faster, and the strands stay made of cells. So the canvas is emptied, and the textures and how
the head carries the hair are fitted to whole pictures alone, a problem without a network: registration. It
begins with the motions that the geometry of the hair asks for.

    python -m renderer.training.layers --run runs/kai/start --frames FRAMES --rig RIG --canvas CANVAS
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from renderer.geometry import HAIR_REGION, SIZE
from renderer.rig import load_rig
from renderer.torch_generator import FITTED_BEFORE, Generator
from renderer.training.dataset import Frames, is_validation, load, read_labels
from renderer.training.losses import laplacian_loss
from renderer.training.runs import load_generator, save_generator
from renderer.training.schedule import cosine

FITTED = {"plate": 5e-3, "hair": 2e-2}
"Textures and their rates: what could be in either is learned by the one that moves."
MOTION_RATE = 5e-4
BATCH = 4
FOREHEAD = 0.8
"How far the forehead reaches above the brows, in lengths of the nose."
DEEPEST = 0.12
"What the folds' texture may hold: a fold's shadow is about .1 a millimetre."
HEM, FADE = 30, 16
"Rows above the lower edge of HAIR_REGION that stay empty, and rows on which hair ends above them."
HIDDEN = 0.004
"What a texture may hold where the face always hides it: a step of its bytes."


@torch.no_grad()
def start_from(net: Generator, canvas: Mapping[str, np.ndarray], *, with_hair: bool = True) -> None:
    """Take over what `renderer.training.matte` found: the wall, mattes and how they move.

    with_hair: how hair moves as well, which is only a start.
    """
    for name in ("hair_motion", "matte_motion") if with_hair else ("matte_motion",):
        getattr(net, name).copy_(torch.from_numpy(canvas[name]))
    for name in FITTED_BEFORE:
        texture = net.textures[name]
        fitting = cv2.resize(canvas[name], texture.shape[:-3:-1], interpolation=cv2.INTER_AREA)
        texture.copy_(torch.from_numpy(fitting.reshape(*texture.shape[2:], -1)).permute(2, 0, 1)[None])


class Bounds:
    """What plate, hair and folds may hold: nothing where it is never seen.

    Behind the face a texture never gets better than the noise of training, and shows through as a grain that
    stays on the screen while the face moves. Where the hair's region ends below, its edge would show on the
    shoulders. At the rim of a fold, where it hardly opens, its texture would grow without an end.
    """

    def __init__(self, net: Generator, frames: Frames) -> None:
        """frames: whole pictures, many."""
        landmarks = frames.landmarks
        covers = np.mean([_face(points) for points in landmarks.cpu().numpy()], 0)
        always = np.clip((covers - 0.6) / 0.35, 0, 1)
        own = cv2.erode(_face(landmarks.mean(0).cpu().numpy()), np.ones((25, 25)))
        self._limits = [
            (*_bound(net.textures["plate"], 1 - _soft(always)), -1.0),
            (*_bound(net.textures["hair"], np.minimum(1 - _soft(own), _above_hem()), least=0), -1.0),
            (*_bound(net.textures["folds"], DEEPEST * _widest(frames) ** 2, least=0), -1.0),
        ]

    @torch.no_grad()
    def keep(self) -> None:
        """Call after each step."""
        for texture, most, sign in self._limits:
            texture.clamp_(sign * most, most)


def _face(points: np.ndarray) -> np.ndarray:
    """float32 [512, 512]: 1 inside the face with landmarks points [68, 2], up to the hair."""
    up = FOREHEAD * (points[27] - points[33])
    outline = cv2.convexHull(np.rint(np.concatenate([points, points[17:27] + up])).astype(np.int32))
    return np.asarray(cv2.fillConvexPoly(np.zeros((SIZE, SIZE), np.float32), outline, 1), np.float32)


def _above_hem() -> np.ndarray:
    """float32 [512, 512]: 1, and 0 where a pitched head could carry hair over the region's lower edge."""
    end = HAIR_REGION[3] - HEM
    rows = np.clip((end - np.arange(SIZE)) / FADE, 0, 1).astype(np.float32)
    return np.repeat(rows[:, None], SIZE, 1)


def _widest(frames: Frames) -> np.ndarray:
    """float32 [512, 512]: how far the skin ever folds, at most 1."""
    widest = frames.folds.float().amax(0).clamp(max=1).cpu().numpy()
    return np.asarray(cv2.resize(widest, (SIZE, SIZE)), np.float32)


def _soft(hidden: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), 6))


def _bound(texture: Tensor, most: np.ndarray, least: float = HIDDEN) -> tuple[Tensor, Tensor]:
    """A texture with what it may hold, of its own size and on its device."""
    fitting = cv2.resize(most.astype(np.float32), texture.shape[:-3:-1], interpolation=cv2.INTER_AREA)
    return texture, torch.from_numpy(fitting).clamp(min=least).to(texture.device)


def fit_canvas_layers(net: Generator, frames: Frames, steps: int, seed: int = 0) -> list[float]:
    """Empty the canvas, then fit plate and hair with its motion to whole pictures; in place.

    What the face box draws stays as it is and is taken into account. Returns the loss of each step.
    """
    random = torch.Generator().manual_seed(seed)
    boxes, bounds = _boxes(net, frames), Bounds(net, frames)
    with torch.no_grad():
        net.canvas_head.weight.zero_()  # gates of one half: textures as they are
        net.canvas_head.bias.zero_()
        for name in ("plate", "hair"):
            net.textures[name].zero_()
    net.requires_grad_(False)
    rates = {net.textures[name]: rate for name, rate in FITTED.items()}
    rates |= {net.hair_motion: MOTION_RATE}
    groups = [{"params": [p.requires_grad_(True)], "lr": rate} for p, rate in rates.items()]
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
    schedule = cosine(optimizer, steps)
    canvas = torch.zeros(BATCH, net.canvas_head.out_channels, 64, 64)
    ones = torch.ones(BATCH, 1, frames.side, frames.side)
    losses = []
    for _ in range(steps):
        index = torch.randint(len(frames), (BATCH,), generator=random)
        drawn = net.compose(canvas, boxes[index], frames.geometry(index))
        loss = laplacian_loss(drawn, frames.truth(index), ones, levels=6)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        bounds.keep()
        losses.append(loss.item())
    net.requires_grad_(True)
    return losses


@torch.no_grad()
def _boxes(net: Generator, frames: Frames) -> Tensor:
    """What the network draws inside the face box of each frame, half precision."""
    found = []
    for index in torch.arange(len(frames)).split(BATCH):
        geometry = frames.geometry(index)
        found.append(net.features(geometry["controls"], geometry["masks"], geometry["warp"])[1].half())
    return torch.cat(found)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="run folder; its generator is replaced")
    parser.add_argument("--frames", type=Path, nargs="+", required=True)
    parser.add_argument("--rig", type=Path, required=True)
    parser.add_argument("--canvas", type=Path, required=True, help="npz of renderer.training.matte")
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args(argv)
    net = load_generator(arguments.run)
    with np.load(arguments.canvas) as canvas:
        start_from(net, canvas)
    rows = [r for r in read_labels(arguments.frames) if r["kind"] == "full" and not is_validation(r)]
    losses = fit_canvas_layers(net, load(rows, load_rig(arguments.rig), "full"), arguments.steps)
    shown = [round(loss, 4) for loss in losses[:: max(1, len(losses) // 8)]]
    print(json.dumps({"whole pictures": len(rows), "loss": shown}))
    save_generator(net, arguments.run)


if __name__ == "__main__":
    main()
