"""Speech from files, in blocks: any format, rate and channel count. Memory does not grow with the file's
length.

libsndfile reads what it knows (WAV, FLAC, Ogg, AIFF, AU, …), FFmpeg (PyAV) the rest (MP3, M4A, sound of
videos). Nothing here resamples: see `resampling`.
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import soundfile

from avatar_engine.drivers.media import truncation
from avatar_engine.errors import AvatarWarning, SpeechError
from avatar_engine.types import Float32

HEAD_BYTES = 4096
BLOCK_S = 0.5
"Seconds a block."
RATES = (1_000, 768_000)
MOST_CHANNELS = 64
LOUDEST = 16.0
"Float samples beyond this are taken for unscaled integers."


class Speech(Protocol):
    """An open source of speech."""

    @property
    def name(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def duration_s(self) -> float | None:
        """As the file's header tells; None where it does not."""
        ...

    def blocks(self) -> Iterator[Float32]:
        """float32 [n, channels] in order, once; SpeechError where the source turns out to be unusable."""
        ...


def open_speech(path: str | os.PathLike[str]) -> Speech:
    """The speech of a sound or video file. SpeechError, one line, for what holds none that can be read."""
    place = Path(path)
    if place.is_dir():
        raise SpeechError(f"{place}: is a folder; name a sound file")
    try:
        head = b""
        if stat.S_ISREG(place.stat().st_mode):
            with place.open("rb") as file:
                head = file.read(HEAD_BYTES)
            if not head:
                raise SpeechError(f"{place}: is empty (0 bytes); expected a sound file")
    except FileNotFoundError:
        raise SpeechError(f"{place}: no such file; check the name") from None
    except OSError as error:
        raise SpeechError(f"{place}: cannot be read: {error.strerror or error}") from None
    # What cannot be rewound (a pipe) must be opened once: straight by FFmpeg. So are MP3s, for FFmpeg knows
    # where their padding is, and libsndfile complains about them on stderr.
    is_for_ffmpeg = not head or truncation.is_mpeg_audio(head)
    source: Speech | None = None if is_for_ffmpeg else _SoundFile.open(place)
    source = source or _MediaFile(place, tells_length=truncation.counts_its_frames(head))
    if not RATES[0] <= source.sample_rate <= RATES[1]:
        raise SpeechError(f"{place}: sample rate {source.sample_rate} Hz, expected {RATES[0]}..{RATES[1]}")
    if not 1 <= source.channels <= MOST_CHANNELS:
        raise SpeechError(f"{place}: {source.channels} channels, expected 1..{MOST_CHANNELS}")
    return _Checked(source)


class SpeechArray:
    """Speech that is in memory already: float samples [n] or [n, channels]."""

    def __init__(self, samples: Float32, sample_rate: int) -> None:
        """SpeechError for a shape, rate or values that are no speech."""
        array = np.asarray(samples)
        if array.dtype.kind != "f" or array.ndim not in (1, 2):
            raise SpeechError(
                f"speech must be floats [n] or [n, channels], not {array.dtype} of shape {array.shape}"
            )
        if not RATES[0] <= sample_rate <= RATES[1]:
            raise SpeechError(f"sample rate {sample_rate} Hz, expected {RATES[0]}..{RATES[1]}")
        self._samples = (array[:, None] if array.ndim == 1 else array).astype(np.float32)
        self.name = "speech"
        self.sample_rate = sample_rate
        self.channels = self._samples.shape[1]
        self.duration_s: float | None = len(array) / sample_rate

    def blocks(self) -> Iterator[Float32]:
        """See Speech."""
        size = max(1, int(BLOCK_S * self.sample_rate))
        pieces = (self._samples[start : start + size] for start in range(0, len(self._samples), size))
        return _checked(self, pieces)


class _Checked:
    """Another source, with its samples checked on the way."""

    def __init__(self, source: Speech) -> None:
        self._source = source
        self.name = source.name
        self.sample_rate = source.sample_rate
        self.channels = source.channels
        self.duration_s = source.duration_s

    def blocks(self) -> Iterator[Float32]:
        return _checked(self, self._source.blocks())


def _checked(speech: Speech, blocks: Iterator[Float32]) -> Iterator[Float32]:
    done = 0
    for block in blocks:
        # One pass tells both: a NaN anywhere makes the largest value NaN.
        peak = float(np.abs(block).max(initial=0.0))
        if not np.isfinite(peak):
            row = int(np.flatnonzero(~np.isfinite(block).all(axis=1))[0])
            second = (done + row) / speech.sample_rate
            raise SpeechError(
                f"{speech.name}: holds NaN or infinity at {second:.3f} s; record or convert it again"
            )
        if peak > LOUDEST:
            raise SpeechError(
                f"{speech.name}: a sample of {peak:g} at {done / speech.sample_rate:.1f} s, expected -1..1; "
                f"it was probably saved as floats without scaling"
            )
        done += len(block)
        if len(block):
            yield block
    if done == 0:
        raise SpeechError(f"{speech.name}: holds no sound (0 samples); expected speech")


