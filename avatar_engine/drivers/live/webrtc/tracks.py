"""Encoded packets to one viewer: bounded, begun by a key frame, reported in media time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import av
from aiortc import MediaStreamTrack, RTCRtpSender
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import AnyRtcpPacket, RtcpSenderInfo, RtcpSrPacket

NTP_MINUS_UNIX = 2_208_988_800
"Seconds from 1900 to 1970."
VIDEO_WAITING = 12
"Pictures (half a second) that may wait for a viewer's sender; it sends at once unless the loop is blocked."
SOUND_WAITING = 25
EARLY_REPORTS_S = (0.0, 0.1, 0.3)
"Media time after the first packet at which reports are sent besides aiortc's own."


class PacketTrack(MediaStreamTrack):
    """A track whose packets come from elsewhere. Nothing is kept for a viewer who is not connected yet."""

    def __init__(self, kind: str, on_join: Callable[[], None], on_first: Callable[[], None]) -> None:
        """on_join: the viewer is connected and needs a key frame; on_first: the first packet leaves."""
        super().__init__()
        self.kind = kind
        self._packets: asyncio.Queue[av.Packet | None] = asyncio.Queue()
        self._bound = VIDEO_WAITING if kind == "video" else SOUND_WAITING
        self._on_join = on_join
        self._on_first = on_first
        self._given = 0
        self._needs_key = kind == "video"
        self.joined = False
        self.media_s = 0.0
        "Media time of the packet given last."
        self.dropped = 0

    def offer(self, packet: av.Packet) -> None:
        """A packet that leaves now. A full queue is emptied: after that the viewer waits for a key frame."""
        if not self.joined or self.readyState != "live":
            return
        if self._packets.qsize() >= self._bound:
            self.dropped += self._packets.qsize()
            while not self._packets.empty():
                self._packets.get_nowait()
            self._needs_key = self.kind == "video"
            self._on_join()
        if self._needs_key and not packet.is_keyframe:
            return
        self._needs_key = False
        self._packets.put_nowait(packet)

    async def recv(self) -> av.Packet:
        """For aiortc's sender: the next packet, as it comes."""
        if not self.joined:
            self.joined = True
            self._on_join()
        packet = await self._packets.get()
        if packet is None or self.readyState != "live":
            raise MediaStreamError
        self._given += 1
        if self._given == 1:
            self._on_first()
        self.media_s = float(packet.pts * packet.time_base)
        return packet

    def stop(self) -> None:
        super().stop()
        self._packets.put_nowait(None)


class MediaTimeSender(RTCRtpSender):
    """A sender whose reports pair the RTP time with when that media was to leave, not with when the packet
    was sent, and that asks the shared encoder for key frames. Made by `adopt`, of a sender that aiortc made.
    """

    _wall_of: Callable[[float], float]
    _want_key: Callable[[], None]
    _heard: Callable[[], None]
    _pair: tuple[int, int]
    _began_s: float | None
    _early_reports: list[float]
    _reporting: set[asyncio.Task[None]]

    @classmethod
    def adopt(
        cls,
        sender: RTCRtpSender,
        wall_of: Callable[[float], float],
        want_key: Callable[[], None],
        heard: Callable[[], None],
    ) -> None:
        """wall_of: media seconds to seconds since 1970; heard: the viewer reported something.

        aiortc has no hook for these, so the class is put over the object, where properties cover the two
        attributes that its reports are made of.
        """
        for name in ("_RTCRtpSender__ntp_timestamp", "_RTCRtpSender__rtp_timestamp"):
            if name not in vars(sender):
                raise RuntimeError(f"this aiortc has no {name}: sender reports cannot carry media time")
            del vars(sender)[name]
        vars(sender).update(_wall_of=wall_of, _want_key=want_key, _heard=heard, _pair=(0, 0))
        vars(sender).update(_began_s=None, _early_reports=list(EARLY_REPORTS_S), _reporting=set())
        sender.__class__ = cls

    @property
    def _RTCRtpSender__ntp_timestamp(self) -> int:  # noqa: N802
        return self._pair[0]

    @_RTCRtpSender__ntp_timestamp.setter
    def _RTCRtpSender__ntp_timestamp(self, value: int) -> None:  # noqa: N802
        pass

    @property
    def _RTCRtpSender__rtp_timestamp(self) -> int:  # noqa: N802
        return self._pair[1]

    @_RTCRtpSender__rtp_timestamp.setter
    def _RTCRtpSender__rtp_timestamp(self, value: int) -> None:  # noqa: N802
        track: Any = self.track
        if track is not None:
            seconds = self._wall_of(track.media_s) + NTP_MINUS_UNIX
            self._pair = (int(seconds * (1 << 32)), value)
            self._report_early(track.media_s)

    def _report_early(self, media_s: float) -> None:
        """A browser puts sound and picture together once it has two reports of each; aiortc's own come a
        second apart."""
        if self._began_s is None:
            self._began_s = media_s
        if self._early_reports and media_s - self._began_s >= self._early_reports[0]:
            self._early_reports.pop(0)
            task = asyncio.ensure_future(self._send_rtcp([self._report()]))
            self._reporting.add(task)
            task.add_done_callback(self._reporting.discard)

    def _report(self) -> RtcpSrPacket:
        counts = vars(self)
        info = RtcpSenderInfo(
            ntp_timestamp=self._pair[0],
            rtp_timestamp=self._pair[1],
            packet_count=counts["_RTCRtpSender__packet_count"] & 0xFFFFFFFF,
            octet_count=counts["_RTCRtpSender__octet_count"] & 0xFFFFFFFF,
        )
        return RtcpSrPacket(ssrc=self._ssrc, sender_info=info)

    def _send_keyframe(self) -> None:
        self._want_key()

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        self._heard()
        await super()._handle_rtcp_packet(packet)
