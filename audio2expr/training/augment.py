"""Rooms, microphones, channels and noises: one clean session -> as it might have been recorded. Knows sound,
no lips.

Everything keeps the timing (a change of speed scales the phones with it), so targets stay true.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import soxr
from scipy import signal

from audio2expr.training.corpus import Session
from audio2expr.training.phones import SILENCE, Phone
from audio2expr.training.voices import STYLES

SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class Strength:
    """Probabilities of each kind of damage."""

    speed: float = 0.8
    colour: float = 0.8
    room: float = 0.4
    noise: float = 0.85
    band: float = 0.3
    companding: float = 0.12
    clipping: float = 0.08


LOUD_NOISE, LOUD_NOISE_DB, NOISE_DB = 0.65, (4, 18), (10, 45)
"Share of the noises that a listener would complain of, and how far each kind is below the speech."


def augment(
    session: Session, random: np.random.Generator, others: list[Session], strength: Strength | None = None
) -> Session:
    """A damaged copy. `others`: sessions that may talk in the background. What is quiet stays as it is."""
    if session.key == QUIET_KEY:
        return session
    strength = strength or Strength()
    session = _with_manner(session, random)
    if random.random() < strength.speed:
        session = change_speed(session, float(random.uniform(0.85, 1.18)))
    sound = session.samples
    if random.random() < strength.colour:
        sound = colour(sound, random)
    if random.random() < strength.room:
        sound = room(sound, random)
    if random.random() < strength.noise:
        level = speech_level(sound)
        snr_db = float(random.uniform(*(LOUD_NOISE_DB if random.random() < LOUD_NOISE else NOISE_DB)))
        sound = sound + noise(len(sound), random, others) * np.float32(level * 10 ** (-snr_db / 20))
    if random.random() < strength.band:
        sound = band_limit(sound, random)
    peak = max(float(np.abs(sound).max()), 1e-6)
    if random.random() < strength.clipping:
        sound = np.clip(sound * (random.uniform(1.2, 3) / peak), -1, 1)
        peak = 1.0
    sound = sound * np.float32(10 ** (random.uniform(-28, -0.5) / 20) / peak)
    if random.random() < strength.companding:
        sound = mu_law(sound)
    return replace(session, samples=np.clip(np.rint(sound * 32768) / 32768, -1, 1).astype(np.float32))


QUIET_KEY = "quiet"
"Sessions in which nobody speaks."


def quiet_session(random: np.random.Generator, duration_s: float = 8.0) -> Session:
    """Room tone, noise, hum or music, breaths, laughter and the odd knock: the mouth is to stay shut
    throughout."""
    n = int(duration_s * SAMPLE_RATE)
    sound = np.zeros(n, np.float32)
    if random.random() < 0.35:
        sound = breaths(n, random)
    elif random.random() < 0.3:
        sound = laughter(n, random)
    if random.random() < 0.9:
        sound = sound + noise(n, random, []) * np.float32(10 ** (random.uniform(-80, -24) / 20))
    for start in random.integers(0, n - 4000, size=int(random.integers(0, 4))):
        knock = random.normal(size=4000) * np.exp(-np.arange(4000) / random.uniform(20, 400))
        sound[start : start + 4000] += (knock * 10 ** (random.uniform(-45, -12) / 20)).astype(np.float32)
    if random.random() < 0.5:
        sound = colour(sound, random)
    return Session(QUIET_KEY, np.clip(sound, -1, 1), [Phone(0.0, duration_s, SILENCE)], [])


def _with_manner(session: Session, random: np.random.Generator) -> Session:
    """Give each utterance the loudness and brightness of its style: synthesisers vary rate and pitch only."""
    sound = session.samples.copy()
    drawn: dict[str, tuple[float, float]] = {}
    for start_s, end_s, name in session.styles:
        manner = STYLES[name]
        tilt_db, gain_db = drawn.setdefault(
            name, (float(random.uniform(*manner.tilt_db)), float(random.uniform(*manner.gain_db)))
        )
        part = slice(int(start_s * SAMPLE_RATE), int(end_s * SAMPLE_RATE))
        if part.stop - part.start > 16:
            plain = whisper(sound[part], random) if name == "whisper" else sound[part]
            sound[part] = _shelf(plain, tilt_db) * np.float32(10 ** (gain_db / 20))
    return replace(session, samples=sound)


def _filter(sound: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Zero-phase filter with a gain for each of len(gain) even steps from 0 to half the rate."""
    size = int(2 ** np.ceil(np.log2(len(sound) + 2048)))
    spectrum = np.fft.rfft(sound, size)
    spectrum *= np.interp(np.linspace(0, 1, len(spectrum)), np.linspace(0, 1, len(gain)), gain)
    return np.asarray(np.fft.irfft(spectrum, size)[: len(sound)], np.float32)