class _SoundFile:
    """What libsndfile reads."""

    def __init__(self, path: Path, rate: int, channels: int, frames: int) -> None:
        self._path = path
        self._frames = frames
        self.name = str(path)
        self.sample_rate = rate
        self.channels = channels
        self.duration_s: float | None = frames / rate

    @classmethod
    def open(cls, path: Path) -> _SoundFile | None:
        """None where libsndfile does not know the format; SpeechError where it does and the file is cut
        off."""

        try:
            # By descriptor: with a name, soundfile guesses from its ending.
            with soundfile.SoundFile(os.open(path, os.O_RDONLY), closefd=True) as file:
                facts = (file.samplerate, file.channels, file.frames)
        except (soundfile.LibsndfileError, TypeError):
            return None
        missing = truncation.missing_end(path)
        if missing:
            raise SpeechError(f"{path}: is cut off: {missing}; copy or record it again")
        return cls(path, *facts)

    def blocks(self) -> Iterator[Float32]:
        done = 0
        with soundfile.SoundFile(os.open(self._path, os.O_RDONLY), closefd=True) as file:
            while True:
                try:
                    block: Float32 = file.read(
                        max(1, int(BLOCK_S * self.sample_rate)), dtype="float32", always_2d=True
                    )
                except soundfile.LibsndfileError as error:
                    raise self._cut_off(done, str(error)) from None
                if not len(block):
                    break
                done += len(block)
                yield block
        if done < self._frames:
            raise self._cut_off(done, "the rest is missing")

    def _cut_off(self, done: int, reason: str) -> SpeechError:
        seconds, announced = done / self.sample_rate, self._frames / self.sample_rate
        return SpeechError(
            f"{self.name}: is damaged or cut off after {seconds:.2f} of {announced:.2f} s "
            f"({reason.strip().rstrip('.')}); copy or record it again"
        )


class _MediaFile:
    """What FFmpeg reads."""

    def __init__(self, path: Path, *, tells_length: bool) -> None:
        """tells_length: whether the length that FFmpeg gives for an MP3 is more than a guess."""
        self.name = str(path)
        try:
            # Only this file: a playlist in disguise must not make FFmpeg fetch others. It stays open, for a
            # pipe can be opened but once.
            self._container = av.open(
                f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace"
            )
        except (av.FFmpegError, ValueError) as error:
            raise SpeechError(
                f"{path}: neither libsndfile nor FFmpeg can read it ({_reason(error)}); "
                f"expected a whole sound or video file"
            ) from None
        if not self._container.streams.audio:
            raise SpeechError(f"{path}: holds no sound track; expected speech")
        stream = self._container.streams.audio[0]
        self.sample_rate = int(stream.codec_context.sample_rate or 0)
        self.channels = int(stream.codec_context.channels or 0)
        duration = None if stream.duration is None else float(stream.duration * stream.time_base)
        self.duration_s: float | None = duration
        is_mp3 = self._container.format.name == "mp3"
        self._is_exact = "mp4" in self._container.format.name or (is_mp3 and tells_length)

    def blocks(self) -> Iterator[Float32]:
        size = max(1, int(BLOCK_S * self.sample_rate))
        waiting: list[Float32] = []
        done = held = 0
        try:
            with self._container as container:
                for piece in self._pieces(container):
                    waiting.append(piece)
                    held += len(piece)
                    if held >= size:
                        yield np.concatenate(waiting)
                        done, held, waiting = done + held, 0, []
        except (av.FFmpegError, ValueError) as error:
            raise SpeechError(
                f"{self.name}: cannot be read beyond {(done + held) / self.sample_rate:.2f} s "
                f"({_reason(error)}); copy or convert it again"
            ) from None
        if held:
            yield np.concatenate(waiting)
        seconds = (done + held) / self.sample_rate
        if self._is_exact and self.duration_s is not None and seconds < self.duration_s - 0.25:
            raise SpeechError(
                f"{self.name}: is cut off after {seconds:.2f} of {self.duration_s:.2f} s; "
                f"copy or record it again"
            )

    def _pieces(self, container: av.container.InputContainer) -> Iterator[Float32]:
        """Decoded sound as it comes, float32 [n, channels]; damaged packets are skipped with one warning."""

        stream = container.streams.audio[0]
        convert = av.AudioResampler(format="fltp")
        damaged = 0
        for packet in container.demux(stream):
            try:
                decoded = packet.decode()
            except av.InvalidDataError:
                damaged += 1
                continue
            for frame in decoded:
                for part in convert.resample(frame):
                    yield part.to_ndarray().T
        for part in convert.resample(None):
            yield part.to_ndarray().T
        if damaged:
            warnings.warn(
                f"{self.name}: {damaged} damaged packets of sound were skipped", AvatarWarning, stacklevel=2
            )


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0][:120]
