"""Run folder -> weights folder: folded ONNX graph, int8 behind a quality gate, manifest.

    python -m renderer.training.export --run runs/ava --rig runs/rig.safetensors --frames data/frames \
        --out renderer/weights/ava --name ava

The graph is the generator's synthesis network as `renderer.training.walk` takes it apart, in 8-bit integers
(`renderer.training.integers`) whose scales training frames decide; if int8 loses more than the gate allows,
fp32 is shipped instead.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import torch
from torch import Tensor, nn

from avatar_engine.weights import write_manifest
from renderer.backend import control_vector
from renderer.geometry import CELLS
from renderer.onnx_backend import OnnxBackend
from renderer.packing import OUTPUTS, ZERO, GuidePacker, gates_by, head_order
from renderer.portrait import FORMAT, Portrait
from renderer.rig import load_rig
from renderer.tensors import read_tensors, write_tensors
from renderer.torch_generator import Generator
from renderer.training.catch_light import with_catch_lights
from renderer.training.dataset import Controls, face_controls, is_validation, read_labels
from renderer.training.evaluate import judge_weights
from renderer.training.finish import with_crisp_eyes, with_even_folds
from renderer.training.half_network import HalfGenerator
from renderer.training.integers import Calibrator, integer_graph
from renderer.training.rig import save as save_rig
from renderer.training.runs import load_generator
from renderer.training.similarity import psnr
from renderer.training.walk import Floats, carry_out

GATE_DB = 40.0
"Least PSNR of int8 pictures against fp32 pictures."
CALIBRATION_FRAMES = 48
THUMBNAIL, SMILE = "thumbnail.webp", 0.35


class FloatGraph(nn.Module):
    """The exported graph in 32 bits: what the integers are held against, and what ships where they lose too
    much."""

    def __init__(self, net: Generator | HalfGenerator, guide_steps: np.ndarray) -> None:
        """guide_steps: of the packed guides, [32]."""
        super().__init__()
        self.net = net
        self.register_buffer("steps", torch.from_numpy(guide_steps))

    def unpacked(self, guides: Tensor) -> Tensor:
        """uint8 [1, 88, 88, 32] -> float32 [1, masks + texture + 2, 88, 88]."""
        plain = ((guides.float() - ZERO) * self.steps).permute(0, 3, 1, 2)
        return plain[:, : self.net.guide[0].in_channels]

    def forward(self, controls: Tensor, guides: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        net = self.net
        canvas, box = carry_out(net, Floats(net, net.mapping(controls), self.unpacked(guides)))
        return *packed(net.canvas_head(canvas)), *packed(net.box_head(box))


def packed(features: Tensor) -> tuple[Tensor, Tensor]:
    """[1, channels, side, side] of a head -> colours and gates, [side^2, channels] in the packed order."""
    orders = head_order(features.shape[1], gates_by(features.shape[2]))
    colours, gates = (features[0, torch.from_numpy(order)].flatten(1).t() for order in orders)
    return colours, torch.sigmoid(gates)


def export_floats(net: Generator | HalfGenerator, guide_steps: np.ndarray, path: Path) -> None:
    """Write the fp32 graph."""
    example = (
        torch.rand(1, net.config.controls),
        torch.randint(0, 256, (1, CELLS, CELLS, len(guide_steps)), dtype=torch.uint8),
    )
    torch.onnx.export(
        FloatGraph(net, guide_steps).eval(), example, str(path), opset_version=18, dynamo=False,
        input_names=["controls", "guides"], output_names=list(OUTPUTS),
    )  # fmt: skip
    onnx.checker.check_model(str(path))


def export_integers(
    net: Generator | HalfGenerator, backend: OnnxBackend, controls: list[Controls], path: Path
) -> None:
    """Write the int8 graph, with the scales that some real frames ask for."""
    steps = backend.packer.steps
    unpack = FloatGraph(net, steps).unpacked
    calibrator = Calibrator(net)
    for face in controls:
        feed = backend.feed(control_vector(*face), backend.geometry.guides(*face))
        calibrator.see(torch.from_numpy(feed["controls"]), unpack(torch.from_numpy(feed["guides"])))
    onnx.save(integer_graph(net, calibrator.done(), steps), str(path))


def agreement_db(a: OnnxBackend, b: OnnxBackend, controls: list[Controls]) -> float:
    """Mean PSNR between two back ends' pictures."""
    pairs = [
        [x.draw(control_vector(*face), *face)[:, :, :3].astype(float) for x in (a, b)] for face in controls
    ]
    return float(np.mean([psnr(left, right) for left, right in pairs]))


def export(run: Path, rig_path: Path, frames: list[Path], out: Path) -> dict[str, Any]:
    """Fill `out` with graph, tensors and rig; returns facts for the manifest."""
    out.mkdir(parents=True, exist_ok=True)
    options = json.loads((run / "options.json").read_text(encoding="utf-8"))
    net = load_generator(run)
    tensors = with_crisp_eyes(with_even_folds(read_tensors(run / "generator.safetensors")))
    tensors = with_catch_lights(tensors)
    write_tensors(tensors, out / "generator.safetensors")
    save_rig(load_rig(rig_path), out / "rig.safetensors", np.float16)
    return {"options": options, **write_graph(net, frames, out)}


