"""Distils the network for pictures of 256 out of shipped weights, and adds its graph to them.

    python -m renderer.training.half --weights renderer/weights/ava --frames FRAMES --run runs/half
    python -m renderer.training.half ... --export --report AVA_EVAL

The teacher is the back end that users run, at 256; it draws as many faces as the student wants to see:
between those of training frames, and between those and rest. Textures and geometry are the teacher's own, so
that only what the network itself draws is learned. The first command goes on where it was cut off.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from avatar_engine.weights import write_manifest
from renderer.backdrop import turn_terms
from renderer.backend import control_vector
from renderer.compose import Composer
from renderer.geometry import BOX_SIZE, BOX_START, CELLS
from renderer.onnx_backend import OnnxBackend
from renderer.packing import BOX_GATES, COLOURS, ZERO, Drawn
from renderer.parts import Memory
from renderer.portrait import check_format
from renderer.rig import load_rig
from renderer.torch_places import enlarge
from renderer.training.dataset import Controls, face_controls, is_validation, load, read_labels
from renderer.training.evaluate import judge_weights
from renderer.training.export import write_graph
from renderer.training.half_network import HalfConfig, HalfGenerator, start_of
from renderer.training.losses import laplacian_loss
from renderer.training.runs import load_generator
from renderer.training.walk import Floats, synthesise_half

SIDE, BOX, START = 256, BOX_SIZE // 2, BOX_START // 2
TO_REST = 0.25
"Share of the faces that lie between a frame's and the face at rest."
FACE, MOUTH, EYES = 3.0, 12.0, 10.0
"What a pixel counts there, against the background."
RATE, WARMUP, AVERAGE, BATCH = 1.2e-3, 50, 0.998, 4


class Teacher:
    """The shipped back end at 256, with all that its composition lays over the features."""

    def __init__(self, weights: Path) -> None:
        config = json.loads((weights / "manifest.json").read_text(encoding="utf-8"))["config"]
        check_format(weights, config)
        self.backend = OnnxBackend(weights, config["graph"], 1, shrink=2)
        self.composer: Composer = self.backend.composer
        one_hot = np.zeros((BOX_GATES, CELLS * CELLS, 4, BOX_GATES), np.float32)
        for k in range(BOX_GATES):
            one_hot[k, :, :, k] = 1
        self._one_hot = one_hot.reshape(BOX_GATES, CELLS * CELLS, -1)
        self._nothing = np.zeros((CELLS * CELLS, COLOURS), np.float32)
        self._hair_memory = Memory(SIDE, SIDE), Memory(SIDE, SIDE), Memory(SIDE, SIDE, 3)

    def show(self, face: Controls) -> dict[str, np.ndarray]:
        """What the student is fed and what it is to draw, for one face."""
        controls, geometry = control_vector(*face), self.backend.geometry
        guides = geometry.guides(*face)
        packed = self.backend.packer.pack(guides)[0].copy()
        drawn = self.backend.network(controls, guides)
        picture = self.composer.compose(drawn, controls, guides)
        hair = self.composer.hair
        laid = hair.laid(hair.turned(turn_terms(controls)), hair.region, self._hair_memory)

        def detail(gates: np.ndarray) -> np.ndarray:
            """In the face box's own memory, hence the copy."""
            alone = Drawn(drawn.canvas, drawn.canvas_gates, self._nothing, gates)
            return self.composer.face_box.detail(alone, guides).copy()

        folds = detail(np.zeros_like(self._one_hot[0]))  # shown whatever the gates are
        layers = [detail(gates) - folds for gates in self._one_hot]
        marks = geometry.rig.group(geometry.rig.points(*face), "landmark") / 2
        return {
            "controls": controls, "guides": packed, "picture": picture[:, :, 2::-1],
            "hair": laid.transpose(2, 0, 1).astype(np.float16),
            "matte": picture[None, :, :, 3] / np.float16(255),
            "folds": folds.transpose(2, 0, 1).astype(np.float16),
            "layers": np.stack(layers).transpose(0, 3, 1, 2).astype(np.float16),
            "weights": part_weights(marks),
        }  # fmt: skip


