"""The server's end of a worker: starts it, talks to it without ever waiting, notices when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import count
from multiprocessing.process import BaseProcess
from typing import ClassVar, Protocol, TypeVar

from avatar_engine.clock import frame_count
from avatar_engine.drivers.live.worker.channel import Channel
from avatar_engine.drivers.live.worker.ring import Ring
from avatar_engine.drivers.live.worker.spawn import Spawned
from avatar_engine.drivers.live.worker.watch import LOOK_S, Watch, activity_of
from avatar_engine.drivers.live.worker.wire import (
    Broke,
    Cost,
    Enter,
    Entered,
    Framed,
    FromSeat,
    FromWorker,
    Leave,
    Measure,
    Measured,
    Open,
    Ready,
    Tell,
    ToSeat,
    Warm,
)
from avatar_engine.errors import AvatarError
from avatar_engine.types import UInt8

ANSWER_S = 30.0
"So long a worker may take to load its models."
END_S = 0.5
"So long it may take to end by itself."
HELD_BACK = 250
"Slots (10 s) that a session's worker may be behind, until it is given up."

AnswerT = TypeVar("AnswerT")


class WorkerError(AvatarError):
    """A worker ended, broke or does not answer."""


class Worker(Protocol):
    """What a performance needs of its worker."""

    @property
    def lookahead_samples(self) -> int: ...
    def open(self, message: Open, on_frame: Callable[[Framed], None], on_lost: Callable[[str], None]) -> None:
        """Begin the session. on_lost: called once, with a line that says why, if the worker ends before
        `end`."""
        ...

    def tell(self, slot: Tell) -> None: ...
    def read(self, number: int, size: int) -> UInt8 | None:
        """A picture that was drawn; None where it has been written over. From any thread."""
        ...

    def end(self) -> None:
        """No more is wanted of it. Fine to call twice."""
        ...


class WorkerProcess:
    """One spawned process and its pipe; sessions take seats in it."""

    pids: ClassVar[set[int]] = set()
    "Of those that have not ended."

    def __init__(self, spawned: Spawned) -> None:
        """Takes over a process that was started."""
        self._process = spawned.process
        pid = self._process.pid or 0
        self.pids.add(pid)
        self._loop = asyncio.get_running_loop()
        self._channel = Channel(spawned.pipe, self._take, lambda: self._lose("its process ended"))
        self._answer: asyncio.Future[FromWorker] | None = None
        self._seats: dict[int, Seat] = {}
        self._numbers = count()
        self._watch = Watch(partial(activity_of, pid), self._loop.time())
        self._looking: asyncio.TimerHandle | None = None
        self._over: str | None = None
        self.is_shared = False
        "Whether it stays when its last session leaves."
        self.device = ""
        self.lookahead_samples = 0

    @property
    def pid(self) -> int | None:
        return None if self._over is not None else self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._over is None

    async def warm(self, avatar: str, size: int) -> None:
        """Load the models of an avatar. WorkerError."""
        ready = await self._ask(Warm(avatar, size), Ready)
        self.device, self.lookahead_samples = ready.device, ready.lookahead_samples

    async def measure(
        self, avatar: str, sizes: tuple[int, ...], frames: int, together: int = 1
    ) -> dict[int, Cost]:
        """What a frame costs at each size, where so many are drawn at once. WorkerError."""
        return (await self._ask(Measure(avatar, sizes, frames, together), Measured)).cost

    def seat(self) -> Seat:
        """A place for one session."""
        return Seat(self, next(self._numbers))

    def end(self) -> None:
        """The end of all its sessions. Fine to call twice."""
        self._lose("it was ended")

    # What seats call.

    def enter(self, seat: Seat, message: Enter) -> None:
        """`lost` of the seat is called at once where the process has ended."""
        if self._over is not None:
            seat.lost(self._over)
            return
        self._seats[message.seat] = seat
        self._channel.send(message)
        if self._looking is None:
            self._watch.heard()
            self._looking = self._loop.call_later(LOOK_S, self._look)

    def tell(self, number: int, slot: Tell) -> None:
        self._channel.send(ToSeat(number, slot))

    def leave(self, number: int) -> None:
        self._seats.pop(number, None)
        self._channel.send(Leave(number))
        if not self._seats and not self.is_shared:
            self.end()

    def _look(self) -> None:
        """Whether it hangs, as long as it has sessions."""
        seats = self._seats.values()
        owes, is_loading = any(seat.is_owed for seat in seats), any(seat.is_entering for seat in seats)
        reason = self._watch.look(self._loop.time(), owes=owes, is_loading=is_loading)
        self._looking = self._loop.call_later(LOOK_S, self._look) if seats else None
        if reason is not None:
            self._lose(reason)

    async def _ask(self, message: Warm | Measure, kind: type[AnswerT]) -> AnswerT:
        self._answer = self._loop.create_future()
        self._channel.send(message)
        if self._over is not None:
            raise WorkerError(f"a worker was lost: {self._over}")
        try:
            answer = await asyncio.wait_for(self._answer, ANSWER_S)
        except TimeoutError:
            self._lose(f"no answer within {ANSWER_S:.0f} s")
            raise WorkerError(f"a worker was lost: {self._over}") from None
        finally:
            self._answer = None
        assert isinstance(answer, kind)
        return answer

    def _take(self, message: FromWorker) -> None:
        self._watch.heard()
        if isinstance(message, FromSeat | Entered):
            seat = self._seats.get(message.seat)  # None: it has left meanwhile
            if seat is not None:
                seat.take(message)
        elif isinstance(message, Broke):
            self._lose(message.message)
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(message)

    def _lose(self, why: str) -> None:
        """The end, whoever wanted it: nothing of it stays."""
        if self._over is not None:
            return
        self._over = why
        self._channel.close()
        if self._looking is not None:
            self._looking.cancel()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WorkerError(f"a worker was lost: {why}"))
        seats, self._seats = list(self._seats.values()), {}
        self._loop.run_in_executor(None, _bury, self._process)
        for seat in seats:
            seat.lost(why)


class Seat:
    """One session's place in a worker: its slots, and the ring with its pictures, which no other session has.
    Implements Worker."""

    def __init__(self, worker: WorkerProcess, number: int) -> None:
        self._worker = worker
        self._number = number
        self._ring: Ring | None = None
        self._on_frame: Callable[[Framed], None] | None = None
        self._on_lost: Callable[[str], None] | None = None
        self._sent = self._answered = -1
        self._is_over = False
        self.is_entering = False
        "The worker loads what the session needs."

    @property
    def lookahead_samples(self) -> int:
        return self._worker.lookahead_samples

    @property
    def is_owed(self) -> bool:
        """Whether the worker is to say something: all slots but the last few, which wait for what follows."""
        return self.is_entering or self._sent - self._answered > frame_count(self.lookahead_samples)

    def open(self, message: Open, on_frame: Callable[[Framed], None], on_lost: Callable[[str], None]) -> None:
        self._on_frame, self._on_lost = on_frame, on_lost
        self._sent = self._answered = message.first_slot - 1
        self._ring = Ring.create(message.options.size)
        self.is_entering = True
        self._worker.enter(self, Enter(self._number, message, self._ring.name))

    def tell(self, slot: Tell) -> None:
        if self._is_over:
            return
        self._sent = slot.index
        self._worker.tell(self._number, slot)
        if self._sent - self._answered > HELD_BACK:
            self._give_up("it does not keep up")

    def read(self, number: int, size: int) -> UInt8 | None:
        ring = self._ring
        return None if self._is_over or ring is None else ring.read(number, size)

    def end(self) -> None:
        if not self._is_over:
            self._on_lost = None
            self._give_up("it was ended")

    def take(self, message: FromSeat | Entered) -> None:
        """What the worker says of it."""
        if isinstance(message, Entered):
            self.is_entering = False
            if self._ring is not None:
                self._ring.unlink()  # both have it: from now on no kill can leave it behind
        elif isinstance(message.said, Broke):
            self._give_up(message.said.message)
        else:
            self._answered = max(self._answered, message.said.index)
            if self._on_frame is not None:
                self._on_frame(message.said)

    def lost(self, why: str) -> None:
        """There is no worker any more."""
        if self._is_over:
            return
        self._is_over = True
        if self._ring is not None:
            self._ring.unlink()
            self._ring.close()
        if self._on_lost is not None:
            self._on_lost(why)

    def _give_up(self, why: str) -> None:
        self._worker.leave(self._number)
        self.lost(why)


def _bury(dead: BaseProcess) -> None:
    """Wait for the process to end, with force if need be. A closed pipe ends it."""
    pid = dead.pid or 0
    dead.join(END_S)
    if dead.is_alive():
        dead.kill()
        dead.join()
    WorkerProcess.pids.discard(pid)
    dead.close()
