"""Workers to take: one is always warm, so that a session opens, or goes on, at once. On the CPU each session
has a worker of its own; on a GPU one worker has all of them, so that they are drawn in one batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from avatar_engine.drivers.live.worker.handle import Seat, WorkerError, WorkerProcess

TRIES = 3
BREATH_S = 1.0
"Before another try, and before a spare is made where one was just taken: who came first draws first."


class Pool:
    """Makes a spare whenever one was taken."""

    def __init__(
        self, make: Callable[[], WorkerProcess], avatar: str, size: int, *, keeps_spare: bool = True
    ) -> None:
        """keeps_spare: else the next one is made when it is asked for, which takes seconds."""
        self._make = make
        self._avatar = avatar
        self._size = size
        self._keeps_spare = keeps_spare
        self._spare: asyncio.Task[WorkerProcess] | None = None
        self._hurry = asyncio.Event()
        self._closed = False

    async def start(self) -> WorkerProcess:
        """Make the first spare; it stays in the pool. WorkerError."""
        self._spare = asyncio.create_task(self._warmed(0.0))
        return await asyncio.shield(self._spare)

    async def seat(self) -> Seat:
        """A place for one session in a worker of its own. WorkerError."""
        return (await self.take()).seat()

    async def take(self) -> WorkerProcess:
        """A warm worker, the caller's from now on. WorkerError where none can be made."""
        for attempt in range(TRIES):
            if self._closed:
                raise WorkerError("the engine is closing")
            spare, self._spare = self._spare, None
            if spare is None:
                spare = asyncio.create_task(self._warmed(0.0))
            self._hurry.set()
            try:
                worker = await spare
            except WorkerError:
                if attempt + 1 == TRIES:
                    raise
                await asyncio.sleep(BREATH_S)
                continue
            if worker.is_alive:
                if self._keeps_spare and not self._closed and self._spare is None:
                    self._hurry = asyncio.Event()
                    self._spare = asyncio.create_task(self._warmed(BREATH_S))
                return worker
        raise WorkerError("no worker stays alive; `avatar-engine doctor` may know why")

    async def close(self) -> None:
        """End the spare, warm or not."""
        self._closed = True
        spare, self._spare = self._spare, None
        if spare is None:
            return
        spare.cancel()
        with suppress(WorkerError, asyncio.CancelledError):
            (await spare).end()

    async def _warmed(self, after_s: float) -> WorkerProcess:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), after_s)
        worker = self._make()
        try:
            await worker.warm(self._avatar, self._size)
        except BaseException:
            worker.end()
            raise
        return worker


class SharedWorker:
    """One of the pool's workers for all sessions; where it is lost, the pool's next one for all of them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._worker: WorkerProcess | None = None
        self._taking = asyncio.Lock()

    async def seat(self) -> Seat:
        """A place for one session. WorkerError."""
        async with self._taking:  # who lost the same worker waits for the same next one
            if self._worker is None or not self._worker.is_alive:
                self._worker = await self._pool.take()
                self._worker.is_shared = True
        return self._worker.seat()

    def end(self) -> None:
        if self._worker is not None:
            self._worker.end()
