"""Viewers over loopback, made of aiortc; the packets come from a small studio in place of a session."""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import Any

import aioice.ice
import pytest
from aiortc.rtp import RtcpSrPacket

from avatar_engine.drivers.live.interface import Full, Unsupported
from avatar_engine.drivers.live.webrtc import peers
from avatar_engine.drivers.live.webrtc.ice import NetworkOptions
from avatar_engine.drivers.live.webrtc.tracks import NTP_MINUS_UNIX
from tests.support.small_studio import Studio, run
from tests.support.viewers import Viewer


@pytest.mark.parametrize("codec", [None, "H264"])
def test_a_viewer_gets_picture_and_sound_in_the_codec_it_prefers(codec: str | None) -> None:
    async def scene() -> None:
        studio, viewer = Studio(), Viewer(codec)
        await viewer.join(studio.peers)
        await viewer.until("video", 5)
        await viewer.until("audio", 5)
        assert studio.peers.codecs == {codec or "VP8"} and studio.peers.count == 1
        assert "goog-remb" not in viewer.answer and "127.0.0.1" in viewer.answer
        streams = {line.split()[1] for line in viewer.answer.splitlines() if line.startswith("a=msid:")}
        assert (
            len({line.split(":")[1].split()[0] for line in viewer.answer.splitlines() if "a=msid:" in line})
            == 1
        )
        assert len(streams) == 2 and len(studio.firsts) == 1
        assert viewer.frames["video"][0][1].width == 256
        await studio.peers.unwatch(viewer.name)
        assert studio.peers.count == 0
        with pytest.raises(KeyError):
            await studio.peers.unwatch(viewer.name)
        await viewer.leave()
        await studio.close()

    run(scene())


def test_four_viewers_share_one_encode_and_key_frames_are_debounced() -> None:
    async def scene() -> None:
        studio, viewers = Studio(), [Viewer() for _ in range(4)]
        for viewer in viewers:
            await viewer.join(studio.peers)
        for viewer in viewers:
            await viewer.until("video", 10)
        pts = [{frame.pts for _, frame in viewer.frames["video"]} for viewer in viewers]
        assert studio.encoded <= max(len(seen) for seen in pts) + 60
        assert studio.key_frames <= 5
        before, started = studio.key_frames, asyncio.get_running_loop().time()
        for _ in range(20):
            await viewers[0].lose_a_picture()
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        lasted = asyncio.get_running_loop().time() - started
        assert studio.asked.count(False) >= 5
        assert 1 <= studio.key_frames - before <= 1 + lasted
        for viewer in viewers:
            await viewer.leave()
        await studio.close()

    run(scene())


def test_sender_reports_carry_media_time() -> None:
    async def scene() -> None:
        studio, viewer = Studio(), Viewer()
        await viewer.join(studio.peers)
        await viewer.until("video", 3)
        await viewer.until("audio", 3)
        (inside,) = studio.peers._viewers.values()
        for transceiver in inside.connection.getTransceivers():
            sender = transceiver.sender
            ntp, rtp = sender._RTCRtpSender__ntp_timestamp, sender._RTCRtpSender__rtp_timestamp
            await asyncio.sleep(0.3)
            later, rtp_later = sender._RTCRtpSender__ntp_timestamp, sender._RTCRtpSender__rtp_timestamp
            clock = 90_000 if transceiver.kind == "video" else 48_000
            assert 5000 < ntp / 2**32 - NTP_MINUS_UNIX < 5060  # the studio's wall clock, not this machine's
            assert abs((later - ntp) / 2**32 - ((rtp_later - rtp) % 2**32) / clock) < 1e-3
        await viewer.leave()
        await studio.close()

    run(scene())


