"""A small studio in place of a session: real packets for viewers over loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import numpy as np

from avatar_engine.drivers.live.screen import KeyFrames
from avatar_engine.drivers.live.webrtc.encoders import Codec, SoundEncoder, open_encoder, video_frame
from avatar_engine.drivers.live.webrtc.ice import NetworkOptions
from avatar_engine.drivers.live.webrtc.peers import Peers

LOOPBACK = NetworkOptions(addresses=("127.0.0.1",))


class Studio:
    """Sends a grey ramp and silence to its viewers, encoded once."""

    def __init__(self, network: NetworkOptions = LOOPBACK, most: int = 8) -> None:
        self.keys: dict[Codec, KeyFrames] = {"VP8": KeyFrames(), "H264": KeyFrames()}
        self.asked: list[bool] = []
        self.firsts: list[float] = []
        self.key_frames = self.encoded = 0
        self.peers = Peers(
            network, most, lambda media_s: 5000.0 + media_s, self._want_key, self.firsts.append
        )
        self._task = asyncio.create_task(self._send())

    def _want_key(self, codec: Codec, joined: bool) -> None:
        self.asked.append(joined)
        self.keys[codec].ask(asyncio.get_running_loop().time(), joined=joined)

    async def _send(self) -> None:
        encoders = {codec: open_encoder(codec, 256) for codec in ("VP8", "H264")}
        opus, slot = SoundEncoder(), 0
        while True:
            for codec in self.peers.codecs:
                picture = video_frame(np.full((384, 256), 60 + slot % 100, np.uint8))
                key = self.keys[codec].take(asyncio.get_running_loop().time())
                packet = encoders[codec].encode(picture, slot, key=key)
                self.encoded += 1
                self.key_frames += packet.is_keyframe
                self.peers.send_picture(codec, packet)
            for half in range(2):
                self.peers.send_sound(opus.encode(None, 2 * slot + half))
            slot += 1
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        self._task.cancel()
        await self.peers.close()


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 60))
