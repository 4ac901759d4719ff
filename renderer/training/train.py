"""Trains the generator on rendered frames: supervised first, then adversarial with feature matching.

    python -m renderer.training.train --frames data/frames [more ...] --rig runs/rig.safetensors \
        --canvas runs/canvas.npz --out runs/ava --minutes 48
    python -m renderer.training.train --frames ... --rig ... --resume runs/ava --out runs/ava-sharp \
        --adversarial .01 --texture 1 --minutes 30

A run folder holds options.json, stats.jsonl, sheet.png (held-out frames: truth above, drawn below) and
generator.safetensors (exponential moving average, fp16). Training restarts from the average; the optimizer's
state is not kept, so its rate warms up slowly: textures scrambled by a fresh Adam was one of the traps.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import math
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from renderer.geometry import BOX_SIZE, BOX_START, SIZE
from renderer.rig import load_rig
from renderer.torch_generator import FITTED_BEFORE, Generator, GeneratorConfig, Window
from renderer.training.dataset import Frames, crop, is_validation, load, part_weights, read_labels
from renderer.training.discriminator import Discriminator, cut_patches, patch_corners
from renderer.training.evaluate import judge, sheet
from renderer.training.layers import Bounds, start_from
from renderer.training.losses import feature_matching, gradient_penalty, laplacian_loss, texture_loss
from renderer.training.runs import load_generator, save_generator


@dataclasses.dataclass(frozen=True)
class Options:
    """All that decides a run."""

    steps: int = 60_000
    minutes: float = 0.0
    "Stop after this many minutes at the latest, the schedule squeezed to fit; 0: no limit."
    faces: int = 8
    "Face crops a step."
    fulls: int = 1
    "Whole pictures in every other step: hair, shoulders and background move little."
    rate: float = 6e-4
    texture_rate: float = 6.0
    "Textures learn this much faster: each texel is seen by few gradients."
    motion_rate: float = 0.2
    "How the head carries the hair was fitted before, and moves every pixel of it."
    warmup: int = 100
    average: float = 0.998
    adversarial: float = 0.0
    "Weight of the adversarial loss, about .01; 0: supervised only."
    matching: float = 0.01
    "Weight of feature matching, with the adversarial loss."
    alone: int = 100
    "Steps that the discriminator learns alone; for as many again the adversarial loss fades in."
    texture: float = 0.0
    "Weight of the texture loss."
    penalty: float = 0.1
    "R1's gamma, applied every 8th step."
    report: int = 2_000
    "Steps between judgements on the held-out frames."
    seed: int = 0


class Trainer:
    """One run: the networks, their optimizers and the data."""

    def __init__(self, config: GeneratorConfig, data: dict[str, Frames], options: Options, out: Path) -> None:
        torch.manual_seed(options.seed)
        self.options, self.data, self.out = options, data, out
        self.device = data["face"].pictures.device
        self.net = Generator(config).to(self.device, memory_format=torch.channels_last)
        for name in FITTED_BEFORE:
            self.net.textures[name].requires_grad_(False)
        self.net.matte_motion.requires_grad_(False)
        textures = {p for p in self.net.textures.parameters() if p.requires_grad}
        motion = self.net.hair_motion
        rest = [p for p in self.net.parameters() if p.requires_grad and p not in textures | {motion}]
        groups: list[dict[str, Any]] = [
            {"params": rest, "factor": 1.0}, {"params": list(textures), "factor": options.texture_rate},
            {"params": [motion], "factor": options.motion_rate},
        ]  # fmt: skip
        self.optimizer = torch.optim.Adam(
            groups, lr=options.rate, betas=(0.9, 0.99), fused=self.device.type == "cuda"
        )
        self.judge_net: Discriminator | None = None
        if options.adversarial:
            self.judge_net = Discriminator(config.masks).to(self.device, memory_format=torch.channels_last)
            self.judge_optimizer = torch.optim.Adam(self.judge_net.parameters(), lr=1e-3, betas=(0.0, 0.99))
        self.average = copy.deepcopy(self.net).requires_grad_(False).eval()
        self.random = torch.Generator().manual_seed(options.seed)

    def restart_from(self, state: dict[str, Tensor]) -> None:
        """Take over trained weights."""
        for net in (self.net, self.average):
            net.load_state_dict(state)

    @cached_property
    def bounds(self) -> Bounds:
        """Of the weights that the first step begins with."""
        return Bounds(self.net, self.data["full"])

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)

    def set_rate(self, step: int, progress: float) -> None:
        """Linear warm-up, then cosine to 3 %."""
        rate = self.options.rate * (0.03 + 0.97 * (1 + math.cos(math.pi * min(progress, 1.0))) / 2)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["factor"] * min(1.0, (step + 1) / self.options.warmup)

    def draw(self, step: int) -> list[tuple[Frames, Tensor]]:
        """A random batch: indices of face crops and, in every other step, of whole pictures."""
        batch = []
        for kind, count in (("face", self.options.faces), ("full", self.options.fulls * (step % 2))):
            if count:
                frames = self.data[kind]
                index = torch.randint(len(frames), (count,), generator=self.random).to(self.device)
                batch.append((frames, index))
        return batch

    def step(self, step: int, progress: float) -> dict[str, float]:
        """One step of generator and, if it takes part, discriminator."""
        self.set_rate(step, progress)
        bounds = self.bounds
        batch = self.draw(step)
        total = sum(len(index) for _, index in batch)
        stats: dict[str, float] = {}
        self.optimizer.zero_grad(set_to_none=True)
        for frames, index in batch:
            drawn = self.picture(frames, index)
            truth, weights = frames.truth(index), part_weights(frames, index)
            loss = laplacian_loss(drawn, truth, weights)
            if self.options.texture:
                loss = loss + self.options.texture * texture_loss(drawn, truth, weights)
            loss = loss * len(index) / total
            if frames is self.data["face"] and self.judge_net is not None:
                corners = patch_corners(
                    (frames.landmarks - frames.origin[:, None])[index], frames.side, self.random
                )
                patches = [cut_patches(x, corners) for x in (drawn, truth, face_masks(frames, index))]
                loss = loss + self.adversarial_loss(*patches, step, stats)
            loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        bounds.keep()
        decay = min(self.options.average, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.net.parameters()), 1 - decay)
        if step % 50 == 0:
            stats["loss"] = loss.item() * total / len(index)
        return stats

    def picture(self, frames: Frames, index: Tensor) -> Tensor:
        """Drawn crops [k, 3, side, side]; of face crops only their window of the canvas is worked out."""
        window = window_of(frames, index)
        return cut(self._draw(frames, index, window), frames, index, window)

    def _draw(self, frames: Frames, index: Tensor, window: Window | None) -> Tensor:
        geometry = frames.geometry(index)
        with self.autocast():
            canvas, box = self.net.features(*(geometry[k] for k in ("controls", "masks", "warp")), window)
            drawn: Tensor = self.net.compose(canvas, box, geometry, window)
        return drawn

    def adversarial_loss(
        self, drawn: Tensor, truth: Tensor, masks: Tensor, step: int, stats: dict[str, float]
    ) -> Tensor:
        """Train the discriminator one step; the generator's non-saturating loss with feature matching."""
        judge_net = self.judge_net
        assert judge_net is not None
        regularise = step % 8 == 0
        real = truth.detach().clone().requires_grad_(regularise)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=not regularise):
            real_logits, _ = judge_net(real, masks)
            fake_logits, _ = judge_net(drawn.detach(), masks)
        loss = F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean()
        if regularise:
            loss = loss + 8 * self.options.penalty / 2 * gradient_penalty(real_logits, real)
        self.judge_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.judge_optimizer.step()
        judge_net.requires_grad_(False)
        with self.autocast():
            logits, fake = judge_net(drawn, masks)
            with torch.no_grad():
                _, known = judge_net(truth, masks)
        judge_net.requires_grad_(True)
        if step % 50 == 0:
            stats["real"], stats["fake"] = real_logits.mean().item(), fake_logits.mean().item()
        ramp = min(1.0, max(0.0, (step + 1 - self.options.alone) / max(self.options.alone, 1)))
        matching = self.options.matching * feature_matching(fake, known)
        return ramp * (self.options.adversarial * F.softplus(-logits).mean() + matching)

    def save(self) -> None:
        save_generator(self.average, self.out)

    def run(self, held_out: dict[str, Frames]) -> None:
        """The whole run, with a judgement now and then."""
        options, began = self.options, time.monotonic()
        log = (self.out / "stats.jsonl").open("a", encoding="utf-8")
        for step in range(options.steps):
            spent = (time.monotonic() - began) / 60
            progress = max(step / options.steps, spent / options.minutes if options.minutes else 0.0)
            last = progress >= 1 or step == options.steps - 1
            stats = self.step(step, progress)
            if last or (step and step % options.report == 0):
                stats |= {k: v for f in held_out.values() for k, v in judge(self.average, f).items()}
                self.save()
                sheet(self.average, held_out["face"], self.out / "sheet.png")
            if stats:
                seen = (step + 1) * options.faces + (step + 1) // 2 * options.fulls
                line = {
                    "step": step,
                    "seen": seen,
                    "minutes": round((time.monotonic() - began) / 60, 2),
                    **stats,
                }
                log.write(json.dumps(line) + "\n")
                log.flush()
                if len(stats) > 3 or step % 1000 == 0:
                    print(json.dumps(line), flush=True)
            if last:
                break
        log.close()


