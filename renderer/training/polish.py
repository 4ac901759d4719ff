"""Fits textures anew after training, the network as it is: the teeth's, then the hair's.

    python -m renderer.training.polish --run runs/ava --frames FRAMES --rig runs/rig.safetensors --out OUT \
        [--rest REST --canvas runs/canvas.npz]

A texture is finer than the pictures that show it, and training leaves in it what no picture contradicts: a
checkerboard of texels, colours where it is hardly seen. On teeth both come out in other sizes and turns, as
specks. Here the picture is linear in the texture (gates and everything else stand still), so a few hundred
steps with a price on roughness find what the frames really ask for.

Strands of hair are not in the frames: the denoiser of few samples takes them away. One whole picture of the
face at rest with many samples has them (`renderer.synthesis render --rest`), and where they are when the head
turns the geometry knows. REST is a folder of such pictures; their detail, no more, goes into the hair.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from renderer.rig import load_rig
from renderer.torch_generator import MATTE, Generator
from renderer.torch_places import head_matte
from renderer.training.dataset import Frames, is_validation, load, part_weights, read_labels
from renderer.training.evaluate import judge
from renderer.training.losses import laplacian_loss
from renderer.training.runs import load_generator, save_generator
from renderer.training.schedule import cosine
from renderer.training.train import cut, window_of

POLISHED = ("teeth_upper", "teeth_lower")
"""Not irises and lids: there sharpness falls to .93 and .86 of the truth, for lashes and the eye's white move
by a pixel from frame to frame."""
STEPS, BATCH, RATE = 200, 8, 4e-3
ROUGHNESS = 0.02
"What a mean squared Laplacian of 1 costs, against the distance from the frames."
DETAIL_PX = 3.0
"Hair's detail is what a Gaussian of this takes away."
RIM_PX, EDGE_PX = 9, 5
"How far inside the outline, and how far from skin, it begins."
HAIR_STEPS, HAIR_RATE = 80, 1e-2


def roughness(texture: Tensor) -> Tensor:
    """Mean squared Laplacian of [1, c, h, w], of a checkerboard 64 times the square of its amplitude. Outside
    there is nothing, so a step at the edge costs too."""
    whole = F.pad(texture, (1, 1, 1, 1))
    beside = whole[:, :, :-2, 1:-1] + whole[:, :, 2:, 1:-1] + whole[:, :, 1:-1, :-2] + whole[:, :, 1:-1, 2:]
    return (4 * texture - beside).square().mean()


@torch.no_grad()
def features(net: Generator, frames: Frames) -> tuple[Tensor, Tensor]:
    """What the network draws of every frame, half precision: it stays, so once is enough."""
    found = []
    for index in torch.arange(len(frames)).split(BATCH):
        geometry = frames.geometry(index)
        shown = (geometry[k] for k in ("controls", "masks", "warp"))
        with torch.autocast("cpu", torch.bfloat16):
            canvas, box = net.features(*shown, window_of(frames, index))
        found.append((canvas.half(), box.half()))
    canvas, box = (torch.cat(parts) for parts in zip(*found, strict=True))
    return canvas, box


def polish(net: Generator, frames: Frames, steps: int, seed: int = 0) -> list[float]:
    """Fit the textures of a generator to face crops; in place. Returns the loss of each step."""
    random = torch.Generator().manual_seed(seed)
    canvas, box = features(net, frames)
    net.requires_grad_(False)
    textures = [net.textures[name].requires_grad_(True) for name in POLISHED]
    optimizer = torch.optim.Adam(textures, RATE, betas=(0.9, 0.99))
    schedule = cosine(optimizer, steps)
    losses = []
    for _ in range(steps):
        index = torch.randint(len(frames), (BATCH,), generator=random)
        window = window_of(frames, index)
        drawn = net.compose(canvas[index], box[index], frames.geometry(index), window)
        drawn = cut(drawn, frames, index, window)
        loss = laplacian_loss(drawn, frames.truth(index), part_weights(frames, index))
        losses.append(loss.item())
        loss = loss + ROUGHNESS * sum(roughness(texture) for texture in textures)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    net.requires_grad_(True)
    return losses


def fit_strands(
    net: Generator, rest: Frames, shown: NDArray[np.uint8], steps: int = HAIR_STEPS
) -> list[float]:
    """Give the hair the detail that whole pictures at rest show; in place. Returns the loss of each step.

    shown: uint8 [512, 512], 255 where one sees hair at rest, not skin (hair_shown of the labels).
    """
    canvas, box = features(net, rest)
    index = torch.arange(len(rest))
    geometry, truth = rest.geometry(index), rest.truth(index)
    net.requires_grad_(False)
    with torch.no_grad():
        outline = head_matte(net.textures[MATTE], net.matte_motion, geometry["controls"])
        hairline = torch.from_numpy(shown)[None, None].float() / 255
        where = within(outline, RIM_PX) * within(hairline, EDGE_PX)
    hair = net.textures["hair"].requires_grad_(True)
    optimizer = torch.optim.Adam([hair], HAIR_RATE, betas=(0.9, 0.99))
    schedule = cosine(optimizer, steps)
    losses = []
    for _ in range(steps):
        error = detail(net.compose(canvas, box, geometry) - truth) * where
        loss = (error.square() + 1e-5).sqrt().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    net.requires_grad_(True)
    return losses


def within(matte: Tensor, reach: int) -> Tensor:
    """[n, 1, h, w], 0..1: inside, softly, and 0 where the edge is. What the edge shows at rest is drawn
    elsewhere when the head turns, and seen as a seam."""
    core = -F.max_pool2d(-matte, 2 * reach + 1, 1, reach)
    return F.avg_pool2d(core, 2 * reach + 1, 1, reach, count_include_pad=False)


def detail(pictures: Tensor) -> Tensor:
    """[n, 3, h, w] without what is coarser than DETAIL_PX."""
    reach = torch.arange(-9.0, 10.0)
    line = torch.exp(-reach.square() / (2 * DETAIL_PX**2))
    line = (line / line.sum()).expand(3, 1, 1, -1)
    coarse = F.conv2d(F.pad(pictures, (9, 9, 9, 9), mode="reflect"), line, groups=3)
    return pictures - F.conv2d(coarse, line.transpose(2, 3), groups=3)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="run folder to begin with; it stays as it is")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write")
    parser.add_argument("--frames", type=Path, nargs="+", required=True)
    parser.add_argument("--rig", type=Path, required=True)
    parser.add_argument(
        "--rest", type=Path, nargs="*", default=[], help="whole pictures at rest, for the hair"
    )
    parser.add_argument("--canvas", type=Path, help="npz of renderer.training.matte: where hair is")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args(argv)
    if arguments.rest and not arguments.canvas:
        parser.error("--rest needs --canvas, which says where hair is")
    net, rig = load_generator(arguments.run).eval(), load_rig(arguments.rig)
    rows = read_labels(arguments.frames)
    held_out = load([r for r in rows if is_validation(r)], rig, "face")
    before = judge(net, held_out)
    polish(net, load([r for r in rows if not is_validation(r)], rig, "face"), arguments.steps)
    after = judge(net, held_out)
    facts = {name: [value, after[name]] for name, value in before.items()}
    if arguments.rest:
        with np.load(arguments.canvas) as canvas:
            shown = canvas["hair_shown"]
        losses = fit_strands(net, load(read_labels(arguments.rest), rig, "full"), shown)
        facts["hair's detail"] = [round(losses[0], 4), round(losses[-1], 4)]
    arguments.out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(arguments.run / "options.json", arguments.out / "options.json")
    save_generator(net, arguments.out)
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
