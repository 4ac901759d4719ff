from __future__ import annotations

import av
import numpy as np
import pytest

from avatar_engine.drivers.live.screen import KeyFrames
from avatar_engine.drivers.live.webrtc.encoders import (
    OPUS_DELAY,
    Codec,
    SoundEncoder,
    open_encoder,
    processor_seconds,
    video_frame,
)

DECODERS = {"VP8": "libvpx", "H264": "h264"}


def drifting(index: int) -> np.ndarray:
    y, x = np.mgrid[:384, :256]
    return (128 + 60 * np.sin((x + 3 * index) / 17) * np.cos(y / 23)).astype(np.uint8)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_every_picture_becomes_one_packet_with_its_slots_time(codec: Codec) -> None:
    encoder, decoder = open_encoder(codec, 256), av.CodecContext.create(DECODERS[codec], "r")
    for slot in range(8):
        packet = encoder.encode(video_frame(drifting(slot)), slot, key=slot == 5)
        assert packet.pts == 3600 * slot and packet.time_base.denominator == 90_000
        assert packet.is_keyframe == (slot in (0, 5))
        (shown,) = decoder.decode(av.Packet(bytes(packet)))
        assert abs(shown.to_ndarray(format="yuv420p").astype(int) - drifting(slot)).mean() < 4


def test_a_picture_can_be_encoded_again_for_a_repeat() -> None:
    encoder, picture = open_encoder("VP8", 256), video_frame(drifting(0))
    packets = [encoder.encode(picture, slot, key=False) for slot in range(3)]
    assert [p.pts for p in packets] == [0, 3600, 7200]
    assert [p.is_keyframe for p in packets] == [True, False, False]
    assert packets[2].size < packets[0].size / 10


def test_sound_keeps_its_moment_through_the_codec() -> None:
    encoder, decoder = SoundEncoder(), av.CodecContext.create("libopus", "r")
    tone = np.zeros(960 * 20, np.int16)
    tone[9600:] = 9000 * np.sin(2 * np.pi * 440 * np.arange(len(tone) - 9600) / 48_000)
    heard = []
    for index in range(20):
        piece = tone[960 * index : 960 * (index + 1)]
        packet = encoder.encode(piece if piece.any() else None, index)
        assert packet.pts == max(0, 960 * index - OPUS_DELAY)
        heard += [f.to_ndarray()[0].reshape(-1, 2)[:, 0] for f in decoder.decode(av.Packet(bytes(packet)))]
    samples = np.concatenate(heard).astype(float)
    onset = int(np.flatnonzero(abs(samples) > 0.2 * abs(samples).max())[0])
    # Decoded sample n of the stream is sample n - OPUS_DELAY of what went in, as the time stamps say.
    assert abs(onset - OPUS_DELAY - 9600) < 48


def test_an_encoders_cost_is_of_its_own_thread() -> None:
    assert 0 < processor_seconds(open_encoder("VP8", 256), [drifting(k) for k in range(5)]) < 0.1


def test_many_ask_for_key_frames_and_few_are_made() -> None:
    keys = KeyFrames()
    assert not keys.take(0.0)
    made = []
    for tick in range(100):  # 4 s, somebody complains at each picture
        now = tick * 0.04
        keys.ask(now, joined=False)
        if keys.take(now):
            made.append(round(now, 2))
    assert made == [0.0, 1.0, 2.0, 3.0]
    keys.ask(3.1, joined=True)
    assert not keys.take(3.15) and keys.take(3.2)
    keys.ask(3.3, joined=True)
    keys.ask(3.35, joined=True)
    assert keys.take(3.44) and not keys.take(3.48)
