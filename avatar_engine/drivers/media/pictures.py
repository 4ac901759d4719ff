"""Pictures and sound into files: MP4, WebM, animated WebP, a folder of PNGs. Knows encoders, not what is
shown.

A writer is used from one thread at a time and takes pictures and sound in the order of time, each its own; it
writes to the path it is given (see `output` for names that appear only when all is well) and raises OSError
where the disk refuses. Sound and picture both begin at 0; the sound is the user's own, at its rate as far as
the codec takes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np

from avatar_engine.clock import FRAME_RATE
from avatar_engine.drivers.media.colour import yuv420
from avatar_engine.drivers.media.resampling import Resampler
from avatar_engine.errors import UsageError
from avatar_engine.types import Float32, UInt8

BT709 = 1
"The number of BT.709 in H.273: primaries, transfer and matrix alike."
LIMITED_RANGE = 1
PNG_PATTERN = "frame_*.png"
FASTEST_DEFLATE = 1


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of output file."""

    suffix: str
    container: str
    video_codec: str
    video_options: dict[str, str]
    container_options: dict[str, str] = field(default_factory=dict)
    audio_codec: str = ""
    "Empty: the format has no sound."
    audio_rates: tuple[int, ...] = ()
    "Rates that the codec takes, ascending; other sound is resampled to the next higher."
    has_alpha: bool = False


KINDS = {
    kind.suffix: kind
    for kind in (
        Kind(
            ".mp4",
            "mp4",
            "libx264",
            # No B-frames: the first picture is at 0 also for players that ignore edit lists.
            {"crf": "18", "preset": "veryfast", "bf": "0", "g": "50", "x264-params": "chromaloc=1"},
            {"movflags": "+faststart"},
            "aac",
            (16_000, 22_050, 24_000, 32_000, 44_100, 48_000),
        ),
        Kind(
            ".webm",
            "webm",
            "libvpx-vp9",
            {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "5", "row-mt": "1", "g": "50"},
            {},
            "libopus",
            (16_000, 24_000, 48_000),
            has_alpha=True,
        ),
        Kind(
            ".webp",
            "webp",
            "libwebp_anim",
            {"quality": "85", "compression_level": "2"},
            {"loop": "0"},
            has_alpha=True,
        ),
    )
}
PNG_FOLDER = Kind("", "", "png", {}, has_alpha=True)


def kind_of(path: Path) -> Kind:
    """By the end of the name; a name without one is a folder of PNGs. UsageError for endings that are not
    known."""
    if path.is_dir() or not path.suffix:
        return PNG_FOLDER
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(KINDS)
        raise UsageError(
            f"output {str(path)!r}: unknown ending {path.suffix!r}; use {known}, or no ending for a folder"
        )
    return kind


@dataclass(frozen=True, slots=True)
class SoundFormat:
    """What the sound of a file is going to be, as its source has it."""

    sample_rate: int
    channels: int


class PictureWriter(Protocol):
    """Where pictures and sound go."""

    def picture(self, rgba: UInt8) -> None:
        """The next one, uint8 [size, size, 4], straight alpha."""
        ...

    def sound(self, block: Float32) -> None:
        """The next samples, float32 [n, channels] at the source's rate; without effect where the format has
        no sound."""
        ...

    def close(self) -> None:
        """Finish the file. Nothing may follow."""
        ...

    def abort(self) -> None:
        """Let go of the file, whatever state it is in."""
        ...


def open_writer(
    path: Path, kind: Kind, *, size: int, sound: SoundFormat | None, transparent: bool
) -> PictureWriter:
    """A writer to `path`. transparent: keep the pictures' alpha; the caller has checked that the kind can."""
    if kind is PNG_FOLDER:
        return _PngFolder(path, transparent=transparent)
    return _MediaWriter(path, kind, size=size, sound=sound, transparent=transparent)


class _PngFolder:
    def __init__(self, folder: Path, *, transparent: bool) -> None:
        self._folder = folder
        self._transparent = transparent
        self._count = 0

    def picture(self, rgba: UInt8) -> None:
        order = cv2.COLOR_RGBA2BGRA if self._transparent else cv2.COLOR_RGBA2BGR
        _, encoded = cv2.imencode(
            ".png", cv2.cvtColor(rgba, order), [cv2.IMWRITE_PNG_COMPRESSION, FASTEST_DEFLATE]
        )
        (self._folder / f"frame_{self._count:06}.png").write_bytes(encoded.tobytes())
        self._count += 1

    def sound(self, block: Float32) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


