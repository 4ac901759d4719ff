"""What a live engine tells its client, as dataclasses, and what it refuses, as exceptions. Standard library
only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from avatar_engine.errors import AvatarError


class AvatarClientError(AvatarError):
    """The engine refused something, or cannot be reached."""

    def __init__(
        self, code: str, message: str, retryable: bool = False, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        "One of the contract (bad_request, unauthorized, busy, …) or connection_lost."
        self.message = message
        self.retryable = retryable
        "Whether the same may well work a moment later."
        self.retry_after_s = retry_after_s
        "How long the engine asked to wait, where it did."


class ConnectionLost(AvatarClientError):  # noqa: N818 - a state of things, as in queue.Full
    """No connection, or none any more: the session is over for this client; `connect` opens a new one."""

    def __init__(self, message: str) -> None:
        super().__init__("connection_lost", message, retryable=True)


@dataclass(frozen=True, slots=True)
class Ready:
    """The first event: what the engine can, and this session."""

    fields: Mapping[str, Any]
    "All that it says: session_id, avatar, size, avatars, sizes, device, voice, chat, limits …"

    @property
    def has_voice(self) -> bool:
        return bool(self.fields.get("voice"))

    @property
    def has_chat(self) -> bool:
        return bool(self.fields.get("chat"))


@dataclass(frozen=True, slots=True)
class State:
    state: str
    "idle, listening, thinking or speaking."


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The first sound of a speech is heard."""

    id: str


@dataclass(frozen=True, slots=True)
class Caption:
    """A sentence begins to be said; seconds of its speech's own sound."""

    id: str
    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SpeechFinished:
    """A speech was said to its end, or as far as somebody let it."""

    id: str
    position_s: float
    "Seconds of the speech's own sound that were heard."
    interrupted: bool
    heard_text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """Answer to an interrupt: what was heard of the speech that it broke off."""

    id: str | None
    "Of the interrupt."
    utterance: str | None
    "Of the speech; None: nothing was being said."
    position_s: float
    heard_text: str


@dataclass(frozen=True, slots=True)
class Emotion:
    scores: Mapping[str, float]
    source: str
    "audio, text, tag or override."


@dataclass(frozen=True, slots=True)
class Motion:
    """The face that is shown now."""

    pts_s: float
    weights: tuple[float, ...]
    "In the order of Ready.fields['motion_names'], the ARKit-52 names; 0..1."
    head_deg: tuple[float, ...]
    gaze_deg: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Stats:
    numbers: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Error:
    """What the engine refuses or lost; those that belong to a call are raised there as well."""

    code: str
    message: str
    retryable: bool
    id: str | None

    def exception(self) -> AvatarClientError:
        return AvatarClientError(self.code, self.message, self.retryable)


@dataclass(frozen=True, slots=True)
class Other:
    """An event that this client does not know."""

    type: str
    fields: Mapping[str, Any]


Event: TypeAlias = (
    Ready
    | State
    | SpeechStarted
    | Caption
    | SpeechFinished
    | Heard
    | Emotion
    | Motion
    | Stats
    | Error
    | Other
)


def read_event(message: str | bytes) -> Event:
    """An event as it was sent; ValueError with one line for what is none."""
    try:
        fields = json.loads(message)
    except (ValueError, RecursionError):
        raise ValueError(f"{len(message)} characters that are not JSON") from None
    kind = fields.get("type") if isinstance(fields, dict) else None
    if not isinstance(kind, str):
        raise ValueError("a message without a type")
    make = _KINDS.get(kind)
    if make is None:
        return Other(kind, fields)
    try:
        return make(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{kind} with a field that is missing or wrong ({error})") from None


def said(error: BaseException) -> str:
    """An error's own words, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _optional(value: Any) -> str | None:
    return None if value is None else str(value)


def _scores(values: Any) -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items()}


_KINDS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "ready": lambda f: Ready({key: value for key, value in f.items() if key != "type"}),
    "state": lambda f: State(str(f["state"])),
    "speech.started": lambda f: SpeechStarted(str(f["id"])),
    "caption": lambda f: Caption(str(f["id"]), str(f["text"]), float(f["start_s"]), float(f["end_s"])),
    "speech.finished": lambda f: SpeechFinished(
        str(f["id"]), float(f["position_s"]), bool(f["interrupted"]), str(f["heard_text"])
    ),
    "interrupted": lambda f: Heard(
        _optional(f.get("id")), _optional(f["utterance"]), float(f["position_s"]), str(f["heard_text"])
    ),
    "emotion": lambda f: Emotion(_scores(f["scores"]), str(f["source"])),
    "motion": lambda f: Motion(
        float(f["pts_s"]), _numbers(f["weights"]), _numbers(f["head_deg"]), _numbers(f["gaze_deg"])
    ),
    "stats": lambda f: Stats({key: value for key, value in f.items() if key != "type"}),
    "error": lambda f: Error(
        str(f["code"]), str(f["message"]), bool(f.get("retryable")), _optional(f.get("id"))
    ),
}
