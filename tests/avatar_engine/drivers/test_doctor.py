from __future__ import annotations

import json
from pathlib import Path

import pytest

from avatar_engine import assembly
from avatar_engine.drivers import doctor
from avatar_engine.weights import write_manifest


def weights(folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "net.onnx").write_bytes(b"weights")
    facts = {"version": "1.0", "data": [], "metrics": {}, "command": "python -m training"}
    write_manifest(folder, ["net.onnx"], name=folder.name, config=config, **facts)
    return folder


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation with weights of a few bytes."""
    monkeypatch.setattr(doctor, "ROOT", tmp_path)
    for package in ("audio2expr", "text_emotion"):
        weights(tmp_path / package / "weights" / "base")
    weights(tmp_path / "text_emotion" / "weights" / "languages")
    monkeypatch.setattr(
        assembly, "SMOOTHER_FOLDER", weights(tmp_path / "avatar_engine" / "motion" / "weights" / "smoother")
    )
    ava = weights(tmp_path / "renderer" / "weights" / "ava", kind="portrait")
    monkeypatch.setattr(assembly, "avatars", lambda: [assembly.AvatarFacts("ava", "1.0", ava, {})])
    return tmp_path


def test_a_whole_installation_is_well(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.run() == 0
    text = capsys.readouterr().out
    for subject in (
        "python",
        "numpy",
        "codec libx264",
        "weights audio2expr base",
        "weights renderer ava",
        "CUDA",
    ):
        assert subject in text
    assert "BAD" not in text and text.endswith("all that is needed is there\n")


def test_damaged_weights_are_found_and_named(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (installed / "renderer" / "weights" / "ava" / "net.onnx").write_bytes(b"weights!")
    assert doctor.run() == 1
    bad = [line for line in capsys.readouterr().out.splitlines() if line.startswith("BAD")]
    assert len(bad) == 1 and "renderer ava" in bad[0] and "damaged" in bad[0]


def test_missing_weights_are_found_and_named(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (installed / "text_emotion" / "weights" / "base" / "manifest.json").unlink()
    assert doctor.run() == 1
    assert "BAD   weights text_emotion base" in capsys.readouterr().out


def test_a_missing_package_is_found(
    installed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "NEEDED", (*doctor.NEEDED, "no-such-package"))
    assert doctor.run() == 1
    assert "BAD   no-such-package" in capsys.readouterr().out


def test_the_shipped_manifests_can_be_read() -> None:
    for path in sorted(Path(doctor.__file__).parents[2].glob("*/weights/*/manifest.json")):
        assert json.loads(path.read_text())["files"]
