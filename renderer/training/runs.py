"""What a training run leaves: its generator, to go on from. Knows run folders and weights folders."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from renderer.portrait import check_format
from renderer.tensors import read_tensors
from renderer.torch_generator import Generator, build


def save_generator(net: Generator, folder: Path) -> None:
    """Write its parameters into a run folder, in half precision."""
    state = {k: v.half().contiguous().cpu() for k, v in net.state_dict().items()}
    save_file(state, folder / "generator.safetensors")


def load_generator(folder: Path) -> Generator:
    """The float32 generator of a run folder (options.json) or of a weights folder (manifest.json).

    FileNotFoundError where neither is there, FormatError.
    """
    for name, path in (("options.json", ("config",)), ("manifest.json", ("config", "generator"))):
        if (folder / name).exists():
            config = json.loads((folder / name).read_text(encoding="utf-8"))
            if name == "manifest.json":
                check_format(folder, config["config"])
            for key in path:
                config = config[key]
            net = build(config)
            state = read_tensors(folder / "generator.safetensors")
            net.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()})
            return net
    raise FileNotFoundError(
        f"{folder}: neither options.json nor manifest.json there; name a run or weights folder"
    )
