"""What is said when: utterances queue, slots of one frame's length come out. Sans-I/O, whole samples.

Speech comes in bursts or slowly and leaves at the pace of the slots. Utterances begin at the start of a slot.
Where speech is late in mid-utterance, slots are marked missing until there is a cushion again: what was
pushed is said whole, only later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import SAMPLE_RATE, SAMPLES_PER_FRAME
from avatar_engine.drivers.live.interface import (
    MIRROR,
    SAMPLE_RATES,
    WAITING_UTTERANCES,
    Busy,
    Closed,
    TooFast,
)
from avatar_engine.drivers.live.sound import SpeechFeed
from avatar_engine.motion.said import Place
from avatar_engine.types import Float32

Int16 = NDArray[np.int16]

START_SAMPLES = 3 * SAMPLES_PER_FRAME // 2
"So much has to be there before an utterance begins, unless it is shorter: what comes in real time jitters."
RESUME_SAMPLES = 5 * SAMPLES_PER_FRAME // 2
"The same after speech was late."
LONGEST_MISSING_SLOTS = 10
"So long the mouth waits for late speech; then the face idles."
QUEUED_SAMPLES = 180 * SAMPLE_RATE
"Speech that a session holds at most, at 16 kHz."
MIRROR_LARGEST, MIRROR_KEPT = 8 * SAMPLES_PER_FRAME, 3 * SAMPLES_PER_FRAME
"A microphone that gets ahead by the first is cut back to the second: its clock is not ours."
LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class Begin:
    """An utterance begins with this slot."""

    utterance: str
    text: str
    at: Place | None = None
    "How far it is already, for a session that takes over in mid-utterance."


@dataclass(frozen=True, slots=True)
class MoreText:
    """More of the text of the utterance that is being said."""

    text: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Speech was broken off."""


@dataclass(frozen=True, slots=True)
class Emotion:
    """An override begins or (None) ends."""

    name: str | None
    intensity: float
    ttl_s: float | None


@dataclass(frozen=True, slots=True)
class State:
    """The conversation has another state."""

    name: str


Note: TypeAlias = Begin | MoreText | Interrupt | Emotion | State
"What a session is told before the samples of a slot."


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """One frame's worth of time."""

    index: int
    epoch: int
    notes: tuple[Note, ...] = ()
    speech: Float32 | None = None
    "float32 [640] at 16 kHz; None: nobody speaks."
    sound: Int16 | None = None
    "int16 [1920] at 48 kHz."
    missing: bool = False
    "Speech should be here and has not come."
    utterance: str | None = None
    own_samples: int = 0
    "So many of the slot's first samples (16 kHz) are the utterance's own."
    is_last: bool = False
    "The utterance ends with this slot."


@dataclass
class _Utterance:
    name: str
    feed: SpeechFeed
    text: str
    late_slots: int = 0
    is_late: bool = False


