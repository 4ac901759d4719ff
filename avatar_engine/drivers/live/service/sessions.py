"""The sessions of one server: opened, found, expired, ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from avatar_engine.drivers.live.interface import Engine, Full, Performance, SessionOptions
from avatar_engine.drivers.live.service.conversation import Speech
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.logs import event, failure
from avatar_engine.drivers.live.service.metrics import Metrics
from avatar_engine.drivers.live.service.problems import Problem, quote
from avatar_engine.drivers.live.service.room import Room
from avatar_engine.drivers.live.service.socket.messages import error_text
from avatar_engine.drivers.live.service.socket.outbox import DONE, EXPIRED, GOING
from avatar_engine.drivers.live.service.tokens import digest, in_logs, new_id, new_token

logger = logging.getLogger(__name__)

SWEEP_S = 1.0
REMEMBERED = 1_000
"Ended sessions whose reason can still be told."
UNCLAIMED_S = 10.0
"A session to which nobody has connected for so long makes room for one that is asked for on a full machine."
RETRY_S = 5
STARTING_RETRY_S = 1


class Sessions:
    """All rooms by id. `start` once, `close` at the end."""

    def __init__(
        self,
        engine: Engine,
        speech: Speech,
        limits: Limits,
        metrics: Metrics,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.speech = speech
        self.limits = limits
        self.metrics = metrics
        self.is_draining = False
        self._now = now
        self._rooms: dict[str, Room] = {}
        self._ended: OrderedDict[str, str] = OrderedDict()
        self._openings: set[asyncio.Future[Performance]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def is_ready(self) -> bool:
        """Whether new sessions are taken."""
        return self.engine.ready and not self.is_draining

    @property
    def n_sockets(self) -> int:
        """WebSockets that are open."""
        return sum(len(room.sockets) for room in self._rooms.values())

    def start(self) -> None:
        """Begin to look for sessions that nobody uses."""
        self._sweeper = asyncio.create_task(self._sweep_always(), name="session sweeper")

    def check_ready(self) -> None:
        """A Problem where new sessions are not taken, with the reason."""
        if self.is_draining:
            raise Problem("busy", "the server is shutting down", retryable=True, retry_after_s=RETRY_S)
        if not self.engine.ready:
            raise Problem("busy", "still starting", retryable=True, retry_after_s=STARTING_RETRY_S)

    async def open(self, options: SessionOptions) -> tuple[Room, str]:
        """A new room and its token, which is told this once. Problem or Full where it does not fit."""
        began = time.monotonic()
        try:
            self.check_ready()
            try:
                self._check_room()
                performance = await self._perform(options)
            except (Full, Problem):
                if not await self._make_room():
                    raise
                self._check_room()
                performance = await self._perform(options)
        except (Full, Problem):
            self.metrics.count("sessions_rejected_total")
            raise
        token = new_token()
        room = Room(new_id(), digest(token), performance, self.speech, self.limits, self.metrics)
        room.touched = self._now()
        self._rooms[room.id] = room
        room.start()
        self._start(self._clear_away(room))
        self.metrics.count("sessions_opened_total")
        self.metrics.time("session_create_ms", time.monotonic() - began)
        event(
            logger,
            "session opened",
            session=room.id,
            token=in_logs(token),
            avatar=options.avatar,
            size=options.size,
            sessions=len(self._rooms),
        )
        if self.is_draining:
            # The drain began while the engine opened: nobody else would end this one.
            await room.close("drained", GOING)
            self.check_ready()
        return room, token

    def find(self, name: str) -> Room:
        """The room of that id; Problem not_found, or expired where it has been."""
        room = self._rooms.get(name)
        if room is not None and not room.over.is_set():
            return room
        if room is not None or name in self._ended:
            reason = self._ended.get(name, "it has ended")
            raise Problem("expired", f"this session has ended: {reason}; open another with POST /v1/sessions")
        raise Problem("not_found", f"no session {quote(name)}; POST /v1/sessions opens one")

    async def sweep(self) -> None:
        """End the sessions that nobody uses."""
        now = self._now()
        for room in list(self._rooms.values()):
            if room.over.is_set():
                continue
            silent = now - room.touched
            if not room.is_watched and silent >= self.limits.abandoned_s:
                await self._expire(room, f"nobody was connected for {self.limits.abandoned_s:g} s")
            elif self.limits.idle_s and silent >= self.limits.idle_s:
                await self._expire(room, f"nothing was said for {self.limits.idle_s:g} s")

    async def drain(self, patience_s: float) -> None:
        """Take no more; tell everybody; let them finish speaking for at most `patience_s`; end them."""
        self._refuse()
        notice = Problem(
            "expired",
            f"the server is shutting down within {patience_s:g} s; connect again later",
            retryable=True,
        )
        for room in self._rooms.values():
            room.tell_all(error_text(notice))
        event(logger, "draining", sessions=len(self._rooms), patience_s=patience_s)
        end = time.monotonic() + patience_s
        while time.monotonic() < end and any(len(room.utterances) for room in self._rooms.values()):
            await asyncio.sleep(0.05)
        await asyncio.gather(*(room.close("drained", GOING) for room in list(self._rooms.values())))

    async def close(self) -> None:
        """End everything at once."""
        self._refuse()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await asyncio.gather(*(room.close("drained", GOING) for room in list(self._rooms.values())))
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _refuse(self) -> None:
        """From now on no more, not even those that are being opened."""
        self.is_draining = True
        for opening in self._openings:
            opening.cancel()

    async def _make_room(self) -> bool:
        """End the oldest session that nobody connected to, if it is old enough; whether there was one."""
        oldest = self._now() - UNCLAIMED_S
        for room in self._rooms.values():  # in the order of their opening
            was_used = room.was_joined or room.is_watched or room.over.is_set()
            if not was_used and room.touched <= oldest:
                await self._expire(room, "nobody had connected to it when somebody else needed its place")
                return True
        return False

    def _check_room(self) -> None:
        if self.limits.sessions and len(self._rooms) + len(self._openings) >= self.limits.sessions:
            raise Problem(
                "busy",
                f"{self.limits.sessions} sessions are on, more were not allowed (--max-sessions)",
                retryable=True,
                retry_after_s=RETRY_S,
            )
        if len(self._openings) >= self.limits.opening:
            raise Problem(
                "busy", "too many sessions are being opened at once", retryable=True, retry_after_s=1
            )

    async def _perform(self, options: SessionOptions) -> Performance:
        opening = asyncio.ensure_future(self.engine.open(options))
        self._openings.add(opening)
        taken = False
        try:
            async with asyncio.timeout(self.limits.open_s):
                performance = await opening
                taken = True
                return performance
        except asyncio.CancelledError:
            if self.is_draining:
                self.check_ready()
            raise
        except TimeoutError:
            raise Problem(
                "busy",
                f"no worker was free within {self.limits.open_s:g} s",
                retryable=True,
                retry_after_s=RETRY_S,
            ) from None
        finally:
            self._openings.discard(opening)
            if not taken and opening.done() and not opening.cancelled() and opening.exception() is None:
                # It came in the moment in which we stopped waiting: nobody else would end it.
                self._start(opening.result().close("nobody waited for it"))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _expire(self, room: Room, reason: str) -> None:
        self._remember(room.id, reason)
        await room.close("expired", EXPIRED, Problem("expired", f"this session has ended: {reason}"))

    async def _clear_away(self, room: Room) -> None:
        await room.over.wait()
        await room.close(room.reason, DONE)
        self._rooms.pop(room.id, None)
        self._remember(room.id, "it was closed" if room.reason == "ended" else f"it {room.reason}")
        self.metrics.count("sessions_ended_total", f'reason="{room.reason}"')
        event(logger, "session ended", session=room.id, reason=room.reason, sessions=len(self._rooms))

    def _remember(self, name: str, reason: str) -> None:
        self._ended.setdefault(name, reason)
        while len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)

    async def _sweep_always(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.sweep()
            except Exception as error:
                failure(logger, "sweep failed", error)
