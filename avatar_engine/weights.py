"""Manifests: what a weight file is, where it came from, and whether it is whole. Standard library only.

A weights folder holds `manifest.json` and the files it names:

    {"name": "ava", "version": "1.0", "files": {"generator.onnx": {"sha256": "...", "bytes": 123}},
     "config": {...}, "inputs": {...}, "outputs": {...}, "data": [{"name": ..., "licence": ...}],
     "metrics": {...}, "command": "python -m renderer.training.train ..."}

`config` is the model's own business (names, rates, shapes). The model packages read the same file
themselves; this module is how the engine verifies it first and how training writes it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avatar_engine.errors import WeightsError

MANIFEST = "manifest.json"
REQUIRED = ("name", "version", "files", "config", "data", "metrics", "command")


@dataclass(frozen=True, slots=True)
class Manifest:
    """A weights folder as its manifest describes it."""

    folder: Path
    content: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.content["name"])

    @property
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = self.content["config"]
        return config


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a weights folder; WeightsError where it is missing or lacks a field."""
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise WeightsError(f"{path}: no manifest there; restore it with 'git checkout -- {folder}'") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        message = f"{path}: not a readable JSON file ({error}); restore it from the repository"
        raise WeightsError(message) from None
    missing = [key for key in REQUIRED if not isinstance(content, dict) or key not in content]
    if missing:
        raise WeightsError(f"{path}: lacks {', '.join(missing)}; restore it from the repository")
    return Manifest(folder, content)


def verify(folder: Path) -> Manifest:
    """The manifest, after every file it names was found whole; WeightsError names the first that is not."""
    manifest = read_manifest(folder)
    for name, facts in manifest.content["files"].items():
        path = folder / name
        if not path.is_file():
            raise WeightsError(f"{path}: missing; restore it with 'git checkout -- {path}'")
        found = sha256(path)
        if found != facts["sha256"]:
            raise WeightsError(
                f"{path}: sha256 is {found[:8]}…, the manifest says {facts['sha256'][:8]}…; it is damaged "
                f"or from another release: restore it with 'git checkout -- {path}'"
            )
    return manifest


def write_manifest(folder: Path, files: list[str], **fields: Any) -> Manifest:
    """Hash `files` (names inside `folder`) and write the manifest; `fields` are the rest of REQUIRED and
    what else there is.
    """
    content = dict(fields)
    content["files"] = {
        name: {"sha256": sha256(folder / name), "bytes": (folder / name).stat().st_size} for name in files
    }
    missing = [key for key in REQUIRED if key not in content]
    if missing:
        raise ValueError(f"a manifest needs {', '.join(missing)}")
    (folder / MANIFEST).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Manifest(folder, content)
