from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.frames import image_name, matte_name, read_records, record_file
from renderer.synthesis.pack import pack
from tests.renderer.synthesis.test_frames import record, write

LIMIT = 71_000  # two pictures of 9 kB with what comes along


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Nine pictures of 9 kB, the last without a record, and points of the eight others."""
    frames = tmp_path / "frames"
    write(frames, 8)
    rng = np.random.default_rng(0)
    for index in range(9):
        (frames / image_name(5, index)).write_bytes(rng.bytes(9000))
    (frames / matte_name(image_name(5, 3))).write_bytes(b"a matte")
    images = np.array([image_name(5, index) for index in range(8)])
    xy = np.arange(8 * 3 * 2, dtype=np.int16).reshape(8, 3, 2)
    np.savez(
        frames / "points_5.npz", xy=xy, image=images, group=np.array(["a", "a", "b"]), vertex=np.arange(3)
    )
    return frames


def test_shards_unpack_to_the_same_frames_and_stay_small(folder: Path, tmp_path: Path) -> None:
    shards = pack(folder, tmp_path / "out", LIMIT)
    assert len(shards) == 4 and all(shard.stat().st_size <= LIMIT for shard in shards)
    back = tmp_path / "back"
    for shard in shards:
        with tarfile.open(shard) as tar:
            tar.extractall(back, filter="data")
    records = [r for path in sorted(back.glob("frames_*.jsonl")) for r in read_records(path)]
    assert records == [record(index) for index in range(8)]
    for r in records:
        assert (back / r.image).read_bytes() == (folder / r.image).read_bytes()
    assert (back / matte_name(image_name(5, 3))).read_bytes() == b"a matte"
    rows = {}
    for path in back.glob("points_*.npz"):
        with np.load(path) as points:
            rows |= {str(i): xy for i, xy in zip(points["image"], points["xy"], strict=True)}
    with np.load(folder / "points_5.npz") as points:
        for image, xy in zip(points["image"], points["xy"], strict=True):
            np.testing.assert_array_equal(rows[str(image)], xy)


def test_the_same_folder_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    first, second = pack(folder, tmp_path / "a", LIMIT), pack(folder, tmp_path / "b", LIMIT)
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    index = json.loads((tmp_path / "a" / "index.json").read_text())
    assert [entry["images"] for entry in index["shards"]] == [2, 2, 2, 2]


def test_frames_without_points_are_counted_and_named(folder: Path, tmp_path: Path) -> None:
    (folder / "points_5.npz").unlink()
    np.savez(folder / "points_5.npz", xy=np.zeros((1, 1, 2)), image=np.array(["x"]), group=["a"], vertex=[0])
    with pytest.raises(SynthesisError, match="frames have no points, the first is 5_00000.webp"):
        pack(folder, tmp_path / "out", LIMIT)


def test_points_are_not_needed(folder: Path, tmp_path: Path) -> None:
    (folder / "points_5.npz").unlink()
    (shard,) = pack(folder, tmp_path / "out")
    with tarfile.open(shard) as tar:
        assert tar.getnames()[:2] == ["frames_000.jsonl", "5_00000.webp"]


def test_an_unfinished_folder_is_refused(tmp_path: Path) -> None:
    record_file(tmp_path, 5).write_text("")
    with pytest.raises(SynthesisError, match="no finished frame"):
        pack(tmp_path, tmp_path / "out")
