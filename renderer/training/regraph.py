"""Writes the graph of shipped weights again, from their own tensors: after a change of its form, not of what
it draws.

    python -m renderer.training.regraph --weights renderer/weights/ava --frames FRAMES --report AVA_EVAL

Training frames decide the scales of the integers; nothing is learned. The manifest gets the new graph's
agreement with 32 bits and what `--report` measures, and keeps the rest.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from avatar_engine.weights import write_manifest
from renderer.training.evaluate import judge_weights
from renderer.training.export import write_graph
from renderer.training.runs import load_generator


def regraph(weights: Path, frames: list[Path], report: list[Path], version: str) -> dict[str, Any]:
    """The new manifest's metrics. The weights are replaced only when everything has been measured."""
    manifest = json.loads((weights / "manifest.json").read_text(encoding="utf-8"))
    fields = {k: v for k, v in manifest.items() if k not in ("files", "metrics")}
    fields["version"] = version or fields["version"]
    old = weights / fields["config"]["graph"]
    kept = [name for name in manifest["files"] if name != old.name]
    with tempfile.TemporaryDirectory(dir=weights.parent, prefix=".regraph-") as temporary:
        made = Path(temporary)
        for name in kept:
            shutil.copyfile(weights / name, made / name)
        facts = write_graph(load_generator(weights), frames, made)
        fields["config"]["graph"] = facts["graph"]
        files = [facts["graph"], *kept]
        write_manifest(made, files, **fields, metrics={})
        metrics: dict[str, Any] = {"int8 against fp32 dB": facts["agreement_db"]}
        for folder in report:
            metrics[folder.name] = judge_weights(made, [folder], None)
        metrics |= {k: v for k, v in manifest["metrics"].items() if k == "half"}
        write_manifest(made, files, **fields, metrics=metrics)
        old.unlink()
        for file in (facts["graph"], "manifest.json"):
            (made / file).replace(weights / file)
    return metrics


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, required=True, help="weights folder, changed in place")
    parser.add_argument("--frames", type=Path, nargs="+", required=True, help="training frames")
    parser.add_argument("--report", type=Path, nargs="*", default=[], help="folders never trained on")
    parser.add_argument("--version", default="", help="of the manifest; else it stays")
    arguments = parser.parse_args(argv)
    print(json.dumps(regraph(arguments.weights, arguments.frames, arguments.report, arguments.version)))


if __name__ == "__main__":
    main()