def part_weights(landmarks: np.ndarray) -> np.ndarray:
    """What each pixel counts, float16 [256, 256]; landmarks [68, 2] in pixels of 256."""
    weights = np.ones((SIDE, SIDE), np.float16)
    for points, margin, value in (
        (slice(0, 68), 4, FACE),
        (slice(48, 68), 3, MOUTH),
        (slice(36, 48), 3, EYES),
    ):
        low = np.clip(np.floor(landmarks[points].min(0) - margin), 0, SIDE).astype(int)
        high = np.clip(np.ceil(landmarks[points].max(0) + margin), 0, SIDE).astype(int)
        weights[low[1] : high[1], low[0] : high[0]] = value
    return weights


def faces_between(known: list[Controls], count: int, random: np.random.Generator) -> list[Controls]:
    """Faces on the way from one known face to another or to rest."""
    rest = tuple(np.zeros_like(part) for part in known[0])
    made = []
    for _ in range(count):
        a, b = (known[i] for i in random.integers(len(known), size=2))
        target = rest if random.random() < TO_REST else b
        way = np.float32(random.random() ** 2)
        made.append(tuple(x + way * (y - x) for x, y in zip(a, target, strict=True)))
    return made  # type: ignore[return-value]


class Shown:
    """Many faces in memory, 2.1 MB each."""

    def __init__(self, teacher: Teacher, faces: list[Controls]) -> None:
        first = teacher.show(faces[0])
        self._arrays = {k: np.empty((len(faces), *v.shape), v.dtype) for k, v in first.items()}
        for i, face in enumerate(faces):
            for name, value in teacher.show(face).items():
                self._arrays[name][i] = value

    def __len__(self) -> int:
        return len(self._arrays["picture"])

    def batch(self, index: np.ndarray) -> dict[str, Tensor]:
        """float32 tensors; pictures and layers -1..1, channels first."""
        taken = {k: torch.from_numpy(v[index]).float() for k, v in self._arrays.items()}
        taken["picture"] = taken["picture"].permute(0, 3, 1, 2) / 127.5 - 1
        return taken


class Canvas:
    """The student's composition, the same as `Composer.compose` at 256 with layers already in place."""

    def __init__(self, teacher: Teacher) -> None:
        textures = teacher.composer.textures
        self.plate = torch.from_numpy(textures.plate).permute(2, 0, 1)
        self.wall = torch.from_numpy(textures.wall).permute(2, 0, 1).float() / 127.5 - 1
        self.feather = torch.from_numpy(textures.feather).permute(2, 0, 1)
        self.hair_at = teacher.composer.hair.region
        self.steps = torch.from_numpy(teacher.backend.packer.steps)

    def draw(self, net: HalfGenerator, shown: dict[str, Tensor]) -> Tensor:
        """[n, 3, 256, 256], BGR, about -1..1."""
        said = ((shown["guides"] - ZERO) * self.steps).permute(0, 3, 1, 2)[:, : net.config.inputs]
        w = net.mapping(shown["controls"])
        canvas, box = synthesise_half(net, Floats(net, w, said.contiguous(memory_format=torch.channels_last)))
        canvas, box = net.canvas_head(canvas), net.box_head(box)
        picture = F.pixel_shuffle(canvas[:, :COLOURS], 4)
        gates = enlarge(torch.sigmoid(F.pixel_shuffle(canvas[:, COLOURS:], 2)), 2)
        picture = picture + gates[:, :1] * self.plate
        rows, columns = self.hair_at
        hair = gates[:, 1:, rows, columns] * shown["hair"]
        edges = (columns.start, SIDE - columns.stop, rows.start, SIDE - rows.stop)
        picture = picture + F.pad(hair, edges)
        gates = torch.sigmoid(F.pixel_shuffle(box[:, COLOURS:], 4))
        detail = F.pixel_shuffle(box[:, :COLOURS], 4) + shown["folds"]
        detail = detail + (gates[:, :, None] * shown["layers"]).sum(1)
        end = SIDE - START - BOX
        picture = picture + F.pad(detail * self.feather, (START, end, START, end))
        return self.wall + shown["matte"] * (picture - self.wall)


