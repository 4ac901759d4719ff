"""The options that name an avatar, shared by every command of the scene. Knows none of the work."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from renderer.synthesis.errors import SynthesisError

if TYPE_CHECKING:
    from renderer.synthesis.assets import Workshop


def add_avatar_options(parser: argparse.ArgumentParser, default_cache: str) -> None:
    """--avatar, --face-model and --cache; default_cache: where the help says it is."""
    parser.add_argument(
        "--avatar", required=True, help="a built-in avatar (ava) or the path of a recipe.json"
    )
    parser.add_argument("--face-model", type=Path, required=True, help="folder written by convert")
    parser.add_argument("--cache", type=Path, help=f"textures and grooms (default: cache/ {default_cache})")


def open_workshop(options: argparse.Namespace, folder: Path) -> Workshop:
    """The workshop of the options; its cache is in `folder` unless they name one."""
    from renderer.synthesis.assets import Workshop
    from renderer.synthesis.recipe import load_recipe

    return Workshop(load_recipe(options.avatar), options.face_model, options.cache or folder / "cache")


def array_parser(description: str | None) -> argparse.ArgumentParser:
    """The parser of a command that makes an npz of an avatar."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_avatar_options(parser, "beside the output")
    parser.add_argument("--out", type=Path, required=True, help="npz to write")
    return parser


def make_arrays(
    name: str, options: argparse.Namespace, make: Callable[[Workshop], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """What `make` makes of the avatar; what is wrong with it ends the command `name` with one line."""
    try:
        return make(open_workshop(options, options.out.parent))
    except (SynthesisError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        raise SystemExit(1) from None
