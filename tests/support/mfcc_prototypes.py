"""A viseme detector of the common kind, to compare with: MFCCs, one Gaussian a phone, the nearest one by
Mahalanobis distance. Causal.

After HeadAudio 0.1.0 (MIT; its read-me and its parameters): 16 kHz, windows of 32 ms each 16 ms, 40 mel
bands, 12 liftered cepstra without the energy, squeezed by tanh; an energy gate; silence favoured by 1.2; a
vote over the last six windows; Oculus visemes. Written anew in numpy; trained on this project's synthetic
corpus, or with HeadAudio's own model file, with which it gives HeadAudio's own visemes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio2expr.training.corpus import Session
from audio2expr.training.phones import PHONES
from tests.support.mouth_shapes import Cue

SAMPLE_RATE = 16_000
WINDOW, HOP = 512, 256
N_MELS, N_CEPSTRA, LIFTER = 40, 12, 22
LOWEST_HZ, HIGHEST_HZ = 30.0, 7800.0
PRE_EMPHASIS = 0.97
SPEAKS_ABOVE, SILENT_BELOW = -4.0, -5.0
"log10 of the energy of a window: -40 and -50 dB."
SILENCE_FAVOUR = 1.2
VOTES = 6
LEAST_WINDOWS = 2 * N_CEPSTRA
"A phone that was heard less often gets no prototype."

VISEMES = ("aa", "E", "I", "O", "U", "PP", "SS", "TH", "DD", "FF", "kk", "nn", "RR", "CH", "sil")
VISEME_OF = {
    "sil": "sil", "p": "PP", "b": "PP", "m": "PP", "f": "FF", "v": "FF", "th": "TH", "dh": "TH",
    "t": "DD", "d": "DD", "n": "nn", "ng": "nn", "l": "RR", "r": "RR", "w": "RR", "y": "RR",
    "s": "SS", "z": "SS", "sh": "SS", "zh": "SS", "hh": "SS", "ch": "CH", "jh": "CH", "k": "kk", "g": "kk",
    "aa": "aa", "ae": "aa", "ah": "E", "eh": "E", "er": "E", "ey": "E", "ih": "I", "iy": "I", "ix": "I",
    "ue": "I", "ao": "O", "ow": "O", "oe": "O", "uh": "U", "uw": "U",
}  # fmt: skip
CLOSED = frozenset(("PP", "sil"))


def _mel_filters() -> np.ndarray:
    """Triangles between whole bins, evenly spaced in mel (O'Shaughnessy); float [N_MELS, WINDOW / 2]."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (LOWEST_HZ, HIGHEST_HZ))
    hz = 700 * (10 ** (np.linspace(low, high, N_MELS + 2) / 2595) - 1)
    edges = np.floor(hz / SAMPLE_RATE * WINDOW)[:, None]
    bins = np.arange(WINDOW // 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
        falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.where(bins < edges[1:-1], rising, falling)
    return np.where((bins >= edges[:-2]) & (bins < edges[2:]), filters, 0.0)


def _low_pass() -> np.ndarray:
    """What HeadAudio's resampler does even where there is nothing to resample: a windowed sinc to 7.2 kHz,
    float [32]."""
    places = np.arange(32) - 15.5
    return np.sin(2 * np.pi * 0.45 * places) / (np.pi * places) * np.hamming(32)


_LOW_PASS = _low_pass()
_MELS = _mel_filters().T
_ORDER = np.arange(1, N_CEPSTRA + 1)
_DCT = np.sqrt(2 / N_MELS) * np.cos(np.pi * _ORDER[:, None] * (np.arange(N_MELS) + 0.5) / N_MELS)
_LIFT = 1 + LIFTER / 2 * np.sin(np.pi * _ORDER / LIFTER)


def features(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squeezed cepstra [windows, N_CEPSTRA] and log10 energies [windows] of mono 16 kHz speech; window k ends
    at sample WINDOW + HOP k."""
    sound = np.asarray(samples, float)
    sound = sound - PRE_EMPHASIS * np.concatenate([[0.0], sound[:-1]])
    sound = np.convolve(sound, _LOW_PASS)[: len(sound)]
    if len(sound) < WINDOW:
        return np.zeros((0, N_CEPSTRA)), np.zeros(0)
    windows = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP] * np.hamming(WINDOW)
    power = np.abs(np.fft.rfft(windows)[:, :-1]) ** 2 / WINDOW
    cepstra = np.log10(power @ _MELS + 1e-10) @ _DCT.T * _LIFT
    return np.tanh(cepstra), np.log10(power.sum(axis=1) + 1e-10)


def window_ends_s(count: int) -> np.ndarray:
    return (WINDOW + HOP * np.arange(count)) / SAMPLE_RATE


@dataclass(frozen=True)
class Prototypes:
    """Gaussians without their weights: only the distance counts."""

    visemes: tuple[str, ...]
    "Of each prototype."
    means: np.ndarray
    "float [prototypes, N_CEPSTRA]."
    precisions: np.ndarray
    "float [prototypes, N_CEPSTRA, N_CEPSTRA], inverse covariances."

    def distances(self, cepstra: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis distances [windows, prototypes]."""
        away = cepstra[:, None] - self.means
        return np.asarray(np.einsum("wpi,pij,wpj->wp", away, self.precisions, away))

    def cues(self, samples: np.ndarray) -> list[Cue]:
        """The visemes of some speech, each from when it is known until the next one."""
        cepstra, energies = features(samples)
        distances = self.distances(cepstra)
        distances[:, [viseme == "sil" for viseme in self.visemes]] /= SILENCE_FAVOUR
        nearest = [self.visemes[best] for best in distances.argmin(axis=1)]
        shown = _voted(nearest, energies)
        ends = window_ends_s(len(shown))
        cues = [Cue(0.0, 0.0, "sil")]
        for time_s, viseme in zip(ends, shown, strict=True):
            if viseme != cues[-1].shape:
                cues[-1] = cues[-1]._replace(end_s=float(time_s))
                cues.append(Cue(float(time_s), 0.0, viseme))
        cues[-1] = cues[-1]._replace(end_s=len(samples) / SAMPLE_RATE)
        return cues

    @classmethod
    def read(cls, path: Path) -> Prototypes:
        """HeadAudio's model file: records of a header, a mean and the lower half of a precision."""
        n_lower = N_CEPSTRA * (N_CEPSTRA + 1) // 2
        record = np.dtype(
            [("phoneme", ">u4"), ("ids", "u1", 4), ("mean", "<f4", N_CEPSTRA), ("lower", "<f4", n_lower)]
        )
        records = np.fromfile(path, record)
        rows, columns = np.tril_indices(N_CEPSTRA)
        precisions = np.zeros((len(records), N_CEPSTRA, N_CEPSTRA))
        precisions[:, rows, columns] = precisions[:, columns, rows] = records["lower"]
        visemes = tuple(VISEMES[number] for number in records["ids"][:, 3])
        return cls(visemes, records["mean"].astype(float), precisions)


def _voted(nearest: Sequence[str], energies: np.ndarray) -> list[str]:
    """The viseme that is on after each window: silence while the gate is shut, else the commonest of the last
    VOTES, of equals the last in VISEMES."""
    recent = ["sil"] * VOTES
    speaks = False
    shown = []
    for viseme, energy in zip(nearest, energies, strict=True):
        speaks = energy >= SILENT_BELOW if speaks else energy > SPEAKS_ABOVE
        if not speaks:
            shown.append("sil")
            continue
        recent = [*recent[1:], viseme]
        shown.append(max(VISEMES, key=lambda v: (recent.count(v), VISEMES.index(v))))
    return shown


def fit_prototypes(sessions: Sequence[Session], *, shared: bool = False) -> Prototypes:
    """A prototype for each phone of `sessions`, of the windows whose middles lie in it.

    shared: one covariance for all phones, that of the distances from their own means.
    """
    heard: dict[str, list[np.ndarray]] = {}
    for session in sessions:
        cepstra, energies = features(session.samples)
        times = window_ends_s(len(cepstra)) - WINDOW / SAMPLE_RATE / 2
        ends = np.array([phone.end_s for phone in session.phones])
        index = np.clip(np.searchsorted(ends, times, side="right"), 0, len(ends) - 1)
        # The gate keeps digital silence from the classifier; its prototype is of what passes.
        for number in np.unique(index[energies > SILENT_BELOW]):
            own = (index == number) & (energies > SILENT_BELOW)
            heard.setdefault(session.phones[number].name, []).append(cepstra[own])
    rows = {name: np.concatenate(heard[name]) for name in PHONES if name in heard}
    rows = {name: found for name, found in rows.items() if len(found) >= LEAST_WINDOWS}
    if not rows:
        raise ValueError("no phone was heard often enough for a prototype")
    means = np.array([found.mean(axis=0) for found in rows.values()])
    covariances = np.array([np.cov(found, rowvar=False) for found in rows.values()])
    if shared:
        counts = np.array([len(found) for found in rows.values()])
        covariances[:] = np.average(covariances, axis=0, weights=counts)
    jitter = 1e-5 * np.trace(covariances, axis1=1, axis2=2) / N_CEPSTRA
    precisions = np.linalg.inv(covariances + jitter[:, None, None] * np.eye(N_CEPSTRA))
    return Prototypes(tuple(VISEME_OF[name] for name in rows), means, precisions)
