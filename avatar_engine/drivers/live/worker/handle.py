"""The server's end of a worker: starts it, talks to it without ever waiting, notices when it is lost."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections import deque
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import ClassVar, Protocol, TypeVar

from avatar_engine.drivers.live.worker import process
from avatar_engine.drivers.live.worker.ring import Ring
from avatar_engine.drivers.live.worker.wire import (
    Broke,
    Framed,
    FromWorker,
    Measure,
    Measured,
    Open,
    OpenModels,
    Ready,
    Tell,
    ToWorker,
    Warm,
)
from avatar_engine.errors import AvatarError
from avatar_engine.types import UInt8

ANSWER_S = 30.0
"So long a worker may take to load its models."
END_S = 0.5
"So long it may take to end by itself."
UNANSWERED = 24
"Slots on their way at once: a pipe takes some 200 KB, and a full one would make the server wait."
HELD_BACK = 250
"Slots (10 s) that wait for a worker that does not answer, until it is given up."

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
    """One spawned process, its pipe and its ring."""

    pids: ClassVar[set[int]] = set()
    "Of those that have not ended."

    def __init__(self, open_models: OpenModels, largest: int) -> None:
        """Starts the process; it loads nothing before `warm`."""
        self._ring = Ring.create(largest)
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=process.run,
            args=(theirs, open_models, self._ring.name, largest),
            name="avatar-worker",
            daemon=True,
        )
        try:
            self._process.start()
        except BaseException:
            self._ring.unlink()
            raise
        theirs.close()
        self.pids.add(self._process.pid or 0)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._pipe.fileno(), self._readable)
        self._answer: asyncio.Future[FromWorker] | None = None
        self._on_frame: Callable[[Framed], None] | None = None
        self._on_lost: Callable[[str], None] | None = None
        self._behind: deque[Tell] = deque()
        self._sent = self._answered = -1
        self._over: str | None = None
        self.device = ""
        self.lookahead_samples = 0

    @property
    def pid(self) -> int | None:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._over is None

    async def warm(self, avatar: str, size: int) -> None:
        """Load the models of an avatar. WorkerError."""
        ready = await self._ask(Warm(avatar, size), Ready)
        self._ring.unlink()  # both have it: from now on no kill can leave it behind
        self.device, self.lookahead_samples = ready.device, ready.lookahead_samples

    async def measure(self, avatar: str, sizes: tuple[int, ...], frames: int) -> dict[int, float]:
        """Processor seconds of a frame at each size. WorkerError."""
        return (await self._ask(Measure(avatar, sizes, frames), Measured)).cost_s

    def open(self, message: Open, on_frame: Callable[[Framed], None], on_lost: Callable[[str], None]) -> None:
        self._on_frame, self._on_lost = on_frame, on_lost
        self._sent = self._answered = message.first_slot - 1
        self._send(message)

    def tell(self, slot: Tell) -> None:
        self._behind.append(slot)
        if len(self._behind) > HELD_BACK:
            self._lose("it does not answer")
        self._flush()

    def read(self, number: int, size: int) -> UInt8 | None:
        return None if self._over is not None else self._ring.read(number, size)

    def end(self) -> None:
        self._on_lost = None
        self._lose("it was ended")

    def _flush(self) -> None:
        while self._behind and self._sent - self._answered < UNANSWERED:
            slot = self._behind.popleft()
            self._sent = slot.index
            self._send(slot)

    def _send(self, message: ToWorker) -> None:
        if self._over is None:
            try:
                self._pipe.send(message)
            except OSError:
                self._lose("its pipe is closed")

    async def _ask(self, message: ToWorker, kind: type[AnswerT]) -> AnswerT:
        self._answer = self._loop.create_future()
        self._send(message)
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

    def _readable(self) -> None:
        try:
            while self._over is None and self._pipe.poll():
                self._take(self._pipe.recv())
        except (EOFError, OSError):
            self._lose("its process ended")

    def _take(self, message: FromWorker) -> None:
        if isinstance(message, Framed):
            self._answered = max(self._answered, message.index)
            self._flush()
            if self._on_frame is not None:
                self._on_frame(message)
        elif isinstance(message, Broke):
            self._lose(message.message)
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(message)

    def _lose(self, why: str) -> None:
        """The end, whoever wanted it: nothing of it stays."""
        if self._over is not None:
            return
        self._over = why
        self._loop.remove_reader(self._pipe.fileno())
        self._pipe.close()
        self._ring.unlink()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WorkerError(f"a worker was lost: {why}"))
        self._loop.run_in_executor(None, _bury, self._process, self._ring)
        if self._on_lost is not None:
            self._on_lost(why)


def _bury(dead: BaseProcess, ring: Ring) -> None:
    """Wait for the process to end, with force if need be. A closed pipe ends it."""
    dead.join(END_S)
    if dead.is_alive():
        dead.kill()
        dead.join()
    WorkerProcess.pids.discard(dead.pid or 0)
    dead.close()
    ring.close()


def default_threads() -> int:
    """Threads of a worker's generator: all cores of a small machine, at most four."""
    return max(1, min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2))
