"""The commands: render, points, convert, pack. Knows options and exit codes, none of the work."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from renderer.synthesis.clip import read_clip
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.job import RenderJob
from renderer.synthesis.options import add_avatar_options, open_workshop

BPY_HINT = (
    "rendering needs Blender's Python module on Python 3.11: pip install 'avatar-engine[synthesis]' (GPL)."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (0 done, 1 failed, 2 wrong usage)."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        options.run(options)
    except (SynthesisError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m renderer.synthesis",
        description="Render a synthetic person with exactly known controls.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_render(commands.add_parser("render", help="render the frames of a seed with their labels; resumes"))
    points = commands.add_parser(
        "points", help="label 368 exact points of every frame of a folder (no rendering)"
    )
    add_avatar_options(points, "in the folder of frames")
    points.add_argument("--frames", type=Path, required=True, help="folder written by render")
    points.set_defaults(run=_points)
    convert = commands.add_parser(
        "convert", help="make the head model's folder from your copies of the sources"
    )
    convert.add_argument(
        "--ict", type=Path, required=True, help="FaceXModel folder of ICT-FaceKit (OBJ files)"
    )
    convert.add_argument("--grooms", type=Path, required=True, help="copy of CharMorph-Vitruvian")
    convert.add_argument(
        "--out", type=Path, required=True, help="folder to write: the --face-model of the others"
    )
    convert.add_argument(
        "--refit", action="store_true", help="fit Vitruvian to the head anew (other releases)"
    )
    convert.set_defaults(run=_convert)
    pack = commands.add_parser("pack", help="pack frames into tar shards of at most 60 MB")
    pack.add_argument("--frames", type=Path, required=True, help="folder written by render")
    pack.add_argument("--out", type=Path, required=True, help="folder to write the shards to")
    pack.add_argument("--shard-mb", type=_positive, default=60, help="largest shard in megabytes (60)")
    pack.set_defaults(run=_pack)
    return parser


def _add_render(parser: argparse.ArgumentParser) -> None:
    add_avatar_options(parser, "in the folder of frames")
    parser.add_argument("--out", type=Path, required=True, help="folder for pictures and labels")
    parser.add_argument(
        "--seed", type=_not_negative, required=True, help="frames are functions of (seed, index)"
    )
    parser.add_argument(
        "--frames", type=_positive, required=True, help="how many frames the seed shall have in all"
    )
    parser.add_argument("--full", type=_share, default=0.12, help="share of full 512 x 512 frames (0.12)")
    parser.add_argument(
        "--tongue",
        type=_share,
        default=0,
        help="share of faces whose tongue moves where lips are parted (0)",
    )
    parser.add_argument(
        "--samples", type=_positive, help="samples a pixel (default: 5 in a face crop, 6 in a full frame)"
    )
    parser.add_argument(
        "--rest", action="store_true", help="whole pictures of the face at rest, for renderer.training.polish"
    )
    parser.add_argument(
        "--motion", type=Path, help="show this motion (JSON of avatar-engine motion) in place of random faces"
    )
    parser.add_argument("--first", type=_not_negative, default=0, help="first frame of the motion (0)")
    parser.set_defaults(run=_render)


def _positive(text: str) -> int:
    return _whole_number(text, least=1)


def _not_negative(text: str) -> int:
    return _whole_number(text, least=0)


def _whole_number(text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least {least}")
    return int(text)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share between 0 and 1")
    return value


def _render(options: argparse.Namespace) -> None:
    try:
        from renderer.synthesis.render import render_frames
    except ModuleNotFoundError as error:
        if error.name not in ("bpy", "mathutils"):
            raise
        raise SynthesisError(f"no module '{error.name}': {BPY_HINT}") from error
    if options.motion and options.tongue:
        raise SynthesisError("--tongue goes with random faces; a --motion says itself what the tongue does.")
    clip = read_clip(options.motion, options.first, options.frames) if options.motion else None
    if options.rest and (options.motion or options.tongue):
        raise SynthesisError("--rest shows no motion and no tongue: leave --motion and --tongue out.")
    asked = (options.seed, options.frames, options.full, options.tongue, options.samples, options.rest)
    job = RenderJob(*asked, clip)
    workshop = open_workshop(options, options.out)
    rendered = render_frames(workshop, job, options.out)
    print(f"{options.out}: {rendered} frames rendered, {options.frames - rendered} were there")
    _write_points(workshop, options.out)


def _points(options: argparse.Namespace) -> None:
    from renderer.synthesis.frames import record_files

    record_files(options.frames)  # say so at once if there is nothing to label
    _write_points(open_workshop(options, options.frames), options.frames)


def _write_points(workshop, folder: Path) -> None:
    from renderer.synthesis.labels import write_points

    for path, frames, difference in write_points(workshop.figure(), folder):
        print(f"{path}: {frames} frames, largest difference from landmarks68 {difference:.3f} px")


def _convert(options: argparse.Namespace) -> None:
    from renderer.synthesis.convert import convert

    convert(options.ict, options.grooms, options.out, refit=options.refit)
    print(f"{options.out}: ready to be used as --face-model")


def _pack(options: argparse.Namespace) -> None:
    from renderer.synthesis.pack import pack

    for path in pack(options.frames, options.out, options.shard_mb * 1_000_000):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
