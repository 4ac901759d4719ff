"""The built-in voice: espeak-ng in child processes of its own (see espeak_child for why).

One child speaks one text at a time. A finished child waits for the next text, so that only the first text of
several at once pays the start (45 ms); one whose text is broken off is killed, which is the fastest and
surest way to stop it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import struct
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from avatar_engine.drivers.voice import languages
from avatar_engine.drivers.voice.interface import Missing, VoiceError

SAMPLE_RATE = 24_000
VARIANT = "+f3"
"Of espeak-ng's manners of voice: a woman's, as the default avatar is one."
ANSWER_S = 10.0
"A child that is silent for so long hangs."
SPARE = 2
"Children that wait for a text, at most."
REMEDY = "pip install 'avatar-engine[voice]'"

_CHILD = Path(__file__).with_name("espeak_child.py")
_PACKAGED = {"linux": "libespeak-ng.so", "darwin": "libespeak-ng.dylib", "win32": "espeak-ng.dll"}
_INSTALLED = {
    "linux": ("libespeak-ng.so.1", "libespeak-ng.so"),
    "darwin": ("libespeak-ng.dylib", "/opt/homebrew/lib/libespeak-ng.dylib"),
    "win32": ("libespeak-ng.dll", "C:\\Program Files\\eSpeak NG\\libespeak-ng.dll"),
}


@dataclass(frozen=True, slots=True)
class Library:
    """An espeak-ng that was found to work."""

    arguments: tuple[str, ...]
    "Of the child: the library, and its data where they do not lie where the library looks."
    version: str
    sample_rate: int


def find_library() -> Library | Missing:
    """The espeak-ng of the extra `voice`, else the system's. Starts a child or two: some 50 ms each."""
    reasons = []
    for arguments in _candidates():
        try:
            child = subprocess.run(
                _command(arguments), stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reasons.append(str(error))
            continue
        size, payload = _packet_of(child.stdout)
        if size > 0:
            facts = json.loads(payload)
            return Library(arguments, str(facts["version"]), int(facts["sample_rate"]))
        reasons.append(payload.decode(errors="replace") or f"it ended with code {child.returncode}")
    return Missing(f"no espeak-ng that works ({'; '.join(reasons) or 'none is known here'})", REMEDY)


def _candidates() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    spec = importlib.util.find_spec("espeakng_loader")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent
        name = _PACKAGED.get(sys.platform, "libespeak-ng.so")
        found.append((str(folder / name), str(folder / "espeak-ng-data")))
    return [*found, *((name,) for name in _INSTALLED.get(sys.platform, _INSTALLED["linux"]))]


def _command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-I", "-S", str(_CHILD), *arguments]


def _packet_of(output: bytes) -> tuple[int, bytes]:
    if len(output) < 4:
        return 0, b""
    (size,) = struct.unpack("<i", output[:4])
    return size, output[4 : 4 + abs(size)]


class EspeakVoice:
    """See interface.Voice. `voice`: one of espeak-ng's ("de", "en-gb+m3"); None: by the text's language."""

    sample_rate = SAMPLE_RATE

    def __init__(self, library: Library, voice: str | None = None) -> None:
        self._library = library
        self._voice = voice
        self._idle: list[Process] = []
        self._closed = False
        self.name = f"espeak-ng {library.version}{f' {voice}' if voice else ''}"

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        """See interface.Voice.speak. VoiceError for a voice that there is not, or a child that failed."""
        if not any(character.isalnum() for character in text):
            return
        if self._voice:
            parts = [(self._voice, text)]
        else:
            parts = [(language + VARIANT, part) for language, part in languages.parts(text)]
        child = await self._child()
        is_done = False
        try:
            line = json.dumps(parts).encode() + b"\n"
            _input(child).write(line)
            resampler = soxr.ResampleStream(self._library.sample_rate, SAMPLE_RATE, 1, dtype="int16")
            while (packet := await _read(child)) is not None:
                samples = np.frombuffer(packet, dtype="<i2")
                if piece := resampler.resample_chunk(samples).astype("<i2").tobytes():
                    yield piece
            is_done = True
            if piece := resampler.resample_chunk(np.zeros(0, np.int16), last=True).astype("<i2").tobytes():
                yield piece
        except _Refused as error:
            is_done = True
            raise VoiceError(f"{error}: see `espeak-ng --voices` for those there are") from None
        finally:
            if is_done and not self._closed and len(self._idle) < SPARE:
                self._idle.append(child)
            else:
                await _end(child)

    async def warm(self) -> None:
        """A child waits from now on: the first text begins as fast as later ones."""
        if not self._idle and not self._closed:
            self._idle.append(await self._start())

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            await _end(self._idle.pop())

    async def _child(self) -> Process:
        while self._idle:
            child = self._idle.pop()
            if child.returncode is None:
                return child
            await _end(child)
        return await self._start()

    async def _start(self) -> Process:
        if self._closed:
            raise VoiceError("the voice is closed")
        try:
            child = await asyncio.create_subprocess_exec(
                *_command(self._library.arguments), stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            raise VoiceError(f"the voice's process cannot start: {error}", retryable=True) from None
        try:
            await _read(child)  # what it is; find_library knows that already
        except BaseException:
            await _end(child)
            raise
        return child


class _Refused(Exception):  # noqa: N818 - not an error of the child's: it goes on
    """The child said no to this text."""


def _input(child: Process) -> asyncio.StreamWriter:
    assert child.stdin is not None
    return child.stdin


async def _read(child: Process) -> bytes | None:
    """The next packet; None at the end of the text."""
    assert child.stdout is not None
    try:
        async with asyncio.timeout(ANSWER_S):
            (size,) = struct.unpack("<i", await child.stdout.readexactly(4))
            payload = await child.stdout.readexactly(abs(size)) if size else b""
    except TimeoutError:
        raise VoiceError(f"the voice's process says nothing for {ANSWER_S:g} s", retryable=True) from None
    except (asyncio.IncompleteReadError, ConnectionError):
        raise VoiceError("the voice's process ended unexpectedly", retryable=True) from None
    if size < 0:
        raise _Refused(payload.decode(errors="replace"))
    return payload if size else None


async def _end(child: Process) -> None:
    """Kill it and wait until it is gone; closes the pipes."""
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    _input(child).close()
    with contextlib.suppress(ConnectionError):
        await _input(child).wait_closed()
    await asyncio.shield(child.wait())
    # asyncio closes the read end only when all was read: read what is left
    assert child.stdout is not None
    with contextlib.suppress(ConnectionError):
        await child.stdout.read()
