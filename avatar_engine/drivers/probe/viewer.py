"""A viewer of a live session made of aiortc: what a browser would see and hear, with the times of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import httpx2
import numpy as np
from aiortc import (
    MediaStreamError,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCSessionDescription,
)

from avatar_engine.client.tls import Trust
from avatar_engine.errors import AvatarError

POST_S = 20.0
CONNECT_S = 10.0
LOUD = 400.0
"Effective value of 16-bit sound from which a stretch counts as sound and not as silence."
KEPT = 3000
"Times of pictures and sounds that are remembered: two minutes of pictures."


class ViewerError(AvatarError):
    """The pictures cannot be had."""


class Viewer:
    """One peer connection: `offer`, `post`, `connected`, then pictures and sound come by themselves."""

    def __init__(self, ice_servers: Iterable[Mapping[str, Any]] = (), trust: Trust = True) -> None:
        """trust: see client.tls; of a server with TLS."""
        helpers = [
            RTCIceServer(helper["urls"], helper.get("username"), helper.get("credential"))
            for helper in ice_servers
        ]
        self._peer = RTCPeerConnection(RTCConfiguration(helpers))
        self._peer.addTransceiver("video", direction="recvonly")
        self._peer.addTransceiver("audio", direction="recvonly")
        self._peer.on("track", self._take_track)
        self._peer.on("connectionstatechange", self._on_state)
        self._trust = trust
        self._connected = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._where: tuple[str, str] | None = None
        self.posted = 0.0
        self.pictures: deque[float] = deque(maxlen=KEPT)
        "When each was decoded; time.perf_counter()."
        self.sounds: deque[tuple[float, float]] = deque(maxlen=KEPT)
        "When each 20 ms were decoded, and how loud they are."
        self.picture: Any = None
        "The newest, an av.VideoFrame."

    @property
    def state(self) -> str:
        """Of the peer connection: new, connecting, connected, failed or closed."""
        return str(self._peer.connectionState)

    async def offer(self) -> str:
        """Our SDP, with all our candidates."""
        await self._peer.setLocalDescription(await self._peer.createOffer())
        return str(self._peer.localDescription.sdp)

    async def post(self, whep_url: str, token: str, sdp: str) -> str:
        """The server's answer to our offer, taken. ViewerError says what it refuses."""
        self.posted = time.perf_counter()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        verify = self._trust if whep_url.startswith("https:") else False
        async with httpx2.AsyncClient(timeout=POST_S, trust_env=False, verify=verify) as client:
            try:
                answer = await client.post(whep_url, content=sdp.encode(), headers=headers)
            except httpx2.HTTPError as error:
                raise ViewerError(f"no answer to our offer: {error or type(error).__name__}") from None
        if answer.status_code != 201:
            raise ViewerError(f"our offer is answered {answer.status_code}: {answer.text[:200].strip()}")
        self._where = (str(httpx2.URL(whep_url).join(answer.headers.get("Location", ""))), token)
        try:
            await self._peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        except ValueError as error:
            raise ViewerError(f"the answer to our offer is no answer: {error}") from None
        return str(answer.text)

    async def connected(self) -> None:
        """Until ICE and DTLS are through; ViewerError after CONNECT_S."""
        try:
            await asyncio.wait_for(self._connected.wait(), CONNECT_S)
        except TimeoutError:
            raise ViewerError(f"no connection within {CONNECT_S:g} s (state {self.state})") from None
        if self.state != "connected":
            raise ViewerError(f"the connection is {self.state}")

    async def first_picture(self, within_s: float) -> float:
        """When the first picture was decoded."""
        await self._until(lambda: bool(self.pictures), within_s, "no picture")
        return self.pictures[0]

    async def sound_after(self, moment: float, within_s: float) -> float:
        """When the first sound after `moment` was decoded."""
        await self._until(lambda: self._loud_after(moment) is not None, within_s, "no sound")
        found = self._loud_after(moment)
        assert found is not None
        return found

    def last_sound(self) -> float:
        """When the last sound was decoded, 0 where there was none."""
        return next((at for at, level in reversed(self.sounds) if level > LOUD), 0.0)

    def fps(self, seconds: float) -> float:
        """Pictures a second over the last seconds."""
        since = time.perf_counter() - seconds
        return sum(at > since for at in self.pictures) / seconds

    async def close(self) -> None:
        """Hangs up, and tells the server."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._where is not None:
            url, token = self._where
            verify = self._trust if url.startswith("https:") else False
            async with httpx2.AsyncClient(timeout=5, trust_env=False, verify=verify) as client:
                with contextlib.suppress(httpx2.HTTPError):  # the server may be gone, and we with it
                    await client.delete(url, headers={"Authorization": f"Bearer {token}"})
        await self._peer.close()

    def _loud_after(self, moment: float) -> float | None:
        return next((at for at, level in self.sounds if at > moment and level > LOUD), None)

    async def _until(self, is_so: Any, within_s: float, otherwise: str) -> None:
        try:
            async with asyncio.timeout(within_s):
                while not is_so():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise ViewerError(f"{otherwise} within {within_s:g} s (connection {self.state})") from None

    def _on_state(self) -> None:
        if self.state in ("connected", "failed", "closed"):
            self._connected.set()

    def _take_track(self, track: Any) -> None:
        read = self._read_pictures if track.kind == "video" else self._read_sound
        self._tasks.append(asyncio.create_task(read(track)))

    async def _read_pictures(self, track: Any) -> None:
        try:
            while True:
                self.picture = await track.recv()
                self.pictures.append(time.perf_counter())
                self._news.set()
        except MediaStreamError:
            return  # the track is over

    async def _read_sound(self, track: Any) -> None:
        try:
            while True:
                samples = (await track.recv()).to_ndarray().astype(np.float64)
                level = float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0
                self.sounds.append((time.perf_counter(), level))
                self._news.set()
        except MediaStreamError:
            return
