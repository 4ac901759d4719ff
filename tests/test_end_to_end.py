"""The whole chain with the shipped weights: speech and text in, a film out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import avatar_engine
from avatar_engine import assembly
from avatar_engine.clock import SAMPLE_RATE
from avatar_engine.config import RenderOptions
from avatar_engine.drivers import api, cli
from avatar_engine.motion.lips import aperture
from avatar_engine.names import ARKIT_INDEX
from avatar_engine.types import AudioChunk
from tests.support.film_fakes import pictures, sound

ROOT = Path(__file__).parents[1]
SPEECH = ROOT / "examples" / "sense_and_sensibility.flac"
TEXT = SPEECH.with_suffix(".txt").read_text(encoding="utf-8")
SECONDS = 4


@pytest.fixture(scope="module")
def models() -> api.Models:
    return api.Models()


@pytest.fixture(scope="module")
def example() -> np.ndarray:
    """The first seconds of the example speech, float32 at 16 kHz."""
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    assert rate == SAMPLE_RATE
    return samples[: SECONDS * SAMPLE_RATE]


@pytest.fixture(scope="module")
def film(models: api.Models, example: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    motion = path.with_suffix(".json")
    report = api.render(
        (example, SAMPLE_RATE), TEXT, output=path, motion=motion, device="cpu", threads=1, models=models
    )
    assert report.frames == SECONDS * 25 and report.device.startswith("cpu")
    return path


def test_the_film_is_whole_and_in_step(film: Path, example: np.ndarray) -> None:
    frames = pictures(film)
    heard, rate = sound(film)
    assert len(frames) == SECONDS * 25 and (frames[0].width, frames[0].height) == (512, 512)
    assert rate == SAMPLE_RATE and abs(len(heard) / rate - SECONDS) < 0.04
    inner = slice(1_000, len(example) - 1_000)
    assert np.corrcoef(heard[inner, 0], example[inner])[0, 1] > 0.98


def test_the_face_moves_where_it_speaks(film: Path, models: api.Models) -> None:
    """More happens round the mouth than in the corners, which stay as they are."""
    frames = np.stack([frame.to_ndarray(format="gray").astype(np.float32) for frame in pictures(film)[10:]])
    moved = np.abs(np.diff(frames, axis=0)).mean(axis=0)
    corners = max(moved[:60, :60].mean(), moved[:60, -60:].mean())
    assert moved[200:400, 156:356].mean() > 3 * corners + 0.2


def test_the_motion_beside_it_is_what_the_contract_says(film: Path) -> None:
    made = json.loads(film.with_suffix(".json").read_text())
    weights = np.array([frame["weights"] for frame in made["frames"]])
    assert weights.shape == (SECONDS * 25, 52) and weights.min() >= 0 and weights.max() <= 1
    assert {emotion["source"] for emotion in made["emotions"]} & {"tag", "text"}
    gaze, head = (np.array([frame[key] for frame in made["frames"]]) for key in ("gaze_deg", "head_deg"))
    assert 0 < np.abs(gaze).max() < 25 and 0 < np.abs(head).max() < 20


def test_the_motion_file_draws_the_same_film(
    film: Path, models: api.Models, example: np.ndarray, tmp_path: Path
) -> None:
    motion = film.with_suffix(".json")
    again = tmp_path / "again.mp4"
    api.animate(motion, audio=(example, SAMPLE_RATE), output=again, device="cpu", threads=1, models=models)
    assert again.read_bytes() == film.read_bytes()


def test_the_same_seed_gives_the_same_motion_and_another_another(
    models: api.Models, example: np.ndarray
) -> None:
    one, two, three = (
        api.motion((example, SAMPLE_RATE), TEXT, seed=seed, models=models).weights.tobytes()
        for seed in (1, 1, 2)
    )
    assert one == two != three


@pytest.mark.parametrize("size", [160, 777, 16_000])
def test_pieces_of_any_size_give_the_motion_of_the_whole(
    models: api.Models, example: np.ndarray, size: int
) -> None:
    whole = api.motion((example, SAMPLE_RATE), TEXT, models=models)
    session = api.Session(models=models)
    session.push_text(TEXT)
    frames = []
    for start in range(0, len(example), size):
        session.push_audio(AudioChunk(start, example[start : start + size]))
        frames += session.advance()
    session.finish()
    frames += session.advance()
    assert np.stack([frame.weights for frame in frames]).tobytes() == whole.weights.tobytes()
    assert np.stack([frame.head_rad for frame in frames]).tobytes() == whole.head_rad.tobytes()


def test_lips_are_shut_and_still_in_silence(models: api.Models) -> None:
    clip = api.motion((np.zeros(2 * SAMPLE_RATE, np.float32), SAMPLE_RATE), models=models)
    opening = aperture(clip.weights.astype(np.float64))
    assert opening.max() < 0.02


def test_the_mouth_opens_in_speech(models: api.Models, example: np.ndarray) -> None:
    opening = aperture(api.motion((example, SAMPLE_RATE), models=models).weights.astype(np.float64))
    assert np.percentile(opening, 90) > 0.05 and opening.min() < 0.02


def test_an_emotion_shows(models: api.Models, example: np.ndarray) -> None:
    smile = ARKIT_INDEX["mouthSmileLeft"]
    calm, glad = (
        api.motion((example, SAMPLE_RATE), emotion=emotion, models=models).weights[:, smile].mean()
        for emotion in ("neutral", "joy")
    )
    assert glad > calm + 0.15


@pytest.mark.parametrize("size", [256, 384, 512])
def test_the_avatar_is_drawn_at_all_sizes(models: api.Models, size: int) -> None:
    portrait = models.portrait(RenderOptions(size=size, device="cpu", threads=1))
    picture = portrait.draw(np.zeros(52, np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32))
    assert picture.shape == (size, size, 4) and picture.dtype == np.uint8
    assert picture[:, :, :3].std() > 20


def test_the_commands_work_with_what_is_shipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["emotion", "--json", "What a wonderful day!", "Leave me alone, you idiot!"]) == 0
    glad, cross = (json.loads(line)["scores"] for line in capsys.readouterr().out.splitlines())
    assert (
        max(glad, key=lambda name: glad[name]) == "joy"
        and max(cross, key=lambda name: cross[name]) == "anger"
    )
    assert cli.main(["avatars"]) == 0
    assert "ava" in capsys.readouterr().out
    assert cli.main(["doctor"]) == 0


def test_weights_that_are_damaged_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    folder = tmp_path / "smoother"
    shutil.copytree(assembly.SMOOTHER_FOLDER, folder)
    victim = next(path for path in folder.iterdir() if path.name != "manifest.json")
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    monkeypatch.setattr(assembly, "SMOOTHER_FOLDER", folder)
    with pytest.raises(avatar_engine.errors.WeightsError, match="damaged"):
        api.motion((np.zeros(1600, np.float32), SAMPLE_RATE))


def test_motion_needs_no_picture_library(tmp_path: Path) -> None:
    """`motion` starts fast: what draws and what reads texts is not loaded."""
    unneeded = ("torch", "transformers", "tokenizers", "renderer", "text_emotion")
    lines = [
        "import sys",
        "from avatar_engine.drivers.cli import main",
        f"code = main(['motion', {str(SPEECH)!r}, '-o', {str(tmp_path / 'a.json')!r}])",
        f"loaded = [name for name in {unneeded!r} if name in sys.modules]",
        "assert code == 0 and not loaded, (code, loaded)",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], cwd=ROOT, check=True, timeout=120)
