"""A voice behind any OpenAI-compatible /v1/audio/speech: raw PCM at 24 kHz asked for, WAV taken as well."""

from __future__ import annotations

import re
import struct
from collections.abc import AsyncIterator

import numpy as np
import soxr

from avatar_engine.drivers.voice.http import Service
from avatar_engine.drivers.voice.interface import VoiceError

SAMPLE_RATE = 24_000
"What the protocol's response_format pcm means, and what everything else is made into."
LONGEST_WAV_HEADER = 65_536
_RATES = (8_000, 192_000)
_RATE_PARAMETER = re.compile(r"rate=(\d{4,6})")
_PCM_TAGS = (1, 0xFFFE)
"WAV formats of whole numbers: plain and extensible."
_OTHERS = ((b"ID3", "MP3"), (b"\xff\xfb", "MP3"), (b"\xff\xf3", "MP3"), (b"OggS", "Ogg"), (b"fLaC", "FLAC"))


class SpeechServer:
    """See interface.Voice."""

    sample_rate = SAMPLE_RATE

    def __init__(self, url: str, key: str | None, model: str, voice: str) -> None:
        self._service = Service(
            url,
            "/audio/speech",
            key,
            what="the speech server",
            key_name="AVATAR_ENGINE_TTS_KEY",
            error=VoiceError,
        )
        self._model, self._voice = model, voice
        self.name = f"{model} {voice} at {self._service.host}"

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """See interface.Voice.speak."""
        if not any(character.isalnum() for character in text):
            return
        body = {"model": self._model, "voice": self._voice, "input": text, "response_format": "pcm"}
        said_anything = False
        async with self._service.post(body) as response:
            decoder = Decoder(response.headers.get("Content-Type", ""))
            async for piece in response.aiter_bytes():
                if sound := decoder.push(piece):
                    said_anything = True
                    yield sound
            if sound := decoder.finish():
                said_anything = True
                yield sound
        if not said_anything:
            raise VoiceError("the speech server sent no sound", retryable=True)

    async def close(self) -> None:
        await self._service.close()


class Decoder:
    """Bytes of an answer, cut anywhere -> PCM16 mono at 24 kHz. VoiceError for what is not PCM or WAV."""

    def __init__(self, content_type: str) -> None:
        self._content_type = content_type.lower()
        rate = _RATE_PARAMETER.search(self._content_type)
        self._start: bytes | None = b""
        self._left: int | None = None
        "Bytes of sound that a WAV still holds; None: until the end."
        self._rest = b""
        self._set_format(int(rate[1]) if rate else SAMPLE_RATE, 1)

    def push(self, piece: bytes) -> bytes:
        if self._start is not None:
            self._start += piece
            found = self._begin(self._start)
            if found is None:
                return b""
            self._start, piece = None, found
        if self._left is not None:
            piece = piece[: self._left]
            self._left -= len(piece)
        return self._convert(piece, last=False)

    def finish(self) -> bytes:
        """What is left; a last half sample is dropped."""
        if self._start is not None:
            if self._start[:4] == b"RIFF":
                raise VoiceError("the speech server sent a WAV that ends in its header", retryable=True)
            start, self._start = self._start, None
            return self._convert(start, last=True)
        return self._convert(b"", last=True)

    def _begin(self, start: bytes) -> bytes | None:
        """The first bytes of sound; None: more is needed to tell."""
        if len(start) < 4:
            return None
        for mark, kind in _OTHERS:
            if start.startswith(mark):
                raise VoiceError(
                    f"the speech server sent {kind}, expected pcm or wav: it must take response_format"
                )
        if "json" in self._content_type or self._content_type.startswith("text/"):
            raise VoiceError(
                f"the speech server sent {self._content_type!r} instead of sound: is the URL right?"
            )
        return self._read_wav(start) if start[:4] == b"RIFF" else start

    def _read_wav(self, start: bytes) -> bytes | None:
        """Chunk for chunk up to the sound."""
        position = 12
        while len(start) >= position + 8:
            name, size = start[position : position + 4], struct.unpack_from("<I", start, position + 4)[0]
            position += 8
            if name == b"data":
                # a streamed WAV does not know its length and says 0 or the largest number
                self._left = None if size in (0, 0xFFFFFFFF, 0x7FFFFFFF) else size
                return start[position:]
            if len(start) < position + size and size <= LONGEST_WAV_HEADER:
                return None
            if name == b"fmt " and size >= 16:
                tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", start, position)
                if tag not in _PCM_TAGS or bits != 16 or not 1 <= channels <= 8:
                    raise VoiceError(
                        f"the speech server sent a WAV of format {tag}, {bits} bits: expected 16-bit PCM"
                    )
                self._set_format(rate, channels)
            position += size + size % 2
            if position > LONGEST_WAV_HEADER:
                raise VoiceError("the speech server sent a WAV whose sound does not begin")
        return None

    def _set_format(self, rate: int, channels: int) -> None:
        if not _RATES[0] <= rate <= _RATES[1]:
            raise VoiceError(
                f"the speech server sent sound of {rate} Hz: expected {_RATES[0]} to {_RATES[1]}"
            )
        self._channels = channels
        self._resampler = (
            None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="int16")
        )

    def _convert(self, piece: bytes, *, last: bool) -> bytes:
        whole = self._rest + piece
        used = len(whole) - len(whole) % (2 * self._channels)
        self._rest = whole[used:]
        if self._channels == 1 and self._resampler is None:
            return whole[:used]
        samples = np.frombuffer(whole[:used], dtype="<i2").reshape(-1, self._channels)
        mono = np.round(samples.mean(1)).astype(np.int16) if self._channels > 1 else samples[:, 0]
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(np.ascontiguousarray(mono, np.int16), last=last)
        return mono.astype("<i2").tobytes()
