"""What can go wrong for a client, in one shape for HTTP and WebSocket: code, message, retryable.

The codes are those of the live interface; the message is one line that names the value, what was expected and
what to do.
"""

from __future__ import annotations

import re
from typing import Any, Literal, TypeAlias, get_args

from avatar_engine.drivers.live.interface import Busy, Closed, Full, TooFast
from avatar_engine.drivers.voice.interface import ChatError, VoiceError
from avatar_engine.errors import AvatarError, UsageError

Code: TypeAlias = Literal[
    "bad_request",
    "unauthorized",
    "not_found",
    "busy",
    "too_large",
    "too_fast",
    "unsupported_audio",
    "renderer_failed",
    "worker_lost",
    "expired",
    "internal",
]
CODES: tuple[Code, ...] = get_args(Code)
STATUS: dict[Code, int] = {
    "bad_request": 422,
    "unauthorized": 401,
    "not_found": 404,
    "busy": 503,
    "too_large": 413,
    "too_fast": 429,
    "unsupported_audio": 422,
    "renderer_failed": 500,
    "worker_lost": 503,
    "expired": 410,
    "internal": 500,
}
LONGEST_MESSAGE = 400
LONGEST_QUOTE = 60


class Problem(AvatarError):  # noqa: N818 - what a client is told, also of its own doing
    """One thing that a client is told."""

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        status: int | None = None,
        retryable: bool = False,
        retry_after_s: int | None = None,
    ) -> None:
        message = one_line(message)
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.status = STATUS[code] if status is None else status
        self.retryable = retryable
        self.retry_after_s = retry_after_s

    def content(self) -> dict[str, Any]:
        """As it is sent."""
        return {"code": self.code, "message": self.message, "retryable": self.retryable}


def one_line(text: str) -> str:
    """Printable, in one line, not too long."""
    plain = re.sub(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]+", " ", text)
    plain = " ".join(plain.split())
    return plain if len(plain) <= LONGEST_MESSAGE else plain[: LONGEST_MESSAGE - 1] + "…"


def quote(value: object) -> str:
    """A value as a message shows it: never long, whatever the client sent."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        value = value[: LONGEST_QUOTE + 1]
    elif isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 128:
        return "a huge number"
    shown = repr(value)
    return shown if len(shown) <= LONGEST_QUOTE else shown[: LONGEST_QUOTE - 1] + "…"


def problem_of(error: BaseException) -> Problem:
    """What a client is told about `error`; of an unexpected one nothing but that it happened."""
    match error:
        case Problem():
            return error
        case Full():
            return Problem("busy", str(error), retryable=True, retry_after_s=error.retry_after_s)
        case Busy():
            return Problem("busy", str(error), retryable=True)
        case TooFast():
            return Problem("too_fast", str(error), retryable=True)
        case Closed():
            return Problem("expired", str(error))
        case VoiceError() | ChatError():
            return Problem("internal", str(error), status=502, retryable=error.retryable)
        case UsageError() | ValueError():
            return Problem("bad_request", str(error))
        case _:
            return Problem(
                "internal", "something went wrong here; the server's log says what", retryable=True
            )


def is_unexpected(error: BaseException) -> bool:
    """Whether it belongs into the log as a fault of ours."""
    return not isinstance(error, AvatarError | ValueError)
