"""Cuts the channels of a trained generator that matter least, as a start for training a faster one; with
`--new-face`, one of another person.

    python -m renderer.training.prune --run runs/ava --frames FRAMES --rig RIG --out runs/slim

The new widths are those of `GeneratorConfig`. A channel matters by its root mean square on training frames
times the size of the weights that read it, the first-order form of He, Zhang & Sun 2017 ("Channel pruning for
accelerating very deep neural networks"). What the cut takes away the training that follows has to mend:
`renderer.training.train --resume`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from renderer.rig import load_rig
from renderer.torch_generator import FITTED_BEFORE, Generator, GeneratorConfig, ModulatedConv
from renderer.training.catch_light import BRIGHTNESS, IRISES, with_catch_lights
from renderer.training.dataset import load, read_labels
from renderer.training.runs import load_generator, save_generator

FRAMES = 16
"Frames on which channels are judged; they are many pixels each."


OWN_TEXTURES = ("plate", "hair", "face", "lids", "folds", *FITTED_BEFORE)
"What nobody shares with another person; teeth and irises are a better start than nothing."


@torch.no_grad()
def without_looks(net: Generator) -> Generator:
    """The same network with empty textures of skin, hair and room: what is left is how faces move."""
    for name in OWN_TEXTURES:
        net.textures[name].zero_()
    net.matte_motion.zero_()
    return net


@torch.no_grad()
def pruned(net: Generator, config: GeneratorConfig, geometry: dict[str, Tensor]) -> Generator:
    """A generator of `config`'s widths made of the channels of `net` that matter most.

    geometry: some frames, as for `Generator.forward`. ValueError where `config` is wider than `net` or
    differs in more.
    """
    same = {"channels": net.config.channels, "guide_channels": net.config.guide_channels}
    if dataclasses.replace(config, **same) != net.config:
        raise ValueError("only the widths of a generator can be pruned")
    sizes = _rms_of_outputs(net, geometry)
    state = dict(net.state_dict())
    small = Generator(config)
    _prune_trunk(net, config, sizes, state)
    _prune_guides(net, config, sizes, state)
    small.load_state_dict(state)
    return small


def _rms_of_outputs(net: Generator, geometry: dict[str, Tensor]) -> dict[nn.Module, Tensor]:
    """Root mean square of each channel that the convolutions put out, [channels] a module."""
    sizes: dict[nn.Module, Tensor] = {}
    hooks = []
    for module in (*net.first, *net.second, *net.guide):
        active = isinstance(module, ModulatedConv)  # the guides' leaky ReLU comes after the module

        def keep(module: nn.Module, _inputs: object, output: Tensor, active: bool = active) -> None:
            output = output if active else F.leaky_relu(output, 0.2)
            sizes[module] = output.float().square().mean((0, 2, 3)).sqrt()

        hooks.append(module.register_forward_hook(keep))
    net.features(geometry["controls"], geometry["masks"], geometry["warp"])
    for hook in hooks:
        hook.remove()
    return sizes


def _reading(conv: nn.Conv2d | ModulatedConv) -> Tensor:
    """How strongly a convolution reads each of its inputs, [inputs]; styles are near 1 and left out."""
    return conv.weight.square().sum((0, 2, 3)).sqrt()


def _best(scores: Tensor, count: int) -> Tensor:
    """Indices of the `count` largest scores, in their old order."""
    if count > len(scores):
        raise ValueError(f"{count} channels cannot be cut out of {len(scores)}")
    return scores.topk(count).indices.sort().values


def _cut(state: dict[str, Tensor], keep: Tensor, rows: list[str], columns: list[str]) -> None:
    """Keep those rows (outputs) and columns (inputs) of the named tensors."""
    for name in rows:
        state[name] = state[name][keep]
    for name in columns:
        state[name] = state[name][:, keep]


def _prune_trunk(
    net: Generator, config: GeneratorConfig, sizes: dict[nn.Module, Tensor], state: dict[str, Tensor]
) -> None:
    keep = _best(net.const.square().mean((0, 2, 3)) * _reading(net.first[0]), config.channels[0])
    affine = ["affine.weight", "affine.bias"]
    _cut(state, keep, [f"first.0.{a}" for a in affine], ["const", "first.0.weight"])
    for i, count in enumerate(config.channels):
        first, second = net.first[i], net.second[i]
        keep = _best(sizes[first] * _reading(second), count)
        written = [f"first.{i}.weight", f"first.{i}.bias", *(f"second.{i}.{a}" for a in affine)]
        if i >= 2:
            written += [f"inject.{4 - i}.weight", f"inject.{4 - i}.bias"]
        _cut(state, keep, written, [f"second.{i}.weight"])
        readers = {3: [net.first[4], net.canvas_head], 4: [net.box_head]}.get(i) or [net.first[i + 1]]
        keep = _best(
            sizes[second] * torch.stack([_reading(r) for r in readers]).square().sum(0).sqrt(), count
        )
        written, read = [f"second.{i}.weight", f"second.{i}.bias"], []
        if i < 4:
            written += [f"first.{i + 1}.{a}" for a in affine]
            read.append(f"first.{i + 1}.weight")
        if i >= 3:
            read.append("canvas_head.weight" if i == 3 else "box_head.weight")
        _cut(state, keep, written, read)


def _prune_guides(
    net: Generator, config: GeneratorConfig, sizes: dict[nn.Module, Tensor], state: dict[str, Tensor]
) -> None:
    for j, count in enumerate(config.guide_channels):
        readers = [net.inject[j], *net.guide[j + 1 : j + 2]]
        strength = torch.stack([_reading(r) for r in readers]).square().sum(0).sqrt()
        keep = _best(sizes[net.guide[j]] * strength, count)
        read = [f"inject.{j}.weight"] + [f"guide.{j + 1}.weight"] * (j < 2)
        _cut(state, keep, [f"guide.{j}.weight", f"guide.{j}.bias"], read)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--run", type=Path, required=True, help="run or weights folder of the trained generator"
    )
    parser.add_argument("--frames", type=Path, nargs="+", required=True)
    parser.add_argument("--rig", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--network", choices=("full", "tiny"), default="full", help="tiny: for tests")
    parser.add_argument("--new-face", action="store_true", help="leave out how its person looks")
    arguments = parser.parse_args(argv)
    net = load_generator(arguments.run).eval()
    if (arguments.run / "manifest.json").exists():  # export will add the lights again
        unlit = with_catch_lights({k: net.state_dict()[k].numpy() for k in IRISES}, -BRIGHTNESS)
        net.load_state_dict({k: torch.from_numpy(v) for k, v in unlit.items()}, strict=False)
    rows = [row for row in read_labels(arguments.frames) if row["kind"] == "face"]
    picked = torch.linspace(0, len(rows) - 1, min(FRAMES, len(rows))).long().tolist()
    frames = load([rows[i] for i in picked], load_rig(arguments.rig), "face")
    wanted = GeneratorConfig.tiny() if arguments.network == "tiny" else GeneratorConfig()
    widths = {"channels": wanted.channels, "guide_channels": wanted.guide_channels}
    slim = dataclasses.replace(net.config, **widths)
    small = pruned(net, slim, frames.geometry(torch.arange(len(frames))))
    if arguments.new_face:
        small = without_looks(small)
    arguments.out.mkdir(parents=True, exist_ok=True)
    facts = {"config": dataclasses.asdict(small.config), "pruned from": str(arguments.run)}
    (arguments.out / "options.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    save_generator(small, arguments.out)


if __name__ == "__main__":
    main()
