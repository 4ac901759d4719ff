"""Small real stand-ins for the models that a session drives: same interfaces, no weights."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from avatar_engine.clock import SAMPLE_RATE, SAMPLES_PER_FRAME
from avatar_engine.config import MotionOptions
from avatar_engine.motion.mood import TextReading
from avatar_engine.names import ARKIT_INDEX, EMOTION_INDEX, EMOTION_NAMES
from avatar_engine.session import Session, SessionParts
from avatar_engine.types import AudioChunk, ExpressionFrame

LOOKAHEAD = 1280
SPEECH_NAMES = ("jawOpen", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight")
SMILE = ARKIT_INDEX["mouthSmileLeft"]


@dataclass(frozen=True)
class Heard:
    weights: np.ndarray
    voiced: np.ndarray
    loudness_db: np.ndarray
    pitch_hz: np.ndarray
    emotion: np.ndarray
    arousal: np.ndarray


class LoudnessStream:
    """Opens the jaw with loudness, as an ExpressionStream; frame i hears samples before 640 (i + 1) + 1280"""

    def __init__(self) -> None:
        self._samples = np.zeros(0, dtype=np.float32)
        self._total = 0
        self._next = 0

    def push(self, samples: np.ndarray) -> Heard:
        self._samples = np.concatenate([self._samples, samples])
        self._total += len(samples)
        return self._rows(max(0, (self._total - LOOKAHEAD) // SAMPLES_PER_FRAME))

    def flush(self) -> Heard:
        return self._rows(-(-self._total // SAMPLES_PER_FRAME))

    def _rows(self, until: int) -> Heard:
        loud = []
        while self._next < until:
            heard = self._samples[: SAMPLES_PER_FRAME + LOOKAHEAD].astype(np.float64)
            loud.append(float(np.sqrt(np.mean(heard**2))) if len(heard) else 0.0)
            self._samples = self._samples[SAMPLES_PER_FRAME:]
            self._next += 1
        rms = np.array(loud)
        jaw = np.clip(1.5 * rms, 0, 0.5)
        weights = (
            np.stack([jaw, jaw / 2, jaw / 2, 0 * jaw, 0 * jaw], axis=-1).astype(np.float32).reshape(-1, 5)
        )
        voiced = (rms > 0.02).astype(np.float32)
        return Heard(
            weights,
            voiced,
            (20 * np.log10(rms + 1e-5)).astype(np.float32),
            (120 * voiced).astype(np.float32),
            np.tile(np.float32([[0.1, 0.75, 0.2]]), (len(rms), 1)),
            np.full(len(rms), 0.5, dtype=np.float32),
        )


class NoSmoother:
    def step(self, weights: np.ndarray, wanted: float, valid: bool) -> tuple[np.ndarray, float]:
        return weights, wanted


class KeywordReader:
    """An EmotionReader that finds the names of emotions in the text."""

    names = EMOTION_NAMES

    def __init__(self) -> None:
        self.texts: list[str] = []

    def read(self, texts: list[str]) -> np.ndarray:
        self.texts += texts
        return np.array(
            [[0.9 if name in text else 0.05 for name in self.names] for text in texts], dtype=np.float32
        )

    def coverage(self, text: str) -> float:
        letters = [c for c in text if c.isalpha()]
        return sum(c.isascii() for c in letters) / len(letters) if letters else 1.0


@dataclass(frozen=True)
class TaggedSpan:
    text: str
    tag: str | None = None
    intensity: float = 1.0


def split(text: str) -> list[TaggedSpan]:
    """Sentences; [joy] or [joy:0.5] at the head of one is its tag."""
    spans = []
    for sentence in re.split(r"(?<=[.!?])\s+|(?<=。)", text):
        tagged = re.match(r"\s*\[(\w+)(?::([\d.]+))?\]\s*(.*)", sentence, re.DOTALL)
        if tagged:
            spans.append(TaggedSpan(tagged[3].strip(), tagged[1], float(tagged[2] or 1)))
        elif sentence.strip():
            spans.append(TaggedSpan(sentence.strip()))
    return spans


def parts(reader: KeywordReader | None = None) -> SessionParts:
    reader = reader or KeywordReader()
    return SessionParts(
        open_stream=LoudnessStream,
        speech_names=SPEECH_NAMES,
        vocal_emotions=("anger", "joy", "sadness"),
        lookahead_samples=LOOKAHEAD,
        open_smoother=NoSmoother,
        text=TextReading(split=split, reader=reader, coverage=reader.coverage),
    )


def new_session(seed: int = 0, **options: object) -> Session:
    return Session(parts(), MotionOptions(seed=seed, **options))  # type: ignore[arg-type]


def syllables(seconds: float, rate: float = 5.0, seed: int = 1) -> np.ndarray:
    """Noise that comes and goes `rate` times a second, float32 at 16 kHz."""
    n = round(seconds * SAMPLE_RATE)
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * rate * np.arange(n) / SAMPLE_RATE)
    noise = np.random.default_rng(seed).standard_normal(n)
    return (0.25 * (0.15 + swell) * noise).clip(-1, 1).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)


SPEECH = np.concatenate([silence(0.2), syllables(1.6), silence(0.5), syllables(1.1, seed=2)])
TEXT = "I feel such joy today. And [anger:0.7] then it was gone. "
"What is said in SPEECH."


def push(session: Session, samples: np.ndarray) -> None:
    session.push_audio(AudioChunk(session.position, samples))


def run(session: Session, samples: np.ndarray) -> list[ExpressionFrame]:
    """All frames of a speech pushed whole."""
    push(session, samples)
    frames = session.advance()
    session.finish()
    return frames + session.advance()


def weight(frames: list[ExpressionFrame], index: int) -> np.ndarray:
    return np.array([frame.weights[index] for frame in frames])


def assert_same_motion(a: list[ExpressionFrame], b: list[ExpressionFrame]) -> None:
    assert [f.index for f in a] == [f.index for f in b]
    for field in ("weights", "head_rad", "gaze_rad"):
        one = np.array([getattr(f, field) for f in a])
        other = np.array([getattr(f, field) for f in b])
        assert one.tobytes() == other.tobytes(), (
            f"{field} differ, first at frame {np.argmax((one != other).any(1))}"
        )


def emotion(name: str) -> int:
    return EMOTION_INDEX[name]
