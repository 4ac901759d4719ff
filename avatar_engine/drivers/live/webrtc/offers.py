"""A viewer's SDP, checked before aiortc sees it: what is wrong is told in one line. Knows no connection."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiortc import RTCIceCandidate
from aiortc.sdp import SessionDescription, candidate_from_sdp

from avatar_engine.drivers.live.webrtc.encoders import Codec

LONGEST_SDP = 64 * 1024
MOST_SECTIONS = 8
MOST_CANDIDATES = 100
"Of one viewer: each is tried with packets."
CODECS: tuple[Codec, ...] = ("VP8", "H264")
KINDS = ("audio", "video")
_LINE = re.compile(r"[a-z]=\S")
_ICE = ("a=ice-ufrag:", "a=ice-pwd:")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a viewer wants."""

    sdp: str
    """Without candidates that would have to be asked for by multicast DNS: the viewer's own checks tell where
    it is."""
    kinds: tuple[str, ...]
    "audio and video, as far as they are wanted, in the order of the offer."
    codec: Codec
    "The first of the viewer's list that we have."
    ice: frozenset[str]
    "ICE user names and passwords, as lines of SDP."


def read_offer(sdp: str) -> Offer:
    """ValueError of one line for what is malformed or asks for nothing that there is."""
    if len(sdp) > LONGEST_SDP:
        raise ValueError(f"SDP offer: {len(sdp)} characters, at most {LONGEST_SDP} are read")
    if not sdp.startswith("v=0"):
        raise ValueError("SDP offer: does not begin with v=0; send the offer's sdp as application/sdp")
    sdp = "".join(line + "\r\n" for line in sdp.splitlines() if line and not _is_mdns(line))
    try:
        description = SessionDescription.parse(sdp)
    except Exception as error:  # the parser raises whatever it stumbles over
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"SDP offer: cannot be read ({reason[:120]})") from None
    if not 1 <= len(description.media) <= MOST_SECTIONS:
        raise ValueError(f"SDP offer: {len(description.media)} media sections, expected 1 to {MOST_SECTIONS}")
    offered = sdp.count("\na=candidate:")
    if offered > MOST_CANDIDATES:
        raise ValueError(f"SDP offer: {offered} candidates, at most {MOST_CANDIDATES} are tried")
    kinds: list[str] = []
    codec: Codec = CODECS[0]
    for media in description.media:
        if media.kind not in (*KINDS, "application"):
            raise ValueError(f"SDP offer: unknown kind of media {media.kind[:40]!r}")
        if not media.rtp.muxId and media.kind in KINDS:
            raise ValueError(f"SDP offer: the {media.kind} section has no a=mid")
        if media.ice is None or not media.ice.usernameFragment or not media.ice.password:
            raise ValueError("SDP offer: ICE user name or password is missing")
        if media.dtls is None or not media.dtls.fingerprints:
            raise ValueError("SDP offer: the DTLS fingerprint is missing")
        if media.kind in KINDS and media.direction in ("recvonly", "sendrecv") and media.kind not in kinds:
            kinds.append(media.kind)
            if media.kind == "video":
                codec = _first_codec([c.name for c in media.rtp.codecs])
    if not kinds:
        raise ValueError("SDP offer: wants neither picture nor sound; offer recvonly audio and video")
    return Offer(sdp, tuple(kinds), codec, ice_lines(sdp))


def ice_lines(sdp: str) -> frozenset[str]:
    """The ICE user names and passwords of an offer or a fragment. Where a fragment has others than the offer,
    it asks for an ICE restart (RFC 9725, section 4.3.3)."""
    return frozenset(line.strip() for line in sdp.splitlines() if line.startswith(_ICE))


def read_fragment(fragment: str) -> list[RTCIceCandidate]:
    """The candidates of a trickle ICE fragment (RFC 8840); ValueError of one line for a malformed one."""
    if len(fragment) > LONGEST_SDP:
        raise ValueError(f"ICE fragment: {len(fragment)} characters, at most {LONGEST_SDP} are read")
    candidates, mid = [], None
    for line in fragment.splitlines():
        if line.strip() and not _LINE.match(line):
            raise ValueError(
                f"ICE fragment: {line[:80]!r} is no line of SDP; send application/trickle-ice-sdpfrag"
            )
        if line.startswith("a=mid:"):
            mid = line.removeprefix("a=mid:").strip()
        elif line.startswith("a=candidate:") and not _is_mdns(line):
            try:
                candidate = candidate_from_sdp(line.removeprefix("a=candidate:"))
            except Exception:  # as above
                raise ValueError(f"ICE fragment: {line[:80]!r} is no candidate") from None
            if candidate.protocol.lower() != "udp":
                continue
            candidate.sdpMid, candidate.sdpMLineIndex = mid, None if mid else 0
            candidates.append(candidate)
    return candidates


def without_remb(sdp: str) -> str:
    """An answer that does not ask for bandwidth estimates: the bit rate is fixed."""
    return "".join(line + "\r\n" for line in sdp.splitlines() if "goog-remb" not in line)


def _is_mdns(line: str) -> bool:
    return line.startswith("a=candidate:") and ".local" in line


def _first_codec(offered: list[str]) -> Codec:
    for name in offered:
        for codec in CODECS:
            if name.upper() == codec:
                return codec
    names = ", ".join(dict.fromkeys(offered)) or "none"
    raise ValueError(f"SDP offer: video codecs {names[:80]}; expected one of {', '.join(CODECS)}")
