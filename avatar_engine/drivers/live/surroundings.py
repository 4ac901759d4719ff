"""What a performance gets from its engine: viewers, workers, threads to encode on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import av

from avatar_engine.drivers.live.interface import Performance
from avatar_engine.drivers.live.meters import Meters
from avatar_engine.drivers.live.screen import Offload
from avatar_engine.drivers.live.webrtc.encoders import Codec
from avatar_engine.drivers.live.worker.handle import Worker


class Audience(Protocol):
    """The viewers; see webrtc.peers.Peers."""

    @property
    def count(self) -> int: ...
    @property
    def codecs(self) -> set[Codec]: ...
    @property
    def listening(self) -> bool: ...
    @property
    def dropped(self) -> int: ...
    async def watch(self, offer_sdp: str) -> tuple[str, str]: ...
    async def add_candidate(self, name: str, fragment: str) -> None: ...
    async def unwatch(self, name: str) -> None: ...
    def send_picture(self, codec: Codec, packet: av.Packet) -> None: ...
    def send_sound(self, packet: av.Packet) -> None: ...
    async def close(self) -> None: ...


OpenAudience: TypeAlias = Callable[
    [Callable[[float], float], Callable[[Codec, bool], None], Callable[[float], None]], Audience
]
"From wall_of, want_key and on_first_picture of Peers."


@dataclass(frozen=True, slots=True)
class Surroundings:
    """See the module."""

    take_worker: Callable[[], Awaitable[Worker]]
    open_audience: OpenAudience
    offload: Offload
    meters: Meters
    sentences: Callable[[str], list[str]]
    "Of a text as they are said, without tags; UsageError for a malformed one."
    on_closed: Callable[[Performance], None]
