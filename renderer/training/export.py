"""Run folder -> weights folder: folded ONNX graph, int8 behind a quality gate, manifest.

    python -m renderer.training.export --run runs/ava --rig runs/rig.safetensors --frames data/frames \
        --out renderer/weights/ava --name ava

The graph is the generator's synthesis network with each layer's modulation folded into the demodulation of
the layer before it (styles are positive, so leaky ReLU lets them through). It is quantised
(`renderer.training.quantise`) with training frames to calibrate; if int8 loses more than the gate allows,
fp32 is shipped instead.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avatar_engine.weights import write_manifest
from renderer.backend import control_vector
from renderer.geometry import BOX_SIZE, BOX_START, CELLS
from renderer.onnx_backend import OnnxBackend
from renderer.rig import load_rig
from renderer.torch_generator import Generator, ModulatedConv, lay_into_canvas
from renderer.training.dataset import Controls, face_controls, is_validation, read_labels
from renderer.training.evaluate import judge_weights, psnr
from renderer.training.quantise import quantise
from renderer.training.runs import load_generator

GATE_DB = 40.0
"Least PSNR of int8 pictures against fp32 pictures."
CALIBRATION_FRAMES = 48


class Folded(nn.Module):
    """The same function as `Generator.synthesis` for one frame, with fewer passes over the features."""

    def __init__(self, net: Generator) -> None:
        super().__init__()
        self.net = net

    def layer(
        self,
        conv: ModulatedConv,
        x: Tensor,
        demodulation: Tensor,
        following: Tensor | None,
        guide: Tensor | None = None,
    ) -> Tensor:
        """x comes modulated and leaves modulated for the layer whose styles are `following`."""
        factor = torch.tensor(2**0.5) if following is None else following * 2**0.5
        y = F.conv2d(x, conv.weight, padding=1) * (demodulation * factor).view(1, -1, 1, 1)
        y = y + (conv.bias * factor).view(1, -1, 1, 1)  # before enlarging, which leaves constants as they are
        if conv.up:
            y = F.interpolate(y, scale_factor=2.0, mode="bilinear")
        if guide is not None:
            y = y + guide
        return F.leaky_relu(y, 0.2)

    def forward(
        self, controls: Tensor, masks: Tensor, carried: Tensor, warp: Tensor
    ) -> tuple[Tensor, Tensor]:
        net = self.net
        w = net.mapping(controls)
        first = [conv.modulation(w) for conv in net.first]
        second = [conv.modulation(w) for conv in net.second]
        guides = net.guide_maps(masks, carried, warp)
        x = net.const * first[0][0].view(1, -1, 1, 1)
        for i in range(4):
            guide = lay_into_canvas(modulated(guides[4 - i], second[i][0]), i) if i >= 2 else None
            x = self.layer(net.first[i], x, first[i][1], second[i][0], guide)
            x = self.layer(net.second[i], x, second[i][1], first[i + 1][0] if i < 3 else None)
        canvas = net.canvas_head(x)
        start, cells = BOX_START // 8, BOX_SIZE // 8
        x = x[:, :, start : start + cells, start : start + cells] * first[4][0].view(1, -1, 1, 1)
        guide = modulated(guides[0], second[4][0])
        x = self.layer(net.first[4], x, first[4][1], second[4][0], guide)
        x = self.layer(net.second[4], x, second[4][1], None)
        return canvas, net.box_head(x)


def export_graph(net: Generator, path: Path) -> None:
    """Write the folded fp32 graph."""
    channels = net.config.guide_texture[0]
    example = (
        torch.rand(1, net.config.controls), torch.rand(1, net.config.masks, CELLS, CELLS),
        torch.randn(1, channels, CELLS, CELLS), torch.rand(1, CELLS, CELLS, 2),
    )  # fmt: skip
    torch.onnx.export(
        Folded(net).eval(), example, str(path), opset_version=18, dynamo=False,
        input_names=["controls", "masks", "carried", "warp"], output_names=["canvas", "box"],
    )  # fmt: skip
    onnx.checker.check_model(str(path))


def modulated(guide: Tensor, styles: Tensor) -> Tensor:
    """A guide that leaves its layer modulated for the next, like the features it is added to."""
    return guide * (styles * 2**0.5).view(1, -1, 1, 1)


def feeds(backend: OnnxBackend, controls: list[Controls]) -> list[dict[str, np.ndarray]]:
    """The network's inputs for some controls."""
    return [backend.feed(control_vector(*face), backend.geometry.guides(*face)) for face in controls]


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
    shutil.copyfile(run / "generator.safetensors", out / "generator.safetensors")
    shutil.copyfile(rig_path, out / "rig.safetensors")
    full, small = out / "generator.fp32.onnx", out / "generator.int8.onnx"
    export_graph(net, full)
    rows = [row for row in read_labels(frames) if not is_validation(row)]
    picked = [rows[i] for i in np.linspace(0, len(rows) - 1, CALIBRATION_FRAMES).astype(int)]
    reference = OnnxBackend(out, full.name, 2)
    quantise(full, small, feeds(reference, [face_controls(row) for row in picked]))
    held_out = [row for row in read_labels(frames) if is_validation(row)][:24] or picked[:8]
    controls = [face_controls(row) for row in held_out]
    agreement = agreement_db(reference, OnnxBackend(out, small.name, 2), controls)
    graph = small if agreement >= GATE_DB else full
    print(json.dumps({"int8 against fp32 dB": round(agreement, 2), "shipped": graph.name}))
    (full if graph is small else small).unlink()
    return {"options": options, "graph": graph.name, "agreement_db": round(agreement, 2)}


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
        "kind": "portrait", "size": 512, "sizes": [256, 384, 512], "matte": False, "names": list(names),
        "graph": facts["graph"], "generator": facts["options"]["config"], "limits": limits(rows, names),
    }  # fmt: skip
    files = [facts["graph"], "generator.safetensors", "rig.safetensors"]
    fields: dict[str, Any] = {
        "name": arguments.name,
        "version": arguments.version,
        "config": config,
        "data": [
            {
                "name": f"{len(rows)} frames rendered by renderer.synthesis",
                "licence": "own work; head model ICT-FaceKit (MIT), grooms CharMorph-Vitruvian (CC0)",
            }
        ],
        "training": facts["options"],
        "command": arguments.command,
    }
    write_manifest(arguments.out, files, **fields, metrics={})
    metrics: dict[str, Any] = {"int8 against fp32 dB": facts["agreement_db"]}
    for folder in arguments.report:
        metrics[folder.name] = judge_weights(arguments.out, [folder], None)
    write_manifest(arguments.out, files, **fields, metrics=metrics)
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