def window_of(frames: Frames, index: Tensor) -> Window | None:
    """The part of the canvas round face crops: two cells or more around, which is what the convolutions at
    its edge miss. None of whole pictures."""
    if frames.side == SIZE:
        return None
    cells = frames.side // 8 + 5
    low, high = BOX_START // 8, (BOX_START + BOX_SIZE) // 8 - cells
    corner = (frames.origin[index] // 8 - 2).clamp(low, high)
    return Window([(x, y) for x, y in corner.tolist()], cells)


def cut(drawn: Tensor, frames: Frames, index: Tensor, window: Window | None) -> Tensor:
    """The crops [k, 3, side, side] of what was drawn of their window."""
    if window is None:
        return drawn
    origin = frames.origin[index]
    return crop(drawn, origin - 8 * torch.tensor(window.corners, device=origin.device), frames.side)


def face_masks(frames: Frames, index: Tensor) -> Tensor:
    """float32 [k, 12, side, side]: the part masks under each face crop."""
    masks = F.interpolate(frames.masks[index].float() / 255, size=(BOX_SIZE, BOX_SIZE), mode="bilinear")
    edge = 512 - BOX_START - BOX_SIZE
    return crop(F.pad(masks, (BOX_START, edge, BOX_START, edge)), frames.origin[index], frames.side)


def parse(argv: list[str] | None = None) -> tuple[argparse.Namespace, Options]:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=Path, nargs="+", required=True, help="folders of renderer.synthesis")
    parser.add_argument("--rig", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--resume", type=Path, help="run or weights folder to go on from")
    parser.add_argument(
        "--canvas", type=Path, help="npz of renderer.training.matte: wall and mattes; needed without --resume"
    )
    parser.add_argument("--network", choices=("full", "tiny"), default="full", help="tiny: for tests")
    for field in dataclasses.fields(Options):
        kind = type(field.default)
        parser.add_argument(
            f"--{field.name}", type=kind, default=field.default, help=f"default {field.default}"
        )
    arguments = parser.parse_args(argv)
    if not (arguments.resume or arguments.canvas):
        parser.error("--canvas is needed without --resume: make one with renderer.training.matte")
    options = Options(**{f.name: getattr(arguments, f.name) for f in dataclasses.fields(Options)})
    return arguments, options


def main(argv: list[str] | None = None) -> None:
    torch.backends.cudnn.benchmark = True
    arguments, options = parse(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rig = load_rig(arguments.rig)
    rows = read_labels(arguments.frames)
    config = GeneratorConfig.tiny() if arguments.network == "tiny" else GeneratorConfig()
    earlier = load_generator(arguments.resume) if arguments.resume else None
    config = earlier.config if earlier else config
    train = {
        k: load([r for r in rows if not is_validation(r)], rig, k).to(arguments.device)
        for k in ("face", "full")
    }
    kinds = {row["kind"] for row in rows if is_validation(row)}
    held_out = {
        k: load([r for r in rows if is_validation(r)], rig, k).to(arguments.device) for k in sorted(kinds)
    }
    facts = {"options": dataclasses.asdict(options), "config": dataclasses.asdict(config)}
    facts["frames"] = {k: len(v) for k, v in train.items()} | {
        f"held out {k}": len(v) for k, v in held_out.items()
    }
    if arguments.resume and (arguments.resume / "options.json").exists():  # the manifest tells the whole way
        facts["after"] = json.loads((arguments.resume / "options.json").read_text(encoding="utf-8"))
    (arguments.out / "options.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts), flush=True)
    trainer = Trainer(config, train, options, arguments.out)
    start = earlier or trainer.net
    if arguments.canvas:
        with np.load(arguments.canvas) as canvas:
            start_from(start, canvas, with_hair=earlier is None)
    trainer.restart_from(start.state_dict())
    trainer.run(held_out)


if __name__ == "__main__":
    main()
