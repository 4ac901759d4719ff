"""The engine's own motion files (JSON): written frame by frame, read whole. Knows nothing of avatars or
pictures.

{"fps": 25, "names": [52 ARKit names], "frames": [{"time": s, "weights": [52], "head_deg": [yaw, pitch, roll],
"gaze_deg": [x, y]}, …], "emotions": [{"start": s, "end": s, "scores": {…}, "intensity": …, "source": …}],
"meta": {…}}

Numbers are written with as many digits as float32 needs, so what is read back is bit for bit what was
written. When read, names may come in any order, `time` may be missing (frame / fps) or at another rate
(resampled to 25), `head_deg` may be missing (0) and so may `gaze_deg` (then the eyeLook weights tell). The
first frame is time 0.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE, SAMPLE_RATE
from avatar_engine.config import nearest
from avatar_engine.drivers.motion_files.clip import LONGEST_S, MotionClip, gaze_from_weights, resample
from avatar_engine.errors import MotionFileError
from avatar_engine.names import ARKIT_NAMES, EMOTION_NAMES
from avatar_engine.types import EmotionScores, ExpressionFrame, Float32

SOURCES = ("audio", "text", "tag", "override")


class JsonMotionWriter:
    """Writes motion as it comes; memory does not grow with its length."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._written = 0
        file.write(f'{{"fps": {FRAME_RATE}, "names": {json.dumps(ARKIT_NAMES)},\n"frames": [')

    def write(self, frame: ExpressionFrame) -> None:
        """The next frame."""
        weights = ", ".join(map(str, frame.weights))
        head = ", ".join(f"{np.degrees(float(a)):.9g}" for a in frame.head_rad)
        gaze = ", ".join(f"{np.degrees(float(a)):.9g}" for a in frame.gaze_rad)
        self._file.write(
            f'{"," if self._written else ""}\n{{"time": {frame.index / FRAME_RATE:.2f}, '
            f'"weights": [{weights}], "head_deg": [{head}], "gaze_deg": [{gaze}]}}'
        )
        self._written += 1

    def finish(self, emotions: list[EmotionScores], meta: dict[str, Any]) -> None:
        """What is known only at the end; nothing may follow."""
        listed = ",\n".join(json.dumps(_emotion_as_json(scores)) for scores in emotions)
        self._file.write(f'\n],\n"emotions": [{listed}],\n"meta": {json.dumps(meta, ensure_ascii=False)}}}\n')


def _emotion_as_json(scores: EmotionScores) -> dict[str, Any]:
    return {
        "start": scores.start / SAMPLE_RATE,
        "end": scores.end / SAMPLE_RATE,
        "scores": {name: round(float(p), 6) for name, p in zip(EMOTION_NAMES, scores.probs, strict=True)},
        "intensity": round(float(scores.intensity), 6),
        "source": scores.source,
    }


def read_json(path: Path) -> MotionClip:
    """A motion file of this engine (or of a tool that writes the same layout), at 25 fps.

    MotionFileError, naming the frame where there is one, for anything else. OSError where it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_hook=_pack)
    except UnicodeDecodeError:
        raise MotionFileError(f"{path}: not UTF-8 text; expected a motion file (JSON)") from None
    except (ValueError, RecursionError) as error:
        reason = error if isinstance(error, json.JSONDecodeError) else "nested too deep or a number too long"
        raise MotionFileError(
            f"{path}: not valid JSON ({reason}); it may be cut off: write it again"
        ) from None
    if not isinstance(content, dict):
        raise MotionFileError(
            f"{path}: expected an object with 'fps', 'names' and 'frames', not {_kind(content)}"
        )
    return _Reader(path, content).clip()


def _pack(mapping: dict[str, Any]) -> dict[str, Any]:
    """A frame's list of plain numbers as float64 at once: a tenth of the memory of a list of objects."""
    weights = mapping.get("weights")
    if isinstance(weights, list) and all(type(value) in (int, float) for value in weights):
        try:
            mapping["weights"] = np.array(weights, np.float64)
        except OverflowError:
            return mapping
    return mapping


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return "a list" if isinstance(value, np.ndarray) else kinds.get(type(value), "a number")


