"""A folder of frames: names, records, what is done and what is torn. Knows no scene and no picture content.

FRAMES/2001_00000.webp      a full 512 x 512 frame or a 240 x 240 face crop of it
FRAMES/2001_00000.matte.png a full frame's matte: how much of each pixel is not the wall, 0..255
FRAMES/frames_2001.jsonl    one record per picture: {"image", "kind", "box", "weights", "head_deg",
                            "gaze_deg", "landmarks68"}; positions are pixels of the full picture
FRAMES/points_2001.npz      368 exact points per picture (labels.py)
FRAMES/origin_2001.json     what the seed was rendered from: a later run with anything else is refused
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from renderer.synthesis.controls import Controls
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.geometry import Array
from renderer.synthesis.names import ARKIT_NAMES


@dataclass(frozen=True)
class FrameRecord:
    """The label of one picture, as it stands in the file."""

    image: str
    kind: str
    '"full" or "face"'
    box: list[int]
    "left, top, width, height in the 512 picture"
    weights: list[float]
    "52, in ARKIT_NAMES order, 4 decimals"
    head_deg: list[float]
    "yaw, pitch, roll, 3 decimals"
    gaze_deg: list[float]
    "x, y, 3 decimals"
    landmarks68: list[list[float]]
    "pixels of the 512 picture, 2 decimals"

    @classmethod
    def of(
        cls, image: str, kind: str, box: tuple[int, ...], controls: Controls, landmarks: Array
    ) -> FrameRecord:
        """A record, rounded as it will be written."""
        return cls(
            image=image,
            kind=kind,
            box=list(box),
            weights=[round(float(controls.weights[name]), 4) for name in ARKIT_NAMES],
            head_deg=[round(angle, 3) for angle in controls.head_deg],
            gaze_deg=[round(angle, 3) for angle in controls.gaze_deg],
            landmarks68=np.round(landmarks, 2).tolist(),
        )

    @property
    def controls(self) -> Controls:
        """The controls as recorded (rounded)."""
        yaw, pitch, roll = self.head_deg
        x, y = self.gaze_deg
        return Controls(dict(zip(ARKIT_NAMES, self.weights, strict=True)), (yaw, pitch, roll), (x, y))


def image_name(seed: int, index: int) -> str:
    """File name of a frame's picture."""
    return f"{seed}_{index:05d}.webp"


def matte_name(image: str) -> str:
    """File name of a full picture's matte."""
    return f"{Path(image).stem}.matte.png"


def record_file(folder: Path, seed: int) -> Path:
    """The records of one seed."""
    return folder / f"frames_{seed}.jsonl"


def record_files(folder: Path) -> list[Path]:
    """All record files of a folder, by name. SynthesisError if there is none."""
    files = sorted(folder.glob("frames_*.jsonl"))
    if not files:
        raise SynthesisError(f"no frames_*.jsonl in {folder}: expected a folder written by 'render'.")
    return files


def read_records(path: Path) -> list[FrameRecord]:
    """The records of a file whose pictures exist, in order, each picture once (the last record of it).

    An interrupted run leaves at most one torn line, the last: it is left out. A torn line elsewhere is an
    error.
    """
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    records: dict[str, FrameRecord] = {}
    for number, line in enumerate(lines, 1):
        if number == len(lines) and not line.endswith("\n"):
            break
        record = _parse(line, f"{path}, line {number}")
        if (path.parent / record.image).is_file():
            records[record.image] = record
    return list(records.values())


def _parse(line: str, where: str) -> FrameRecord:
    wanted = {each.name for each in dataclasses.fields(FrameRecord)}
    try:
        values: Any = json.loads(line)
    except ValueError as error:
        raise SynthesisError(
            f"{where}: not JSON ({error}); render that seed again in an empty folder."
        ) from error
    if not isinstance(values, dict) or not wanted <= values.keys():
        raise SynthesisError(f"{where}: expected an object with {', '.join(sorted(wanted))}.")
    record = FrameRecord(**{name: values[name] for name in wanted})
    if len(record.weights) != len(ARKIT_NAMES):
        raise SynthesisError(f"{where}: {len(record.weights)} weights, expected {len(ARKIT_NAMES)}.")
    return record


class RecordWriter:
    """Appends records to a seed's file; a frame counts as done when both its picture and its record exist."""

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.seed = seed
        self.path = record_file(folder, seed)
        self.done: set[str] = set()
        if self.path.exists():
            self._drop_torn_line()
            self.done = {record.image for record in read_records(self.path)}

    def claim(self, origin: Mapping[str, str | float | None]) -> None:
        """Note what the seed is rendered from, or refuse to mix two origins in one folder."""
        path = self.folder / f"origin_{self.seed}.json"
        if not path.exists():
            path.write_text(json.dumps(dict(origin), indent=1) + "\n", encoding="utf-8")
            return
        before = json.loads(path.read_text(encoding="utf-8"))
        for name in {**before, **origin}:
            value = origin.get(name)
            if before.get(name) != value:
                raise SynthesisError(
                    f"{self.path.name} in {self.folder} was begun with {name} {before.get(name)}, "
                    f"not {value}: use the same, another seed or another folder."
                )

    def _drop_torn_line(self) -> None:
        """Cut an unfinished last line off, so that the next record begins on its own."""
        content = self.path.read_bytes()
        if content and not content.endswith(b"\n"):
            os.truncate(self.path, content.rfind(b"\n") + 1)

    def append(self, record: FrameRecord) -> None:
        """Write one record; call it after the picture is in its place."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dataclasses.asdict(record)) + "\n")
        self.done.add(record.image)
