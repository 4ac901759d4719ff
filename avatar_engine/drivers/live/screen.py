"""The picture side of one session: what was drawn waits, is encoded once when it is due, and goes to all
viewers. Knows when it is told to, no clock of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import av

from avatar_engine.drivers.live.playout import PicturePlayout
from avatar_engine.drivers.live.webrtc.encoders import Codec, VideoEncoder, open_encoder, video_frame
from avatar_engine.drivers.live.worker.handle import Worker

PLI_S = 1.0
"At most one key frame in this time for viewers who lost something,"
JOIN_S = 0.2
"and in this for viewers who come."
T = TypeVar("T")


class Offload(Protocol):
    """Does work away from the event loop; PyAV lets go of the interpreter while it encodes."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


class KeyFrames:
    """When the next key frame is due: many ask, few are made."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._due: float | None = None

    def ask(self, now: float, *, joined: bool) -> None:
        """Somebody needs one: who has `joined` sooner than who lost something."""
        due = max(now, self._last + (JOIN_S if joined else PLI_S))
        self._due = due if self._due is None else min(self._due, due)

    def take(self, now: float) -> bool:
        """Whether the picture that is encoded now is to be one."""
        if self._due is None or now < self._due:
            return False
        self._due, self._last = None, now
        return True


class Screen:
    """One per session."""

    def __init__(self, size: int, offload: Offload) -> None:
        self._size = size
        self._offload = offload
        self._playout: PicturePlayout[tuple[Worker, int]] = PicturePlayout()
        self._arrived = asyncio.Event()
        self._last: av.VideoFrame | None = None
        self._encoders: dict[Codec, VideoEncoder] = {}
        self._keys: dict[Codec, KeyFrames] = {}
        self.repeated = 0
        "Slots in which the last picture was shown again."
        self.encoded = 0
        "Pictures that went through an encoder, of all codecs."
        self.key_frames = 0
        self.encoding_s = 0.0
        "Processor seconds."

    @property
    def dropped(self) -> int:
        return self._playout.dropped

    @property
    def waiting(self) -> int:
        return self._playout.waiting

    def put(self, index: int, epoch: int, worker: Worker, number: int) -> None:
        """A picture was drawn and lies in the worker's ring."""
        self._playout.put(index, epoch, (worker, number))
        self._arrived.set()

    def interrupt(self, epoch: int, first: int) -> None:
        """See PicturePlayout.interrupt."""
        self._playout.interrupt(epoch, first)

    def want_key(self, codec: Codec, now: float, *, joined: bool) -> None:
        self._keys.setdefault(codec, KeyFrames()).ask(now, joined=joined)

    async def wait_for(self, slot: int, seconds: float) -> None:
        """Until the picture of a slot is there, or `seconds` have passed."""
        try:
            async with asyncio.timeout(seconds):
                while not self._playout.is_ready(slot):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            pass

    async def show(self, slot: int, codecs: set[Codec], now: float) -> tuple[dict[Codec, av.Packet], bool]:
        """Packets of the slot's picture for each codec, and whether it is a new picture. Without codecs
        nothing is encoded."""
        due = self._playout.take(slot)
        if not codecs:
            return {}, due is not None
        keys = {codec: self._keys.setdefault(codec, KeyFrames()).take(now) for codec in codecs}
        packets, is_new = await self._offload(lambda: self._encode(slot, due, keys))
        if not is_new:
            self.repeated += 1
        return packets, is_new

    def _encode(
        self, slot: int, due: tuple[int, tuple[Worker, int]] | None, keys: dict[Codec, bool]
    ) -> tuple[dict[Codec, av.Packet], bool]:
        """On a thread of its own, one call at a time."""
        start = time.thread_time()
        drawn = None
        if due is not None:
            worker, number = due[1]
            drawn = worker.read(number, self._size)
            if drawn is not None:
                self._last = video_frame(drawn)
        packets: dict[Codec, av.Packet] = {}
        if self._last is not None:
            for codec, key in keys.items():
                if codec not in self._encoders:
                    self._encoders[codec] = open_encoder(codec, self._size)
                packets[codec] = self._encoders[codec].encode(self._last, slot, key=key)
                self.encoded += 1
                self.key_frames += packets[codec].is_keyframe
        self.encoding_s += time.thread_time() - start
        return packets, drawn is not None
