from __future__ import annotations

import numpy as np
import pytest

from avatar_engine.clock import SAMPLE_RATE
from avatar_engine.drivers.media.resampling import Resampler, SpeechConverter


def converted(samples: np.ndarray, rate: int, size: int) -> np.ndarray:
    converter = SpeechConverter(rate)
    pieces = [converter.push(samples[start : start + size]) for start in range(0, len(samples), size)]
    pieces.append(converter.push(samples[:0], last=True))
    return np.concatenate(pieces)


def chirp(rate: int, seconds: float = 1.0) -> np.ndarray:
    t = np.arange(round(rate * seconds)) / rate
    return (0.5 * np.sin(2 * np.pi * (200 * t + 1000 * t**2)))[:, None].astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 192_000])
def test_the_same_however_the_sound_is_cut(rate: int) -> None:
    samples = chirp(rate, 0.4)
    whole = converted(samples, rate, len(samples))
    for size in (160, 777, 4_000):
        assert converted(samples, rate, size).tobytes() == whole.tobytes()


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 192_000])
def test_sound_is_not_moved(rate: int) -> None:
    made = converted(chirp(rate), rate, 10_000)
    expected = chirp(SAMPLE_RATE)[:, 0]
    assert abs(len(made) - len(expected)) <= 1
    inner = slice(800, 15_200)
    np.testing.assert_allclose(made[inner], expected[inner], atol=2e-3)


def test_what_lies_above_the_new_rate_is_filtered_out() -> None:
    t = np.arange(48_000) / 48_000
    high = np.sin(2 * np.pi * 11_000 * t)[:, None].astype(np.float32)
    assert np.abs(converted(high, 48_000, 5_000)[200:-200]).max() < 1e-3


def test_channels_are_heard_together() -> None:
    stereo = np.stack([np.full(1_600, 0.2), np.full(1_600, 0.4)], axis=1).astype(np.float32)
    np.testing.assert_allclose(SpeechConverter(SAMPLE_RATE).push(stereo), 0.3, atol=1e-6)


def test_samples_beyond_full_scale_are_limited() -> None:
    assert SpeechConverter(SAMPLE_RATE).push(np.full((10, 1), 1.7, np.float32)).max() == 1.0


def test_channels_stay_apart() -> None:
    stereo = np.concatenate([chirp(44_100), -chirp(44_100)], axis=1)
    made = Resampler(44_100, 48_000, 2).push(stereo, last=True)
    assert made.shape[1] == 2
    np.testing.assert_allclose(made[:, 0], -made[:, 1], atol=1e-6)
