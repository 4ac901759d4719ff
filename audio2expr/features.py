"""Speech samples -> rows of numbers about the sound, ten milliseconds each. Knows signal processing, no
model and no face.

Everything is computed in blocks of one picture frame (640 samples, 4 rows) whose shapes never change, so a
stream cut in any way gives the same bits. Row k depends on samples before 160 (k + 1) and on nothing later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio2expr.noise_floor import NoiseFloor

Float32 = NDArray[np.float32]

SAMPLE_RATE = 16_000
HOP = 160
"Samples from row to row: 10 ms."
WINDOW = 400
"Samples a spectrum is taken over: 25 ms, the last ones before the row's end."
FFT_SIZE = 512
BLOCK = 640
"Samples of a picture frame at 25 fps."
ROWS = BLOCK // HOP
"Rows in a block."
N_MELS = 40
N_MFCC = 24
MEL_LOW_HZ, MEL_HIGH_HZ = 50.0, 7600.0
PRE_EMPHASIS = 0.97
POWER_FLOOR = 1e-8
"Added silence in mel power: about the noise of a quiet 16-bit recording, so digital zeros are no outlier."

PITCH_WINDOW = 640
"40 ms: three periods of the lowest pitch."
PITCH_FFT_SIZE = 1024
PITCH_LOW_HZ, PITCH_HIGH_HZ = 70.0, 450.0
PITCH_BAND_HZ = 1200.0
"Formants above this would pull the peaks of the autocorrelation."
VOICED_STRENGTH = 0.5
"Least normalised autocorrelation of a voiced row."
OCTAVE_TOLERANCE = 0.88
"The shortest period whose peak reaches this share of the best one wins, or pitch falls an octave."
LOUD_NOISE_SMOOTHING, LOUD_NOISE_BIAS = 0.3, 1.3
"The energy of 25 ms of noise hardly flickers, so its least value is near its mean in the shortest pause."
SNR_MOST_DB = 60.0
"What is this far below the speech is no noise; and what is not known yet is none either."
SILENT_DB = -58.0
"Below this energy a row has no pitch."

N_DELTA_ROWS = 5
N_FEATURES = 2 * N_MFCC + 5
HISTORY = max(WINDOW + 1, PITCH_WINDOW) - HOP
"Samples before a block that its first row looks at."


def mel_filters() -> Float32:
    """Triangular mel filters in Slaney's scale and area normalisation, as librosa makes them; float32
    [N_MELS, FFT_SIZE / 2 + 1]."""

    def to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(hz < 1000, hz * 3 / 200, 15 + np.log(np.maximum(hz, 1000) / 1000) * 27 / np.log(6.4))

    def to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    low, high = to_mel(np.array([MEL_LOW_HZ, MEL_HIGH_HZ]))
    edges = to_hz(np.linspace(low, high, N_MELS + 2))
    bins = np.arange(FFT_SIZE // 2 + 1) * SAMPLE_RATE / FFT_SIZE
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return np.asarray(filters, np.float32)


def cosine_basis() -> Float32:
    """The first N_MFCC rows of the orthonormal DCT-II of N_MELS points; float32 [N_MFCC, N_MELS]."""
    angles = np.pi * np.arange(N_MFCC)[:, None] * (np.arange(N_MELS) + 0.5) / N_MELS
    basis = np.cos(angles) * np.sqrt(2 / N_MELS)
    basis[0] /= np.sqrt(2)
    return np.asarray(basis, np.float32)


def _hann(size: int) -> Float32:
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size), np.float32)


_MEL = np.ascontiguousarray(mel_filters().T)
_DCT = np.ascontiguousarray(cosine_basis().T)
_HANN = _hann(WINDOW)
_PITCH_HANN = _hann(PITCH_WINDOW)
_LAG_LOW, _LAG_HIGH = int(SAMPLE_RATE / PITCH_HIGH_HZ), int(SAMPLE_RATE / PITCH_LOW_HZ)
_BAND = np.arange(PITCH_FFT_SIZE // 2 + 1) * SAMPLE_RATE / PITCH_FFT_SIZE <= PITCH_BAND_HZ
_WINDOW_CORRELATION = np.fft.irfft(
    np.abs(np.fft.rfft(_PITCH_HANN.astype(np.float64), PITCH_FFT_SIZE)) ** 2 * _BAND
)
_WINDOW_CORRELATION = (_WINDOW_CORRELATION[: _LAG_HIGH + 2] / _WINDOW_CORRELATION[0]).astype(np.float32)


def mel_power(windows: Float32) -> Float32:
    """Power in mel bands. windows: pre-emphasised samples, float32 [k, WINDOW]; returns float32 [k,
    N_MELS]."""
    spectrum = np.fft.rfft(windows * _HANN, FFT_SIZE)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return np.asarray(power @ _MEL, np.float32)


def cepstra(power: Float32) -> Float32:
    """Mel-frequency cepstrum of mel power [k, N_MELS]; float32 [k, N_MFCC], in decibels."""
    return np.asarray((10 * np.log10(power + np.float32(POWER_FLOOR))) @ _DCT, np.float32)


def mfcc(windows: Float32) -> Float32:
    """Mel-frequency cepstrum. windows: pre-emphasised samples, float32 [k, WINDOW]. Returns float32 [k,
    N_MFCC], in decibels."""
    return cepstra(mel_power(windows))


def energy_db(windows: Float32) -> Float32:
    """Mean square in dB of full scale (a sine of amplitude 1 has -3), at least -100. windows: float32 [k,
    n]; returns float32 [k]."""
    return np.asarray(10 * np.log10(np.mean(windows * windows, axis=1) + 1e-10), np.float32)


def pitch(windows: Float32) -> tuple[Float32, Float32]:
    """Pitch in Hz (0 where unvoiced) and the strength of the period, 0..1; both float32 [k].

    windows: float32 [k, PITCH_WINDOW]. The autocorrelation of the windowed sound over that of the window
    (Boersma 1993), below PITCH_BAND_HZ, with a parabola through the best lag.
    """
    centred = (windows - windows.mean(axis=1, keepdims=True)) * _PITCH_HANN
    spectrum = np.fft.rfft(centred, PITCH_FFT_SIZE)
    power = (spectrum.real**2 + spectrum.imag**2) * _BAND
    correlation = np.fft.irfft(power, PITCH_FFT_SIZE)[:, : _LAG_HIGH + 2]
    normal = correlation / (np.maximum(correlation[:, :1], 1e-9) * _WINDOW_CORRELATION)
    lags = normal[:, _LAG_LOW : _LAG_HIGH + 1]
    is_peak = (lags >= normal[:, _LAG_LOW - 1 : _LAG_HIGH]) & (lags > normal[:, _LAG_LOW + 1 : _LAG_HIGH + 2])
    peaks = np.where(is_peak, lags, 0)
    best = peaks.max(axis=1)
    lag = np.argmax(peaks >= np.maximum(best * OCTAVE_TOLERANCE, 1e-6)[:, None], axis=1)
    rows = np.arange(len(windows))
    strength = np.clip(peaks[rows, lag], 0, 1)
    before, at, after = (normal[rows, lag + _LAG_LOW + d] for d in (-1, 0, 1))
    bend = before - 2 * at + after
    shift = np.where(bend < -1e-9, 0.5 * (before - after) / np.minimum(bend, -1e-9), 0)
    hz = SAMPLE_RATE / (lag + _LAG_LOW + np.clip(shift, -0.5, 0.5))
    loud = energy_db(windows) > SILENT_DB
    voiced = loud & (strength >= VOICED_STRENGTH)
    return np.where(voiced, hz, 0).astype(np.float32), np.where(loud, strength, 0).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """What is known about one picture frame of sound."""

    features: Float32
    "float32 [ROWS, N_FEATURES], normalised, for the net."
    energy_db: Float32
    "float32 [ROWS], dB of full scale."
    pitch_hz: Float32
    "float32 [ROWS], 0 unvoiced."
    tilt: Float32
    "float32 [ROWS], the first cepstral coefficient in dB: high for dull sounds, low for bright ones."
    level_db: float
    "The running level of speech after this block."
    snr_db: float
    "That level over the steady noise, 0 .. SNR_MOST_DB."


@dataclass(slots=True, eq=False)
class FrontEnd:
    """The streaming front end of one session: blocks in, rows out. State is of fixed size.

    Level: a follower of speech peaks (fast up, slow down) takes the gain of the recording out of the energy.
    Spectrum: a running mean over loud rows takes the colour of the channel out of the cepstrum; it begins at
    the mean of the training set, so the first syllables are as good as the rest, and remembers about
    MEMORY_ROWS.
    """

    prior_mean: Float32
    """float32 [N_MFCC], mean cepstrum of loud training speech at its level (the first entry is relative to
    the level)."""
    scale: Float32
    "float32 [N_MFCC], what cepstra are divided by."
    history: Float32 = field(init=False)
    level_db: float = field(init=False, default=-40.0)
    mean: Float32 = field(init=False)
    mean_rows: float = field(init=False)
    recent: Float32 = field(init=False)
    noise: NoiseFloor = field(init=False)
    loud_noise: NoiseFloor = field(init=False)
    "Of all bands together."

    PRIOR_ROWS = 80.0
    MEMORY_ROWS = 500.0
    LOUD_DB = 20.0
    "Rows at most this far below the level count as loud."
    LEVEL_LOWEST_DB = -55.0

    def __post_init__(self) -> None:
        self.history = np.zeros(HISTORY, np.float32)
        self.mean = self.prior_mean.copy()
        self.mean_rows = self.PRIOR_ROWS
        self.recent = np.zeros((N_DELTA_ROWS - 1, N_MFCC + 1), np.float32)
        self.noise = NoiseFloor(N_MELS)
        self.loud_noise = NoiseFloor(1, LOUD_NOISE_SMOOTHING, LOUD_NOISE_BIAS)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> FrontEnd:
        """A fresh front end with the constants of a weights manifest (`prior_mean`, `scale`)."""
        return cls(np.asarray(config["prior_mean"], np.float32), np.asarray(config["scale"], np.float32))

    def push(self, samples: Float32) -> Block:
        """The next block. samples: float32 [BLOCK], finite, mono 16 kHz."""
        sound = np.concatenate([self.history, samples])
        self.history = sound[-HISTORY:].copy()
        ends = HISTORY + HOP * np.arange(1, ROWS + 1)
        emphasised = np.empty((ROWS, WINDOW), np.float32)
        plain = np.empty((ROWS, PITCH_WINDOW), np.float32)
        for row, end in enumerate(ends):
            emphasised[row] = (
                sound[end - WINDOW : end] - np.float32(PRE_EMPHASIS) * sound[end - WINDOW - 1 : end - 1]
            )
            plain[row] = sound[end - PITCH_WINDOW : end]
        energy = energy_db(np.ascontiguousarray(plain[:, -WINDOW:]))
        cepstrum = cepstra(self.noise.push(mel_power(emphasised)))
        self.loud_noise.push(np.asarray(10 ** (energy[:, None] / 10), np.float32))
        pitch_hz, strength = pitch(plain)
        self._follow(energy, cepstrum)
        features = self._normalised(cepstrum, energy, pitch_hz, strength)
        return Block(features, energy, pitch_hz, cepstrum[:, 1].copy(), self.level_db, self._snr_db())

    def _snr_db(self) -> float:
        noise = float(self.loud_noise.power[0])
        over = self.level_db - 10 * np.log10(noise) if noise > 0 else SNR_MOST_DB
        return min(max(float(over), 0.0), SNR_MOST_DB)

    def _follow(self, energy: Float32, cepstrum: Float32) -> None:
        """Move the level and the mean cepstrum towards this block."""
        peak = float(energy.max())
        if peak > self.level_db:
            self.level_db += 0.6 * (peak - self.level_db)
        else:
            per_block = 0.10 if peak > self.level_db - self.LOUD_DB else 0.03
            self.level_db = max(self.level_db - per_block, self.LEVEL_LOWEST_DB)
        loud = energy > self.level_db - self.LOUD_DB
        if loud.any() and peak > self.LEVEL_LOWEST_DB:
            rows = cepstrum[loud]
            self.mean_rows = min(self.mean_rows + len(rows), self.MEMORY_ROWS)
            rows[:, 0] -= np.float32(self.level_db * np.sqrt(N_MELS))
            self.mean = np.asarray(
                self.mean + (rows - self.mean).sum(axis=0) / np.float32(self.mean_rows), np.float32
            )

    def _normalised(
        self, cepstrum: Float32, energy: Float32, pitch_hz: Float32, strength: Float32
    ) -> Float32:
        """Cepstra and energy without level and colour, their slopes, absolute energy, pitch; float32 [ROWS,
        N_FEATURES]."""
        plain = np.empty((ROWS, N_MFCC + 1), np.float32)
        plain[:, :N_MFCC] = cepstrum - self.mean
        plain[:, 0] -= np.float32(self.level_db * np.sqrt(N_MELS))
        plain[:, :N_MFCC] /= self.scale
        plain[:, N_MFCC] = (energy - np.float32(self.level_db)) / 20 + 1
        rows = np.concatenate([self.recent, plain])
        self.recent = rows[-(N_DELTA_ROWS - 1) :].copy()
        slopes = (2 * (rows[4:] - rows[:-4]) + (rows[3:-1] - rows[1:-3])) * np.float32(0.2)
        octaves = np.where(pitch_hz > 0, np.log2(np.maximum(pitch_hz, 1) / 150), 0)
        absolute = np.clip((energy + 50) / 25, -2, 2)
        extra = np.stack([absolute, octaves, strength], axis=1)
        return np.ascontiguousarray(np.concatenate([plain, slopes, extra], axis=1), np.float32)
