"""One utterance's sound: PCM of any rate in, frames of speech (16 kHz) and sound (48 kHz) out.

What waits is kept as it came and is resampled shortly before it is said, each rate once, as one stream: the
same samples come out however the speech was cut.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import SAMPLE_RATE, SAMPLES_PER_FRAME
from avatar_engine.drivers.live.pace import SOUND_PER_SLOT, SOUND_PER_SPEECH, SOUND_RATE
from avatar_engine.drivers.media.resampling import Resampler, SpeechConverter
from avatar_engine.types import Float32

Int16 = NDArray[np.int16]
FULL_SCALE = np.float32(32_768)
SMALL = 1024
"Pieces shorter than this are joined: somebody may send a sample at a time, for minutes."
SampleT = TypeVar("SampleT", np.int16, np.float32)


class Fifo(Generic[SampleT]):
    """Samples in, frames out; keeps what it holds in pieces."""

    def __init__(self, dtype: type[SampleT]) -> None:
        self._pieces: deque[NDArray[SampleT]] = deque()
        self._none: NDArray[SampleT] = np.zeros(0, dtype)
        self.length = 0

    def push(self, samples: NDArray[SampleT]) -> None:
        if len(samples):
            self.length += len(samples)
            if self._pieces and len(self._pieces[-1]) < SMALL:
                samples = np.concatenate([self._pieces.pop(), samples])
            self._pieces.append(samples)

    def take(self, count: int) -> NDArray[SampleT]:
        """At most `count` samples."""
        taken, missing = [], min(count, self.length)
        self.length -= missing
        while missing:
            piece = self._pieces.popleft()
            if len(piece) > missing:
                self._pieces.appendleft(piece[missing:])
                piece = piece[:missing]
            taken.append(piece)
            missing -= len(piece)
        return np.concatenate(taken) if taken else self._none


class SpeechFeed:
    """See the module."""

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._raw = Fifo(np.int16)
        self._to_speech = SpeechConverter(sample_rate)
        self._to_sound = Resampler(sample_rate, SOUND_RATE, 1)
        self._speech = Fifo(np.float32)
        self._sound = Fifo(np.int16)
        self._flushed = False
        self.ended = False

    @property
    def available(self) -> int:
        """Samples at 16 kHz that wait, resampled or not."""
        return self._speech.length + self.length_of(self._raw.length)

    def ready(self, samples: int) -> bool:
        """Whether so many (16 kHz) can be taken now, or all there will ever be. A filter that is still fed
        holds some 30 ms back."""
        self._convert(samples)
        return self.ended or min(self._speech.length, self._sound.length // SOUND_PER_SPEECH) >= samples

    @property
    def is_over(self) -> bool:
        """Ended, and all taken."""
        return self._flushed and not self._speech.length

    def length_of(self, samples: int) -> int:
        """So many of the source's samples, at 16 kHz."""
        return -(-samples * SAMPLE_RATE // self._rate)

    def push(self, pcm16: bytes) -> None:
        self._raw.push(np.frombuffer(pcm16, "<i2").astype(np.int16, copy=False))

    def end(self) -> None:
        """No more comes."""
        self.ended = True

    def skip(self, samples: int) -> None:
        """Throw the oldest of what waits away, in samples at 16 kHz."""
        self._raw.take(samples * self._rate // SAMPLE_RATE)

    def take(self) -> tuple[Float32, Int16, int]:
        """speech float32 [640], sound int16 [1920] and how many of the 640 are the utterance's own: all,
        except at its end. Only where `ready(640)`."""
        speech = self._speech.take(SAMPLES_PER_FRAME)
        sound = self._sound.take(SOUND_PER_SLOT)
        return _filled(speech, SAMPLES_PER_FRAME), _filled(sound, SOUND_PER_SLOT), len(speech)

    def _convert(self, wanted: int) -> None:
        """Resample until `wanted` samples are there for both."""
        while self._raw.length and min(self._speech.length, self._sound.length // SOUND_PER_SPEECH) < wanted:
            self._pass(self._raw.take(self._rate // 25), last=False)
        if self.ended and not self._raw.length and not self._flushed:
            self._pass(np.zeros(0, np.int16), last=True)
            self._flushed = True

    def _pass(self, raw: Int16, *, last: bool) -> None:
        block = (raw.astype(np.float32) / FULL_SCALE)[:, None]
        self._speech.push(self._to_speech.push(block, last=last))
        if self._rate == SOUND_RATE:
            self._sound.push(raw)
        else:
            made = self._to_sound.push(block, last=last)[:, 0] * FULL_SCALE
            self._sound.push(np.clip(np.rint(made), -32_768, 32_767).astype(np.int16))


def _filled(samples: NDArray[SampleT], length: int) -> NDArray[SampleT]:
    """With zeros behind it up to `length`."""
    if len(samples) == length:
        return samples
    filled = np.zeros(length, samples.dtype)
    filled[: len(samples)] = samples[:length]
    return filled
