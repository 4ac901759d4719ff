"""Events on their way to one socket: bounded, motion dropped first, a reader that stays behind is let go."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from avatar_engine.drivers.live.service.limits import Limits


class Farewell(NamedTuple):
    """How a socket is closed."""

    code: int
    reason: str


SLOW = Farewell(4408, "too slow: events were not read")
FLOOD = Farewell(4429, "too many messages")
DONE = Farewell(1000, "the session has ended")
GOING = Farewell(1001, "the server is shutting down")
EXPIRED = Farewell(4410, "the session has ended")
UNAUTHORIZED = Farewell(4401, "unauthorized")
NOT_FOUND = Farewell(4404, "no such session")
CROWDED = Farewell(4409, "too many sockets on this session")
FAILED = Farewell(1011, "the session failed")


class Outbox:
    """Texts in the order of their coming, at most `limits.outgoing`, `limits.outgoing_motion` of them motion.

    Whoever puts never waits. What is full of other things than motion belongs to a reader that does not
    read: the outbox then takes nothing more and closes the socket with SLOW.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: deque[tuple[str, bool]] = deque()
        self._motion = 0
        self._changed = asyncio.Event()
        self.wants_motion = False
        self.dropped = 0
        "Motion events that were not sent."
        self.farewell: Farewell | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, text: str) -> None:
        """An event that has to arrive."""
        if self.farewell is not None:
            return
        if len(self._waiting) >= self._limits.outgoing and not self._drop_motion():
            self._waiting.clear()
            self._motion = 0
            self.close(SLOW)
            return
        self._waiting.append((text, False))
        self._changed.set()

    def put_motion(self, text: str) -> None:
        """An event of which the newest counts: an older one goes where too many wait."""
        if self.farewell is not None:
            return
        is_full = len(self._waiting) >= self._limits.outgoing
        if (is_full or self._motion >= self._limits.outgoing_motion) and not self._drop_motion():
            self.dropped += 1
            return
        self._waiting.append((text, True))
        self._motion += 1
        self._changed.set()

    def close(self, farewell: Farewell) -> None:
        """Nothing more is taken; what waits is sent, then the socket is closed. The first one counts."""
        if self.farewell is None:
            self.farewell = farewell
            self._changed.set()

    async def take(self) -> str | None:
        """The next text; None when the outbox is closed and empty."""
        while not self._waiting:
            if self.farewell is not None:
                return None
            self._changed.clear()
            await self._changed.wait()
        text, is_motion = self._waiting.popleft()
        self._motion -= is_motion
        return text

    def _drop_motion(self) -> bool:
        for place, (_, is_motion) in enumerate(self._waiting):
            if is_motion:
                del self._waiting[place]
                self._motion -= 1
                self.dropped += 1
                return True
        return False
