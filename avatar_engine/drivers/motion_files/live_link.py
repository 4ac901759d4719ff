"""Motion files in the layout of the Live Link Face app (CSV), written and read. Knows nothing of avatars or
pictures.

Columns: Timecode, BlendShapeCount, the 52 weights in Live Link's order, then in radians HeadYaw, HeadPitch,
HeadRoll, LeftEyeYaw, LeftEyePitch, LeftEyeRoll and the same for the right eye.

Signs. Live Link counts every angle the other way round from this engine: HeadYaw > 0 turns the face to the
subject's right, HeadPitch > 0 looks down, HeadRoll > 0 lowers the subject's left ear, EyeYaw > 0 looks to the
subject's right, EyePitch > 0 looks down. For the eyes that was measured on public recordings of the app
(EyeYaw against eyeLookOut: r = -.999 left, +.999 right; EyePitch against eyeLookUp: r = -.996); for the head
it follows from the app's passing both through one conversion: those recordings have the head switched off.

Time codes are written at 60 frames a second with a fraction, as the app does; `timecode` says how they are
read. Rows whose BlendShapeCount is 0 (no face was seen) are bridged.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE
from avatar_engine.config import nearest
from avatar_engine.drivers.motion_files import timecode
from avatar_engine.drivers.motion_files.clip import LONGEST_S, MotionClip, gaze_from_weights, resample
from avatar_engine.errors import MotionFileError
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES
from avatar_engine.types import ExpressionFrame

_EYE = (
    "EyeBlink{}",
    "EyeLookDown{}",
    "EyeLookIn{}",
    "EyeLookOut{}",
    "EyeLookUp{}",
    "EyeSquint{}",
    "EyeWide{}",
)
LIVE_LINK_NAMES: tuple[str, ...] = (
    *(name.format("Left") for name in _EYE),
    *(name.format("Right") for name in _EYE),
    "JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker",
    "MouthRight", "MouthLeft", "MouthSmileLeft", "MouthSmileRight", "MouthFrownLeft", "MouthFrownRight",
    "MouthDimpleLeft", "MouthDimpleRight", "MouthStretchLeft", "MouthStretchRight", "MouthRollLower",
    "MouthRollUpper", "MouthShrugLower", "MouthShrugUpper", "MouthPressLeft", "MouthPressRight",
    "MouthLowerDownLeft", "MouthLowerDownRight", "MouthUpperUpLeft", "MouthUpperUpRight", "BrowDownLeft",
    "BrowDownRight", "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff", "CheekSquintLeft",
    "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight", "TongueOut",
)  # fmt: skip
"The 52 weights in Live Link's order."
HEAD_NAMES = ("HeadYaw", "HeadPitch", "HeadRoll")
EYE_NAMES = ("LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll", "RightEyeYaw", "RightEyePitch", "RightEyeRoll")
HEADER = ("Timecode", "BlendShapeCount", *LIVE_LINK_NAMES, *HEAD_NAMES, *EYE_NAMES)
_ARKIT_OF = {name.lower(): index for name, index in ARKIT_INDEX.items()}
_WEIGHT = (1e30, "a number in 0..1")
"Finite weights beyond 0..1 are clamped later."
_ANGLE = (np.pi, "radians in -3.1416..3.1416")
_WRITTEN = np.array([_ARKIT_OF[name.lower()] for name in LIVE_LINK_NAMES], np.intp)


class LiveLinkWriter:
    """Writes motion as it comes; memory does not grow with its length."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        file.write(",".join(HEADER) + "\n")

    def write(self, frame: ExpressionFrame) -> None:
        """The next frame."""
        yaw, pitch, roll = (-float(angle) for angle in frame.head_rad)
        eye = (-float(frame.gaze_rad[0]), -float(frame.gaze_rad[1]), 0.0)
        angles = (yaw, pitch, roll, *eye, *eye)
        # + 0.0 turns -0.0 into 0.0
        values = ",".join(f"{value + 0.0:.10f}" for value in (*map(float, frame.weights[_WRITTEN]), *angles))
        self._file.write(f"{_timecode(frame.index)},{len(HEADER) - 2},{values}\n")


