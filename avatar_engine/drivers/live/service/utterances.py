"""What is being said and what waits, under the clients' own names; of a cut one nothing goes on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from avatar_engine.drivers.live.interface import Closed, Performance, TooFast
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.problems import Problem

BYTES_PER_SAMPLE = 2
PIECE_S = 0.25
"Sound of our own voice goes to the engine in pieces of at most that."
PATIENCE_S = 0.05
"Between two tries when the engine has enough for now."


@dataclass(slots=True)
class Utterance:
    """One speech.start, say or answered chat."""

    id: str
    "The engine's name for it: never the client's, which two sockets may both use."
    name: str | int
    "The client's name for it, or the engine's where it gave none."
    sample_rate: int
    is_cut: bool = False
    "Interrupted or over: what still comes is dropped."
    is_ended: bool = False
    "Its sound is complete."
    was_interrupted: bool = False
    n_bytes: int = 0
    n_chars: int = 0
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    "Set when clients were told."


class Utterances:
    """Those of one session whose end clients have not been told yet, in the order of their beginning."""

    def __init__(self, performance: Performance, limits: Limits) -> None:
        self._performance = performance
        self._limits = limits
        self._all: dict[str, Utterance] = {}
        self._made = 0

    def __len__(self) -> int:
        return len(self._all)

    def find(self, utterance: str) -> Utterance | None:
        """The one that the engine calls so."""
        return self._all.get(utterance)

    async def begin(self, sample_rate: int, text: str | None, name: str | int | None) -> Utterance:
        """Open one; it waits behind those before it. Busy, Closed, UsageError as of Performance.begin."""
        self._made += 1
        key = f"u{self._made}"
        utterance = Utterance(key, key if name is None else name, sample_rate)
        utterance.n_chars = len(text or "")
        self._all[key] = utterance
        try:
            await self._performance.begin(key, sample_rate, text)
        except BaseException:
            self.forget(utterance)
            raise
        if utterance.is_cut:
            # The interrupt overtook the beginning: nothing may stay open at the engine.
            await self._close(utterance)
        return utterance

    async def push(self, utterance: Utterance, pcm16: bytes) -> None:
        """More sound; Problem for half a sample and too much, TooFast as of Performance.push."""
        if utterance.is_cut:
            return
        if len(pcm16) % BYTES_PER_SAMPLE:
            raise half_a_sample(len(pcm16))
        size = utterance.n_bytes + len(pcm16)
        if size > self._limits.utterance_s * utterance.sample_rate * BYTES_PER_SAMPLE:
            raise Problem(
                "too_large",
                f"a speech lasts at most {self._limits.utterance_s:g} s; send speech.end and start another",
            )
        try:
            await self._performance.push(utterance.id, pcm16)
        except Closed:
            if not utterance.is_cut:
                raise
        utterance.n_bytes = size

    async def push_patiently(self, utterance: Utterance, pcm16: bytes) -> None:
        """As `push`, but waits where the engine has enough: for sound that we make ourselves."""
        step = int(utterance.sample_rate * PIECE_S) * BYTES_PER_SAMPLE
        for start in range(0, len(pcm16), step):
            while not utterance.is_cut:
                try:
                    await self.push(utterance, pcm16[start : start + step])
                    break
                except TooFast:
                    await asyncio.sleep(PATIENCE_S)

    async def push_text(self, utterance: Utterance, text: str) -> None:
        """More text; Problem for too much, UsageError for a malformed tag."""
        if utterance.is_cut:
            return
        if utterance.n_chars + len(text) > self._limits.utterance_chars:
            raise Problem(
                "too_large", f"the text of a speech has at most {self._limits.utterance_chars} characters"
            )
        try:
            await self._performance.push_text(utterance.id, text)
        except Closed:
            if not utterance.is_cut:
                raise
        utterance.n_chars += len(text)

    async def end(self, utterance: Utterance) -> None:
        """Its sound is complete; fine to call twice and for a cut one."""
        if not utterance.is_cut and not utterance.is_ended:
            await self._close(utterance)

    async def _close(self, utterance: Utterance) -> None:
        utterance.is_ended = True
        try:
            await self._performance.end(utterance.id)
        except Closed:
            # An interrupt or the session's end was quicker: it is what we wanted.
            return

    def cut(self) -> list[Utterance]:
        """Drop from now on whatever comes for those there are; returns them."""
        for utterance in self._all.values():
            utterance.is_cut = True
        return list(self._all.values())

    def forget(self, utterance: Utterance) -> None:
        """It is over and clients know."""
        utterance.is_cut = True
        utterance.finished.set()
        self._all.pop(utterance.id, None)


def half_a_sample(n_bytes: int) -> Problem:
    """What is told about sound of an odd number of bytes."""
    return Problem("unsupported_audio", f"{n_bytes} bytes are no PCM16: an even number is expected; dropped")