def test_reports_come_at_once_so_that_browsers_put_sound_and_picture_together() -> None:
    async def scene() -> None:
        studio, viewer, reports = Studio(), Viewer(), []
        await viewer.join(studio.peers)
        (inside,) = studio.peers._viewers.values()
        for transceiver in inside.connection.getTransceivers():
            sender, send = transceiver.sender, transceiver.sender._send_rtcp

            async def note(packets: list[Any], kind: str = transceiver.kind, send: Any = send) -> None:
                reports.extend((kind, p.sender_info) for p in packets if isinstance(p, RtcpSrPacket))
                await send(packets)

            sender._send_rtcp = note
        await viewer.until("video", 20)
        await viewer.until("audio", 20)
        for kind, clock in (("video", 90_000), ("audio", 48_000)):
            infos = [info for of, info in reports if of == kind]
            assert len(infos) >= 3 and all(info.packet_count > 0 for info in infos[1:])
            spans = [
                (
                    (b.ntp_timestamp - a.ntp_timestamp) / 2**32,
                    (b.rtp_timestamp - a.rtp_timestamp) % 2**32 / clock,
                )
                for a, b in itertools.pairwise(infos)
            ]
            assert all(abs(ntp - rtp) < 1e-4 for ntp, rtp in spans)
        await viewer.leave()
        await studio.close()

    run(scene())


def test_a_viewer_that_goes_is_forgotten_and_the_limit_holds() -> None:
    async def scene() -> None:
        studio, first, second = Studio(most=1), Viewer(), Viewer()
        await first.join(studio.peers)
        await first.until("audio", 1)
        with pytest.raises(Full, match="this session has 1 viewers already"):
            await second.join(studio.peers)
        await first.leave()  # its DTLS says goodbye
        async with asyncio.timeout(5):
            while studio.peers.count:
                await asyncio.sleep(0.01)
        third = Viewer()
        await third.join(studio.peers)
        await third.until("video", 1)
        await third.leave()
        await second.leave()
        await studio.close()

    run(scene())


def test_media_ports_stay_in_their_range_and_run_out_with_a_message() -> None:
    async def scene() -> None:
        network = NetworkOptions(ports=(47_100, 47_101), addresses=("127.0.0.1",))
        studio, viewers = Studio(network), [Viewer() for _ in range(3)]
        for viewer in viewers[:2]:
            await viewer.join(studio.peers)
            ports = {
                int(line.split()[5]) for line in viewer.answer.splitlines() if line.startswith("a=candidate:")
            }
            assert ports <= {47_100, 47_101} and ports
        with pytest.raises(Full, match="no UDP port could be opened on 127.0.0.1"):
            await viewers[2].join(studio.peers)
        for viewer in viewers:
            await viewer.leave()
        await studio.close()

    run(scene())


def test_trickled_candidates_are_taken() -> None:
    async def scene() -> None:
        studio, viewer = Studio(), Viewer()
        offer = await viewer.offer()
        kept = [line for line in offer.splitlines() if line.startswith("a=candidate:")]
        name, answer = await studio.peers.watch(
            "\r\n".join(line for line in offer.splitlines() if line not in kept and "end-of" not in line)
            + "\r\n"
        )
        from aiortc import RTCSessionDescription

        await viewer.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        mid = next(line for line in offer.splitlines() if line.startswith("a=mid:"))
        own = [line for line in offer.splitlines() if line.startswith(("a=ice-ufrag:", "a=ice-pwd:"))][:2]
        await studio.peers.add_candidate(name, "\r\n".join([*own, mid, kept[0], "a=end-of-candidates"]))
        await studio.peers.add_candidate(name, "\r\n".join([mid, kept[0]]))
        for changed in ([own[0], "a=ice-pwd:another"], ["a=ice-ufrag:another", own[1]]):
            with pytest.raises(Unsupported, match="ICE restart is not supported.* POST a new offer"):
                await studio.peers.add_candidate(name, "\r\n".join([*changed, mid, kept[0]]))
        with pytest.raises(KeyError):
            await studio.peers.add_candidate("nobody", "")
        with pytest.raises(ValueError, match="is no candidate"):
            await studio.peers.add_candidate(name, "a=candidate:nonsense")
        with pytest.raises(ValueError, match="at most 100 are tried"):
            await studio.peers.add_candidate(name, "\r\n".join([mid, *100 * [kept[0]]]))
        await viewer.until("audio", 1)
        await viewer.leave()
        await studio.close()

    run(scene())


