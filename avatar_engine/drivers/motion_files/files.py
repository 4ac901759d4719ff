"""Motion files by the end of their names: .json (the engine's own) or .csv (Live Link Face)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TextIO

from avatar_engine.drivers.motion_files.clip import MotionClip
from avatar_engine.drivers.motion_files.engine_json import JsonMotionWriter, read_json
from avatar_engine.drivers.motion_files.live_link import LiveLinkWriter, read_live_link
from avatar_engine.errors import MotionFileError, UsageError
from avatar_engine.types import EmotionScores, ExpressionFrame

SUFFIXES = (".json", ".csv")


def check_suffix(path: Path) -> str:
    """'.json' or '.csv'; UsageError for other names."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"motion file {str(path)!r}: the name must end in .json (engine's own) or .csv (Live Link Face)"
        )
    return suffix


def read_motion(path: Path, rate: float | None = None) -> MotionClip:
    """The motion in a file, at 25 fps, not yet clamped (see motion_clip.fit).

    rate: frames a second of a CSV file whose time codes cannot tell. UsageError for another kind of name,
    MotionFileError for what cannot be read or makes no sense; it names the frame.
    """
    suffix = check_suffix(path)
    try:
        return read_json(path) if suffix == ".json" else read_live_link(path, rate)
    except FileNotFoundError:
        raise MotionFileError(f"{path}: no such file; check the name") from None
    except OSError as error:
        raise MotionFileError(f"{path}: cannot be read: {error.strerror or error}") from None


class MotionWriter:
    """Writes frames to an open text file in the format that `suffix` names; `finish` completes it."""

    def __init__(self, file: TextIO, suffix: str) -> None:
        self._json = JsonMotionWriter(file) if suffix == ".json" else None
        self._live_link = LiveLinkWriter(file) if suffix == ".csv" else None

    def write(self, frame: ExpressionFrame) -> None:
        """The next frame."""
        if self._json is not None:
            self._json.write(frame)
        elif self._live_link is not None:
            self._live_link.write(frame)

    def finish(self, emotions: list[EmotionScores], meta: dict[str, Any]) -> None:
        """Emotions and facts about the whole; a CSV file has no place for them."""
        if self._json is not None:
            self._json.finish(emotions, meta)
