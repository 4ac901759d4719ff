"""Live sessions on a virtual clock: nobody waits, nothing depends on how fast this machine is.

The worker runs in the same process and draws in no time; the audience keeps what it is sent.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import av
import numpy as np

from avatar_engine.drivers.live.interface import Event, SessionOptions
from avatar_engine.drivers.live.meters import Meters
from avatar_engine.drivers.live.performance import LivePerformance
from avatar_engine.drivers.live.surroundings import Surroundings
from avatar_engine.drivers.live.webrtc.encoders import Codec
from avatar_engine.drivers.live.worker.handle import WorkerError
from avatar_engine.drivers.live.worker.stage import Stage
from avatar_engine.drivers.live.worker.wire import Framed, Open, Tell
from tests.support.live_cast import SketchedCast
from tests.support.session_fakes import split

T = TypeVar("T")
DELAY = 0.14
"Lookahead of the fakes and the playout delay."


class _Patience(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Does not wait: lets the time pass instead."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if not events and timeout:
            self.loop.now += timeout
        elif not events and timeout is None:
            raise RuntimeError("everybody waits for something that never happens")
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing that is to happen."""

    def __init__(self) -> None:
        self.now = 1000.0
        selector = _Patience()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def play(scene: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a virtual clock."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(asyncio.wait_for(scene, 7 * 24 * 3600))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class InstantRing:
    """Pictures in a dictionary."""

    def __init__(self) -> None:
        self.pictures: dict[int, np.ndarray] = {}

    def write(self, index: int, picture: np.ndarray) -> None:
        self.pictures[index] = picture
        self.pictures.pop(index - 8, None)


class InstantWorker:
    """A worker that draws each frame `draw_s` after it is known."""

    lookahead_samples = 1280

    def __init__(self, cast: SketchedCast | None = None, draw_s: float = 0.01) -> None:
        self._cast = cast or SketchedCast()
        self._draw_s = draw_s
        self.ring = InstantRing()
        self.told: list[Tell] = []
        self.ended = False

    def open(self, message: Open, on_frame: Callable[[Framed], None], on_lost: Callable[[str], None]) -> None:
        self._on_frame, self._on_lost = on_frame, on_lost
        self.stage = Stage(self._cast, message.options, self.ring, message.first_slot)  # type: ignore[arg-type]

    def tell(self, slot: Tell) -> None:
        if self.ended:
            return
        self.told.append(slot)
        self.stage.tell(slot)
        asyncio.get_running_loop().call_later(self._draw_s, self._draw)

    def read(self, number: int, size: int) -> np.ndarray | None:
        return None if self.ended else self.ring.pictures.get(number)

    def end(self) -> None:
        self.ended = True

    def die(self, why: str = "its process ended") -> None:
        if not self.ended:
            self.ended = True
            self._on_lost(why)

    def _draw(self) -> None:
        while not self.ended and (framed := self.stage.step()) is not None:
            self._on_frame(framed)


class Audience:
    """Keeps (moment, packet) of all that is sent to it."""

    def __init__(self, *_: Any, present: bool = True, keep: bool = True) -> None:
        self.present = present
        self.keep = keep
        self.pictures: list[tuple[float, av.Packet]] = []
        self.sounds: list[tuple[float, av.Packet]] = []
        self.dropped = 0
        self.closed = False

    @property
    def count(self) -> int:
        return int(self.present)

    @property
    def codecs(self) -> set[Codec]:
        return {"VP8"} if self.present else set()

    @property
    def listening(self) -> bool:
        return self.present

    async def watch(self, offer_sdp: str) -> tuple[str, str]:
        raise NotImplementedError

    async def add_candidate(self, name: str, fragment: str) -> None:
        raise NotImplementedError

    async def unwatch(self, name: str) -> None:
        raise NotImplementedError

    def send_picture(self, codec: Codec, packet: av.Packet) -> None:
        if self.keep:
            self.pictures.append((asyncio.get_running_loop().time(), packet))

    def send_sound(self, packet: av.Packet) -> None:
        if self.keep:
            self.sounds.append((asyncio.get_running_loop().time(), packet))

    async def close(self) -> None:
        self.closed = True

    def heard(self) -> np.ndarray:
        """All sound that was sent, int16 at 48 kHz."""
        decoder = av.CodecContext.create("libopus", "r")
        pieces = [f.to_ndarray()[0] for _, p in self.sounds for f in decoder.decode(av.Packet(bytes(p)))]
        return np.concatenate(pieces).reshape(-1, 2)[:, 0] if pieces else np.zeros(0, np.int16)

    def shown(self) -> list[np.ndarray]:
        """All pictures that were sent, RGB."""
        decoder = av.CodecContext.create("libvpx", "r")
        frames = [f for _, p in self.pictures for f in decoder.decode(av.Packet(bytes(p)))]
        return [frame.to_ndarray(format="rgb24") for frame in frames]


class Rig:
    """One performance with all that is round it."""

    def __init__(
        self,
        options: SessionOptions | None = None,
        workers: list[InstantWorker] | None = None,
        audience: Audience | None = None,
    ) -> None:
        self.workers = workers or [InstantWorker()]
        self._spares = iter(self.workers[1:])
        self.audience = audience or Audience()
        self.meters = Meters()
        self.closed: list[LivePerformance] = []
        around = Surroundings(
            take_worker=self._take,
            open_audience=lambda *_: self.audience,
            offload=self._offload,
            meters=self.meters,
            sentences=lambda text: [span.text for span in split(text)],
            on_closed=self.closed.append,
        )
        self.performance = LivePerformance(options or SessionOptions("ava", 256, 3), self.workers[0], around)
        self.queue = self.performance.subscribe()

    async def _take(self) -> InstantWorker:
        await asyncio.sleep(0.05)
        worker = next(self._spares, None)
        if worker is None:
            raise WorkerError("no worker stays alive")
        return worker

    @staticmethod
    async def _offload(work: Callable[[], T]) -> T:
        await asyncio.sleep(0.002)
        return work()

    def events(self, *kinds: type) -> list[Event]:
        """What was told since the last call, of these kinds."""
        told = []
        while not self.queue.empty():
            event = self.queue.get_nowait()
            if not kinds or isinstance(event, kinds):
                told.append(event)
        return told

    async def say(self, name: str, samples: np.ndarray, rate: int = 16_000, text: str | None = None) -> None:
        """A whole utterance in one burst; float samples."""
        await self.performance.begin(name, rate, text)
        await self.performance.push(name, pcm(samples))
        await self.performance.end(name)


def pcm(samples: np.ndarray) -> bytes:
    return (samples * 32767).astype("<i2").tobytes()


def tone(seconds: float, hz: float = 440.0, rate: int = 16_000) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)
