"""The text of one utterance against its sound: which sentence begins when so much of it has left, and which
words were heard. Sans-I/O.

Counted by the sound that really left. A worker tells the place in the text with each frame; where it is late
or gone, the count goes on from the last place known at the rate so far, and later reports correct it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import NamedTuple

from avatar_engine.clock import FRAME_RATE, SAMPLE_RATE
from avatar_engine.motion.said import Place, said, syllables_of

CAREFUL_RATE = 4.0
"Syllables a second with pauses, before anything was counted: rather fewer words than were said than more."
PATIENCE_S = 0.2
"So much sound may leave before a report that is late is guessed."


class Line(NamedTuple):
    """A sentence that begins to be said."""

    text: str
    start_s: float
    end_s: float
    "Seconds of the utterance's own sound; the end is a guess."


class Script:
    """One per utterance, from its first slot until its last sound left."""

    def __init__(self, first_slot: int, split: Callable[[str], Sequence[str]]) -> None:
        """split: a text to its sentences as they are said, without tags."""
        self.first_slot = first_slot
        self.text = ""
        self._split = split
        self._sentences: Sequence[str] = ()
        self._starts = [0.0]
        "Syllables before each sentence, and of all."
        self._reports: deque[tuple[int, Place]] = deque()
        self._left: dict[int, int] = {}
        "Samples that had left when a slot began to, since the last report."
        self._position = 0
        self._known, self._known_at = Place(0, 0.0), 0
        self._told, self._told_s = 0, 0.0

    def add(self, text: str) -> None:
        """More text, verbatim."""
        self.text += text
        self._sentences = self._split(self.text)
        self._starts = list(accumulate(map(syllables_of, self._sentences), initial=0.0))

    def report(self, slot: int, place: Place) -> None:
        """A worker tells where the speech is in slot `slot`; reports come in order, early or late."""
        self._reports.append((slot, place))

    def left(self, slot: int, position: int) -> list[Line]:
        """`position` samples of it have left, the last with slot `slot`: the sentences that have begun."""
        before, self._position = self._position, position
        self._left.setdefault(slot, before)
        lines: list[Line] = []
        while self._reports and self._reports[0][0] <= slot:
            reported, self._known = self._reports.popleft()
            self._known_at = self._left.get(reported, 0)
            self._left = {at: count for at, count in self._left.items() if at >= reported}
            lines += self._begin(self._known.span, self._known_at / SAMPLE_RATE)
        return lines + self._begin(self.place().span, before / SAMPLE_RATE)

    def end(self) -> list[Line]:
        """It was said to its end: the sentences that nobody saw begin, laid on the rest of the sound."""
        lines: list[Line] = []
        first, begun_s, end_s = max(0, self._told - 1), self._told_s, self._position / SAMPLE_RATE
        rest = self._starts[-1] - self._starts[first]
        for number in range(self._told, len(self._sentences)):
            share = (self._starts[number] - self._starts[first]) / rest if rest else 0.0
            lines += self._begin(number, begun_s + share * (end_s - begun_s))
        return [Line(line.text, line.start_s, max(line.start_s, min(line.end_s, end_s))) for line in lines]

    def place(self) -> Place:
        """How far the sound that has left is in the text."""
        unknown_s = (self._position - self._known_at) / SAMPLE_RATE
        if unknown_s <= PATIENCE_S:
            return self._known
        syllables = min(self._starts[-1], self._known.syllables + unknown_s * self._rate())
        reached = bisect_right(self._starts[:-1], syllables) - 1
        return Place(max(self._known.span, reached), syllables)

    def heard(self) -> str:
        """The words that have left."""
        return said(self._sentences, self.place())

    def _rate(self) -> float:
        """Syllables a second of sound so far; the usual one is worth a second."""
        return (self._known.syllables + CAREFUL_RATE) / (self._known_at / SAMPLE_RATE + 1.0)

    def _begin(self, number: int, start_s: float) -> list[Line]:
        """All sentences up to one that have not begun yet, begin now."""
        lines = []
        while self._told <= min(number, len(self._sentences) - 1):
            text, self._told_s = self._sentences[self._told], max(self._told_s, start_s)
            length_s = max(1 / FRAME_RATE, syllables_of(text) / self._rate())
            lines.append(Line(text, self._told_s, self._told_s + length_s))
            self._told += 1
        return lines
