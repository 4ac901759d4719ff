"""Gives a new person's wall and hair to their textures before the network learns anything.

The outline of hair is drawn best by a texture that moves with the head over one that stays: it is as sharp as
the picture, while the network's own canvas has cells of 8 pixels. Left to themselves both learn at once, the
canvas is faster, and the outline stays made of cells. So the canvas is emptied, and the textures and how the
head carries the hair are fitted to whole pictures alone, a problem without a network: registration.

    python -m renderer.training.layers --run runs/kai/start --frames FRAMES --rig RIG
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
from torch import Tensor

from renderer.rig import load_rig
from renderer.torch_generator import Generator
from renderer.training.dataset import Frames, is_validation, load, read_labels
from renderer.training.losses import laplacian_loss
from renderer.training.runs import load_generator, save_generator

FITTED = {"plate": 5e-3, "hair": 2e-2}
"Textures and their rates: what could be in either is learned by the one that moves."
MOTION_RATE = 4e-3
BATCH = 4


def fit_canvas_layers(net: Generator, frames: Frames, steps: int, seed: int = 0) -> list[float]:
    """Empty the canvas, then fit plate, hair and the hair's motion to whole pictures; in place.

    What the face box draws stays as it is and is taken into account. Returns the loss of each step.
    """
    random = torch.Generator().manual_seed(seed)
    boxes = _boxes(net, frames)
    with torch.no_grad():
        net.canvas_head.weight.zero_()  # gates of one half: textures as they are
        net.canvas_head.bias.zero_()
        for name in FITTED:
            net.textures[name].zero_()
    net.requires_grad_(False)
    rates = {net.textures[name]: rate for name, rate in FITTED.items()} | {net.hair_motion: MOTION_RATE}
    groups = [{"params": [p.requires_grad_(True)], "lr": rate} for p, rate in rates.items()]
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.02 + 0.98 * (1 + math.cos(math.pi * step / steps)) / 2
    )
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
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args(argv)
    net = load_generator(arguments.run)
    rows = [r for r in read_labels(arguments.frames) if r["kind"] == "full" and not is_validation(r)]
    losses = fit_canvas_layers(net, load(rows, load_rig(arguments.rig), "full"), arguments.steps)
    shown = [round(loss, 4) for loss in losses[:: max(1, len(losses) // 8)]]
    print(json.dumps({"whole pictures": len(rows), "loss": shown}))
    save_generator(net, arguments.run)


if __name__ == "__main__":
    main()
