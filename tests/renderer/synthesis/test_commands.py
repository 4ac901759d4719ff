from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from renderer.synthesis import rig_labels
from renderer.synthesis.__main__ import main
from renderer.synthesis.frames import RecordWriter, image_name
from renderer.synthesis.recipe import BUILT_IN
from tests.renderer.synthesis.made_head import write_grooms
from tests.renderer.synthesis.test_frames import record, write

RENDER = ["render", "--avatar", "ava", "--out", "o", "--seed", "1", "--frames", "2", "--face-model", "m"]


def failure(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int = 1) -> str:
    """The one line on standard error of a command that fails with exit code 1."""
    assert main(arguments) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["dance"], "invalid choice: 'dance'"),
        (["render", "--avatar", "ava"], "required: --face-model, --out, --seed, --frames"),
        ([*RENDER, "--full", "1.5"], "'1.5' is not a share between 0 and 1"),
        ([*RENDER, "--full", "much"], "'much' is not a share between 0 and 1"),
        ([*RENDER, "--samples", "0"], "'0' is not a whole number of at least 1"),
        ([*RENDER, "--seed", "-1"], "'-1' is not a whole number of at least 0"),
        ([*RENDER, "--frames", "2.5"], "'2.5' is not a whole number of at least 1"),
    ],
)
def test_wrong_usage_names_the_value_and_exits_with_two(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_points_of_a_folder_without_frames(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line = failure(
        capsys, ["points", "--avatar", "ava", "--face-model", str(tmp_path), "--frames", str(tmp_path)]
    )
    assert "expected a folder written by 'render'" in line


def test_points_without_a_head_model_say_how_to_make_one(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write(tmp_path, 1)
    arguments = [
        "points",
        "--avatar",
        "ava",
        "--face-model",
        str(tmp_path / "none"),
        "--frames",
        str(tmp_path),
    ]
    assert "no head model at" in (line := failure(capsys, arguments)) and "renderer.synthesis convert" in line
    assert "unknown avatar 'bob'" in failure(capsys, [*arguments, "--avatar", "bob"])


def test_convert_of_the_wrong_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_grooms(tmp_path / "grooms")
    arguments = ["convert", "--ict", str(tmp_path), "--out", str(tmp_path / "out"), "--grooms"]
    assert "generic_neutral_mesh.obj" in failure(capsys, [*arguments, str(tmp_path / "grooms")])
    assert "CharMorph-Vitruvian" in failure(capsys, [*arguments, str(tmp_path)])


def test_pack_lists_its_shards(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write(tmp_path / "frames", 3)
    assert main(["pack", "--frames", str(tmp_path / "frames"), "--out", str(tmp_path / "out")]) == 0
    assert "shard_000.tar: 0.0 MB" in capsys.readouterr().out


def test_points_label_a_folder_on_the_made_head(
    capsys: pytest.CaptureFixture[str], head_folder: Path, tmp_path: Path
) -> None:
    writer = RecordWriter(tmp_path, 5)
    (tmp_path / image_name(5, 0)).write_bytes(b"")
    writer.append(record(0))
    ava = json.loads((BUILT_IN / "ava.json").read_text(encoding="utf-8"))
    ava["hair"]["density"] = 0.01  # growing little takes no time
    (thin := tmp_path / "thin.json").write_text(json.dumps(ava), encoding="utf-8")
    arguments = ["points", "--avatar", str(thin), "--face-model", str(head_folder), "--frames", str(tmp_path)]
    assert main([*arguments, "--cache", str(tmp_path / "cache")]) == 0
    assert "points_5.npz: 1 frames, largest difference" in capsys.readouterr().out
    assert (tmp_path / "points_5.npz").is_file()


@pytest.mark.skipif(importlib.util.find_spec("bpy") is not None, reason="Blender's module is installed here")
def test_rendering_without_blender_says_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    assert "pip install 'avatar-engine[synthesis]'" in failure(capsys, RENDER)


def test_help_needs_neither_blender_nor_scipy() -> None:
    code = (
        "import sys; from renderer.synthesis.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "assert not {'bpy', 'scipy'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "render" in done.stdout


def test_rig_labels_of_nothing_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = ["--face-model", str(tmp_path / "none"), "--out", str(tmp_path / "labels.npz")]
    for avatar in ("nobody", "ava"):
        with pytest.raises(SystemExit) as stop:
            rig_labels.main(["--avatar", avatar, *places])
        error = capsys.readouterr().err
        assert stop.value.code == 1 and error.startswith("rig_labels: ") and error.count("\n") == 1
