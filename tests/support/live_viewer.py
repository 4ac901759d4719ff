"""A WHEP viewer made of aiortc, as a browser would be one: counts pictures, keeps the sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from tests.support.live_server import request

OFFER_KIND = "application/sdp"


class Viewer:
    """What came so far: number and size of pictures, loudness of each 20 ms of sound."""

    def __init__(self) -> None:
        self.n_pictures = 0
        self.size: tuple[int, int] | None = None
        self.loudness: list[float] = []
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tasks: set[asyncio.Task[None]] = set()
        self.location = ""
        for kind in ("video", "audio"):
            self.peer.addTransceiver(kind, direction="recvonly")
        self.peer.on("track", self._take)

    def _take(self, track: MediaStreamTrack) -> None:
        self.tasks.add(
            asyncio.create_task(self._pictures(track) if track.kind == "video" else self._sound(track))
        )

    async def _pictures(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame: Any = await track.recv()
                self.n_pictures += 1
                self.size = (frame.width, frame.height)
        except MediaStreamError:
            return

    async def _sound(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame: Any = await track.recv()
                samples = frame.to_ndarray().astype(np.float64) / 32_768
                self.loudness.append(float(np.sqrt(np.mean(samples**2))))
        except MediaStreamError:
            return

    def is_loud_after(self, place: int) -> bool:
        """Whether speech was among the sound that came after `place`."""
        return any(loudness > 0.02 for loudness in self.loudness[place:])


@asynccontextmanager
async def watching(session: Mapping[str, Any]) -> AsyncIterator[Viewer]:
    """A viewer of a session of POST /v1/sessions, gone again at the end."""
    viewer = Viewer()
    bearer = f"Bearer {session['token']}"
    await viewer.peer.setLocalDescription(await viewer.peer.createOffer())
    try:
        answer = await request(
            session["whep_url"],
            "POST",
            viewer.peer.localDescription.sdp,
            content_type=OFFER_KIND,
            authorization=bearer,
        )
        assert answer.status == 201, answer
        viewer.location = answer.headers["location"]
        await viewer.peer.setRemoteDescription(RTCSessionDescription(answer.body.decode(), "answer"))
        yield viewer
    finally:
        await viewer.peer.close()
        for task in viewer.tasks:
            task.cancel()
        await asyncio.gather(*viewer.tasks, return_exceptions=True)
