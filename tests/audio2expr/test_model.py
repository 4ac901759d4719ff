"""Loading a weights folder, and what the shipped weights do with sounds that every install can make."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import audio2expr
from audio2expr import Audio2Expr
from audio2expr.training.shapes import CHANNELS, GAP, GAP_AT_REST, PAIRED
from avatar_engine.names import ARKIT_NAMES, EMOTION_NAMES
from avatar_engine.weights import verify

from .conftest import make_speech

BASE = Path(audio2expr.__file__).parent / "weights" / "base"


def gap(model: Audio2Expr, weights: np.ndarray) -> np.ndarray:
    """Aperture of ARKit weights, from the lip gaps of the face model."""
    row = []
    for name in model.names:
        channel = name.removesuffix("Left").removesuffix("Right")
        row.append(GAP[channel] / (2 if channel in PAIRED else 1))
    return weights @ np.array(row) + GAP_AT_REST


@pytest.fixture(scope="module")
def model() -> Audio2Expr:
    return Audio2Expr.load(BASE)


def test_the_shipped_weights_are_whole_and_small() -> None:
    manifest = verify(BASE)
    assert sum(f["bytes"] for f in manifest.content["files"].values()) < 3_000_000
    assert all({"name", "licence"} <= d.keys() for d in manifest.content["data"])
    assert "audio2expr.training.train" in manifest.content["command"]


def test_names_are_the_engines(model: Audio2Expr) -> None:
    assert set(model.names) <= set(ARKIT_NAMES) and len(set(model.names)) == len(model.names)
    assert set(model.emotion_names) <= set(EMOTION_NAMES)
    assert {c for c in CHANNELS if c not in PAIRED} <= set(model.names)


@pytest.mark.parametrize("loudness_db", [None, -60, -45])
def test_silence_keeps_the_lips_closed_and_still(model: Audio2Expr, loudness_db: float | None) -> None:
    random = np.random.default_rng(4)
    scale = 0 if loudness_db is None else 10 ** (loudness_db / 20)
    noise = (random.normal(size=16_000 * 4) * scale).astype(np.float32)
    stream = model.stream()
    weights = np.concatenate([stream.push(noise).weights, stream.flush().weights])
    assert gap(model, weights).max() < 0.02
    assert np.abs(np.diff(weights, axis=0)).max() == 0


def test_silence_after_speech_shuts_the_mouth_for_good(model: Audio2Expr) -> None:
    stream = model.stream()
    sound = np.concatenate([make_speech(2.0), np.zeros(16_000 * 2, np.float32)])
    weights = np.concatenate([stream.push(sound).weights, stream.flush().weights])
    assert not weights[-30:].any()


def test_a_folder_of_another_release_is_refused_by_name(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(tiny_folder, folder)
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["config"]["scale"]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="config lacks scale"):
        Audio2Expr.load(folder)


def test_nets_of_another_shape_are_refused(tiny_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(tiny_folder, folder)
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["config"]["mouth"]["window_rows"] += 1
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match="another release"):
        Audio2Expr.load(folder)
