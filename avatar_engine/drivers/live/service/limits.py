"""How much of everything one client, one session and the server take. Knows numbers and the time only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused, and with which code, is said where it is checked."""

    sessions: int = 0
    "At once; 0: as many as the machine's measured cost allows."
    viewers: int = 8
    "Of one session."
    sockets: int = 8
    "Control sockets of one session."
    opening: int = 16
    "Sessions being opened at the same time."
    open_s: float = 15.0
    "In which the engine has to open a session."
    body_bytes: int = 65_536
    "Of an HTTP request: session options, an SDP offer, an ICE fragment."
    body_s: float = 10.0
    "In which a request's body has to arrive."
    watch_s: float = 15.0
    "In which an offer has to be answered."
    message_bytes: int = 65_536
    "Of a text message on the WebSocket."
    sound_bytes: int = 1_048_576
    "Of a binary message: ten seconds at 48 kHz."
    frame_bytes: int = 2_097_152
    "Of any message: beyond it the WebSocket is closed with 1009, before anything is read."
    text_chars: int = 4_000
    "Of the text of one message."
    utterance_chars: int = 20_000
    "Of all text of one utterance."
    utterance_s: float = 900.0
    "Of all sound of one utterance."
    id_chars: int = 128
    texts_per_s: float = 200.0
    texts_burst: int = 1_000
    "Text messages; one for each token of a quick language model fits."
    sounds_per_s: float = 1_000.0
    sounds_burst: int = 10_000
    "Binary messages: a minute of 20 ms pieces at once fits three times."
    dropped: int = 2_000
    "Messages over the rate until the socket is closed."
    outgoing: int = 256
    "Events waiting for one socket until it counts as too slow."
    outgoing_motion: int = 25
    "Of which motion, a second of it; older ones are dropped."
    stalled_s: float = 15.0
    "A socket whose peer takes nothing for that long is cut."
    chats: int = 4
    "Questions waiting for the chat relay."
    turns: int = 24
    "Of the conversation that the chat relay is told."
    abandoned_s: float = 60.0
    "A session without socket and viewer ends after."
    idle_s: float = 1_800.0
    "A session to which nobody says anything ends after; 0: never."
    connections: int = 1_000


class TokenBucket:
    """Lets `burst` through at once and `per_s` a second in the long run."""

    def __init__(self, per_s: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._now = now
        self._left = float(burst)
        self._filled = now()

    def take(self) -> bool:
        """Whether one more may pass."""
        now = self._now()
        self._left = min(self._burst, self._left + (now - self._filled) * self._per_s)
        self._filled = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
