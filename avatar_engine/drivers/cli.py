"""The command line: commands, options, exit codes, how errors are told. Imports nothing heavy by itself."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

from avatar_engine import __version__
from avatar_engine.config import DEVICES, SIZES, MotionOptions, RenderOptions
from avatar_engine.drivers.live.service import options as serve
from avatar_engine.errors import AvatarError, AvatarWarning

DONE, FAILED, WRONG_USAGE = 0, 1, 2
INTERRUPTED = 130
"As shells count: 128 and the number of the signal."
BROKEN_PIPE = 141

EPILOG = """\
exit codes: 0 done, 1 failed, 2 wrong usage. Errors are one line on stderr; --debug adds the traceback.
examples:
  avatar-engine render speech.wav --text-file speech.txt -o film.mp4
  avatar-engine motion speech.wav -o motion.json --plot motion.png
  avatar-engine animate capture.csv --audio speech.wav -o film.webm
  avatar-engine serve
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. `arguments` default to those of the process."""
    options = _parser().parse_args(arguments)
    _show_warnings_as_lines(sys.stderr)
    # A kill is to leave as little behind as Ctrl-C does.
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        # By name and only now: the commands stand on heavy libraries, help and usage errors must not wait for
        # them.
        module, _, function = options.run.partition(":")
        command: Callable[[argparse.Namespace], int | None]
        command = getattr(importlib.import_module(f"avatar_engine.drivers.{module}"), function)
        return command(options) or DONE
    except AvatarError as error:
        return _fail(error, str(error), error.exit_code, options.debug)
    except KeyboardInterrupt as error:
        return _fail(error, "interrupted; nothing was written", INTERRUPTED, options.debug)
    except BrokenPipeError:
        # The reader of our output is gone (`| head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except MemoryError as error:
        return _fail(
            error, "out of memory; close other programs or choose a smaller --size", FAILED, options.debug
        )
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        return _fail(
            error, f"this should not happen: {reason}; please report it with --debug", FAILED, options.debug
        )
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Once is enough: `timeout` and service managers send it twice, and the second must not stop the cleaning
    # up.
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _fail(error: BaseException, message: str, code: int, debug: bool) -> int:
    if debug:
        import traceback

        traceback.print_exception(error)
    print(f"avatar-engine: {' '.join(message.split())}", file=sys.stderr)
    return code


def _show_warnings_as_lines(stream: TextIO) -> None:
    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, AvatarWarning):
            print(f"avatar-engine: warning: {' '.join(str(message).split())}", file=stream)

    warnings.showwarning = show
    warnings.simplefilter("always", AvatarWarning)


class _Parser(argparse.ArgumentParser):
    """Errors of one line, as all others are; argparse's own help says the rest."""

    def error(self, message: str) -> None:  # type: ignore[override]
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        raise SystemExit(WRONG_USAGE)


