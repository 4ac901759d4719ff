"""Steady noise goes, speech stays, and nothing else than the past is heard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from audio2expr.features import BLOCK, N_MELS, ROWS, FrontEnd
from audio2expr.noise_floor import SPECTRAL_FLOOR, STEP_BLOCKS, STEPS, STEPS_KNOWN, NoiseFloor

KNOWN_BLOCKS = STEP_BLOCKS * STEPS_KNOWN
MEMORY_BLOCKS = STEP_BLOCKS * (STEPS + 1)
BLOCKS = arrays.arrays(
    np.float32, st.tuples(st.integers(1, 40), st.just(ROWS), st.just(3)), elements=st.floats(0, 1e4, width=32)
)


def mel_noise(blocks: int, seed: int = 1) -> np.ndarray:
    """Mel power of white noise as the front end measures it; float32 [blocks, ROWS, N_MELS]."""
    seen: list[np.ndarray] = []

    class Tap(NoiseFloor):
        def push(self, power: np.ndarray) -> np.ndarray:
            seen.append(power)
            return power

    front_end = FrontEnd(np.zeros(24, np.float32), np.ones(24, np.float32))
    front_end.noise = Tap(N_MELS)
    sound = np.random.default_rng(seed).normal(size=blocks * BLOCK).astype(np.float32) * np.float32(0.01)
    for block in sound.reshape(blocks, BLOCK):
        front_end.push(block)
    return np.stack(seen)


def test_noise_falls_by_eight_decibels_and_more_once_it_is_known() -> None:
    power = mel_noise(200)
    floor = NoiseFloor(N_MELS)
    clean = np.stack([floor.push(block) for block in power])
    assert np.array_equal(clean[: KNOWN_BLOCKS - 1], power[: KNOWN_BLOCKS - 1])
    fall_db = 10 * np.log10(power[50:].mean() / clean[50:].mean())
    assert fall_db > 8


def test_a_tone_of_thirty_decibels_above_the_noise_is_left_alone() -> None:
    power = mel_noise(80)
    loud = power.copy()
    loud[60:70, :, 12] += np.float32(1000 * power[:, :, 12].mean())
    floor = NoiseFloor(N_MELS)
    clean = np.stack([floor.push(block) for block in loud])
    lost_db = 10 * np.log10(loud[60:70, :, 12] / clean[60:70, :, 12])
    assert lost_db.max() < 0.05


def test_speech_without_noise_is_untouched() -> None:
    """A fifth of a second of digital silence between words: there is no noise to be found."""
    power = mel_noise(120)
    power[np.arange(120) % 20 < 5] = 0
    floor = NoiseFloor(N_MELS)
    clean = np.stack([floor.push(block) for block in power])
    assert clean.sum(axis=(0, 1)) == pytest.approx(power.sum(axis=(0, 1)), rel=0.04)


def test_noise_that_ended_is_forgotten_in_a_second() -> None:
    floor = NoiseFloor(N_MELS)
    for block in mel_noise(60):
        floor.push(block)
    silence = np.zeros((ROWS, N_MELS), np.float32)
    for _ in range(2 * STEP_BLOCKS):
        floor.push(silence)
    quiet = np.full((ROWS, N_MELS), 1e-7, np.float32)
    for _ in range(MEMORY_BLOCKS):
        floor.push(silence)
    assert floor.push(quiet) == pytest.approx(quiet, rel=1e-3)


@given(BLOCKS)
@settings(max_examples=60, deadline=None)
def test_never_more_than_there_was_and_never_less_than_the_floor(blocks: np.ndarray) -> None:
    floor = NoiseFloor(3)
    for block in blocks:
        clean = floor.push(block)
        assert clean.dtype == np.float32 and clean.shape == block.shape
        assert np.isfinite(clean).all()
        assert (clean <= block).all() and (clean >= np.float32(SPECTRAL_FLOOR) * block).all()


@given(BLOCKS, st.integers(0, 39))
@settings(max_examples=40, deadline=None)
def test_later_blocks_change_nothing_before_them(blocks: np.ndarray, at: int) -> None:
    changed = blocks.copy()
    changed[at:] = 5.0
    first, second = NoiseFloor(3), NoiseFloor(3)
    for i, (a, b) in enumerate(zip(blocks, changed, strict=True)):
        one, other = first.push(a), second.push(b)
        if i < at:
            assert np.array_equal(one, other)
