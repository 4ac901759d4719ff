"""The media plane of one server: workers kept warm, sessions admitted by what they cost, numbers for
operators.
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import logging
import math
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from avatar_engine import assembly
from avatar_engine.clock import FRAME_RATE
from avatar_engine.config import SIZES
from avatar_engine.drivers.live.interface import Full, Performance, SessionOptions
from avatar_engine.drivers.live.meters import Meters
from avatar_engine.drivers.live.performance import LivePerformance
from avatar_engine.drivers.live.surroundings import Surroundings
from avatar_engine.drivers.live.tidy import Tidy
from avatar_engine.drivers.live.webrtc.encoders import open_encoder, processor_seconds
from avatar_engine.drivers.live.webrtc.ice import IceServer, NetworkOptions
from avatar_engine.drivers.live.webrtc.peers import Peers
from avatar_engine.drivers.live.worker.handle import WorkerProcess
from avatar_engine.drivers.live.worker.pool import Pool, SharedWorker
from avatar_engine.drivers.live.worker.spawn import Spawned, default_threads, shipped_models, spawn
from avatar_engine.drivers.live.worker.wire import OpenModels
from avatar_engine.errors import UsageError
from avatar_engine.types import UInt8

logger = logging.getLogger(__name__)
MEASURED_FRAMES = 3
MEASURED_BATCH = 8
"Faces at once, where they are drawn at once."
OTHER_COST_S = 0.0015
"Processor seconds a frame for sound, packets and the event loop: about what one viewer costs."
RETRY_AFTER_S = 10
SWITCH_INTERVAL_S = 0.0005
"Python threads take turns so often: at the default of 5 ms, encoding would make sound late."
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MediaOptions:
    """Every choice of the media plane, with its default."""

    host: str = "127.0.0.1"
    """What the server is bound to: media go over the same address; over every one of this machine for
    0.0.0.0."""
    ice_servers: tuple[IceServer, ...] = ()
    udp_ports: tuple[int, int] | None = None
    "First and last UDP port of the media; None: any."
    max_viewers: int = 16
    "Of one session."
    max_sessions: int | None = None
    "None: as many as fit."
    avatar: str = "ava"
    "The one that workers have loaded before a session asks for it."
    background: UInt8 | None = field(default=None, compare=False)
    "uint8 [h, h, 3], RGB, behind all avatars; None: each has its own."
    device: str = "auto"
    threads: int = field(default_factory=default_threads)
    "Of each worker's generator."
    default_share: float = 0.5
    "The default size is the largest whose session leaves the rest of this machine to a browser on it."
    admitted_share: float = 0.7
    """All sessions together may take so much of its processors: a frame costs more where all of them are
    busy, most of all where two are one core, and browsers may be on the same machine."""
    admitted_worker_share: float = 0.85
    "And so much of the time of the worker they share, if they do."
    shared_worker: bool | None = None
    """One worker for all sessions, which draws them in batches, instead of one for each; None: where a GPU
    draws."""
    spare_worker: bool = True
    """A warm one waits to replace one that is lost within a second; else that takes as long as the start.
    On a GPU it has its own context and weights there."""
    open_models: OpenModels | None = None
    "What workers draw with; None: what is shipped."
    first_worker: Spawned | None = None
    "One that opens the same models already."

    @property
    def network(self) -> NetworkOptions:
        """ValueError for a port range that is none."""
        return NetworkOptions(self.ice_servers, self.udp_ports, media_addresses(self.host))


def media_addresses(host: str) -> tuple[str, ...] | None:
    """The addresses over which media go; None: all of this machine."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        return None  # a name: which of its addresses a viewer can reach is not ours to know
    if address.is_unspecified:
        return None
    return ("127.0.0.1",) if address.is_loopback else (str(address),)


def build_engine(options: MediaOptions | None = None) -> LiveEngine:
    """The media plane of this process, to be started on its event loop. UsageError for an unknown avatar,
    ValueError for a port range that is none."""
    return LiveEngine(options or MediaOptions())


