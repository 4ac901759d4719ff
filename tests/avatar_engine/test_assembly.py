from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from avatar_engine import assembly
from avatar_engine.config import EmotionChoice, MotionOptions, RenderOptions
from avatar_engine.errors import UsageError, WeightsError
from tests.support.session_fakes import LOOKAHEAD, SPEECH_NAMES, LoudnessStream, parts, run, syllables


def write_weights(folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True)
    content = {
        "name": folder.name,
        "version": "1.2",
        "files": {},
        "config": config,
        "data": [],
        "metrics": {},
    }
    (folder / "manifest.json").write_text(json.dumps(content | {"command": "made by a test"}))
    return folder


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of which only manifests exist: two avatars and something else."""
    for name in ("ava", "ben"):
        write_weights(tmp_path / "renderer" / "weights" / name, kind="portrait", limits={"x": 1})
    write_weights(tmp_path / "renderer" / "weights" / "watermark", kind="mark")
    write_weights(tmp_path / "audio2expr" / "weights" / "base")
    monkeypatch.setattr(assembly, "_package_folder", lambda name: tmp_path / name)
    return tmp_path


def speech_model(**changes: object) -> SimpleNamespace:
    facts = {
        "names": SPEECH_NAMES,
        "emotion_names": ("anger", "joy", "sadness"),
        "lookahead_samples": LOOKAHEAD,
    }
    return SimpleNamespace(**(facts | changes), stream=LoudnessStream)


@pytest.fixture
def fitting_speech(packages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio2expr.Audio2Expr.load", lambda folder: speech_model())


def test_avatars_are_the_folders_with_a_portrait(packages: Path) -> None:
    assert [(facts.name, facts.version) for facts in assembly.avatars()] == [("ava", "1.2"), ("ben", "1.2")]
    assert assembly.find_avatar("ben").config["limits"] == {"x": 1}


def test_an_unknown_avatar_lists_those_there_are(packages: Path) -> None:
    with pytest.raises(
        UsageError, match=r"unknown avatar 'avy' \(did you mean 'ava'\?\): there are ava, ben"
    ):
        assembly.build_renderer(RenderOptions(avatar="avy"))


def test_motion_is_built_from_weights_that_fit(fitting_speech: None) -> None:
    new_session = assembly.build_motion(MotionOptions(seed=2), with_text=False)
    frames = run(new_session(), syllables(1))
    assert len(frames) == 25
    other = run(new_session(MotionOptions(seed=3, emotion=EmotionChoice("joy"))), syllables(1))
    assert other[-1].weights.tobytes() != frames[-1].weights.tobytes()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"names": ("jawOpen", "JawOpen")}, "gives 'JawOpen'"),
        ({"emotion_names": ("bored",)}, "gives 'bored'"),
        ({"lookahead_samples": 1281}, "looks ahead 1281"),
    ],
)
def test_speech_weights_that_do_not_fit_are_refused(
    packages: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], said: str
) -> None:
    monkeypatch.setattr("audio2expr.Audio2Expr.load", lambda folder: speech_model(**changes))
    with pytest.raises(WeightsError, match=said):
        assembly.build_motion(with_text=False)


def test_a_model_that_cannot_read_its_folder_says_where(
    packages: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path) -> None:
        raise ValueError("config lacks scale")

    monkeypatch.setattr("audio2expr.Audio2Expr.load", broken)
    with pytest.raises(WeightsError, match="config lacks scale; restore it"):
        assembly.build_motion(with_text=False)


def test_a_damaged_smoother_is_found_by_its_hash(
    fitting_speech: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "smoother"
    shutil.copytree(assembly.SMOOTHER_FOLDER, folder)
    model = folder / "smoother.onnx"
    content = bytearray(model.read_bytes())
    content[100] ^= 1
    model.write_bytes(content)
    monkeypatch.setattr(assembly, "SMOOTHER_FOLDER", folder)
    with pytest.raises(WeightsError, match="sha256"):
        assembly.build_motion(with_text=False)


def test_missing_weights_are_named(packages: Path) -> None:
    (packages / "audio2expr" / "weights" / "base" / "manifest.json").unlink()
    with pytest.raises(WeightsError, match="no manifest there"):
        assembly.build_motion(with_text=False)


def test_an_emotion_model_must_be_a_folder_and_the_loaded_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        assembly.build_text_reader(tmp_path / "nowhere")
    factory = assembly.SessionFactory(parts(), MotionOptions())
    with pytest.raises(UsageError, match="not the one that was loaded"):
        factory(MotionOptions(emotion_model=tmp_path))
