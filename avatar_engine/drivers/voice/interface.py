"""What the live engine asks of a voice and of a chat relay, and how they say what went wrong.

Both are asynchronous generators: leave the loop (or `aclose` it) and what runs behind it, a child process or
an HTTP stream, ends at once. Several texts may be spoken at the same time by one voice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypedDict

from avatar_engine.errors import AvatarError


class Turn(TypedDict):
    """One turn of a conversation, as in the OpenAI chat protocol."""

    role: Literal["user", "assistant"]
    content: str


class VoiceError(AvatarError):
    """The voice cannot say this. One line: what, which value, what to do."""

    def __init__(self, message: str, retryable: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        "Whether the same text may well be said a moment later."
        self.retry_after_s = retry_after_s
        "How long the server asked us to wait, where it did."


class ChatError(AvatarError):
    """The chat relay has no (more) answer. One line: what, which value, what to do."""

    def __init__(self, message: str, retryable: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = retryable
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no voice or chat relay, and what to do about it."""

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}"


class Voice(Protocol):
    """Text -> speech."""

    @property
    def name(self) -> str:
        """What speaks, for people: "espeak-ng 1.52", "tts-1 alloy at speech.example"."""
        ...

    @property
    def sample_rate(self) -> int:
        """Hertz of the speech: 16 000, 24 000 or 48 000."""
        ...

    def speak(self, text: str) -> AsyncIterator[bytes]:
        """PCM16 mono (little-endian, whole samples) in pieces, as they come; maybe faster than real time.

        Nothing comes for a text without anything to say. Emotion tags ([joy]) must be out of the text
        already (`spoken.without_tags`). VoiceError on the way ends it.
        """
        ...

    async def close(self) -> None:
        """Ends what still runs; may be called twice."""
        ...


class ChatRelay(Protocol):
    """Text -> answer."""

    @property
    def name(self) -> str:
        """What answers, for people: "gpt-4o-mini at chat.example"."""
        ...

    def answer(self, text: str, history: Sequence[Turn]) -> AsyncIterator[str]:
        """The answer in sentences, as they come, each once; joined by nothing they are the answer verbatim
        (blanks and emotion tags included).

        `history` holds the earlier turns, oldest first; of a long one only the newest part is sent. The
        caller keeps it. ChatError on the way ends it; sentences given before stand.
        """
        ...

    async def close(self) -> None:
        """Ends what still runs; may be called twice."""
        ...
