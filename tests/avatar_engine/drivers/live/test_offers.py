"""Offers, fragments and network options that are wrong: what is refused, and in which words."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_engine.drivers.live.webrtc.ice import IceServer, NetworkOptions
from avatar_engine.drivers.live.webrtc.offers import read_fragment, read_offer
from tests.support.small_studio import Studio, run
from tests.support.viewers import Viewer


def offer_sdp() -> str:
    async def make() -> str:
        viewer = Viewer()
        try:
            return await viewer.offer()
        finally:
            await viewer.leave()

    return asyncio.run(make())


OFFER = offer_sdp()


@pytest.mark.parametrize(
    ("sdp", "message"),
    [
        ("", "does not begin with v=0"),
        ("hello", "does not begin with v=0"),
        ("v=0\r\n" + "a" * 70_000, "70005 characters, at most 65536"),
        ("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", "0 media sections"),
        (OFFER.replace("a=ice-pwd", "a=x"), "ICE user name or password is missing"),
        (OFFER.replace("a=fingerprint", "a=x"), "fingerprint"),
        (OFFER.replace("recvonly", "sendonly"), "wants neither picture nor sound"),
        (
            OFFER.replace("VP8", "AV1").replace("H264", "VP9"),
            "video codecs AV1, rtx, VP9; expected one of VP8, H264",
        ),
        (OFFER.replace("a=mid:", "a=x:"), "a=mid"),
        (OFFER + "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n" * 101, "at most 100 are tried"),
        (OFFER.replace("a=rtpmap:", "a=rtpmap:x"), "cannot be read"),
        (OFFER.replace("m=audio", "m=smell"), "smell"),
        (OFFER.replace("a=rtcp-mux", "a=x"), "cannot be answered"),
    ],
)
def test_a_malformed_offer_is_refused_in_one_line(sdp: str, message: str) -> None:
    async def scene() -> None:
        studio = Studio()
        with pytest.raises(ValueError, match=message) as refused:
            await studio.peers.watch(sdp)
        assert "\n" not in str(refused.value) and str(refused.value).startswith("SDP offer: ")
        assert studio.peers.count == 0
        await studio.close()

    run(scene())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(OFFER) - 1), st.characters()), max_size=30),
    st.integers(1, len(OFFER)),
)
def test_damaged_offers_and_fragments_are_value_errors_or_fine(
    damage: list[tuple[int, str]], length: int
) -> None:
    letters = list(OFFER[:length])
    for place, letter in damage:
        letters[place % length] = letter
    for read in (read_offer, read_fragment):
        try:
            read("".join(letters))
        except ValueError as error:
            assert "\n" not in str(error)


def test_network_options_are_checked_and_nobody_is_asked_by_default() -> None:
    with pytest.raises(ValueError, match="must be a range within 1..65535, not 9-8"):
        NetworkOptions(ports=(9, 8))
    assert NetworkOptions().configuration().iceServers == []
    (server,) = (
        NetworkOptions((IceServer("turn:example.net:3478", "me", "secret"),)).configuration().iceServers
    )
    assert (server.urls, server.username, server.credential) == ("turn:example.net:3478", "me", "secret")