def _shelf(sound: np.ndarray, tilt_db: float) -> np.ndarray:
    octaves = np.log2(np.maximum(np.linspace(0, 8000, 257), 60) / 250) / 4
    return _filter(sound, 10 ** (tilt_db * np.clip(octaves, -0.5, 1.3) / 20))


def whisper(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The same speech without a voice: noise through its spectral envelope (the first 30 cepstral
    coefficients of 32 ms), dull sounds weaker, as whispered vowels are; same length and level."""
    size = 512
    if len(sound) < 2 * size:
        return sound
    _, _, spectrum = signal.stft(sound, nperseg=size, noverlap=size * 3 // 4)
    cepstrum = np.fft.irfft(np.log(np.abs(spectrum) + 1e-6), axis=0)
    cepstrum[30:-29] = 0
    envelope = np.exp(np.fft.rfft(cepstrum, axis=0).real)
    turned = np.exp(2j * np.pi * random.random(spectrum.shape))
    weaker = np.interp(np.linspace(0, 8000, len(spectrum)), [0, 300, 1200], [0.1, 0.25, 1.0])
    _, made = signal.istft(envelope * turned * weaker[:, None], nperseg=size, noverlap=size * 3 // 4)
    made = np.resize(made, len(sound))
    level = np.sqrt((sound**2).mean() / ((made**2).mean() + 1e-12))
    return np.asarray(made * level, np.float32)


def breaths(n: int, random: np.random.Generator) -> np.ndarray:
    """Somebody breathing at a microphone: hisses of .3 to .9 s; float32 [n]."""
    sound = np.zeros(n, np.float32)
    start = int(random.uniform(0, 1) * SAMPLE_RATE)
    while start < n:
        length = int(random.uniform(0.3, 0.9) * SAMPLE_RATE)
        hiss = telephone(coloured(length, random, 0.4), random.uniform(200, 700), random.uniform(2500, 6000))
        hiss = hiss * np.hanning(length) * 10 ** (random.uniform(-48, -28) / 20)
        sound[start : start + length] += hiss[: n - start].astype(np.float32)
        start += length + int(random.uniform(0.5, 2.0) * SAMPLE_RATE)
    return sound


def laughter(n: int, random: np.random.Generator) -> np.ndarray:
    """Something like laughing: breathy voiced bursts, four to six a second, falling in pitch; float32 [n].

    A face that laughs is the emotion's business: the lips must not chatter with it.
    """
    sound = np.zeros(n, np.float32)
    start = int(random.uniform(0.2, 1) * SAMPLE_RATE)
    while start < n:
        hz, rate = random.uniform(150, 420), random.uniform(4, 6)
        for burst in range(int(random.integers(3, 9))):
            at, length = start + int(burst / rate * SAMPLE_RATE), int(0.55 / rate * SAMPLE_RATE)
            times = np.arange(length) / SAMPLE_RATE
            base = hz * 0.97**burst
            voice = sum(np.sin(2 * np.pi * base * k * times) / k for k in range(1, 14))
            burst_sound = (voice + random.normal(size=length)) * np.hanning(length) * 10 ** (-26 / 20)
            if at < n:
                sound[at : at + length] += burst_sound[: n - at].astype(np.float32)
        start += int(random.uniform(2, 4) * SAMPLE_RATE)
    return sound


def change_speed(session: Session, factor: float) -> Session:
    """Play `factor` times as fast: pitch and formants go up with it, as from a smaller head."""
    samples = soxr.resample(session.samples, SAMPLE_RATE, SAMPLE_RATE / factor, quality="MQ").astype(
        np.float32
    )
    phones = [Phone(p.start_s / factor, p.end_s / factor, p.name) for p in session.phones]
    return replace(
        session,
        samples=samples,
        phones=phones,
        styles=[(a / factor, b / factor, s) for a, b, s in session.styles],
    )


def colour(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A microphone's frequency response: a smooth random curve of about +-6 dB over the octaves."""
    octaves = np.log2(np.maximum(np.linspace(0, 8000, 257), 60) / 60)
    knots = random.normal(size=9) * random.uniform(1, 5) + np.linspace(-1, 1, 9) * random.normal() * 4
    return _filter(sound, 10 ** (np.interp(octaves, np.linspace(0, 7.1, 9), knots) / 20))


def room(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The direct sound plus decaying noise as echo (reverberation of .1 .. .7 s)."""
    decay_s = random.uniform(0.1, 0.7)
    times = np.arange(int(decay_s * SAMPLE_RATE)) / SAMPLE_RATE
    echo = random.normal(size=len(times)) * 10 ** (-3 * times / decay_s)
    echo[: int(random.uniform(0.001, 0.012) * SAMPLE_RATE)] = 0
    echo *= 10 ** (-random.uniform(2, 14) / 20) / np.sqrt((echo**2).sum() + 1e-9)
    echo[0] = 1
    return np.asarray(signal.fftconvolve(sound, echo.astype(np.float32))[: len(sound)], np.float32)


def speech_level(sound: np.ndarray) -> float:
    """RMS of the louder half."""
    frames = sound[: len(sound) // 640 * 640].reshape(-1, 640)
    power = np.sort((frames**2).mean(axis=1))
    return float(np.sqrt(power[len(power) // 2 :].mean() + 1e-9))


def noise(n: int, random: np.random.Generator, others: list[Session]) -> np.ndarray:
    """Noise of unit RMS: coloured, humming, music-like, or people talking; swelling slowly."""
    kinds, shares = (
        ["coloured", "hum", "music", "babble"],
        np.array([0.5, 0.12, 0.16, 0.22 if others else 0.0]),
    )
    kind = random.choice(kinds, p=shares / shares.sum())
    if kind == "coloured":
        sound = coloured(n, random, float(random.uniform(0, 1.3)))
    elif kind == "hum":
        times = np.arange(n) / SAMPLE_RATE
        base = random.choice([50.0, 60.0]) * random.uniform(0.99, 1.01)
        sound = sum(
            np.sin(2 * np.pi * base * k * times + random.uniform(0, 6)) / k for k in (1, 2, 3, 5, 7)
        ) + 0.05 * random.normal(size=n)
    elif kind == "music":
        sound = music(n, random)
    else:
        sound = np.zeros(n)
        for i in random.integers(len(others), size=int(random.integers(2, 6))):
            voice = np.resize(others[i].samples, n + SAMPLE_RATE)
            sound += np.roll(voice, int(random.integers(n)))[:n]
    swell = np.interp(np.arange(n), np.linspace(0, n, 12), random.uniform(0.5, 1.2, 12))
    sound = np.asarray(sound) * swell
    return np.asarray(sound / (np.sqrt((sound**2).mean()) + 1e-9), np.float32)


def coloured(n: int, random: np.random.Generator, slope: float) -> np.ndarray:
    """Noise of unit RMS whose amplitude falls with frequency ** -slope: 0 white, .5 pink; float32 [n]."""
    sound = _filter(random.normal(size=n), np.maximum(np.linspace(0, 1, 257), 0.01) ** -slope)
    return np.asarray(sound / (np.sqrt((sound**2).mean()) + 1e-9), np.float32)


def music(n: int, random: np.random.Generator) -> np.ndarray:
    """Chords of plucked harmonic tones over a beat, of unit RMS."""
    sound = np.zeros(n)
    step = int(random.uniform(0.2, 0.6) * SAMPLE_RATE)
    times = np.arange(step * 3) / SAMPLE_RATE
    for start in range(0, n, step):
        for note in random.choice([0, 3, 4, 7, 10, 12, 16], 3, replace=False):
            hz = 110 * 2 ** ((note + 12 * random.integers(0, 2)) / 12)
            tone = sum(np.sin(2 * np.pi * hz * k * times) / k**1.5 for k in range(1, 6)) * np.exp(-times * 4)
            part = tone[: n - start]
            sound[start : start + len(part)] += part
    return np.asarray(sound / (np.sqrt((sound**2).mean()) + 1e-9), np.float32)


def band_limit(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A telephone line, or a codec's low-pass."""
    if random.random() < 0.45:
        return telephone(sound, random.uniform(150, 350), random.uniform(3200, 3800))
    return telephone(sound, 0.0, random.uniform(3800, 7200))


def telephone(sound: np.ndarray, low: float, high: float) -> np.ndarray:
    """What passes between two frequencies in Hz; low 0 for a low-pass."""
    bins = np.linspace(0, 8000, 513)
    gain = 1 / (1 + np.exp(-(bins - low) / 25)) if low else np.ones(513)
    return _filter(sound, gain / (1 + np.exp((bins - high) / 80)))


def mu_law(sound: np.ndarray) -> np.ndarray:
    """Eight bits a sample as in G.711."""
    compressed = np.sign(sound) * np.log1p(255 * np.abs(sound)) / np.log(256)
    coarse = np.rint(np.clip(compressed, -1, 1) * 127) / 127
    return np.asarray(np.sign(coarse) * (256 ** np.abs(coarse) - 1) / 255, np.float32)
