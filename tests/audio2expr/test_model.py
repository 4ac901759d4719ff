"""Loading a weights folder, and what the shipped weights do with sounds that every install can make."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import audio2expr
from audio2expr import Audio2Expr
from audio2expr.training.shapes import CHANNELS, GAP, GAP_AT_REST, PAIRED
from avatar_engine.names import ARKIT_NAMES, EMOTION_NAMES
from avatar_engine.weights import verify

from .conftest import make_speech

BASE = Path(audio2expr.__file__).parent / "weights" / "base"
EXAMPLE = Path(__file__).parents[2] / "examples" / "sense_and_sensibility.flac"


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


SPEECH_DB = -21.0
"Level of the spoken parts of the example."


@pytest.fixture(scope="module")
def sentence() -> np.ndarray:
    """The first sentence of the example, float32 at 16 kHz."""
    samples, rate = soundfile.read(EXAMPLE, dtype="float32", stop=int(4.5 * 16_000))
    assert rate == 16_000
    return np.asarray(samples)


def pink(seconds: float, level_db: float, seed: int) -> np.ndarray:
    """Noise like breath and rooms: as much power in each octave; float32 at 16 kHz."""
    n = int(seconds * 16_000)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=n))
    sound = np.fft.irfft(spectrum / np.sqrt(np.maximum(np.arange(len(spectrum)), 20)), n)
    return np.asarray(sound / np.sqrt((sound**2).mean()) * 10 ** (level_db / 20), np.float32)


def breath(seed: int, seconds: float = 0.3) -> np.ndarray:
    noise = pink(seconds, SPEECH_DB - 15, seed)
    return np.asarray(noise * np.sqrt(np.hanning(len(noise))), np.float32)


def pause(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * 16_000), np.float32)


def spoken(model: Audio2Expr, sound: np.ndarray) -> np.ndarray:
    stream = model.stream()
    return np.concatenate([stream.push(sound).weights, stream.flush().weights])


def assert_shut_and_still(model: Audio2Expr, weights: np.ndarray) -> None:
    assert len(weights) and gap(model, weights).max() < 0.02
    assert np.abs(np.diff(weights, axis=0)).max() == 0


@pytest.mark.parametrize("kind", ["breaths", "hum", "room"])
def test_what_is_no_voice_keeps_the_lips_closed_and_still(model: Audio2Expr, kind: str) -> None:
    times = np.arange(6 * 16_000) / 16_000
    hum = 0.05 * np.sin(2 * np.pi * 60 * times) + 0.02 * np.sin(2 * np.pi * 180 * times)
    breaths = np.concatenate([np.concatenate([pause(0.7), breath(seed)]) for seed in range(6)])
    sound = {"breaths": breaths, "hum": hum, "room": pink(6, SPEECH_DB - 12, 3)}[kind]
    assert_shut_and_still(model, spoken(model, sound.astype(np.float32)))


def test_room_noise_before_the_first_word_does_not_part_the_lips(
    model: Audio2Expr, sentence: np.ndarray
) -> None:
    sound = np.concatenate([pause(2), sentence])
    weights = spoken(model, sound + pink(len(sound) / 16_000, SPEECH_DB - 15, 5))
    assert_shut_and_still(model, weights[:45])
    assert gap(model, weights[50:]).max() > 0.08


def test_breathing_between_sentences_leaves_the_lips_shut(model: Audio2Expr, sentence: np.ndarray) -> None:
    between = np.concatenate([pause(0.3), breath(1), pause(0.4), breath(2, 0.5), pause(0.3)])
    weights = spoken(model, np.concatenate([sentence, between, sentence]))
    first = -(-len(sentence) // 640) + 6
    last = (len(sentence) + len(between)) // 640 - 3
    assert_shut_and_still(model, weights[first:last])
    assert gap(model, weights[last:]).max() > 0.08


@settings(max_examples=8, deadline=None)
@given(
    seconds=st.floats(0.3, 4.4),
    level_db=st.sampled_from([-100.0, -60.0, -50.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_after_speech_the_lips_shut_and_stay_so(
    model: Audio2Expr, sentence: np.ndarray, seconds: float, level_db: float, seed: int
) -> None:
    said = sentence[: int(seconds * 16_000)]
    weights = spoken(model, np.concatenate([said, pink(2, level_db, seed)]))
    assert_shut_and_still(model, weights[-(-len(said) // 640) + 8 :])


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
