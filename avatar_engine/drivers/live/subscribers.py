"""Events to whoever listens, through bounded queues: motion is dropped first, then what is oldest."""

from __future__ import annotations

import asyncio

from avatar_engine.drivers.live.interface import Event, Motion

WAITING_EVENTS = 512
WAITING_WITH_MOTION = 64
"Once so many events wait for a listener, motion is left out."


class Subscribers:
    """Used on the event loop only."""

    def __init__(self) -> None:
        self._queues: list[asyncio.Queue[Event]] = []
        self.dropped = 0
        "Events that a listener was too slow for."

    @property
    def any(self) -> bool:
        return bool(self._queues)

    def add(self) -> asyncio.Queue[Event]:
        queue: asyncio.Queue[Event] = asyncio.Queue()
        self._queues.append(queue)
        return queue

    def remove(self, queue: asyncio.Queue[Event]) -> None:
        self._queues = [other for other in self._queues if other is not queue]

    def publish(self, event: Event) -> None:
        for queue in self._queues:
            if isinstance(event, Motion) and queue.qsize() >= WAITING_WITH_MOTION:
                self.dropped += 1
                continue
            if queue.qsize() >= WAITING_EVENTS:
                queue.get_nowait()
                self.dropped += 1
            queue.put_nowait(event)
