"""Copies shipped weights with their graphs in 32 bits: what processors without 8-bit instructions could be
given, to time it and to compare pictures.

    python -m renderer.training.floats --weights renderer/weights/ava --half-run runs/half --out data/floats

`renderer.Portrait.load("data/floats", 256)` draws with them.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from safetensors.torch import load_file

from avatar_engine.weights import write_manifest
from renderer.packing import GuidePacker
from renderer.tensors import read_tensors
from renderer.training.export import export_floats
from renderer.training.half_network import HalfConfig, HalfGenerator
from renderer.training.runs import load_generator

GRAPHS = {"graph": "generator.fp32.onnx", "half_graph": "half.fp32.onnx"}


def copy_in_floats(weights: Path, half: HalfGenerator, out: Path) -> None:
    """Fill `out`; half: the network whose graph for 256 the weights hold."""
    out.mkdir(parents=True, exist_ok=True)
    manifest = json.loads((weights / "manifest.json").read_text(encoding="utf-8"))
    fields = {k: v for k, v in manifest.items() if k != "files"}
    kept = [name for name in manifest["files"] if not name.endswith(".onnx")]
    for name in kept:
        shutil.copyfile(weights / name, out / name)
    guide = read_tensors(weights / "generator.safetensors", lambda name: name == "guide_texture")
    steps = GuidePacker(guide["guide_texture"][0]).steps
    for key, net in (("graph", load_generator(weights)), ("half_graph", half)):
        export_floats(net, steps, out / GRAPHS[key])
        fields["config"][key] = GRAPHS[key]
    write_manifest(out, [*kept, *GRAPHS.values()], **fields)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--half-run", type=Path, required=True, help="run folder of renderer.training.half")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--network", choices=("full", "tiny"), default="full", help="tiny: for tests")
    arguments = parser.parse_args(argv)
    half = HalfGenerator(HalfConfig.tiny() if arguments.network == "tiny" else HalfConfig())
    half.load_state_dict(load_file(arguments.half_run / "half.safetensors"))
    copy_in_floats(arguments.weights, half, arguments.out)


if __name__ == "__main__":
    main()
