"""Who draws a session: its worker, and the next one where that is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.drivers.live.timeline import Begin, MoreText, Note
from avatar_engine.drivers.live.worker.handle import Worker, WorkerError
from avatar_engine.drivers.live.worker.wire import Framed, Open, Tell

logger = logging.getLogger(__name__)
LOSSES, LOSSES_S = 3, 30.0
"A session that loses so many workers in this time is over."


class Director(Protocol):
    """What a session does about its worker."""

    @property
    def next_slot(self) -> int: ...
    def framed(self, worker: Worker, framed: Framed) -> None:
        """A frame was moved, and perhaps drawn."""
        ...

    def lost(self, code: str, why: str) -> None:
        """Nobody draws for now."""
        ...

    def back(self) -> Sequence[Note]:
        """Somebody draws again; what a fresh session must be told to go on."""
        ...

    async def over(self, code: str, why: str) -> None:
        """Nobody will draw any more."""
        ...


class Casting:
    """One per session. Used on the event loop only."""

    def __init__(
        self,
        options: SessionOptions,
        worker: Worker,
        take_worker: Callable[[], Awaitable[Worker]],
        director: Director,
    ) -> None:
        self._options = options
        self._take_worker = take_worker
        self._director = director
        self._worker: Worker | None = None
        self._untold: list[Note] = []
        self._losses: list[float] = []
        self._replacing: asyncio.Task[None] | None = None
        self._ended = False
        self._adopt(worker)

    def tell(self, slot: Tell) -> None:
        """The next slot, to whoever draws; what notes it has are kept while nobody does."""
        if self._worker is None:
            self._untold += slot.notes
        else:
            self._worker.tell(slot)

    def take_untold(self) -> tuple[Note, ...]:
        """Notes that belong before the next slot's own."""
        if self._worker is None:
            return ()
        notes, self._untold = tuple(self._untold), []
        return notes

    def end(self) -> None:
        """Nobody is to draw any more. Fine to call twice."""
        self._ended = True
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()
        if self._replacing is not None and self._replacing is not asyncio.current_task():
            self._replacing.cancel()

    def _adopt(self, worker: Worker) -> None:
        def on_frame(framed: Framed) -> None:
            self._director.framed(worker, framed)

        self._worker = worker
        worker.open(Open(self._options, self._director.next_slot), on_frame, self._lose)

    def _lose(self, why: str) -> None:
        self._worker = None
        if not self._ended:
            self._replacing = asyncio.ensure_future(self._replace(why))

    async def _replace(self, why: str) -> None:
        """Another worker goes on where the last one ended."""
        now = asyncio.get_running_loop().time()
        self._losses = [moment for moment in self._losses if now - moment < LOSSES_S] + [now]
        code = "renderer_failed" if ":" in why else "worker_lost"
        if len(self._losses) >= LOSSES:
            await self._director.over(code, f"the renderer stopped too often ({why})")
            return
        logger.warning("a worker was lost: %s", why)
        self._director.lost(code, f"the renderer stopped ({why}) and is replaced")
        taking = asyncio.ensure_future(self._take_worker())
        try:
            worker = await asyncio.shield(taking)
        except WorkerError as error:
            await self._director.over(code, str(error))
            return
        except asyncio.CancelledError:
            # The session ended meanwhile; the worker comes all the same and has to be sent away.
            taking.add_done_callback(_send_away)
            raise
        # What is being said comes from the director, whole: told again here it would be said twice.
        untold = [note for note in self._untold if not isinstance(note, Begin | MoreText)]
        self._untold = [*self._director.back(), *untold]
        self._adopt(worker)


def _send_away(taking: asyncio.Future[Worker]) -> None:
    if not taking.cancelled() and taking.exception() is None:
        taking.result().end()
