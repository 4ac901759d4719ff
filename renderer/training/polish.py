"""Fits the textures of the teeth anew, the network as it is.

    python -m renderer.training.polish --run runs/ava --frames FRAMES --rig runs/rig.safetensors --out OUT

A texture is finer than the pictures that show it, and training leaves in it what no picture contradicts: a
checkerboard of texels, colours where it is hardly seen. Both come out in other sizes and turns, as specks on
the teeth. Here the picture is linear in them (gates and everything else stand still), so a few hundred steps
with a price on roughness find the textures that the frames really ask for.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from renderer.rig import load_rig
from renderer.torch_generator import Generator
from renderer.training.dataset import Frames, is_validation, load, part_weights, read_labels
from renderer.training.evaluate import judge
from renderer.training.losses import laplacian_loss
from renderer.training.runs import load_generator, save_generator
from renderer.training.train import cut, window_of

POLISHED = ("teeth_upper", "teeth_lower")
"""Not irises and lids: there sharpness falls to .93 and .86 of the truth, for lashes and the eye's white move
by a pixel from frame to frame."""
BATCH, RATE = 8, 4e-3
ROUGHNESS = 0.02
"What a mean squared Laplacian of 1 costs, against the distance from the frames."


def roughness(texture: Tensor) -> Tensor:
    """Mean squared Laplacian of [1, c, h, w], of a checkerboard 64 times the square of its amplitude. Outside
    there is nothing, so a step at the edge costs too."""
    whole = F.pad(texture, (1, 1, 1, 1))
    beside = whole[:, :, :-2, 1:-1] + whole[:, :, 2:, 1:-1] + whole[:, :, 1:-1, :-2] + whole[:, :, 1:-1, 2:]
    return (4 * texture - beside).square().mean()


@torch.no_grad()
def features(net: Generator, frames: Frames) -> tuple[Tensor, Tensor]:
    """What the network draws of every face crop, half precision: it stays, so once is enough."""
    found = []
    for index in torch.arange(len(frames)).split(BATCH):
        geometry = frames.geometry(index)
        shown = (geometry[k] for k in ("controls", "masks", "warp"))
        with torch.autocast("cpu", torch.bfloat16):
            canvas, box = net.features(*shown, window_of(frames, index))
        found.append((canvas.half(), box.half()))
    canvas, box = (torch.cat(parts) for parts in zip(*found, strict=True))
    return canvas, box


def polish(
    net: Generator, frames: Frames, steps: int, smooth: float = ROUGHNESS, seed: int = 0
) -> list[float]:
    """Fit the textures of a generator to face crops; in place. Returns the loss of each step."""
    random = torch.Generator().manual_seed(seed)
    canvas, box = features(net, frames)
    net.requires_grad_(False)
    textures = [net.textures[name].requires_grad_(True) for name in POLISHED]
    optimizer = torch.optim.Adam(textures, RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 0.02 + 0.98 * (1 + math.cos(math.pi * step / steps)) / 2
    )
    losses = []
    for _ in range(steps):
        index = torch.randint(len(frames), (BATCH,), generator=random)
        window = window_of(frames, index)
        drawn = net.compose(canvas[index], box[index], frames.geometry(index), window)
        drawn = cut(drawn, frames, index, window)
        loss = laplacian_loss(drawn, frames.truth(index), part_weights(frames, index))
        losses.append(loss.item())
        loss = loss + smooth * sum(roughness(texture) for texture in textures)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    net.requires_grad_(True)
    return losses


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="run folder to begin with; it stays as it is")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write")
    parser.add_argument("--frames", type=Path, nargs="+", required=True)
    parser.add_argument("--rig", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--smooth", type=float, default=ROUGHNESS, help=f"price of roughness ({ROUGHNESS})")
    arguments = parser.parse_args(argv)
    net, rig, rows = load_generator(arguments.run), load_rig(arguments.rig), read_labels(arguments.frames)
    held_out = load([r for r in rows if is_validation(r)], rig, "face")
    before = judge(net.eval(), held_out)
    losses = polish(
        net, load([r for r in rows if not is_validation(r)], rig, "face"), arguments.steps, arguments.smooth
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(arguments.run / "options.json", arguments.out / "options.json")
    save_generator(net, arguments.out)
    after = judge(net, held_out)
    print(
        json.dumps(
            {k: [v, after[k]] for k, v in before.items()}
            | {"loss": [round(losses[0], 4), round(losses[-1], 4)]}
        )
    )


if __name__ == "__main__":
    main()
