"""The front end against librosa and against made sounds whose pitch and level are known."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import scipy.fft

from audio2expr import features
from audio2expr.features import BLOCK, HOP, N_FEATURES, N_MFCC, ROWS, WINDOW, FrontEnd

from .conftest import make_speech


def fresh() -> FrontEnd:
    return FrontEnd(np.zeros(N_MFCC, np.float32), np.ones(N_MFCC, np.float32))


def blocks(sound: np.ndarray, front_end: FrontEnd | None = None) -> list[features.Block]:
    front_end = front_end or fresh()
    return [front_end.push(part) for part in sound[: len(sound) // BLOCK * BLOCK].reshape(-1, BLOCK)]


def librosa_mfcc(sound: np.ndarray) -> np.ndarray:
    """The same cepstra out of librosa's own short-time transform, filters and decibels (its `feature`
    package compiles for 17 s)."""
    emphasised = sound - features.PRE_EMPHASIS * np.concatenate([[0], sound[:-1]])
    margin = (features.FFT_SIZE - WINDOW) // 2  # librosa lays the window in the middle of the transform
    padded = np.concatenate([np.zeros(WINDOW - HOP + margin), emphasised, np.zeros(margin)])
    spectrum = librosa.stft(padded, n_fft=features.FFT_SIZE, hop_length=HOP, win_length=WINDOW, center=False)
    filters = librosa.filters.mel(
        sr=16_000,
        n_fft=features.FFT_SIZE,
        n_mels=features.N_MELS,
        fmin=features.MEL_LOW_HZ,
        fmax=features.MEL_HIGH_HZ,
    )
    decibels = librosa.power_to_db(
        filters @ np.abs(spectrum) ** 2 + features.POWER_FLOOR, amin=1e-20, top_db=None
    )
    return scipy.fft.dct(decibels, axis=0, type=2, norm="ortho")[:N_MFCC].T


def test_cepstra_are_librosas(speech: np.ndarray) -> None:
    windows = []
    padded = np.concatenate([np.zeros(WINDOW + 1 - HOP, np.float32), speech])
    for start in range(0, len(speech) - HOP + 1, HOP):
        part = padded[start : start + WINDOW + 1]
        windows.append(part[1:] - np.float32(features.PRE_EMPHASIS) * part[:-1])
    ours = features.mfcc(np.stack(windows))
    theirs = librosa_mfcc(speech.astype(np.float64))
    n = min(len(ours), len(theirs))
    assert n > 100
    # ours is float32: a hundredth of a decibel
    np.testing.assert_allclose(ours[:n], theirs[:n], atol=0.02)


def test_mel_filters_are_librosas() -> None:
    theirs = librosa.filters.mel(
        sr=16_000, n_fft=512, n_mels=features.N_MELS, fmin=features.MEL_LOW_HZ, fmax=features.MEL_HIGH_HZ
    )
    np.testing.assert_allclose(features.mel_filters(), theirs, atol=1e-6)


@pytest.mark.parametrize("hz", [75.0, 110.0, 163.0, 220.0, 310.0, 430.0])
def test_pitch_of_a_buzz_is_found_within_one_percent(hz: float) -> None:
    times = np.arange(features.PITCH_WINDOW) / 16_000
    buzz = sum(np.sin(2 * np.pi * hz * k * times + k) / k for k in range(1, 12)) * 0.1
    found, strength = features.pitch(np.asarray(buzz, np.float32)[None])
    assert abs(found[0] / hz - 1) < 0.01
    assert strength[0] > 0.8


def test_noise_and_silence_have_no_pitch() -> None:
    random = np.random.default_rng(0)
    hiss = (random.normal(size=(40, features.PITCH_WINDOW)) * 0.1).astype(np.float32)
    assert (features.pitch(hiss)[0] == 0).mean() > 0.9
    found, strength = features.pitch(np.zeros((4, features.PITCH_WINDOW), np.float32))
    assert not found.any() and not strength.any()


def test_energy_is_in_decibels_of_full_scale() -> None:
    sine = np.sin(2 * np.pi * 440 * np.arange(1600) / 16_000).astype(np.float32)
    loud, quiet, nothing = features.energy_db(np.stack([sine, sine / 10, sine * 0]))
    assert loud == pytest.approx(-3.01, abs=0.01)
    assert quiet == pytest.approx(-23.01, abs=0.01)
    assert nothing == pytest.approx(-100)


def test_blocks_have_their_documented_shape_and_are_finite(speech: np.ndarray) -> None:
    for block in blocks(speech):
        assert block.features.shape == (ROWS, N_FEATURES) and block.features.dtype == np.float32
        assert block.energy_db.shape == block.pitch_hz.shape == block.tilt.shape == (ROWS,)
        assert np.isfinite(block.features).all()


def test_no_row_hears_the_future(speech: np.ndarray) -> None:
    changed = speech.copy()
    at = 12 * BLOCK
    changed[at:] += 0.3
    before, after = blocks(speech), blocks(changed)
    for one, other in zip(before[:12], after[:12], strict=True):
        np.testing.assert_array_equal(one.features, other.features)
    assert not np.array_equal(before[12].features, after[12].features)


def test_each_row_ends_where_its_samples_end() -> None:
    """A click in the last ten milliseconds of a block is in its last row only."""
    sound = np.zeros(4 * BLOCK, np.float32)
    sound[3 * BLOCK - 40] = 0.5
    energy = np.concatenate([b.energy_db for b in blocks(sound)])
    assert (energy[: 3 * ROWS - 1] == energy[0]).all()
    assert energy[3 * ROWS - 1] > energy[0] + 20


def test_the_level_takes_the_gain_of_the_recording_out() -> None:
    sound = make_speech(6.0)
    loud, quiet = (
        np.concatenate([b.features[:, N_MFCC] for b in blocks(sound * np.float32(g))])[-200:]
        for g in (1, 0.1)
    )
    voiced = loud > 0.5  # between the syllables the floor of power shows
    assert voiced.sum() > 50
    assert np.abs(loud - quiet)[voiced].max() < 0.1  # of 20 dB


def test_digital_silence_forever_keeps_the_state_finite() -> None:
    front_end = fresh()
    for _ in range(2000):
        block = front_end.push(np.zeros(BLOCK, np.float32))
    assert np.isfinite(block.features).all()
    assert front_end.level_db >= front_end.LEVEL_LOWEST_DB
    assert len(front_end.history) == features.HISTORY


@pytest.mark.parametrize("below_db", [15, 30, 45])
def test_speech_over_steady_noise_is_measured_within_a_few_decibels(below_db: int) -> None:
    times = np.arange(16_000 * 4) / 16_000
    words = np.sin(2 * np.pi * 200 * times) * 0.2 * (times % 0.5 < 0.3)  # -17 dB
    noise = np.random.default_rng(3).normal(size=len(times)) * 10 ** ((-17 - below_db) / 20)
    heard = blocks((words + noise).astype(np.float32))
    assert heard[8].snr_db == features.SNR_MOST_DB  # not known yet
    assert np.median([block.snr_db for block in heard[25:]]) == pytest.approx(below_db, abs=4)