class _Reader:
    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self._path = path
        self._content = content
        self._order = self._read_order()
        self._fps = self._read_fps()

    def clip(self) -> MotionClip:
        frames = self._content.get("frames")
        if not isinstance(frames, list):
            raise self._error(f"'frames' must be a list, not {_kind(frames)}")
        if not frames:
            raise self._error("holds no frames; expected at least one")
        for index, frame in enumerate(frames):
            if not isinstance(frame, dict):
                raise self._error(f"frame {index}: expected an object with 'weights', not {_kind(frame)}")
        times_s = self._read_times(frames)
        weights = np.stack([self._read_weights(frame, index) for index, frame in enumerate(frames)])
        head_deg = self._read_angles(frames, "head_deg", 3)
        gaze_deg = self._read_angles(frames, "gaze_deg", 2)
        gaze_rad = (
            gaze_from_weights(np.clip(weights.astype(np.float64), 0, 1))
            if gaze_deg is None
            else np.radians(gaze_deg)
        )
        head_rad = np.zeros((len(frames), 3)) if head_deg is None else np.radians(head_deg)
        clip = MotionClip(
            weights,
            head_rad.astype(np.float32),
            gaze_rad.astype(np.float32),
            tuple(self._read_emotions()),
            self._read_meta(),
        )
        return resample(times_s, clip)

    def _error(self, text: str) -> MotionFileError:
        return MotionFileError(f"{self._path}: {text}")

    def _read_order(self) -> NDArray[np.intp]:
        """For each ARKit name its place in the file."""
        names = self._content.get("names")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self._error("'names' must list the 52 ARKit names")
        for name in names:
            if name not in ARKIT_NAMES:
                close = nearest(name, ARKIT_NAMES)
                raise self._error(f"unknown name {name!r}{close} in 'names'; expected the 52 ARKit names")
        missing = [name for name in ARKIT_NAMES if name not in names]
        if missing:
            listed = ", ".join(missing[:4]) + (" …" if len(missing) > 4 else "")
            raise self._error(f"'names' lacks {listed}; expected the 52 ARKit names")
        if len(names) != len(ARKIT_NAMES):
            twice = next(name for name in names if names.count(name) > 1)
            raise self._error(f"'names' holds {twice!r} twice")
        return np.array([names.index(name) for name in ARKIT_NAMES], np.intp)

    def _read_fps(self) -> float:
        fps = self._content.get("fps", FRAME_RATE)
        if type(fps) not in (int, float) or not 1 <= fps <= 1000:
            raise self._error(f"'fps' must be a number in 1..1000, not {_shown(fps)}")
        return float(fps)

    def _read_times(self, frames: list[dict[str, Any]]) -> NDArray[np.float64]:
        """Ascending, the first 0."""
        if "time" not in frames[0]:
            named = next((index for index, frame in enumerate(frames) if "time" in frame), None)
            if named is not None:
                raise self._error(
                    f"frame {named} has a 'time' and frame 0 has none; give it to all frames or to none"
                )
            return np.arange(len(frames)) / self._fps
        times = np.empty(len(frames))
        for index, frame in enumerate(frames):
            time: Any = frame.get("time")
            if type(time) not in (int, float) or not abs(time) < 1e12:
                raise self._error(f"frame {index}: 'time' must be a number of seconds, not {_shown(time)}")
            times[index] = float(time)
            if index and times[index] <= times[index - 1]:
                raise self._error(
                    f"frame {index}: time {times[index]:g} s does not come after {times[index - 1]:g} s"
                )
            if times[index] - times[0] > LONGEST_S:
                raise self._error(
                    f"frame {index}: time {times[index]:g} s is more than {LONGEST_S:g} s after the first"
                )
        from_first: NDArray[np.float64] = times - times[0]
        return from_first

    def _read_weights(self, frame: dict[str, Any], index: int) -> Float32:
        weights = frame.get("weights")
        if not isinstance(weights, np.ndarray):
            raise self._error(f"frame {index}: 'weights' must be a list of {len(ARKIT_NAMES)} numbers")
        if weights.shape != self._order.shape:
            raise self._error(
                f"frame {index}: 'weights' holds {weights.size} numbers, expected {len(ARKIT_NAMES)}"
            )
        ordered = np.asarray(weights[self._order], np.float64)
        wrong = np.flatnonzero(~(np.abs(ordered) < 1e30))
        if wrong.size:
            raise self._error(
                f"frame {index}: {ARKIT_NAMES[wrong[0]]} is {ordered[wrong[0]]:g}, expected a number in 0..1"
            )
        as_float32: Float32 = ordered.astype(np.float32)
        return as_float32

    def _read_angles(self, frames: list[dict[str, Any]], key: str, count: int) -> NDArray[np.float64] | None:
        """[n, count] degrees, or None where no frame has the key."""
        if not any(key in frame for frame in frames):
            return None
        angles = np.empty((len(frames), count))
        for index, frame in enumerate(frames):
            values = frame.get(key)
            if (
                not isinstance(values, list)
                or len(values) != count
                or any(type(v) not in (int, float) for v in values)
            ):
                raise self._error(
                    f"frame {index}: {key!r} must be a list of {count} numbers, not {_shown(values)}"
                )
            if not all(-360 <= value <= 360 for value in values):
                raise self._error(
                    f"frame {index}: {key!r} is {_shown(values)}, expected degrees in -360..360"
                )
            angles[index] = values
        return angles

    def _read_emotions(self) -> list[EmotionScores]:
        listed = self._content.get("emotions", [])
        if not isinstance(listed, list):
            raise self._error(f"'emotions' must be a list, not {_kind(listed)}")
        return [self._read_emotion(item, number) for number, item in enumerate(listed)]

    def _read_emotion(self, item: object, number: int) -> EmotionScores:
        try:
            if (
                not isinstance(item, dict)
                or item["source"] not in SOURCES
                or set(item["scores"]) != set(EMOTION_NAMES)
            ):
                raise ValueError
            probs = np.array([item["scores"][name] for name in EMOTION_NAMES], np.float32)
            start, end = round(item["start"] * SAMPLE_RATE), round(item["end"] * SAMPLE_RATE)
            return EmotionScores(start, end, probs, float(item.get("intensity", 1.0)), item["source"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise self._error(
                f"emotion {number}: expected 'start' and 'end' in seconds, 'scores' in 0..1 for "
                f"{', '.join(EMOTION_NAMES)}, and 'source', one of {', '.join(SOURCES)}"
            ) from None

    def _read_meta(self) -> dict[str, Any]:
        meta = self._content.get("meta", {})
        if not isinstance(meta, dict):
            raise self._error(f"'meta' must be an object, not {_kind(meta)}")
        plain: dict[str, Any] = json.loads(json.dumps(meta, default=lambda packed: packed.tolist()))
        return plain


def _shown(value: object) -> str:
    """A value as JSON, cut to a length that fits a line."""
    text = json.dumps(value, default=lambda packed: packed.tolist())
    return text if len(text) <= 60 else text[:57] + "…"