class Timeline:
    """One per session. Slots come in order, none twice."""

    def __init__(self, check_text: Callable[[str], object]) -> None:
        """check_text raises UsageError for a text that cannot be split."""
        self._check_text = check_text
        self._waiting: deque[_Utterance] = deque()
        self._current: _Utterance | None = None
        self._notes: list[Note] = []
        self._next = 0
        self.epoch = 0
        self.held = False
        "While True nobody speaks and nothing is used up."

    @property
    def next_index(self) -> int:
        """The slot that `compose` gives next."""
        return self._next

    @property
    def waiting(self) -> int:
        """Utterances that have not begun."""
        return len(self._waiting)

    @property
    def names(self) -> list[str]:
        """The utterance being composed and those that wait."""
        return ([] if self._current is None else [self._current.name]) + [u.name for u in self._waiting]

    @property
    def speaking(self) -> str | None:
        """The utterance whose samples are being composed."""
        return None if self._current is None else self._current.name

    def begin(self, name: str, sample_rate: int, text: str | None) -> None:
        """See Performance.begin."""
        if sample_rate not in SAMPLE_RATES:
            known = ", ".join(map(str, SAMPLE_RATES))
            raise ValueError(f"sample_rate must be one of {known}, not {sample_rate!r}")
        if not name or len(name) > LONGEST_NAME:
            raise ValueError(f"an utterance's name has 1 to {LONGEST_NAME} characters, not {len(name)}")
        if self._find(name) is not None:
            raise ValueError(f"utterance {name!r} is open already; end it or use another name")
        if len(self._waiting) >= WAITING_UTTERANCES + (self._current is None):
            raise Busy(f"{WAITING_UTTERANCES} utterances wait already; wait for speech.finished or interrupt")
        self._check_text(text or "")
        self._waiting.append(_Utterance(name, SpeechFeed(sample_rate), text or ""))

    def push(self, name: str, pcm16: bytes) -> None:
        """See Performance.push."""
        utterance = self._open(name)
        if len(pcm16) % 2:
            raise ValueError(f"sound is PCM of 16 bits a sample; {len(pcm16)} bytes hold half a sample")
        coming = utterance.feed.length_of(len(pcm16) // 2)
        if self.queued_samples + coming > QUEUED_SAMPLES:
            raise TooFast(
                f"{self.queued_samples / SAMPLE_RATE:.0f} s of speech wait already, at most "
                f"{QUEUED_SAMPLES // SAMPLE_RATE} s may; send the rest later"
            )
        utterance.feed.push(pcm16)
        if name == MIRROR and utterance.feed.available > MIRROR_LARGEST:
            utterance.feed.skip(utterance.feed.available - MIRROR_KEPT)

    def push_text(self, name: str, text: str) -> None:
        """See Performance.push_text."""
        utterance = self._open(name)
        self._check_text(utterance.text + text)
        utterance.text += text
        if utterance is self._current:
            self._notes.append(MoreText(text))

    def end(self, name: str) -> None:
        """See Performance.end."""
        self._open(name).feed.end()

    def note(self, note: Emotion | State) -> None:
        """Tell the session before the next slot."""
        self._notes.append(note)

    def interrupt(self) -> list[str]:
        """A new epoch; the utterances that are forgotten, that being composed first."""
        self.epoch += 1
        forgotten = self.names
        self._current = None
        self._waiting.clear()
        self._notes = [note for note in self._notes if isinstance(note, Emotion | State)]
        self._notes.append(Interrupt())
        return forgotten

    @property
    def queued_samples(self) -> int:
        """Speech that waits, at 16 kHz."""
        everybody = [*self._waiting] + ([] if self._current is None else [self._current])
        return sum(utterance.feed.available for utterance in everybody)

    def compose(self) -> Slot:
        """The next slot."""
        if (
            not self.held
            and self._current is None
            and self._waiting
            and self._waiting[0].feed.ready(START_SAMPLES)
        ):
            self._current = self._waiting.popleft()
            self._notes.append(Begin(self._current.name, self._current.text))
        notes, self._notes = tuple(self._notes), []
        slot = Slot(self._next, self.epoch, notes)
        self._next += 1
        return slot if self.held or self._current is None else self._spoken(slot, self._current)

    def _spoken(self, slot: Slot, utterance: _Utterance) -> Slot:
        feed = utterance.feed
        enough = RESUME_SAMPLES if utterance.is_late else SAMPLES_PER_FRAME
        if not feed.ready(enough):
            utterance.is_late = True
            utterance.late_slots += 1
            bridged = utterance.late_slots <= LONGEST_MISSING_SLOTS
            return replace(slot, utterance=utterance.name, missing=bridged)
        utterance.is_late, utterance.late_slots = False, 0
        speech, sound, own = feed.take()
        is_last = feed.is_over
        if is_last:
            self._current = None
        return replace(
            slot, speech=speech, sound=sound, utterance=utterance.name, own_samples=own, is_last=is_last
        )

    def _find(self, name: str) -> _Utterance | None:
        everybody: Sequence[_Utterance] = [
            *([] if self._current is None else [self._current]),
            *self._waiting,
        ]
        return next((utterance for utterance in everybody if utterance.name == name), None)

    def _open(self, name: str) -> _Utterance:
        utterance = self._find(name)
        if utterance is None or utterance.feed.ended:
            raise Closed(f"utterance {name!r} is not open; it was never begun, has ended or was interrupted")
        return utterance