def train(net: HalfGenerator, canvas: Canvas, shown: Shown, minutes: float, run: Path) -> HalfGenerator:
    """The moving average after `minutes`; resumable from `run`."""
    random, began = np.random.default_rng(len(shown)), time.monotonic()
    optimizer = torch.optim.Adam(net.parameters(), RATE, betas=(0.9, 0.99))
    average = copy.deepcopy(net).requires_grad_(False).eval()
    step, spent, total = 0, 0.0, 0.0
    while spent < minutes:
        spent = (time.monotonic() - began) / 60
        rate = RATE * (0.02 + 0.98 * (1 + math.cos(math.pi * min(spent / minutes, 1.0))) / 2)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / WARMUP)
        batch = shown.batch(random.integers(len(shown), size=BATCH))
        loss = laplacian_loss(canvas.draw(net, batch), batch["picture"], batch["weights"][:, None], levels=3)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        decay = min(AVERAGE, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(net.parameters()), 1 - decay)
        step, total = step + 1, total + float(loss.detach())
        if step % 100 == 0 or spent >= minutes:
            line = {"step": step, "minutes": round(spent, 2), "loss": round(total / 100, 5)}
            print(json.dumps(line), flush=True)
            total = 0.0
            save_file({k: v.contiguous() for k, v in average.state_dict().items()}, run / "half.safetensors")
    return average


@torch.no_grad()
def agreement(net: HalfGenerator, canvas: Canvas, shown: Shown) -> float:
    """Mean PSNR against the teacher, dB."""
    found = []
    for start in range(0, len(shown), 8):
        batch = shown.batch(np.arange(start, min(start + 8, len(shown))))
        error = (canvas.draw(net, batch).clamp(-1, 1) - batch["picture"]).square().mean((1, 2, 3))
        found += (10 * torch.log10(4 / error)).tolist()
    return round(float(np.mean(found)), 2)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=Path, nargs="+", required=True, help="training frames: faces")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--faces", type=int, default=4000, help="that the teacher shows, 2.1 MB each")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--network", choices=("full", "tiny"), default="full", help="tiny: for tests")
    parser.add_argument("--export", action="store_true", help="add the graph to the weights")
    parser.add_argument("--report", type=Path, nargs="*", default=[], help="folders never trained on")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    arguments.command = shlex.join(["python", "-m", "renderer.training.half", *(argv or sys.argv[1:])])
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    arguments.run.mkdir(parents=True, exist_ok=True)
    rows = read_labels(arguments.frames)
    config = HalfConfig.tiny() if arguments.network == "tiny" else HalfConfig()
    net = load_student(config, arguments.weights, arguments.run, rows)
    if arguments.export:
        print(json.dumps(export(net, arguments)))
        return
    teacher = Teacher(arguments.weights)
    known = [face_controls(row) for row in rows if not is_validation(row)]
    random = np.random.default_rng(arguments.seed)
    canvas = Canvas(teacher)
    held_out = Shown(teacher, [face_controls(row) for row in rows if is_validation(row)][:32])
    shown = Shown(teacher, faces_between(known, arguments.faces, random))
    print(json.dumps({"before": agreement(net, canvas, held_out)}), flush=True)
    net = train(net, canvas, shown, arguments.minutes, arguments.run)
    print(json.dumps({"held out dB": agreement(net, canvas, held_out)}), flush=True)


def export(net: HalfGenerator, arguments: argparse.Namespace) -> dict[str, Any]:
    """Add the graph to the weights folder; returns what was measured."""
    weights: Path = arguments.weights
    facts = write_graph(net, arguments.frames, weights)
    manifest = json.loads((weights / "manifest.json").read_text(encoding="utf-8"))
    fields = {k: v for k, v in manifest.items() if k != "files"}
    fields["config"]["half_graph"] = facts["graph"]
    fields["training"]["half"] = arguments.command
    files = sorted({*manifest["files"], facts["graph"]})
    write_manifest(weights, files, **fields)
    measured: dict[str, Any] = {"int8 against fp32 dB": facts["agreement_db"], "parameters": parameters(net)}
    measured |= {f.name: judge_weights(weights, [f], None, SIDE) for f in arguments.report}
    fields["metrics"]["half"] = measured
    write_manifest(weights, files, **fields)
    return measured


def parameters(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def load_student(config: HalfConfig, weights: Path, run: Path, rows: list[dict[str, Any]]) -> HalfGenerator:
    """The one that was begun, or a new one cut out of the teacher."""
    if (run / "half.safetensors").exists():
        net = HalfGenerator(config)
        net.load_state_dict(load_file(run / "half.safetensors"))
        return net
    faces = [row for row in rows if row["kind"] == "face"][::40]
    frames = load(faces, load_rig(weights / "rig.safetensors"), "face")
    generator = load_generator(weights).eval().requires_grad_(False)
    return start_of(generator, config, frames.geometry(torch.arange(len(frames)))).requires_grad_(True)


if __name__ == "__main__":
    main()
