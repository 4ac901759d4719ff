"""A progress bar on a terminal, silence in a pipe. Standard library only."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType
from typing import Self, TextIO

REDRAW_S = 0.1
LONGEST_BAR = 40


class ProgressBar:
    """Frames done of frames to do. Nothing is printed unless `stream` is a terminal."""

    def __init__(self, label: str, stream: TextIO | None = None) -> None:
        self._label = label
        self._total: int | None = None
        self._stream = stream if stream is not None else sys.stderr
        self._is_shown = self._stream.isatty()
        self._start = time.monotonic()
        self._drawn = -REDRAW_S
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown and self._done:
            self._draw()
            self._stream.write("\n")
            self._stream.flush()

    def show(self, done: int, total: int | None) -> None:
        """So many frames are done, of so many (None: not known)."""
        self._done, self._total = done, total
        if self._is_shown and time.monotonic() - self._start - self._drawn >= REDRAW_S:
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic() - self._start
        speed = self._done / self._drawn if self._drawn > 0 else 0.0
        line = f"{self._label} {self._bar()}{speed:.0f} frames/s{self._rest(speed)}"
        width = shutil.get_terminal_size().columns - 1
        self._stream.write("\r" + line[:width].ljust(width))
        self._stream.flush()

    def _bar(self) -> str:
        if not self._total:
            return f"{self._done} frames  "
        share = min(1.0, self._done / self._total)
        filled = round(share * LONGEST_BAR)
        return f"[{'#' * filled}{'.' * (LONGEST_BAR - filled)}] {share:4.0%}  "

    def _rest(self, speed: float) -> str:
        if not self._total or not speed:
            return ""
        left = max(0.0, (self._total - self._done) / speed)
        return f"  {int(left) // 60}:{int(left) % 60:02} left"