def _timecode(index: int) -> str:
    tenths = index * timecode.ASSUMED_RATE * 10 // FRAME_RATE
    whole, tenths = divmod(tenths, timecode.ASSUMED_RATE * 10)
    minutes, second = divmod(whole, 60)
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}:{second:02}:{tenths // 10:02}.{tenths % 10}00"


def read_live_link(path: Path, rate: float | None = None) -> MotionClip:
    """A capture of the Live Link Face app, at 25 fps, from its first row on.

    rate: frames a second, where the time codes cannot tell or are missing (59.94 counted without drop
    frames). MotionFileError, naming the frame (rows from 0) where there is one, for anything else; OSError
    where it cannot be read.
    """
    return _Reader(path, rate).clip()


class _Reader:
    def __init__(self, path: Path, rate: float | None) -> None:
        self._path = path
        self._rate = rate
        self._warnings: list[str] = []
        self._labels: list[str] = []
        self._untracked = 0

    def clip(self) -> MotionClip:
        rows = self._read_rows()
        times_s = self._read_times(len(rows))
        values = np.stack(rows).astype(np.float64)
        # Several rows of one time: the first is as good as any.
        kept = np.diff(times_s, prepend=-1.0) > 0
        tracked = kept & ~np.isnan(values[:, 0])
        if not tracked.any():
            raise self._error("holds no frame in which a face was seen")
        # The ends count even where no face was seen in them, or a capture would slip against its sound.
        seen = np.flatnonzero(tracked)
        nearest_seen = np.concatenate([seen[:1], seen, seen[-1:]])
        times_s = np.concatenate([times_s[:1], times_s[seen], times_s[-1:]])
        times_s, unique = np.unique(times_s, return_index=True)
        values = values[nearest_seen[unique]]
        if times_s[-1] > LONGEST_S:
            raise self._error(f"spans {times_s[-1]:.0f} s; expected at most {LONGEST_S:g} s")
        weights = np.zeros((len(values), len(ARKIT_NAMES)))
        weights[:, _WRITTEN] = values[:, : len(LIVE_LINK_NAMES)]
        head, eyes = values[:, 52:55], values[:, 55:61]
        gaze = (
            -(eyes[:, 0:2] + eyes[:, 3:5]) / 2
            if self._has_eyes
            else gaze_from_weights(np.clip(weights, 0, 1))
        )
        if self._untracked:
            self._warnings.append(f"{self._path}: {self._untracked} frames without a face were bridged")
        clip = MotionClip(
            weights.astype(np.float32),
            (-head + 0.0).astype(np.float32),
            (gaze + 0.0).astype(np.float32),
            warnings=tuple(self._warnings),
        )
        return resample(times_s, clip)

    def _error(self, text: str) -> MotionFileError:
        return MotionFileError(f"{self._path}: {text}")

    def _read_rows(self) -> list[NDArray[np.float32]]:
        """One row of 61 values per frame; NaN throughout where no face was seen."""
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                lines = csv.reader(file)
                columns = self._read_header(next(lines, []))
                rows = [
                    self._read_row(line, columns, row)
                    for row, line in enumerate(line for line in lines if any(line))
                ]
        except UnicodeDecodeError:
            raise self._error("not UTF-8 text; expected a Live Link Face file (CSV)") from None
        except csv.Error as error:
            raise self._error(f"not a CSV file ({error}); expected a Live Link Face file") from None
        if not rows:
            raise self._error("holds no frames; expected at least one row after the header")
        return rows

    def _read_header(self, header: list[str]) -> list[int]:
        """For each of the 61 values its column, -1 where there is none."""
        found: dict[str, int] = {}
        for column, cell in enumerate(header):
            name = cell.strip()
            if name.lower() in found:
                raise self._error(f"the column {name!r} is there twice")
            if name:
                found[name.lower()] = column
        known = {name.lower(): name for name in HEADER}
        missing = [name for name in LIVE_LINK_NAMES if name.lower() not in found]
        unknown = [name for name in found if name not in known]
        if len(missing) == len(LIVE_LINK_NAMES):
            raise self._error(
                "has no Live Link Face header; expected 'Timecode,BlendShapeCount,EyeBlinkLeft,…'"
            )
        if unknown:
            name = header[found[unknown[0]]].strip()
            raise self._error(
                f"unknown column {name!r}{nearest(name, HEADER)}; expected the names of Live Link Face"
            )
        if missing:
            raise self._error(f"lacks the column {missing[0]!r}; expected the 52 names of Live Link Face")
        self._timecode_column = found.get("timecode", -1)
        self._count_column = found.get("blendshapecount", -1)
        self._has_eyes = all(name.lower() in found for name in EYE_NAMES if "Roll" not in name)
        self._width = len(header)
        return [found.get(name.lower(), -1) for name in HEADER[2:]]

    def _read_row(self, line: list[str], columns: list[int], row: int) -> NDArray[np.float32]:
        # The app writes nothing after the count where it saw no face.
        counted_none = 0 <= self._count_column < len(line) and line[self._count_column].strip() == "0"
        if len(line) != self._width and not counted_none:
            raise self._error(f"frame {row}: has {len(line)} columns, the header has {self._width}")
        self._labels.append(line[self._timecode_column].strip() if self._timecode_column >= 0 else "")
        if counted_none:
            self._untracked += 1
            return np.full(len(columns), np.nan, np.float32)
        values = np.zeros(len(columns))
        for place, column in enumerate(columns):
            if column < 0:
                continue
            try:
                values[place] = float(line[column])
            except ValueError:
                values[place] = np.nan
            bound, expected = _WEIGHT if place < len(LIVE_LINK_NAMES) else _ANGLE
            if not abs(values[place]) <= bound:
                found = line[column][:20].strip() or "empty"
                raise self._error(f"frame {row}: {HEADER[2 + place]} is {found!r}, expected {expected}")
        return values.astype(np.float32)

    def _read_times(self, count: int) -> NDArray[np.float64]:
        blank = [row for row, label in enumerate(self._labels) if not label]
        if len(blank) == count:
            rate = self._rate or timecode.ASSUMED_RATE
            if self._rate is None:
                self._warnings.append(
                    f"{self._path}: no time codes; taken as {rate} frames a second (set it with --fps)"
                )
            return np.arange(count) / rate
        if blank:
            raise self._error(
                f"frame {blank[0]}: has no time code, others have; give it to all rows or to none"
            )
        try:
            return timecode.seconds(self._labels, self._rate)
        except timecode.TimecodeError as error:
            raise self._error(f"frame {error.row}: {error}") from None
