"""The mouth on speech it never heard, language by language and in every kind of recording. Knows sessions and
damage, no lips of its own.

Session files are those of corpus.py (`held_out*.npz`): synthetic voices that are never trained on, and real
readers aligned with their text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from audio2expr import Audio2Expr
from audio2expr.training import augment, corpus, shapes
from audio2expr.training.corpus import Session
from audio2expr.training.evaluate import Track, measure
from audio2expr.training.phones import SILENCE, Phone

SNR_DB = 10.0
SHOWN = (
    "closure_recall", "closure_recall_strict", "bilabials", "false_closures_per_s",
    "false_closures_inside_per_s", "open_over_closed", "open_over_round", "bitten_gap", "silence_gap_max",
    "silence_motion_max", "jitter",
)  # fmt: skip

Damage = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _mixed(sound: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Speech with another sound of unit RMS SNR_DB below it."""
    level = augment.speech_level(sound) * 10 ** (-SNR_DB / 20)
    return np.asarray(sound + other * np.float32(level), np.float32)


def _pink(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return _mixed(sound, augment.coloured(len(sound), random, 0.5))


def _white(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return _mixed(sound, augment.coloured(len(sound), random, 0.0))


def _music(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return _mixed(sound, augment.music(len(sound), random))


def _clipped(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.asarray(np.clip(sound * 4 / np.abs(sound).max(), -1, 1), np.float32)


def _telephone(sound: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return augment.mu_law(augment.telephone(sound, 300, 3400))


CONDITIONS: dict[str, Damage] = {
    "clean": lambda sound, random: sound,
    "pink noise 10 dB": _pink,
    "white noise 10 dB": _white,
    "music 10 dB": _music,
    "reverberation": lambda sound, random: augment.room(sound, random),
    "telephone": _telephone,
    "clipping": _clipped,
    "20 dB quieter": lambda sound, random: np.asarray(sound * 0.1, np.float32),
    "whispered": lambda sound, random: augment.whisper(sound, random),
}


def damaged(session: Session, condition: str) -> Session:
    """The session as recorded under a condition; the same every time."""
    random = np.random.default_rng(sum(session.key.encode()) + len(session.samples))
    sound = CONDITIONS[condition](session.samples, random)
    peak = max(1.0, float(np.abs(sound).max()))
    return replace(session, samples=np.asarray(sound / np.float32(peak), np.float32))


def gap_of(model: Audio2Expr, samples: np.ndarray) -> np.ndarray:
    """Aperture of the model's mouth over a sound; float64 [frames]."""
    stream = model.stream()
    weights = np.concatenate([stream.push(samples).weights, stream.flush().weights])
    plain = [n.removesuffix("Left").removesuffix("Right") for n in model.names]
    row = [
        shapes.GAP[p] / (2 if n.endswith(("Left", "Right")) else 1)
        for p, n in zip(plain, model.names, strict=True)
    ]
    return np.asarray(weights @ np.array(row) + shapes.GAP_AT_REST)


def by_voice(
    model: Audio2Expr, files: list[Path], condition: str, longest_s: float = 60.0
) -> dict[str, dict[str, float]]:
    """What SHOWN names, for each voice of the session files under a condition; at most `longest_s` of speech
    a voice."""
    sessions = [s for path in files for s in corpus.load(path)]
    out = {}
    for key in sorted({s.key for s in sessions}):
        tracks, spent_s = [], 0.0
        for session in (s for s in sessions if s.key == key):
            if spent_s >= longest_s:
                break
            spent_s += len(session.samples) / augment.SAMPLE_RATE
            tracks.append(Track(key, session.phones, gap_of(model, damaged(session, condition).samples)))
        report = asdict(measure(tracks))
        out[key] = {name: float(report[name]) for name in SHOWN if name in report}
    return out


def quiet(model: Audio2Expr, seconds: float = 20.0) -> dict[str, float]:
    """Largest step of the aperture from frame to frame where nobody speaks, by kind of sound."""
    random = np.random.default_rng(5)
    n = int(seconds * augment.SAMPLE_RATE)
    sounds = {
        "digital silence": np.zeros(n, np.float32),
        "white noise -45 dB": augment.coloured(n, random, 0.0) * np.float32(10 ** (-45 / 20)),
        "pink noise -30 dB": augment.coloured(n, random, 0.5) * np.float32(10 ** (-30 / 20)),
        "music -25 dB": augment.music(n, random) * np.float32(10 ** (-25 / 20)),
        "breaths": augment.breaths(n, random),
        "laughter": augment.laughter(n, random),
    }
    made = {}
    for name, sound in sounds.items():
        phones = [Phone(0.0, seconds, SILENCE)]
        gap = gap_of(model, np.asarray(sound, np.float32))
        made[name] = float(np.abs(np.diff(Track(name, phones, gap).gap)).max())
    return made


def as_table(found: dict[str, dict[str, float]]) -> str:
    """One line a voice, for a terminal or a log."""
    columns = list(next(iter(found.values())))
    lines = ["| voice | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for key, values in found.items():
        lines.append(f"| {key} | " + " | ".join(f"{values[c]:.3g}" for c in columns) + " |")
    return "\n".join(lines)
