"""Flicker of clips: noise counts, steady motion does not; a face told to be still is still."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from renderer import Portrait
from renderer.training.flicker import judge_clip, judge_stillness, over_time, second_difference

LANDMARKS = np.random.default_rng(0).uniform(180, 330, (68, 2))


class Drawing:
    """Draws a grey that says the jaw's weight, with noise of a given strength."""

    names = ("jawOpen",)

    def __init__(self, noise: float) -> None:
        self.noise, self.random = noise, np.random.default_rng(1)

    def draw(self, weights: np.ndarray, head: np.ndarray, gaze: np.ndarray) -> np.ndarray:
        picture = 60 + 100 * weights[24] + self.noise * self.random.normal(size=(512, 512, 4))
        return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture
def clip(tmp_path: Path) -> list[dict]:
    """Six frames in which the grey rises by a step a frame, with noise of 4, cut out at slowly moving
    boxes."""
    random, rows = np.random.default_rng(2), []
    for k in range(6):
        picture = 60 + 10 * k + 4 * random.normal(size=(240, 240, 3))
        cv2.imwrite(str(tmp_path / f"{k}.png"), picture.clip(0, 255).astype(np.uint8))
        weights = np.zeros(52)
        weights[24] = 0.1 * k
        box = [136 + k, 130, 240, 240]
        row = {"path": tmp_path / f"{k}.png", "box": box, "landmarks68": LANDMARKS.tolist()}
        rows.append(row | {"weights": weights.tolist(), "head_deg": [0, 0, 0], "gaze_deg": [0, 0]})
    return rows


def test_steady_motion_does_not_flicker_and_noise_does() -> None:
    steady = np.arange(8, dtype=np.float32)[:, None] * np.ones(1000, np.float32)
    noise = np.random.default_rng(0).normal(size=(200, 1000)).astype(np.float32)
    assert second_difference(steady).max() == 0
    assert second_difference(noise).mean() == pytest.approx((2 / np.pi * 6) ** 0.5, rel=0.05)
    assert second_difference(over_time(noise)).mean() < second_difference(noise).mean() / 2


def test_a_clip_is_judged_where_its_crops_are(clip: list[dict]) -> None:
    still = judge_clip(Drawing(0.0), clip)
    noisy = judge_clip(Drawing(8.0), clip)
    for part in ("face", "mouth", "eyes"):
        assert still[f"{part} ratio"] < 0.2
        assert noisy[f"{part} ratio"] == pytest.approx(2.0, rel=0.15)
        assert still[f"{part} truth"] == noisy[f"{part} truth"]


def test_the_shipped_face_is_still(clip: list[dict]) -> None:
    weights = Path(__file__).parents[2] / "renderer" / "weights" / "ava"
    figures = judge_stillness(Portrait.load(weights, 256), frames=5)
    assert 0 < figures["jitter mean"] < 0.3 and figures["jitter p99"] <= 3
