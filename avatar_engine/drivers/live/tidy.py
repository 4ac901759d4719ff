"""Gives back what ended sessions leave behind: objects that know each other in circles (aiortc's connections
do), and the holes their sound and pictures leave in the heap.

Neither is a leak, but both look like one: memory of the server grew by 170 kB a session, for hundreds of
sessions, before the allocator found use for the holes.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
from collections.abc import Callable

AFTER_S = 0.5
"After a session has ended: its connections close meanwhile."


class Tidy:
    """Tidies up once after any number of sessions that ended together. Used on the event loop only."""

    def __init__(self) -> None:
        self._due: asyncio.TimerHandle | None = None
        self._trim = _trimmer()

    def soon(self) -> None:
        """A session has ended."""
        if self._due is None:
            self._due = asyncio.get_running_loop().call_later(AFTER_S, self._tidy)

    def close(self) -> None:
        """Not any more. Fine to call twice."""
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _tidy(self) -> None:
        self._due = None
        gc.collect()  # milliseconds: what was loaded at the start is frozen and not looked through
        if self._trim is not None:
            # Other threads go on meanwhile, as ctypes lets go of the interpreter.
            asyncio.get_running_loop().run_in_executor(None, self._trim)


def _trimmer() -> Callable[[], object] | None:
    """glibc's malloc_trim; None where the system's allocator is another."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return lambda: trim(0)
