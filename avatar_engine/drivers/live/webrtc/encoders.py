"""Pictures and sound to packets, once for all viewers. Bit rates are fixed and an encoder lives as long as
its stream: a new one would cost a key frame.
"""

from __future__ import annotations

import time
from fractions import Fraction
from typing import Literal, Protocol, TypeAlias

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE, VIDEO_CLOCK, VIDEO_TICKS_PER_FRAME
from avatar_engine.drivers.live.pace import SOUND_PER_PACKET, SOUND_RATE
from avatar_engine.types import UInt8

Int16 = NDArray[np.int16]
Codec: TypeAlias = Literal["VP8", "H264"]
BITS_PER_SECOND = {256: 800_000, 384: 1_200_000, 512: 1_800_000, 1024: 4_000_000}
SOUND_BITS_PER_SECOND = 64_000
OPUS_DELAY = 312
"Samples by which libopus is late (its lookahead at 48 kHz): they are taken off the time stamps."
_VIDEO_BASE = Fraction(1, VIDEO_CLOCK)


class VideoEncoder(Protocol):
    """I420 in, one packet out. Used from one thread at a time."""

    def encode(self, picture: av.VideoFrame, slot: int, *, key: bool) -> av.Packet: ...


def video_frame(picture: UInt8) -> av.VideoFrame:
    """An I420 picture [3 / 2 size, size] as PyAV takes it."""
    return av.VideoFrame.from_ndarray(picture, format="yuv420p")


class _Encoder:
    """What both codecs have in common."""

    def __init__(self, name: str, size: int, options: dict[str, str]) -> None:
        codec = av.CodecContext.create(name, "w")
        codec.width = codec.height = size
        codec.pix_fmt = "yuv420p"
        codec.bit_rate = BITS_PER_SECOND[size]
        codec.time_base = _VIDEO_BASE
        codec.framerate = Fraction(FRAME_RATE)
        codec.gop_size = 3000  # key frames come when somebody needs one
        codec.thread_count = 1  # FFmpeg's own threads cost more than they save at these sizes
        codec.options = options
        self._codec = codec

    def encode(self, picture: av.VideoFrame, slot: int, *, key: bool) -> av.Packet:
        """Picture of slot `slot`; `picture` may be one that was encoded before."""
        picture.pts = slot * VIDEO_TICKS_PER_FRAME
        picture.time_base = _VIDEO_BASE
        picture.pict_type = PictureType.I if key else PictureType.NONE
        made = self._codec.encode(picture)
        packet = av.Packet(b"".join(bytes(part) for part in made))
        packet.pts = picture.pts
        packet.time_base = _VIDEO_BASE
        packet.is_keyframe = any(part.is_keyframe for part in made)
        return packet


class Vp8Encoder(_Encoder):
    def __init__(self, size: int) -> None:
        rate = str(BITS_PER_SECOND[size])
        super().__init__(
            "libvpx",
            size,
            {
                "bufsize": rate,
                "minrate": rate,
                "maxrate": rate,
                "cpu-used": "-6",
                "deadline": "realtime",
                "lag-in-frames": "0",
                "noise-sensitivity": "0",
                "overshoot-pct": "15",
                "undershoot-pct": "100",
                "static-thresh": "1",
                "partitions": "0",
            },
        )
        self._codec.qmin, self._codec.qmax = 2, 56


class H264Encoder(_Encoder):
    def __init__(self, size: int) -> None:
        rate = str(BITS_PER_SECOND[size])
        super().__init__(
            "libx264",
            size,
            {
                "preset": "superfast",
                "tune": "zerolatency",
                "profile": "baseline",
                "level": "31",
                "maxrate": rate,
                "bufsize": rate,
                "forced-idr": "1",
                "x264-params": "colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m:"
                "repeat-headers=1",
            },
        )


def open_encoder(codec: Codec, size: int) -> VideoEncoder:
    """An encoder for square pictures of one of the sizes in BITS_PER_SECOND."""
    return Vp8Encoder(size) if codec == "VP8" else H264Encoder(size)


class SoundEncoder:
    """20 ms of 48 kHz mono in, one Opus packet out."""

    def __init__(self) -> None:
        codec = av.CodecContext.create("libopus", "w")
        codec.bit_rate = SOUND_BITS_PER_SECOND
        codec.format = "s16"
        codec.layout = "mono"
        codec.sample_rate = SOUND_RATE
        codec.time_base = Fraction(1, SOUND_RATE)
        codec.options = {"application": "audio", "frame_duration": "20", "compression_level": "5"}
        self._codec = codec
        self._silence = np.zeros(SOUND_PER_PACKET, np.int16)

    def encode(self, sound: Int16 | None, index: int) -> av.Packet:
        """Packet number `index`; None: silence."""
        samples = self._silence if sound is None else sound
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = SOUND_RATE
        frame.time_base = Fraction(1, SOUND_RATE)
        frame.pts = index * SOUND_PER_PACKET
        made = self._codec.encode(frame)
        packet = av.Packet(b"".join(bytes(part) for part in made))
        packet.pts = max(0, index * SOUND_PER_PACKET - OPUS_DELAY)
        packet.time_base = Fraction(1, SOUND_RATE)
        return packet


def processor_seconds(work: VideoEncoder, pictures: list[UInt8]) -> float:
    """What one picture costs, of this thread; pictures of equal size, more than one."""
    frames = [video_frame(picture) for picture in pictures]
    work.encode(frames[0], 0, key=True)
    start = time.thread_time()
    for slot, frame in enumerate(frames[1:], 1):
        work.encode(frame, slot, key=False)
    return (time.thread_time() - start) / (len(frames) - 1)
