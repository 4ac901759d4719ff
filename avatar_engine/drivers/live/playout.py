"""Between composing and leaving: sound and pictures wait for their moment, and stale ones never get it.
Sans-I/O.

What leaves is told by counting: packet n of sound is samples [960 n, 960 (n + 1)) at 48 kHz, picture i goes
with packet 2 i. An interrupt empties everything; position is counted where sound leaves, so it is right.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import SAMPLES_PER_FRAME
from avatar_engine.drivers.live.pace import (
    PACKETS_PER_SLOT,
    SOUND_PER_PACKET,
    SPEECH_PER_PACKET,
)
from avatar_engine.drivers.live.timeline import Begin, Slot

Int16 = NDArray[np.int16]
FADE = 240
"Samples (5 ms) over which sound that is broken off fades: a step would be heard as a click."
EASING_PICTURES = 3
"After an interrupt so many pictures leave ahead of their time: the mouth eases shut where sound was dropped."

PictureT = TypeVar("PictureT")


@dataclass(frozen=True, slots=True, eq=False)
class Packet:
    """20 ms of sound that leave now."""

    index: int
    sound: Int16 | None
    "int16 [960]; None: silence."
    began: str | None = None
    "The utterance whose first sample this is."
    ended: str | None = None
    "The utterance whose last sample this was."


@dataclass
class _Piece:
    sound: Int16 | None
    utterance: str | None
    own: int
    ends: bool


@dataclass
class _Played:
    """An utterance from its first slot until its last sample left."""

    name: str
    first_slot: int
    position: int = 0
    started: bool = False


@dataclass
class SoundPlayout:
    """Sound on its way out."""

    _pieces: deque[_Piece] = field(default_factory=deque)
    _said: deque[_Played] = field(default_factory=deque)
    _next: int = 0

    @property
    def next_index(self) -> int:
        """The packet that leaves next."""
        return self._next

    @property
    def waiting(self) -> int:
        return len(self._pieces)

    def put(self, slot: Slot) -> None:
        """A slot that was composed; slots come in order."""
        for note in slot.notes:
            if isinstance(note, Begin):
                self._said.append(_Played(note.utterance, slot.index))
        for half in range(PACKETS_PER_SLOT):
            start = half * SPEECH_PER_PACKET
            own = min(SPEECH_PER_PACKET, max(0, slot.own_samples - start))
            sound = None
            if slot.sound is not None and own:
                sound = slot.sound[half * SOUND_PER_PACKET : (half + 1) * SOUND_PER_PACKET]
            ends = slot.is_last and half == PACKETS_PER_SLOT - 1
            self._pieces.append(_Piece(sound, slot.utterance, own, ends))

    def take(self) -> Packet:
        """What leaves next; its slot must have been put."""
        piece = self._pieces.popleft()
        index, self._next = self._next, self._next + 1
        began = ended = None
        played = self.playing
        if piece.utterance is not None and played is not None and played.name == piece.utterance:
            played.position += piece.own
            if piece.own and not played.started:
                played.started, began = True, played.name
            if piece.ends:
                ended = played.name
        return Packet(index, piece.sound, began, ended)

    @property
    def playing(self) -> _Played | None:
        """The oldest utterance that has not wholly left."""
        return self._said[0] if self._said else None

    def finish(self) -> _Played:
        """The oldest utterance is over."""
        return self._said.popleft()

    def utterance_at(self, slot: int) -> _Played | None:
        """The utterance that slot `slot` shows, among those that have not wholly left."""
        return next((played for played in reversed(self._said) if played.first_slot <= slot), None)

    def drop(self) -> list[_Played]:
        """Forget all sound that has not left, but for a fade of 5 ms; the utterances that were cut, oldest
        first."""
        first = next(iter(self._pieces), None)
        count = len(self._pieces)
        self._pieces = deque(_Piece(None, None, 0, False) for _ in range(count))
        if first is not None and first.sound is not None:
            faded = np.zeros(SOUND_PER_PACKET, np.int16)
            faded[:FADE] = (first.sound[:FADE] * np.linspace(1, 0, FADE)).astype(np.int16)
            self._pieces[0] = _Piece(faded, None, 0, False)
        cut = [*self._said]
        self._said.clear()
        return cut


class PicturePlayout(Generic[PictureT]):
    """Pictures on their way out: the newest that is due, each at most once."""

    def __init__(self) -> None:
        self._waiting: dict[int, PictureT] = {}
        self._epoch = 0
        self._shown = -1
        self._early_until = -1
        self.dropped = 0
        "Drawn and never shown: too late, or stale."

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def put(self, index: int, epoch: int, picture: PictureT) -> None:
        """A picture that was drawn; stale and late ones are dropped."""
        if epoch != self._epoch or index <= self._shown:
            self.dropped += 1
        else:
            self._waiting[index] = picture

    def interrupt(self, epoch: int, first: int) -> None:
        """Forget all; pictures of the new epoch begin at frame `first` and may leave early until the mouth
        is shut."""
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._epoch = epoch
        self._early_until = first + EASING_PICTURES - 1

    def _due(self, slot: int) -> int | None:
        if slot <= self._early_until:
            return min(self._waiting, default=None)
        return max((index for index in self._waiting if index <= slot), default=None)

    def is_ready(self, slot: int) -> bool:
        """Whether the picture that slot `slot` is to show is there."""
        due = self._due(slot)
        return due is not None and (due >= slot or slot <= self._early_until)

    def take(self, slot: int) -> tuple[int, PictureT] | None:
        """What to show in slot `slot`; None: the last one again."""
        due = self._due(slot)
        if due is None:
            return None
        self._shown = due
        picture = self._waiting[due]
        late = [index for index in self._waiting if index <= due]
        self.dropped += len(late) - 1
        for index in late:
            del self._waiting[index]
        return due, picture


assert SPEECH_PER_PACKET * PACKETS_PER_SLOT == SAMPLES_PER_FRAME
