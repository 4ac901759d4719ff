"""Packs a folder of frames into tar shards that are small enough to move and store. Knows no picture content.

A shard is a plain tar: pictures and mattes, `frames_NNN.jsonl` with their records and, if the folder has
points, `points_NNN.npz` with their rows. Unpacked side by side (`tar -xf` each) the shards are again a folder
of frames as `render` writes it. The same folder gives the same bytes. `index.json` lists the shards with
their pictures and SHA-256.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.frames import FrameRecord, matte_name, read_records, record_files

SHARD_BYTES = 60_000_000
_PER_FRAME_BYTES = 7168  # beside picture and matte: tar headers and padding, record, points
_PER_SHARD_BYTES = 32_768  # tar's own padding, names of the points

Points = dict[str, NDArray[np.generic]]


def pack(folder: Path, out: Path, shard_bytes: int = SHARD_BYTES) -> list[Path]:
    """Write shard_000.tar, shard_001.tar … and index.json; returns the shards.

    Pictures without a record stay out.
    """
    records = [record for path in record_files(folder) for record in read_records(path)]
    if not records:
        raise SynthesisError(f"no finished frame in {folder}: let 'render' finish at least one.")
    points = _read_points(folder)
    out.mkdir(parents=True, exist_ok=True)
    index, shards = [], []
    for number, part in enumerate(_split(folder, records, shard_bytes)):
        path = out / f"shard_{number:03d}.tar"
        _write_shard(path, folder, part, points, number)
        shards.append(path)
        index.append(
            {"file": path.name, "images": len(part), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        )
    (out / "index.json").write_text(json.dumps({"shards": index}, indent=1) + "\n", encoding="utf-8")
    return shards


def _split(folder: Path, records: list[FrameRecord], shard_bytes: int) -> Iterator[list[FrameRecord]]:
    part: list[FrameRecord] = []
    total = _PER_SHARD_BYTES
    for record in records:
        size = sum((folder / name).stat().st_size for name in _pictures(folder, record)) + _PER_FRAME_BYTES
        if part and total + size > shard_bytes:
            yield part
            part, total = [], _PER_SHARD_BYTES
        part.append(record)
        total += size
    yield part


def _pictures(folder: Path, record: FrameRecord) -> list[str]:
    """A frame's picture, and its matte if it has one."""
    matte = matte_name(record.image)
    return [record.image, *([matte] if (folder / matte).exists() else [])]


def _read_points(folder: Path) -> Points | None:
    """All points_*.npz of a folder as one table, or None."""
    tables = []
    for path in sorted(folder.glob("points_*.npz")):
        with np.load(path) as archive:
            tables.append({key: archive[key] for key in archive.files})
    if not tables:
        return None
    for table in tables[1:]:
        if not np.array_equal(table["group"], tables[0]["group"]):
            raise SynthesisError(
                f"the points files of {folder} label different points: make them again with 'points'."
            )
    joined = {key: np.concatenate([table[key] for table in tables]) for key in ("xy", "image")}
    return joined | {"group": tables[0]["group"], "vertex": tables[0]["vertex"]}


def _write_shard(
    path: Path, folder: Path, records: list[FrameRecord], points: Points | None, number: int
) -> None:
    lines = "".join(json.dumps(dataclasses.asdict(record)) + "\n" for record in records)
    temporary = path.with_name(f".{path.name}")
    with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        _add(tar, f"frames_{number:03d}.jsonl", lines.encode())
        if points is not None:
            _add(tar, f"points_{number:03d}.npz", _points_of(points, records))
        for record in records:
            for name in _pictures(folder, record):
                _add(tar, name, (folder / name).read_bytes())
    temporary.replace(path)


def _points_of(points: Points, records: list[FrameRecord]) -> bytes:
    row_of = {str(image): row for row, image in enumerate(points["image"])}
    missing = [record.image for record in records if record.image not in row_of]
    if missing:
        raise SynthesisError(
            f"{len(missing)} frames have no points, the first is {missing[0]}: run 'points' again."
        )
    rows = [row_of[record.image] for record in records]
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        xy=points["xy"][rows],
        image=points["image"][rows],
        group=points["group"],
        vertex=points["vertex"],
    )
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """A member with neither time nor owner: the same content gives the same shard."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
