from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from renderer.synthesis.controls import Controls
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.frames import (
    FrameRecord,
    RecordWriter,
    image_name,
    read_records,
    record_file,
    record_files,
)
from renderer.synthesis.names import ARKIT_NAMES


def controls(index: int) -> Controls:
    weights = {name: (k * 7 + index) % 11 / 10.123456 for k, name in enumerate(ARKIT_NAMES)}
    return Controls(weights, (1.23456 * index, -2.0, 0.5), (3.14159, -index))


def record(index: int, seed: int = 5) -> FrameRecord:
    landmarks = np.arange(136).reshape(68, 2) + index / 3
    return FrameRecord.of(image_name(seed, index), "face", (1, 2, 240, 240), controls(index), landmarks)


def write(folder: Path, count: int) -> RecordWriter:
    writer = RecordWriter(folder, 5)
    for index in range(count):
        (folder / image_name(5, index)).write_bytes(b"picture")
        writer.append(record(index))
    return writer


def test_records_come_back_as_written_and_rounded(tmp_path: Path) -> None:
    write(tmp_path, 3)
    assert read_records(record_file(tmp_path, 5)) == [record(i) for i in range(3)]
    back = record(2).controls
    for name, value in controls(2).weights.items():
        assert back.weights[name] == pytest.approx(value, abs=5e-5)
    assert back.head_deg == (2.469, -2.0, 0.5)


def test_the_names_in_the_file_are_the_contract(tmp_path: Path) -> None:
    write(tmp_path, 1)
    line = json.loads(record_file(tmp_path, 5).read_text())
    assert list(line) == ["image", "kind", "box", "weights", "head_deg", "gaze_deg", "landmarks68"]
    assert line["image"] == "5_00000.webp"


def test_a_run_killed_in_the_middle_of_a_line_goes_on(tmp_path: Path) -> None:
    write(tmp_path, 2)
    with record_file(tmp_path, 5).open("a") as file:
        file.write('{"image": "5_00002.webp", "kind": "fa')
    assert len(read_records(record_file(tmp_path, 5))) == 2
    writer = RecordWriter(tmp_path, 5)
    assert writer.done == {"5_00000.webp", "5_00001.webp"}
    (tmp_path / image_name(5, 2)).write_bytes(b"picture")
    writer.append(record(2))
    assert read_records(record_file(tmp_path, 5)) == [record(i) for i in range(3)]


def test_a_picture_without_record_and_a_record_without_picture_are_not_done(tmp_path: Path) -> None:
    write(tmp_path, 2)
    (tmp_path / image_name(5, 0)).unlink()
    (tmp_path / image_name(5, 9)).write_bytes(b"picture")
    assert RecordWriter(tmp_path, 5).done == {"5_00001.webp"}


def test_a_frame_rendered_twice_counts_once(tmp_path: Path) -> None:
    writer = write(tmp_path, 2)
    writer.append(record(1))
    assert len(read_records(writer.path)) == 2


def test_two_avatars_never_mix_under_one_seed(tmp_path: Path) -> None:
    RecordWriter(tmp_path, 5).claim({"recipe": "aaa", "samples": None})
    RecordWriter(tmp_path, 5).claim({"recipe": "aaa", "samples": None})
    RecordWriter(tmp_path, 6).claim({"recipe": "bbb", "samples": None})
    with pytest.raises(SynthesisError, match=r"frames_5.jsonl in .* was begun with recipe aaa, not bbb: use"):
        RecordWriter(tmp_path, 5).claim({"recipe": "bbb", "samples": None})
    RecordWriter(tmp_path, 7).claim({"recipe": "aaa", "tongue_share": 0.25})
    with pytest.raises(SynthesisError, match="tongue_share 0.25, not None"):
        RecordWriter(tmp_path, 7).claim({"recipe": "aaa"})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{torn", "line 2: not JSON"),
        ("[1]", "line 2: expected an object with box"),
        (json.dumps(vars(record(0)) | {"weights": [0, 1]}), "line 2: 2 weights, expected 52"),
    ],
)
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path, 2)
    path = record_file(tmp_path, 5)
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{line}\n{second}\n")
    with pytest.raises(SynthesisError, match=message):
        read_records(path)


def test_a_folder_without_frames_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(
        SynthesisError, match=r"no frames_\*.jsonl in .*: expected a folder written by 'render'"
    ):
        record_files(tmp_path)
