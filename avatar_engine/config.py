"""Every option of the engine, with its one default. Knows ranges and names; reads no file and no environment.

Options are frozen dataclasses. `options_from` makes one from keys and values (a query, a CSV row, a command
line): an unknown key is a UsageError that names the nearest known one.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from avatar_engine.errors import UsageError
from avatar_engine.names import EMOTION_NAMES

SIZES = (256, 384, 512)
"Edge lengths in pixels that every avatar can be drawn at."
DEVICES = ("auto", "cpu", "cuda")
LARGEST_SEED = 2**63 - 1

OptionsT = TypeVar("OptionsT")


def nearest(word: str, known: Iterable[str]) -> str:
    """' (did you mean 'x'?)' for the known word that looks most like `word`, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check_emotion(name: str) -> str:
    """`name` if it is one of the seven; UsageError with the nearest one if not."""
    if name not in EMOTION_NAMES:
        raise UsageError(
            f"unknown emotion {name!r}{nearest(name, EMOTION_NAMES)}: use one of {', '.join(EMOTION_NAMES)}"
        )
    return name


def _check_range(value: float, name: str, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UsageError(f"{name} must be a number in {low}..{high}, not {value!r}")
    if not low <= value <= high:
        raise UsageError(f"{name} must lie in {low}..{high}, not {value}")


@dataclass(frozen=True, slots=True)
class EmotionChoice:
    """An emotion that somebody asked for by name."""

    name: str
    intensity: float = 1.0
    "0..1."

    def __post_init__(self) -> None:
        check_emotion(self.name)
        _check_range(self.intensity, "emotion intensity", 0, 1)

    @classmethod
    def parse(cls, text: str) -> EmotionChoice:
        """'joy' or 'joy:0.8'; UsageError where it is neither."""
        name, colon, number = text.strip().partition(":")
        if not colon:
            return cls(name)
        try:
            return cls(name, float(number))
        except ValueError:
            raise UsageError(
                f"emotion {text!r}: after the colon comes a number in 0..1, not {number!r}"
            ) from None


@dataclass(frozen=True, slots=True)
class MotionOptions:
    """How a face moves."""

    seed: int = 0
    "Blinks, gaze, sway and small asymmetries follow from it: the same seed and speech give the same motion."
    emotion: EmotionChoice | None = None
    "Holds for the whole session and wins over text and voice; None: the emotion comes from them."
    emotion_strength: float = 1.0
    "Scales every emotional expression, 0..1.5; 0 is a poker face."
    liveliness: float = 1.0
    "Scales head sway, gaze shifts and small movements of brows, 0..2; blinks stay human."
    emotion_model: Path | None = None
    "A local Hugging Face sequence-classification folder in place of the shipped text model."

    def __post_init__(self) -> None:
        if (
            isinstance(self.seed, bool)
            or not isinstance(self.seed, int)
            or not 0 <= self.seed <= LARGEST_SEED
        ):
            raise UsageError(f"seed must be a whole number in 0..{LARGEST_SEED}, not {self.seed!r}")
        _check_range(self.emotion_strength, "emotion_strength", 0, 1.5)
        _check_range(self.liveliness, "liveliness", 0, 2)


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How a face is drawn."""

    avatar: str = "ava"
    size: int = 512
    "Edge length of the square picture in pixels."
    device: str = "auto"
    "auto: CUDA where PyTorch finds it, else the processor."
    threads: int = 2
    "Processor threads of the generator; the picture's last bit depends on it."

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise UsageError(f"size must be one of {', '.join(map(str, SIZES))}, not {self.size!r}")
        if self.device not in DEVICES:
            raise UsageError(
                f"unknown device {self.device!r}{nearest(str(self.device), DEVICES)}: "
                f"use one of {', '.join(DEVICES)}"
            )
        if (
            isinstance(self.threads, bool)
            or not isinstance(self.threads, int)
            or not 1 <= self.threads <= 256
        ):
            raise UsageError(f"threads must be a whole number in 1..256, not {self.threads!r}")


def options_from(kind: type[OptionsT], values: Mapping[str, Any]) -> OptionsT:
    """An instance of the options dataclass `kind` from keys and already typed values.

    UsageError for a key that it does not have (with the nearest one that it has) and for a value out of
    range.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            raise UsageError(
                f"unknown option {key!r}{nearest(key, known)}: {kind.__name__} has {', '.join(known)}"
            )
    return kind(**values)
