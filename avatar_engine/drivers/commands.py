"""What each command does with its options: calls the Python face and prints the result."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from argparse import Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from avatar_engine import assembly
from avatar_engine.config import RenderOptions
from avatar_engine.drivers import api
from avatar_engine.drivers.offline import emit_warnings
from avatar_engine.drivers.progress import ProgressBar
from avatar_engine.errors import UsageError
from avatar_engine.motion.mood import KNOWN_SHARE
from avatar_engine.names import EMOTION_INDEX, EMOTION_NAMES

LONGEST_TEXT_BYTES = 4_000_000
TEXTS_AT_ONCE = 32
LISTING_WIDTH = 100


def render(options: Namespace) -> None:
    """avatar-engine render"""
    text = _text(options)
    with ProgressBar("rendering") as bar:
        report = api.render(
            options.speech,
            text,
            output=options.output,
            avatar=options.avatar,
            size=options.size,
            seed=options.seed,
            emotion=options.emotion,
            emotion_model=options.emotion_model,
            motion=options.motion,
            device=options.device,
            threads=options.threads,
            background=options.background,
            on_frame=bar.show,
        )
    _say(f"{options.output}: {report.duration_s:.2f} s, {report.frames} frames, drawn on {report.device}")


def motion(options: Namespace) -> None:
    """avatar-engine motion"""
    if options.output is None and options.plot is None:
        raise UsageError("motion: name a file to write, -o OUT.json|OUT.csv, or --plot OUT.png, or both")
    text = _text(options)
    with ProgressBar("moving") as bar:
        api.motion(
            options.speech,
            text,
            output=options.output,
            seed=options.seed,
            emotion=options.emotion,
            emotion_model=options.emotion_model,
            plot=options.plot,
            phones=options.phones,
            plot_span=options.plot_span,
            on_frame=bar.show,
        )


def animate(options: Namespace) -> None:
    """avatar-engine animate"""
    if options.fps is not None and not 1 <= options.fps <= 1000:
        raise UsageError(f"--fps must lie in 1..1000, not {options.fps:g}")
    with ProgressBar("rendering") as bar:
        report = api.animate(
            options.motion,
            output=options.output,
            audio=options.audio,
            avatar=options.avatar,
            size=options.size,
            device=options.device,
            threads=options.threads,
            background=options.background,
            fps=options.fps,
            on_frame=bar.show,
        )
    _say(f"{options.output}: {report.duration_s:.2f} s, {report.frames} frames, drawn on {report.device}")


def emotion(options: Namespace) -> None:
    """avatar-engine emotion"""
    if bool(options.text) == (options.file is not None):
        raise UsageError("emotion: give either texts or --file FILE")
    texts = iter(options.text) if options.file is None else _lines(options.file)
    reader = assembly.build_text_reader(options.emotion_model)
    unknown = 0
    while batch := list(islice(texts, TEXTS_AT_ONCE)):
        for text, row in zip(batch, reader.read(batch), strict=True):
            scores = {name: round(float(score), 4) for name, score in zip(EMOTION_NAMES, row, strict=True)}
            if text.strip() and reader.coverage(text) < KNOWN_SHARE:
                unknown += 1
                scores = {
                    name: float(name == EMOTION_NAMES[EMOTION_INDEX["neutral"]]) for name in EMOTION_NAMES
                }
            if options.json:
                print(json.dumps({"text": text, "scores": scores}, ensure_ascii=False))
            else:
                strongest = sorted(scores.items(), key=lambda item: -item[1])[:3]
                print(f"{'  '.join(f'{name} {score:.2f}' for name, score in strongest):40}  {text}")
    if unknown:
        emit_warnings([f"{unknown} texts are in a language that the model does not know: taken as neutral"])


def batch(options: Namespace) -> int:
    """avatar-engine batch"""
    from avatar_engine.drivers.batch import run

    return run(options)


def bench(options: Namespace) -> None:
    """avatar-engine bench"""
    if options.live:
        return _bench_live(options)
    from avatar_engine.drivers.bench import run

    size = RenderOptions().size if options.size is None else options.size
    chosen = RenderOptions(avatar=options.avatar, size=size, device=options.device, threads=options.threads)
    run(chosen, only_json=options.json)


def doctor(options: Namespace) -> int:
    """avatar-engine doctor"""
    if options.live is not None:
        import asyncio

        from avatar_engine.drivers.probe import live_doctor

        key = options.api_key or os.environ.get("AVATAR_ENGINE_API_KEY")
        return asyncio.run(live_doctor.run(options.live or None, key, options.ca))
    if options.ca is not None:
        raise UsageError(f"--ca {options.ca} is for doctor --live https://…")
    from avatar_engine.drivers.doctor import run

    return run()


def _bench_live(options: Namespace) -> None:
    import asyncio

    from avatar_engine.drivers.probe import live_bench

    if options.tries < 1 or not 1 <= options.steady <= 3600:
        raise UsageError(
            f"--tries must be 1 or more and --steady in 1..3600 s, not {options.tries} and {options.steady:g}"
        )
    asyncio.run(
        live_bench.run(
            tries=options.tries,
            steady_s=options.steady,
            size=options.size,
            device=options.device,
            only_json=options.json,
        )
    )


def avatars(options: Namespace) -> None:
    """avatar-engine avatars"""
    for facts in assembly.avatars():
        limits = facts.config["limits"]
        sizes = ", ".join(str(size) for size in facts.config["sizes"])
        head, gaze = limits["head_deg"], limits["gaze_deg"]
        matte = "with" if facts.config.get("matte") else "no"
        print(f"{facts.name} {facts.version}: {sizes} pixels, {matte} matte")
        if facts.picture:
            print(f"  picture  {facts.picture}")
        turns = ", ".join(f"{axis} {_range(head[axis])}" for axis in ("yaw", "pitch", "roll"))
        print(f"  head  {turns} degrees")
        print(f"  gaze  x {_range(gaze['x'])}, y {_range(gaze['y'])} degrees")
        bounds = limits.get("weights", {})
        narrow = ", ".join(f"{name} {bound:g}" for name, bound in sorted(bounds.items()) if bound < 1)
        weights = f"weights  0..1{f', but at most {narrow}' if narrow else ''}"
        print(textwrap.fill(weights, LISTING_WIDTH, initial_indent="  ", subsequent_indent="    "))


def _range(bound: float | list[float]) -> str:
    low, high = (-bound, bound) if isinstance(bound, int | float) else (bound[0], bound[1])
    return f"{low:g}..{high:g}"


def _text(options: Namespace) -> str | None:
    """The text of --text or --text-file; UsageError where the file cannot be read."""
    if options.text_file is None:
        text: str | None = options.text
        return text
    path: Path = options.text_file
    try:
        if path.is_file() and path.stat().st_size > LONGEST_TEXT_BYTES:
            raise UsageError(
                f"{path}: {path.stat().st_size} bytes of text, expected at most {LONGEST_TEXT_BYTES}"
            )
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for line in file:
                yield line.rstrip("\r\n")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None


def _say(line: str) -> None:
    """For people at a terminal; a pipe hears nothing."""
    if sys.stderr.isatty():
        print(line, file=sys.stderr)