def test_a_viewer_who_goes_on_reporting_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        monkeypatch.setattr(peers, "SILENT_S", 4.0)
        studio, viewer = Studio(), Viewer()
        await viewer.join(studio.peers)
        await viewer.until("video", 3)
        (inside,) = studio.peers._viewers.values()
        first = inside.heard_at
        async with asyncio.timeout(20):
            while inside.heard_at == first:
                await asyncio.sleep(0.05)
        assert studio.peers.count == 1
        await viewer.leave()
        await studio.close()

    run(scene())


class BadLine:
    """From now on 5 % of the packets that one end sends vanish, the others come up to 100 ms late and out of
    order."""

    def __init__(self, connection: Any, chance: random.Random) -> None:
        self._ice = connection.getTransceivers()[0].sender.transport.transport
        self._send = self._ice._send
        self._chance = chance
        self._late: set[asyncio.Task[None]] = set()
        self.lost = self.sent = 0
        self._ice._send = self._lossy

    async def _lossy(self, data: bytes) -> None:
        if self._chance.random() < 0.05:
            self.lost += 1
            return
        self.sent += 1
        late_s = 0.1 * self._chance.random()
        asyncio.get_running_loop().call_later(
            late_s, lambda: self._late.add(asyncio.ensure_future(self._send(data)))
        )

    async def mend(self) -> None:
        self._ice._send = self._send
        await asyncio.sleep(0.11)
        await asyncio.gather(*self._late)


def test_loss_and_jitter_both_ways_cost_pictures_and_not_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pictures and sound go to the viewer; its reports and its requests for what was lost and for key frames
    come back. It sends no sound on this line: a microphone speaks over the WebSocket."""

    async def scene() -> None:
        monkeypatch.setattr(peers, "SILENT_S", 4.0)  # a report that is lost must not end a viewer
        studio, viewer, chance = Studio(), Viewer(), random.Random(0)
        await viewer.join(studio.peers)
        await viewer.until("video", 3)
        (inside,) = studio.peers._viewers.values()
        there, back = BadLine(inside.connection, chance), BadLine(viewer.connection, chance)
        counts = {kind: len(frames) for kind, frames in viewer.frames.items()}
        keys, asked, heard_at = studio.key_frames, studio.asked.count(False), inside.heard_at
        for _ in range(60):
            await viewer.lose_a_picture()
            await asyncio.sleep(0.05)
        while not back.lost:
            await viewer.lose_a_picture()
        assert there.lost > 5 and back.sent > 60
        assert len(viewer.frames["video"]) - counts["video"] > 30
        assert len(viewer.frames["audio"]) - counts["audio"] > 75
        assert studio.asked.count(False) - asked > 20 and 1 <= studio.key_frames - keys <= 5
        assert inside.heard_at > heard_at and studio.peers.count == 1
        await there.mend()
        await back.mend()
        await viewer.until("video", len(viewer.frames["video"]) + 20)
        await viewer.leave()
        await studio.close()

    run(scene())


@pytest.mark.parametrize("by", ["ICE", "silence"])
def test_a_viewer_that_vanishes_without_a_word_is_noticed(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        if by == "ICE":
            monkeypatch.setattr(aioice.ice, "CONSENT_INTERVAL", 0.2)
            monkeypatch.setattr(aioice.ice, "CONSENT_FAILURES", 2)
        else:
            monkeypatch.setattr(peers, "SILENT_S", 2.5)
        studio, viewer = Studio(), Viewer()
        await viewer.join(studio.peers)
        await viewer.until("audio", 1)
        ice = viewer.connection.getTransceivers()[0].receiver.transport.transport
        await ice._connection.close()  # its sockets only: no goodbye
        async with asyncio.timeout(20):
            while studio.peers.count:
                await asyncio.sleep(0.02)
        await viewer.leave()
        await studio.close()

    run(scene())
