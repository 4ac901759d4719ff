"""What a client may say on the WebSocket, typed and checked, and how events are told. Knows no session.

One table, `KINDS`, holds every message with its fields: parsing, error messages and the documentation at
/docs come from it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from avatar_engine.config import nearest
from avatar_engine.drivers.live.interface import SAMPLE_RATES
from avatar_engine.drivers.live.service.checks import check_unicode, json_object, number, one_of, whole
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.problems import Problem, quote
from avatar_engine.names import EMOTION_NAMES

MessageId = str | int
STATES = ("idle", "listening", "thinking")
LONGEST_TTL_S = 86_400.0
LARGEST_ID = 2**53 - 1
"Larger ones do not come back from JavaScript as they went."

Check = Callable[[Any, str, Limits], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    check: Check
    says: str
    "For people: its range."
    is_needed: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """One checked message; `values` has every field of its kind, None where it was left out."""

    kind: str
    values: Mapping[str, Any]
    id: MessageId | None


def _text(value: Any, name: str, limits: Limits) -> str:
    if not isinstance(value, str):
        raise Problem("bad_request", f"{name} must be a string, not {quote(value)}")
    if len(value) > limits.text_chars:
        raise Problem(
            "too_large",
            f"{name} has {len(value)} characters, at most {limits.text_chars} fit; send it in parts",
        )
    return check_unicode(value, name)


def _words(value: Any, name: str, limits: Limits) -> str:
    text = _text(value, name, limits)
    if not text.strip():
        raise Problem("bad_request", f"{name} must not be empty")
    return text


def _sample_rate(value: Any, name: str, limits: Limits) -> int:
    rate = whole(value)
    if isinstance(rate, bool) or not isinstance(rate, int) or rate not in SAMPLE_RATES:
        raise Problem(
            "unsupported_audio",
            f"{name} must be one of {_listed(SAMPLE_RATES)} (PCM16 mono), not {quote(value)}",
        )
    return rate


def _emotion(value: Any, name: str, limits: Limits) -> str | None:
    if value is None:
        return None
    return one_of(EMOTION_NAMES, value, name)


def _state(value: Any, name: str, limits: Limits) -> str:
    return one_of(STATES, value, name)


def _intensity(value: Any, name: str, limits: Limits) -> float:
    return number(value, name, 0.0, 1.0)


def _ttl(value: Any, name: str, limits: Limits) -> float | None:
    return None if value is None else number(value, name, 0.0, LONGEST_TTL_S)


_RATE = Field(_sample_rate, f"one of {', '.join(map(str, SAMPLE_RATES))}")
KINDS: dict[str, tuple[str, dict[str, Field]]] = {
    "speech.start": (
        "Speech begins: binary messages, PCM16 little-endian mono, follow.",
        {
            "sample_rate": _RATE,
            "text": Field(_text, "what is said; tags such as [joy] set the emotion", is_needed=False),
        },
    ),
    "speech.text": ("More of the text of the speech that streams.", {"text": Field(_text, "what is said")}),
    "speech.end": ("The speech is complete.", {}),
    "say": ("The engine's own voice says it.", {"text": Field(_words, "what is said")}),
    "chat": ("The chat relay answers, the engine's voice says it.", {"text": Field(_words, "a question")}),
    "emotion.set": (
        "Overrides the emotion of text and voice.",
        {
            "emotion": Field(_emotion, f"one of {', '.join(EMOTION_NAMES)}; null ends the override"),
            "intensity": Field(_intensity, "0..1, else 1", is_needed=False),
            "ttl_s": Field(_ttl, "seconds that it holds, else until the next", is_needed=False),
        },
    ),
    "state.set": ("State of the conversation.", {"state": Field(_state, f"one of {', '.join(STATES)}")}),
    "interrupt": ("Stops speaking at once; answered by `interrupted`.", {}),
    "motion.subscribe": ("From now on `motion` events, 25 a second.", {}),
    "motion.unsubscribe": ("No more `motion` events.", {}),
    "mirror.start": (
        "Microphone mode: binary messages are spoken by the avatar at once.",
        {"sample_rate": _RATE},
    ),
    "mirror.stop": ("Ends microphone mode.", {}),
}

EVENTS: dict[str, str] = {
    "ready": "session_id, avatar, size, avatars, sizes, device, voice, chat, motion_names, limits: the first",
    "state": "state: idle, listening, thinking or speaking; id of the state.set that asked for it",
    "speech.started": "id: its first sound leaves",
    "caption": "id, text, start_s, end_s: a sentence begins; seconds of the speech's own sound",
    "speech.finished": "id, position_s, interrupted, heard_text: said, or as far as somebody let it",
    "interrupted": "id, utterance, position_s, heard_text: answer to interrupt, to the socket that asked",
    "emotion": "scores, source (audio, text, tag or override), whenever another is in force, once one was"
    " felt; id of the emotion.set that asked for it",
    "motion": "pts_s, weights (in the order of motion_names), head_deg, gaze_deg",
    "stats": "numbers of the session, once a second",
    "error": "code, message, retryable; id of the message that caused it",
}


def read_object(text: str, limits: Limits) -> dict[str, Any]:
    """The JSON object in a text message."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if size > limits.message_bytes:
        raise Problem("too_large", f"a text message of {size} bytes, at most {limits.message_bytes} fit")
    return json_object(text)


def message_id(content: Mapping[str, Any], limits: Limits) -> MessageId | None:
    """The message's own name; a Problem where it is none that could be echoed."""
    value = content.get("id")
    match value:
        case None:
            return None
        case str() if 1 <= len(value) <= limits.id_chars:
            return check_unicode(value, "id")
        case int() if not isinstance(value, bool) and -LARGEST_ID <= value <= LARGEST_ID:
            return value
    raise Problem(
        "bad_request",
        f"id must be a string of 1..{limits.id_chars} characters or a whole number, not {quote(value)}",
    )


def parse(content: Mapping[str, Any], limits: Limits) -> Message:
    """The message in a JSON object; a Problem for everything that is not in KINDS."""
    name = content.get("type")
    if not isinstance(name, str):
        raise Problem("bad_request", f'a message has a "type" (a string), not {quote(name)}')
    if name not in KINDS:
        raise Problem(
            "bad_request",
            f"unknown type {quote(name)}{nearest(name[:64], KINDS)}: use one of {', '.join(KINDS)}",
        )
    known = KINDS[name][1]
    for key in content:
        if key not in known and key not in ("type", "id"):
            hint = nearest(key[:64], known) or f": it has {', '.join(known) or 'none'}"
            raise Problem("bad_request", f"{name}: unknown field {quote(key)}{hint}")
    values: dict[str, Any] = {}
    for key, field in known.items():
        if key in content and (content[key] is not None or field.is_needed):
            values[key] = field.check(content[key], f"{name}: {key}", limits)
        elif field.is_needed:
            code = "unsupported_audio" if key == "sample_rate" else "bad_request"
            raise Problem(code, f"{name}: {key} is missing: {field.says}")  # type: ignore[arg-type]
        else:
            values[key] = None
    return Message(name, values, message_id(content, limits))


def event_text(kind: str, **fields: Any) -> str:
    """An event as it is sent. ASCII only, so that nothing a client sent can break the encoding."""
    return json.dumps({"type": kind, **fields}, allow_nan=False, separators=(",", ":"))


def error_text(problem: Problem, message: MessageId | None = None) -> str:
    """The `error` event."""
    echo = {} if message is None else {"id": message}
    return event_text("error", **problem.content(), **echo)


def _listed(values: tuple[object, ...]) -> str:
    return ", ".join(map(str, values))
