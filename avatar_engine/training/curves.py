"""Synthesised mouth curves for the smoother: what a face should do, and what a tired speech model says it
does.

Everything is a pure function of a seed. A clean sequence is phones in syllables, words and pauses, blended by
dominance (Cohen & Massaro 1993), with lip closures that really close, and an emotion that comes and goes, put
together by the engine's own fusion and limits. The noisy one has the jitter, flicker, spikes and drop-outs of
an imperfect estimate.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from avatar_engine.clock import FRAME_RATE
from avatar_engine.motion.emotion import Expression
from avatar_engine.motion.fusion import weigh
from avatar_engine.motion.limits import aperture_window, fit_aperture, in_range
from avatar_engine.motion.lips import aperture
from avatar_engine.motion.templates import face_of
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_NAMES

SMOOTHED_NAMES = tuple(
    name for name in ARKIT_NAMES if name.startswith(("jaw", "mouth", "cheek", "nose", "tongue"))
)
"The lower face: what speech moves."

# paired names stand for Left and Right; levels in the middle of what speech shows
VOWELS = {
    "a": {"jawOpen": 0.34, "mouthLowerDown": 0.22, "mouthUpperUp": 0.1},
    "e": {"jawOpen": 0.2, "mouthStretch": 0.22, "mouthSmile": 0.14, "mouthLowerDown": 0.18},
    "i": {"jawOpen": 0.1, "mouthSmile": 0.25, "mouthStretch": 0.25, "mouthLowerDown": 0.12},
    "o": {"jawOpen": 0.24, "mouthFunnel": 0.42, "mouthPucker": 0.2},
    "u": {"jawOpen": 0.1, "mouthPucker": 0.62, "mouthFunnel": 0.25},
    "@": {"jawOpen": 0.15, "mouthLowerDown": 0.12},
}
CONSONANTS = {
    "p": {
        "jawOpen": 0.05,
        "mouthClose": 0.05,
        "mouthPress": 0.25,
        "mouthRollLower": 0.15,
        "mouthRollUpper": 0.1,
    },
    "f": {"jawOpen": 0.05, "mouthRollLower": 0.45, "mouthUpperUp": 0.12},
    "t": {"jawOpen": 0.09, "mouthLowerDown": 0.15, "mouthUpperUp": 0.06},
    "s": {"jawOpen": 0.04, "mouthStretch": 0.22, "mouthLowerDown": 0.2, "mouthSmile": 0.1},
    "S": {"jawOpen": 0.08, "mouthFunnel": 0.4, "mouthPucker": 0.2, "mouthUpperUp": 0.1},
    "k": {"jawOpen": 0.15, "mouthLowerDown": 0.1},
    "r": {"jawOpen": 0.1, "mouthPucker": 0.3, "mouthFunnel": 0.2},
    "n": {"jawOpen": 0.08, "mouthLowerDown": 0.1},
}
CLOSING = "p"
DROP_OUT_RATE_HZ = 0.25
TRUTH_SHARE = 0.15
"How far the targets of recorded curves lean to the truth."


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """One synthesised stretch: float32 arrays of n frames."""

    clean: np.ndarray
    "[n, weights + 1]: the smoothed names, then the aperture that the speech wants."
    noisy: np.ndarray
    "[n, weights + 1]: the same, as an imperfect speech model gives it, held where it dropped out."
    valid: np.ndarray
    "[n]: 1 where heard, 0 in a drop-out."


def _vector(levels: dict[str, float]) -> np.ndarray:
    weights = np.zeros(len(ARKIT_NAMES))
    for part, value in levels.items():
        for full in (part, part + "Left", part + "Right"):
            if full in ARKIT_INDEX:
                weights[ARKIT_INDEX[full]] = value
    return weights


_PHONES = {name: _vector(levels) for name, levels in (VOWELS | CONSONANTS).items()}


@dataclass(frozen=True, slots=True)
class _Phone:
    name: str
    start_s: float
    end_s: float
    strength: float


def _utterance(rng: np.random.Generator, seconds: float) -> list[_Phone]:
    """Phones from 0 to `seconds`, with gaps where nobody speaks."""
    at, phones = float(rng.uniform(0, 0.6)), []
    rate, effort = float(rng.uniform(0.8, 1.35)), float(rng.uniform(0.6, 1.3))
    while at < seconds:
        for _ in range(int(rng.integers(3, 16))):
            for name in _syllable(rng):
                vowel = name in VOWELS
                length = float(rng.uniform(0.06, 0.18) if vowel else rng.uniform(0.05, 0.11)) / rate
                strength = effort * float(rng.uniform(0.6, 1.2))
                phones.append(_Phone(name, at, at + length, strength))
                at += length
        at += float(rng.uniform(0.15, 1.6))
    return phones


def _syllable(rng: np.random.Generator) -> list[str]:
    def consonant() -> str:
        return CLOSING if rng.random() < 0.2 else str(rng.choice(list(CONSONANTS)))

    onset = [consonant()] if rng.random() < 0.85 else []
    coda = [consonant()] if rng.random() < 0.35 else []
    return [*onset, str(rng.choice(list(VOWELS))), *coda]


def speech_curve(rng: np.random.Generator, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """A clean mouth, float64 [frames, 52], and whether somebody speaks, float64 [frames] 0 or 1."""
    times = (np.arange(frames) + 0.5) / FRAME_RATE
    phones = _utterance(rng, frames / FRAME_RATE)
    centre = np.array([(p.start_s + p.end_s) / 2 for p in phones])[:, None]
    half = np.array([(p.end_s - p.start_s) / 2 for p in phones])[:, None]
    reach = np.array([0.055 if p.name in VOWELS else 0.035 for p in phones])[:, None]
    outside = np.maximum(np.abs(times - centre) - half, 0.0)
    dominance = np.exp(-((outside / reach) ** 1.4))  # [phones, frames]
    targets = np.array([p.strength * _PHONES[p.name] for p in phones])
    rest = 0.06  # what pulls back to the closed mouth of silence
    mouth = dominance.T @ targets / (dominance.sum(0)[:, None] + rest)
    speaking = (dominance.max(0) > 0.5).astype(np.float64)
    for phone in phones:
        if phone.name == CLOSING:
            middle = (phone.start_s + phone.end_s) / 2
            width = max(0.045, (phone.end_s - phone.start_s) / 2)
            held = np.clip(1.6 - np.abs(times - middle) / width, 0.0, 1.0)[:, None]
            mouth = (1 - held) * mouth + held * _PHONES[CLOSING]
    return mouth, speaking


def spoil(rng: np.random.Generator, mouth: np.ndarray, speaking: np.ndarray) -> np.ndarray:
    """The mouth float64 [n, 52] as an imperfect model gives it: jitter, flicker of the whole mouth,
    spikes."""
    frames, count = mouth.shape
    level = float(np.exp(rng.uniform(np.log(0.0015), np.log(0.06))))
    activity = np.clip(np.abs(mouth).max(1, keepdims=True) * 3, 0.02, 1.0)
    white = rng.standard_normal((frames, count))
    colour = float(rng.uniform(0.0, 0.5))
    for i in range(1, frames):
        white[i] += colour * white[i - 1]
    used = (mouth.max(0) > 0.02) * rng.uniform(0.3, 1.0, count)
    noisy = mouth + level * activity * white * used
    flicker = 1 + min(0.16, 4 * level) * float(rng.random()) * rng.standard_normal((frames, 1))
    noisy *= np.where(speaking[:, None] > 0, flicker, 1.0)
    for frame in np.flatnonzero(rng.random(frames) < 0.008 * speaking):
        noisy[frame] = (1 - 0.6) * noisy[frame] + 0.6 * rng.permutation(mouth)[0]
    return np.clip(noisy, 0.0, 1.0)


def drop_outs(rng: np.random.Generator, frames: int) -> np.ndarray:
    """float64 [frames]: 1 where heard, 0 in gaps of 1 to 8 frames."""
    valid = np.ones(frames)
    for start in np.flatnonzero(rng.random(frames) < DROP_OUT_RATE_HZ / FRAME_RATE):
        if start > 5:
            valid[start : start + int(rng.integers(1, 9))] = 0.0
    return valid


def emotion_curve(rng: np.random.Generator, frames: int) -> np.ndarray:
    """Levels of the seven emotions, float64 [frames, 7]: none, or one after the other."""
    expression, levels = Expression(), np.zeros((frames, len(EMOTION_NAMES)))
    wanted, calm = np.zeros(len(EMOTION_NAMES)), rng.random() < 0.35
    for frame in range(frames):
        if not calm and rng.random() < 1 / (4 * FRAME_RATE):
            wanted = np.zeros(len(EMOTION_NAMES))
            wanted[rng.integers(len(EMOTION_NAMES))] = rng.uniform(0, 1)
        levels[frame] = expression.step(wanted)
    return levels


def make_sequence(seed: int, frames: int) -> Sequence:
    """The sequence of this seed."""
    rng = np.random.default_rng([seed, 0x5300])
    mouth, speaking = speech_curve(rng, frames)
    return _sequence(rng, mouth, spoil(rng, mouth, speaking), speaking)


def recorded_sequences(path: Path, frames: int, seed: int) -> tuple[list[Sequence], list[Sequence]]:
    """Sequences from a file of avatar_engine.training.recordings: (to learn from, the first tenth held out).

    Every other stretch of `frames` has the mouth that the speech model heard, the others the clean one
    spoilt.
    """
    with np.load(path) as data:
        columns = [ARKIT_INDEX[str(name)] for name in data["names"]]
        mouths = np.zeros((2, len(data["clean"]), len(ARKIT_NAMES)))
        mouths[0][:, columns], mouths[1][:, columns] = data["clean"], data["heard"]
        starts = np.concatenate([[0], np.cumsum(data["lengths"])])
    cuts = [at for a, b in pairwise(starts.tolist()) for at in range(a, b - frames + 1, frames)]
    made = []
    for number, at in enumerate(cuts):
        clean, heard = mouths[:, at : at + frames]
        speaking = (clean.max(1) > 0.02).astype(np.float64)
        for is_heard in (False, True):
            rng = np.random.default_rng([seed, number, is_heard])
            if is_heard:
                made.append(_sequence(rng, wished(heard, clean), heard, speaking))
            else:
                made.append(_sequence(rng, clean, spoil(rng, clean, speaking), speaking))
    held_out = len(made) // 10
    return made[held_out:], made[:held_out]


def wished(heard: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """What a smoother should make of a heard mouth, both float64 [n, 52]: smooth, in place, nearer to the
    clean one.

    The clean curve alone would teach it to mumble: where the speech model errs, the best guess on average is
    a half-open mouth (tried: vowels lost a fifth of their opening). Lips that were heard to meet stay as they
    are.
    """
    past, coming = np.vstack([heard[:1], heard[:-1]]), np.vstack([heard[1:], heard[-1:]])
    smooth = 0.7 * heard + 0.15 * (past + coming)
    smooth[aperture(heard) < 0.02] = heard[aperture(heard) < 0.02]
    return np.asarray((1 - TRUTH_SHARE) * smooth + TRUTH_SHARE * clean)


def _sequence(
    rng: np.random.Generator, clean: np.ndarray, noisy: np.ndarray, speaking: np.ndarray
) -> Sequence:
    """Both mouths float64 [n, 52] under one emotion, the noisy one with drop-outs."""
    levels, valid = emotion_curve(rng, len(clean)), drop_outs(rng, len(clean))
    noisy = noisy.copy()
    for frame in range(1, len(clean)):
        if not valid[frame]:
            noisy[frame] = noisy[frame - 1]
    return Sequence(
        _fused(clean, levels, speaking), _fused(noisy, levels, speaking), valid.astype(np.float32)
    )


def _fused(mouth: np.ndarray, levels: np.ndarray, speaking: np.ndarray) -> np.ndarray:
    columns = [ARKIT_INDEX[name] for name in SMOOTHED_NAMES]
    out = np.empty((len(mouth), len(columns) + 1), dtype=np.float32)
    for frame in range(len(mouth)):
        speech = in_range(mouth[frame])
        wanted = float(aperture(speech))
        face = in_range(weigh(mouth[frame], face_of(levels[frame]), speaking[frame]))
        face = fit_aperture(face, speech, *aperture_window(wanted))
        out[frame, :-1], out[frame, -1] = face[columns], wanted
    return out