def _parser() -> argparse.ArgumentParser:
    common = _Parser(add_help=False)
    # Suppressed, so that a command's default does not undo 'avatar-engine --debug COMMAND'.
    common.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
    )
    parser = _Parser(
        prog="avatar-engine",
        description="Speech and text in, a living talking head out.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"avatar-engine {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: str, summary: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = commands.add_parser(
            name, parents=[common], help=summary, description=summary
        )
        made.set_defaults(run=run)
        return made

    _render(command("render", "commands:render", "speech to a film of the avatar saying it"))
    _motion(command("motion", "commands:motion", "speech to motion only, no pictures"))
    _animate(command("animate", "commands:animate", "draw a motion file, also a phone's face capture"))
    _emotion(command("emotion", "commands:emotion", "the emotions of texts"))
    _batch(command("batch", "commands:batch", "many films from a table; goes on where it was stopped"))
    serve.add_arguments(
        command("serve", "live.service.start:run", "live engine with demo page: sessions over WebRTC")
    )
    bench = command("bench", "commands:bench", "speed of each stage on this machine; the last line is JSON")
    bench.add_argument("--json", action="store_true", help="print only the JSON line")
    bench.add_argument(
        "--live", action="store_true", help="measure a live session instead: cold, warm and steady figures"
    )
    bench.add_argument("--tries", type=int, default=10, help="of each live figure (default 10)")
    bench.add_argument("--steady", type=float, default=30.0, metavar="SECONDS", help="(default 30)")
    _drawing(bench, with_background=False)
    bench.set_defaults(size=None)  # of a live session: what the machine's measured cost allows
    doctor = command("doctor", "commands:doctor", "what is installed, what is missing, what to do")
    doctor.add_argument(
        "--live",
        nargs="?",
        const="",
        metavar="URL",
        help="walk the live path step by step: of the server at URL, or of one of its own",
    )
    doctor.add_argument(
        "--api-key", metavar="KEY", help="of the server at URL (default: $AVATAR_ENGINE_API_KEY)"
    )
    doctor.add_argument(
        "--ca",
        type=Path,
        metavar="FILE",
        help="trust a server at https://… whose certificate, or its authority's, is in this PEM file",
    )
    command("avatars", "commands:avatars", "the avatars there are")
    return parser


def _render(parser: argparse.ArgumentParser) -> None:
    _speech(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help=".mp4, .webm, .webp or a folder for PNGs",
    )
    parser.add_argument("--motion", type=Path, metavar="FILE", help="also write the motion: .json or .csv")
    _drawing(parser)


def _motion(parser: argparse.ArgumentParser) -> None:
    _speech(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="OUT", help=".json or .csv (Live Link Face)")
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="OUT",
        help="draw it on one time axis: .png, .svg or .pdf; alone, or beside -o (extra 'plot')",
    )
    parser.add_argument(
        "--phones",
        type=Path,
        metavar="FILE",
        help="show them in the plot: a Praat TextGrid, or lines of 'start end phone' in seconds",
    )
    parser.add_argument(
        "--plot-span",
        type=float,
        nargs=2,
        metavar=("START", "END"),
        help="seconds to plot, at most 120 (default: all, or the first 120)",
    )


def _animate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "motion", type=Path, metavar="MOTION", help="a motion file: .json, or a Live Link Face .csv"
    )
    parser.add_argument("--audio", metavar="SPEECH", help="the sound that belongs to it")
    parser.add_argument(
        "--fps", type=float, help="frames a second of a .csv whose time codes do not tell (59.94)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help=".mp4, .webm, .webp or a folder for PNGs",
    )
    _drawing(parser)


def _emotion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("text", nargs="*", metavar="TEXT", help="a text; quote it if it has spaces")
    parser.add_argument("--file", type=Path, metavar="FILE", help="a text a line (UTF-8)")
    parser.add_argument("--json", action="store_true", help="a JSON object a line: text and scores")
    _emotion_model(parser)


def _batch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "manifest",
        type=Path,
        metavar="MANIFEST.csv",
        help="columns audio,text,output,avatar,emotion,seed; audio is enough",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="where films and summary.json go"
    )
    _emotion_model(parser)
    _drawing(parser)


def _speech(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "speech", metavar="SPEECH", help="a sound or video file, any rate, any number of channels"
    )
    text = parser.add_mutually_exclusive_group()
    text.add_argument(
        "--text", help="what is said; tags such as [joy] and emoji set the emotion from there on"
    )
    text.add_argument("--text-file", type=Path, metavar="FILE", help="the same from a file (UTF-8)")
    parser.add_argument(
        "--emotion", metavar="NAME[:0..1]", help="one emotion throughout: joy, sadness:0.5, …"
    )
    parser.add_argument(
        "--seed", type=int, default=MotionOptions().seed, help="of blinks, gaze and sway (default 0)"
    )
    _emotion_model(parser)


def _emotion_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--emotion-model",
        type=Path,
        metavar="PATH",
        help="a local Hugging Face sequence-classification folder",
    )


def _drawing(parser: argparse.ArgumentParser, *, with_background: bool = True) -> None:
    defaults = RenderOptions()
    parser.add_argument(
        "--avatar", default=defaults.avatar, help=f"see 'avatar-engine avatars' (default {defaults.avatar})"
    )
    parser.add_argument(
        "--size", type=int, default=defaults.size, choices=SIZES, help=f"pixels (default {defaults.size})"
    )
    parser.add_argument(
        "--device", default=defaults.device, choices=DEVICES, help=f"(default {defaults.device})"
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=defaults.threads,
        metavar="N",
        help=f"for drawing (default {defaults.threads})",
    )
    if with_background:
        parser.add_argument(
            "--background", metavar="COLOR|IMAGE|transparent", help="for avatars that have a matte"
        )


if __name__ == "__main__":
    sys.exit(main())
