"""A viewer made of aiortc: offers, answers, and what it received and when."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import av
from aiortc import (
    MediaStreamError,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)


@dataclass
class Viewer:
    """Receives picture and sound over loopback."""

    codec: str | None = None
    name: str = ""
    answer: str = ""
    frames: dict[str, list[tuple[float, av.VideoFrame | av.AudioFrame]]] = field(
        default_factory=lambda: {"video": [], "audio": []}
    )

    def __post_init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._tasks: list[asyncio.Task[None]] = []
        self.connection.on("track", self._pull)

    async def offer(self) -> str:
        for kind in ("video", "audio"):
            transceiver = self.connection.addTransceiver(kind, direction="recvonly")
            if kind == "video" and self.codec is not None:
                known = RTCRtpReceiver.getCapabilities("video").codecs
                transceiver.setCodecPreferences([c for c in known if c.mimeType == f"video/{self.codec}"])
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def join(self, watched: Any) -> None:
        """watched: has `watch`."""
        self.name, self.answer = await watched.watch(await self.offer())
        await self.connection.setRemoteDescription(RTCSessionDescription(self.answer, "answer"))

    async def until(self, kind: str, count: int, seconds: float = 10.0) -> None:
        """Until so many frames came."""
        async with asyncio.timeout(seconds):
            while len(self.frames[kind]) < count:
                await asyncio.sleep(0.01)

    async def lose_a_picture(self) -> None:
        """Ask for a key frame, as a decoder does that lost something."""
        receiver = self.connection.getTransceivers()[0].receiver
        for source in list(receiver._RTCRtpReceiver__remote_streams):  # type: ignore[attr-defined]
            await receiver._send_rtcp_pli(source)

    async def leave(self) -> None:
        await self.connection.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _pull(self, track: Any) -> None:
        async def pull() -> None:
            loop = asyncio.get_running_loop()
            with suppress(MediaStreamError):  # the track is over
                while True:
                    frame = await track.recv()
                    self.frames[track.kind].append((loop.time(), frame))

        self._tasks.append(asyncio.ensure_future(pull()))