class _MediaWriter:
    def __init__(
        self, path: Path, kind: Kind, *, size: int, sound: SoundFormat | None, transparent: bool
    ) -> None:
        self._transparent = transparent
        self._count = 0
        self._closed = False
        self._is_webp = kind.container == "webp"
        with _as_os_errors():
            self._container = av.open(
                str(path), "w", format=kind.container, options=dict(kind.container_options)
            )
            self._video = self._container.add_stream(
                kind.video_codec, rate=FRAME_RATE, options=dict(kind.video_options)
            )
        self._video.width = self._video.height = size
        self._video.time_base = Fraction(1, FRAME_RATE)
        # One thread: pictures are drawn on the others meanwhile, and the file does not depend on the machine.
        self._video.codec_context.thread_count = 1
        if self._is_webp:
            self._video.pix_fmt = "bgra"
        else:
            self._video.pix_fmt = "yuva420p" if transparent else "yuv420p"
            context = self._video.codec_context
            context.color_primaries = context.color_trc = context.colorspace = BT709
            context.color_range = LIMITED_RANGE
        self._sound = (
            _SoundTrack(self._container, kind, sound) if sound is not None and kind.audio_codec else None
        )

    def picture(self, rgba: UInt8) -> None:
        frame = self._frame(rgba)
        frame.pts = self._count
        frame.time_base = Fraction(1, FRAME_RATE)
        self._count += 1
        with _as_os_errors():
            self._container.mux(self._video.encode(frame))

    def _frame(self, rgba: UInt8) -> av.VideoFrame:
        height, width = rgba.shape[:2]
        if self._is_webp:
            opaque = (
                rgba
                if self._transparent
                else np.dstack([rgba[:, :, :3], np.full((height, width), 255, np.uint8)])
            )
            return av.VideoFrame.from_ndarray(np.ascontiguousarray(opaque[:, :, [2, 1, 0, 3]]), format="bgra")
        frame = av.VideoFrame(width, height, self._video.pix_fmt)
        planes = [*yuv420(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB))]
        if self._transparent:
            planes.append(np.ascontiguousarray(rgba[:, :, 3]))
        for plane, values in zip(frame.planes, planes, strict=True):
            padding = plane.line_size - values.shape[1]
            plane.update(np.pad(values, ((0, 0), (0, padding))) if padding else values)
        return frame

    def sound(self, block: Float32) -> None:
        if self._sound is not None:
            with _as_os_errors():
                self._sound.write(block)

    def close(self) -> None:
        with _as_os_errors():
            if self._sound is not None:
                self._sound.finish()
            self._container.mux(self._video.encode(None))
            self._closed = True
            self._container.close()

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            with suppress(OSError, av.FFmpegError):
                self._container.close()


class _SoundTrack:
    """The sound of one file: at most two channels, at a rate that the codec takes."""

    def __init__(self, container: av.container.OutputContainer, kind: Kind, sound: SoundFormat) -> None:
        rate = next((rate for rate in kind.audio_rates if rate >= sound.sample_rate), kind.audio_rates[-1])
        self._channels = sound.channels if sound.channels <= 2 else 1
        self._layout = "mono" if self._channels == 1 else "stereo"
        self._rate = rate
        self._resampler = Resampler(sound.sample_rate, rate, self._channels)
        self._container = container
        self._stream = container.add_stream(kind.audio_codec, rate=rate, layout=self._layout)
        # AAC allows six bits a sample; five are transparent for speech and leave it some air.
        self._stream.codec_context.bit_rate = min(128_000, 5 * rate) * self._channels
        self._done = 0

    def write(self, block: Float32, *, last: bool = False) -> None:
        mixed = (
            block if block.shape[1] == self._channels else block.mean(axis=1, keepdims=True, dtype=np.float32)
        )
        samples = np.clip(self._resampler.push(mixed, last=last), -1, 1)
        if len(samples):
            packed = np.ascontiguousarray(samples, np.float32).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
            frame.sample_rate = self._rate
            frame.pts = self._done
            frame.time_base = Fraction(1, self._rate)
            self._done += len(samples)
            self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        self.write(np.zeros((0, self._channels), np.float32), last=True)
        self._container.mux(self._stream.encode(None))


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """FFmpeg's own errors as OSError, as which those of the operating system come already."""
    try:
        yield
    except OSError:
        raise
    except av.FFmpegError as error:
        raise OSError(f"the encoder failed: {error}") from error
