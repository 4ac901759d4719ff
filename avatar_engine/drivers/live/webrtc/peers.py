"""The viewers of one session: WHEP offers in, answers out, and packets to everybody who is connected."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import av
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from avatar_engine.drivers.live.interface import Full, Unsupported
from avatar_engine.drivers.live.webrtc.encoders import Codec
from avatar_engine.drivers.live.webrtc.ice import NetworkOptions, NoPortError, restrict
from avatar_engine.drivers.live.webrtc.offers import (
    MOST_CANDIDATES,
    ice_lines,
    read_fragment,
    read_offer,
    without_remb,
)
from avatar_engine.drivers.live.webrtc.tracks import MediaTimeSender, PacketTrack

logger = logging.getLogger(__name__)
JOIN_S = 20.0
"A viewer who is not connected by then is not waited for."
SILENT_S = 12.0
"Nor one who reports nothing for so long."
RETRY_S = 5


@dataclass
class _Viewer:
    name: str
    connection: RTCPeerConnection
    codec: Codec
    asked_at: float
    ice: frozenset[str]
    "Its ICE user name and password, as lines of SDP."
    tracks: dict[str, PacketTrack] = field(default_factory=dict)
    deadline: asyncio.TimerHandle | None = None
    heard_at: float = 0.0
    "When it last sent a report; browsers do at least every five seconds."
    trickled: int = 0
    "Candidates that came after the offer."


class Peers:
    """See the module. One per session; used on the event loop only."""

    def __init__(
        self,
        network: NetworkOptions,
        most: int,
        wall_of: Callable[[float], float],
        want_key: Callable[[Codec, bool], None],
        on_first_picture: Callable[[float], None],
    ) -> None:
        """most: viewers at once. want_key: a viewer of that codec needs a key frame, having joined
        (True) or lost something. on_first_picture: the
        first picture left for a viewer, so many seconds after the offer."""
        self._network = network
        self._most = most
        self._wall_of = wall_of
        self._want_key = want_key
        self._on_first_picture = on_first_picture
        self._viewers: dict[str, _Viewer] = {}
        self._asking = 0
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def count(self) -> int:
        """Viewers connected or connecting."""
        return len(self._viewers) + self._asking

    @property
    def codecs(self) -> set[Codec]:
        """Those in which a connected viewer wants pictures."""
        return {
            viewer.codec
            for viewer in self._viewers.values()
            if "video" in viewer.tracks and viewer.tracks["video"].joined
        }

    @property
    def listening(self) -> bool:
        """Whether a connected viewer wants sound."""
        return any("audio" in v.tracks and v.tracks["audio"].joined for v in self._viewers.values())

    @property
    def dropped(self) -> int:
        """Packets that connected viewers were too slow for."""
        return sum(track.dropped for viewer in self._viewers.values() for track in viewer.tracks.values())

    async def watch(self, offer_sdp: str) -> tuple[str, str]:
        """See Performance.watch."""
        offer = read_offer(offer_sdp)
        if self.count >= self._most:
            raise Full(f"this session has {self._most} viewers already, no more may watch", RETRY_S)
        self._asking += 1
        try:
            loop = asyncio.get_running_loop()
            connection = RTCPeerConnection(self._network.configuration())
            viewer = _Viewer(secrets.token_urlsafe(12), connection, offer.codec, loop.time(), offer.ice)
            try:
                for kind in offer.kinds:
                    self._add_track(viewer, kind)
                restrict(connection, self._network)
                await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
                await connection.setLocalDescription(await connection.createAnswer())
            except NoPortError as error:
                await self._dispose(connection)
                raise Full(f"{error}; free one or widen the range", RETRY_S) from None
            except Exception as error:  # aiortc raises whatever it stumbles over in an offer
                await self._dispose(connection)
                reason = (str(error) or type(error).__name__).splitlines()[0]
                raise ValueError(f"SDP offer: cannot be answered ({reason[:120]})") from None
            except BaseException:
                await self._dispose(connection)
                raise
        finally:
            self._asking -= 1
        if self._closed:
            await self._dispose(connection)
            raise ValueError("the session has ended")
        self._viewers[viewer.name] = viewer
        connection.on("connectionstatechange", lambda: self._state_changed(viewer))
        viewer.deadline = loop.call_later(JOIN_S, self._expire, viewer)
        return viewer.name, without_remb(connection.localDescription.sdp)

    async def add_candidate(self, name: str, fragment: str) -> None:
        """See Performance.add_candidate."""
        viewer = self._viewers[name]
        candidates = read_fragment(fragment)
        if not ice_lines(fragment) <= viewer.ice:
            raise Unsupported(
                "ICE restart is not supported: ice-ufrag or ice-pwd are not those of this viewer's offer;"
                " DELETE the viewer and POST a new offer"
            )
        viewer.trickled += len(candidates)
        if viewer.trickled > MOST_CANDIDATES:
            raise ValueError(
                f"ICE fragment: {viewer.trickled} candidates, at most {MOST_CANDIDATES} are tried"
            )
        for candidate in candidates:
            with suppress(ValueError):  # one that comes after the end of candidates
                await viewer.connection.addIceCandidate(candidate)

    async def unwatch(self, name: str) -> None:
        """See Performance.unwatch."""
        await self._dispose(self._forget(self._viewers[name]).connection)

    def send_picture(self, codec: Codec, packet: av.Packet) -> None:
        for viewer in self._viewers.values():
            if viewer.codec == codec and "video" in viewer.tracks:
                viewer.tracks["video"].offer(packet)

    def send_sound(self, packet: av.Packet) -> None:
        for viewer in self._viewers.values():
            if "audio" in viewer.tracks:
                viewer.tracks["audio"].offer(packet)

    async def close(self) -> None:
        """All viewers away. Fine to call twice."""
        self._closed = True
        gone = [self._forget(viewer).connection for viewer in list(self._viewers.values())]
        await asyncio.gather(*(self._dispose(connection) for connection in gone), *self._closing)

    def _add_track(self, viewer: _Viewer, kind: str) -> None:
        """In the order of the offer, with the codec chosen before aiortc reads the offer: later it would not
        look at it any more."""

        def join() -> None:
            if kind == "video":
                self._want_key(viewer.codec, True)

        def first() -> None:
            if kind == "video":
                self._on_first_picture(asyncio.get_running_loop().time() - viewer.asked_at)

        track = viewer.tracks[kind] = PacketTrack(kind, join, first)
        transceiver = viewer.connection.addTransceiver(track, direction="sendonly")
        if kind == "video":
            known = RTCRtpSender.getCapabilities("video").codecs
            wanted = [c for c in known if c.mimeType in (f"video/{viewer.codec}", "video/rtx")]
            transceiver.setCodecPreferences(wanted)

        def heard() -> None:
            viewer.heard_at = asyncio.get_running_loop().time()

        MediaTimeSender.adopt(
            transceiver.sender, self._wall_of, lambda: self._want_key(viewer.codec, False), heard
        )

    def _state_changed(self, viewer: _Viewer) -> None:
        state = viewer.connection.connectionState
        logger.debug("viewer %s: %s", viewer.name, state)
        if state == "connected" and viewer.name in self._viewers:
            viewer.heard_at = asyncio.get_running_loop().time()
            self._look_after(viewer)
        elif state in ("failed", "closed") and viewer.name in self._viewers:
            self._let_go(viewer)

    def _expire(self, viewer: _Viewer) -> None:
        if viewer.connection.connectionState != "connected" and viewer.name in self._viewers:
            logger.info("viewer %s did not connect within %.0f s", viewer.name, JOIN_S)
            self._let_go(viewer)

    def _look_after(self, viewer: _Viewer) -> None:
        """Let go of a viewer who was not heard of for long: a page that is closed says nothing, and ICE takes
        half a minute to notice."""
        if viewer.deadline is not None:
            viewer.deadline.cancel()
        loop = asyncio.get_running_loop()
        left = viewer.heard_at + SILENT_S - loop.time()
        if left > 0:
            viewer.deadline = loop.call_later(left, self._look_after, viewer)
        elif viewer.name in self._viewers:
            logger.info("viewer %s is silent since %.0f s", viewer.name, SILENT_S)
            self._let_go(viewer)

    def _let_go(self, viewer: _Viewer) -> None:
        task = asyncio.ensure_future(self._dispose(self._forget(viewer).connection))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _forget(self, viewer: _Viewer) -> _Viewer:
        del self._viewers[viewer.name]
        if viewer.deadline is not None:
            viewer.deadline.cancel()
        for track in viewer.tracks.values():
            track.stop()
        return viewer

    @staticmethod
    async def _dispose(connection: RTCPeerConnection) -> None:
        try:
            await connection.close()
        except Exception as error:  # closing must not fail whatever state it is in
            logger.warning("a peer connection could not be closed: %s", error)
