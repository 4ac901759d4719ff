"""What the media plane and the control plane know of each other: protocols, events, errors. Knows no
network, no codec and no process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from avatar_engine.config import EmotionChoice
from avatar_engine.errors import AvatarError
from avatar_engine.types import PlaybackReport

ConversationState: TypeAlias = Literal["idle", "listening", "thinking", "speaking"]
SettableState: TypeAlias = Literal["idle", "listening", "thinking"]
SAMPLE_RATES = (16_000, 24_000, 48_000)
"Samples a second that speech may come in."
WAITING_UTTERANCES = 4
"Utterances that may wait behind the one being said."
MIRROR = "mirror"
"The utterance that microphone sound is pushed to."


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What one live session shows."""

    avatar: str
    size: int
    "Edge length of the picture in pixels, one of Engine.sizes."
    seed: int = 0
    emotion: EmotionChoice | None = None
    "Holds for the whole session and wins over text and voice."


class Full(AvatarError):  # noqa: N818 - named as in queue.Full
    """One more session does not fit this machine now."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Busy(AvatarError):  # noqa: N818 - named as in queue.Full
    """As many utterances as may wait are waiting."""


class TooFast(AvatarError):  # noqa: N818 - named as in queue.Full
    """More speech is queued for an utterance than the session holds; send the rest later."""


class Closed(AvatarError):  # noqa: N818 - named as in queue.Full
    """The session has ended, or the utterance is not open."""


class Unsupported(AvatarError):  # noqa: N818 - a state of things, as in queue.Full
    """Well said, and nothing that this engine can do."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The first sample of an utterance has left."""

    epoch: int
    utterance: str


@dataclass(frozen=True, slots=True)
class Caption:
    """A sentence begins to be said."""

    epoch: int
    utterance: str
    text: str
    start_s: float
    end_s: float
    "Seconds of the utterance's own sound; the end is a guess by counted syllables."


@dataclass(frozen=True, slots=True)
class SpeechFinished:
    """An utterance was said to its end, or as far as somebody let it."""

    epoch: int
    utterance: str
    position_s: float
    "Seconds of the utterance's own sound that left."
    interrupted: bool
    heard_text: str


@dataclass(frozen=True, slots=True)
class EmotionChanged:
    """Another emotion is in force."""

    epoch: int
    scores: Mapping[str, float]
    source: str
    "audio, text, tag or override."


@dataclass(frozen=True, slots=True)
class Motion:
    """The face that leaves now; 25 a second."""

    epoch: int
    pts_s: float
    weights: tuple[float, ...]
    "52 in the order of ARKIT_NAMES, 0..1."
    head_deg: tuple[float, float, float]
    gaze_deg: tuple[float, float]


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The conversation has another state."""

    epoch: int
    state: ConversationState


@dataclass(frozen=True, slots=True)
class Stats:
    """Numbers of the session, once a second."""

    epoch: int
    numbers: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Failed:
    """Something broke. Not retryable: the session is over."""

    epoch: int
    code: str
    "renderer_failed, worker_lost, expired or internal."
    message: str
    "One line for people."
    retryable: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over; no event follows."""

    epoch: int
    reason: str


Event: TypeAlias = (
    SpeechStarted | Caption | SpeechFinished | EmotionChanged | Motion | StateChanged | Stats | Failed | Ended
)


class Performance(Protocol):
    """One live session: own worker process, own clock, own tracks."""

    @property
    def options(self) -> SessionOptions: ...
    @property
    def epoch(self) -> int: ...
    @property
    def viewers(self) -> int:
        """Viewers connected or connecting."""
        ...

    def subscribe(self) -> asyncio.Queue[Event]:
        """A bounded queue of what happens from now on; it drops motion first, and Stats says so."""
        ...

    def unsubscribe(self, queue: asyncio.Queue[Event]) -> None:
        """No more events for this one; fine for one that is not known."""
        ...

    async def begin(self, utterance: str, sample_rate: int, text: str | None = None) -> None:
        """Open an utterance; it is said after those that wait. Busy, Closed; ValueError for a sample rate
        that is none of SAMPLE_RATES and an utterance that is already open; UsageError for a malformed tag
        in the text."""
        ...

    async def push(self, utterance: str, pcm16: bytes) -> None:
        """More of its sound, PCM16 little-endian mono, in pieces of any size, faster or slower than real
        time. TooFast (nothing of the piece is taken), Closed, ValueError for half a sample."""
        ...

    async def push_text(self, utterance: str, text: str) -> None:
        """More of its text. Closed, UsageError for a malformed tag."""
        ...

    async def end(self, utterance: str) -> None:
        """No more sound comes for it. Closed where it is not open."""
        ...

    async def interrupt(self) -> PlaybackReport | None:
        """Stop speaking and forget what waits; None: nothing was being said or waiting. `position` counts
        samples at 16 kHz of the interrupted utterance's own sound."""
        ...

    async def set_emotion(self, emotion: str | None, intensity: float, ttl_s: float | None) -> None:
        """Override text and voice; None ends the override. UsageError for an unknown name."""
        ...

    async def set_state(self, state: SettableState) -> None: ...
    async def mirror(self, sample_rate: int | None) -> None:
        """Microphone mode on (its sample rate) or off (None); its sound then comes by push(MIRROR, ...)."""
        ...

    async def watch(self, offer_sdp: str) -> tuple[str, str]:
        """(viewer id, answer SDP). ValueError of one line for a malformed offer, Full for one viewer too
        many."""
        ...

    async def add_candidate(self, viewer: str, sdp_fragment: str) -> None:
        """Trickle ICE (RFC 8840 fragment). KeyError for an unknown viewer, ValueError for a malformed
        fragment, Unsupported for an ICE restart."""
        ...

    async def unwatch(self, viewer: str) -> None:
        """KeyError for an unknown viewer."""
        ...

    async def close(self, reason: str) -> None:
        """End it; subscribers get Ended. Fine to call twice."""
        ...


class Engine(Protocol):
    """The media plane of one server process."""

    @property
    def ready(self) -> bool: ...
    @property
    def default_size(self) -> int: ...
    @property
    def sizes(self) -> tuple[int, ...]: ...
    @property
    def avatars(self) -> tuple[str, ...]: ...
    @property
    def device(self) -> str: ...

    def picture(self, avatar: str) -> Path | None:
        """A small picture of an avatar, a WebP file; None where there is none."""
        ...

    async def start(self) -> None:
        """Warm one worker and measure what a frame costs at each size; ready afterwards."""
        ...

    async def open(self, options: SessionOptions) -> Performance:
        """Full where it does not fit; UsageError for an unknown avatar or size."""
        ...

    async def close(self) -> None:
        """End all sessions and workers, gracefully."""
        ...

    def numbers(self) -> dict[str, float]:
        """For /metrics: webrtc_first_frame_ms, avatar_first_frame_ms, render_fps, av_drift_ms, interrupt_ms
        (each with _median and _p95), queue_depth, sessions, rejected, dropped_frames, repeated_frames,
        memory_bytes."""
        ...
