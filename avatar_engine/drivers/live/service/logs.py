"""Structured logs: one JSON object a line and event. Never the text or the sound of a user, never a token.

An exception is logged by its type and the places it came through; its message, which may quote what a user
said, only with --debug.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

ROOT = "avatar_engine"
"The logger that all of ours descend from."
FOREIGN = ("uvicorn", "uvicorn.error", "websockets", "aiortc", "aioice", "asyncio")
"At warnings only: at INFO uvicorn logs the whole URL of a WebSocket, and with it the session's token."
FRAMES = 6


def event(logger: logging.Logger, name: str, /, *, level: int = logging.INFO, **fields: Any) -> None:
    """One line: `name` says what happened, `fields` with what numbers."""
    if logger.isEnabledFor(level):
        logger.log(level, name, extra={"fields": fields})


def failure(logger: logging.Logger, name: str, error: BaseException, /, **fields: Any) -> None:
    """One line for a fault of ours."""
    logger.error(name, extra={"fields": fields}, exc_info=error)


class JsonLines(logging.Formatter):
    """{"time": …, "level": …, "event": …, "logger": …, further fields}."""

    def __init__(self, *, with_messages: bool = False) -> None:
        super().__init__()
        self._with_messages = with_messages

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": " ".join(record.getMessage().split()),
            "logger": record.name,
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line.update(self._facts_of(record.exc_info[1]))
        return json.dumps(line, ensure_ascii=False, default=str)

    def _facts_of(self, error: BaseException) -> dict[str, Any]:
        frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
        facts: dict[str, Any] = {
            "error": type(error).__name__,
            "at": [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
        }
        if self._with_messages:
            facts["error_message"] = str(error)
        return facts


def configure(level: str, *, debug: bool, stream: TextIO | None = None) -> None:
    """Send what we and the libraries log to `stream` (stderr), as JSON lines."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonLines(with_messages=debug))
    for name in (ROOT, *FOREIGN):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(level.upper() if name == ROOT else logging.WARNING)