class LiveEngine:
    """Implements interface.Engine. Used on the event loop only."""

    def __init__(self, options: MediaOptions) -> None:
        """See build_engine."""
        self._options = options
        self._network = options.network
        facts = assembly.find_avatar(options.avatar)
        self._pictures = {avatar.name: avatar.picture for avatar in assembly.avatars()}
        self.avatars = tuple(self._pictures)
        self.sizes = tuple(size for size in SIZES if size in facts.config["sizes"])
        self.default_size = self.sizes[0]
        self.device = self._options.device
        self.ready = False
        self.cost_s: dict[int, float] = {}
        "Processor seconds of one frame at each size, as measured at the start."
        self.worker_s: dict[int, float] = {}
        "Seconds that one frame takes of the worker that all sessions share; empty where each has its own."
        self._meters = Meters()
        self._tidy = Tidy()
        self._sessions: set[LivePerformance] = set()
        self._opening: list[int] = []
        self._closed = False
        self._pool: Pool | None = None
        self._shared: SharedWorker | None = None
        self._executor = ThreadPoolExecutor(max_workers=_cores(), thread_name_prefix="encode")

    def picture(self, avatar: str) -> Path | None:
        """See interface.Engine."""
        return self._pictures.get(avatar)

    async def start(self) -> None:
        """Warm one worker and measure what a frame costs at each size. WorkerError where none can be made."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        options = self._options
        open_models = options.open_models or shipped_models(
            options.device, options.threads, options.avatar, options.background
        )
        begun = [options.first_worker] if options.first_worker is not None else []
        largest = max(self.sizes)
        self._pool = Pool(
            lambda: WorkerProcess(begun.pop() if begun else spawn(open_models)),
            options.avatar,
            largest,
            keeps_spare=options.spare_worker,
        )
        # What begin() will need for its first text is loaded while the worker loads its models.
        worker, _, encoded = await asyncio.gather(
            self._pool.start(),
            asyncio.to_thread(assembly.sentences_of, "Warm up."),
            asyncio.to_thread(_encoding_costs, self.sizes),
        )
        self.device = worker.device
        await self._measure(worker, encoded)
        fitting = [size for size in self.sizes if self._share([size]) <= options.default_share]
        self.default_size = max(fitting, default=min(self.sizes))
        logger.info("default size %d", self.default_size)
        # What was loaded stays: looking through it for garbage would stop all sessions for 0.1 s.
        gc.collect()
        gc.freeze()
        self.ready = True

    async def _measure(self, worker: WorkerProcess, encoded: dict[int, float]) -> None:
        """What a frame costs, and, by where it is drawn, whether sessions share a worker."""
        avatar, chosen = self._options.avatar, self._options.shared_worker
        drawn = await worker.measure(avatar, self.sizes, MEASURED_FRAMES)
        if chosen if chosen is not None else worker.device.startswith("cuda"):
            alone, drawn = drawn, await worker.measure(avatar, self.sizes, MEASURED_FRAMES, MEASURED_BATCH)
            self._shared = SharedWorker(self._pool) if self._pool is not None else None
            self.worker_s = {size: drawn[size].wall_s for size in self.sizes}
            times = (f"{k}: {alone[k].wall_s * 1000:.1f}, {s * 1000:.1f}" for k, s in self.worker_s.items())
            logger.info(
                "one worker for all; a frame takes it (ms, alone and in a batch of %d) %s",
                MEASURED_BATCH,
                "; ".join(times),
            )
        self.cost_s = {size: drawn[size].processor_s + encoded[size] + OTHER_COST_S for size in self.sizes}
        costs = ", ".join(f"{size}: {cost * 1000:.1f} ms" for size, cost in self.cost_s.items())
        logger.info("a frame costs %s of %.0f ms of processor time", costs, self._budget() * 1000)

    async def open(self, options: SessionOptions) -> LivePerformance:
        """See interface.Engine."""
        if options.size not in self.sizes:
            raise UsageError(f"size must be one of {', '.join(map(str, self.sizes))}, not {options.size!r}")
        assembly.find_avatar(options.avatar)
        if self._closed or not self.ready or self._pool is None:
            raise Full("the engine is not ready", RETRY_AFTER_S)
        self._admit(options.size)
        take = (self._shared or self._pool).seat
        self._opening.append(options.size)
        try:
            worker = await take()
        finally:
            self._opening.remove(options.size)
        if self._closed:
            worker.end()
            raise Full("the engine is closing", RETRY_AFTER_S)
        around = Surroundings(
            take_worker=take,
            open_audience=partial(Peers, self._network, self._options.max_viewers),
            offload=self._offload,
            meters=self._meters,
            sentences=assembly.sentences_of,
            on_closed=self._forget,
        )
        performance = LivePerformance(options, worker, around)
        self._sessions.add(performance)
        return performance

    async def close(self) -> None:
        """See interface.Engine. Fine to call twice."""
        self._closed, self.ready = True, False
        await asyncio.gather(*(session.close("the server is going down") for session in list(self._sessions)))
        self._tidy.close()
        if self._shared is not None:
            self._shared.end()
        if self._pool is not None:
            await self._pool.close()
        self._executor.shutdown(wait=False, cancel_futures=True)
        gc.unfreeze()

    def numbers(self) -> dict[str, float]:
        """See interface.Engine."""
        return self._meters.numbers() | {
            "sessions": float(len(self._sessions)),
            "viewers": float(sum(session.viewers for session in self._sessions)),
            "queue_depth": float(sum(session.queue_depth for session in self._sessions)),
            "memory_bytes": _memory_bytes(),
            "admitted_cost_share": self._share(self._taken()),
        }

    def _forget(self, session: Performance) -> None:
        self._sessions = {other for other in self._sessions if other is not session}
        if not self._closed:
            self._tidy.soon()

    def _budget(self) -> float:
        """Processor seconds that this machine has in one frame's time."""
        return _cores() / FRAME_RATE

    def _taken(self) -> list[int]:
        """Sizes of those that are on or are being opened, whatever they look like now: who has no viewer now
        may have one soon."""
        return [session.options.size for session in self._sessions] + self._opening

    def _share(self, sizes: Sequence[int]) -> float:
        """Of what this machine has, how much sessions of these sizes take by what was measured at the start:
        of its processors, or of the worker they share, whichever is more."""
        return max(self._processor_share(sizes), self._worker_share(sizes))

    def _processor_share(self, sizes: Sequence[int]) -> float:
        return sum(self.cost_s.get(size, 0.0) for size in sizes) / self._budget()

    def _worker_share(self, sizes: Sequence[int]) -> float:
        return sum(self.worker_s.get(size, 0.0) for size in sizes) * FRAME_RATE

    def _fits(self, size: int) -> bool:
        """Whether one more of this size leaves those that are on what they need."""
        sizes, options = [*self._taken(), size], self._options
        return (
            self._processor_share(sizes) <= options.admitted_share
            and self._worker_share(sizes) <= options.admitted_worker_share
        )

    def _admit(self, size: int) -> None:
        on, most = len(self._sessions) + len(self._opening), self._options.max_sessions
        # One session always fits, be it at less than 25 frames a second: the machine is what there is.
        too_much = on > 0 and not self._fits(size)
        if too_much or (most is not None and on >= most):
            self._meters.rejected += 1
            smaller = (
                [s for s in self.sizes if s < size and self._fits(s)] if most is None or on < most else []
            )
            remedy = f"try later, or with size {max(smaller)}" if smaller else "try later"
            are = "1 session is" if on == 1 else f"{on} sessions are"
            why = (
                f"another of {size} x {size} does not fit this machine"
                if too_much
                else "more were not allowed"
            )
            raise Full(f"{are} on, {why}; {remedy}", RETRY_AFTER_S)

    async def _offload(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _encoding_costs(sizes: tuple[int, ...]) -> dict[int, float]:
    """Processor seconds of one frame in the default codec: a soft picture that drifts."""
    costs = {}
    for size in sizes:
        y, x = np.mgrid[: size * 3 // 2, :size].astype(np.float32)
        pictures = [
            (128 + 50 * np.sin((x + 2 * k) / 9) * np.cos((y + k) / 11)).astype(np.uint8) for k in range(8)
        ]
        costs[size] = processor_seconds(open_encoder("VP8", size), pictures)
    return costs


def _cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, math.floor(len(os.sched_getaffinity(0))))
    return os.cpu_count() or 1


def _memory_bytes() -> float:
    """Resident memory of the server and its workers, as far as the system tells."""
    total = 0
    for pid in ("self", *map(str, WorkerProcess.pids)):
        with suppress(OSError):
            total += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return float(total * PAGE_BYTES)