def write_graph(net: Generator | HalfGenerator, frames: list[Path], out: Path) -> dict[str, Any]:
    """Write the graph of `net` into `out`, where tensors and rig already are; returns facts for the
    manifest."""
    name, shrink = ("half", 2) if isinstance(net, HalfGenerator) else ("generator", 1)
    full, small = out / f"{name}.fp32.onnx", out / f"{name}.int8.onnx"
    guide = read_tensors(out / "generator.safetensors", lambda tensor: tensor == "guide_texture")
    packer = GuidePacker(guide["guide_texture"][0])
    export_floats(net, packer.steps, full)
    rows = [row for row in read_labels(frames) if not is_validation(row)]
    picked = [rows[i] for i in np.linspace(0, len(rows) - 1, CALIBRATION_FRAMES).astype(int)]
    reference = OnnxBackend(out, full.name, 2, shrink)
    export_integers(net, reference, [face_controls(row) for row in picked], small)
    held_out = [row for row in read_labels(frames) if is_validation(row)][:24] or picked[:8]
    controls = [face_controls(row) for row in held_out]
    agreement = agreement_db(reference, OnnxBackend(out, small.name, 2, shrink), controls)
    graph = small if agreement >= GATE_DB else full
    print(json.dumps({"int8 against fp32 dB": round(agreement, 2), "shipped": graph.name}))
    (full if graph is small else small).unlink()
    return {"graph": graph.name, "agreement_db": round(agreement, 2)}


def write_thumbnail(weights: Path) -> str:
    """Draw the avatar, friendly, into `weights`; returns the file's name."""
    portrait = Portrait.load(weights, 256)
    face = np.zeros(len(portrait.names), np.float32)
    face[[portrait.names.index(f"mouthSmile{side}") for side in ("Left", "Right")]] = SMILE
    drawn = portrait.draw(face, np.zeros(3, np.float32), np.zeros(2, np.float32))
    picture = cv2.cvtColor(drawn[:, :, :3], cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(weights / THUMBNAIL), picture, [cv2.IMWRITE_WEBP_QUALITY, 90]):
        raise OSError(f"cannot write {weights / THUMBNAIL}: is the disk full?")
    return THUMBNAIL


def limits(rows: list[dict[str, Any]], names: tuple[str, ...]) -> dict[str, Any]:
    """The range of the controls that the avatar was trained on: 99.9 % quantiles, the same left and right."""
    weights = np.array([row["weights"] for row in rows])
    head, gaze = (np.abs(np.array([row[k] for row in rows])) for k in ("head_deg", "gaze_deg"))
    high = lambda x: np.round(np.quantile(x, 0.999, axis=0), 2).tolist()  # noqa: E731
    bounds = dict(zip(names, high(weights), strict=True))
    for name in names:
        other = name.replace("Left", "Right")
        if other != name and other in bounds:
            bounds[name] = bounds[other] = max(bounds[name], bounds[other])
    return {
        "head_deg": dict(zip(("yaw", "pitch", "roll"), high(head), strict=True)),
        "gaze_deg": dict(zip(("x", "y"), high(gaze), strict=True)),
        "weights": bounds,
    }


def seeds_of(rows: list[dict[str, Any]]) -> str:
    """What the frames were drawn from, so that they can be rendered again."""
    return ", ".join(sorted({row["image"].split("_")[0] for row in rows}))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--rig", type=Path, required=True)
    parser.add_argument(
        "--frames", type=Path, nargs="+", required=True, help="training frames: calibration and ranges"
    )
    parser.add_argument(
        "--report", type=Path, nargs="*", default=[], help="folders never trained on, for the manifest"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--version", default="1.0")
    parser.add_argument("--command", default="", help="the training command, for the manifest")
    arguments = parser.parse_args(argv)
    facts = export(arguments.run, arguments.rig, arguments.frames, arguments.out)
    rows = read_labels(arguments.frames)
    names = load_rig(arguments.rig).names
    config = {
        "kind": "portrait", "size": 512, "sizes": [256, 384, 512], "matte": True, "names": list(names),
        "format": FORMAT, "graph": facts["graph"], "generator": facts["options"]["config"],
        "limits": limits(rows, names),
    }  # fmt: skip
    files = [facts["graph"], "generator.safetensors", "rig.safetensors"]
    fields: dict[str, Any] = {
        "name": arguments.name,
        "version": arguments.version,
        "config": config,
        "data": [
            {
                "name": f"{len(rows)} frames rendered by renderer.synthesis, of seeds {seeds_of(rows)}",
                "licence": "own work; head model ICT-FaceKit (MIT), grooms CharMorph-Vitruvian (CC0)",
            }
        ],
        "training": facts["options"],
        "command": arguments.command,
    }
    write_manifest(arguments.out, files, **fields, metrics={})
    files.append(write_thumbnail(arguments.out))
    metrics: dict[str, Any] = {"int8 against fp32 dB": facts["agreement_db"]}
    for folder in arguments.report:
        metrics[folder.name] = judge_weights(arguments.out, [folder], None)
    write_manifest(arguments.out, files, **fields, metrics=metrics)
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
