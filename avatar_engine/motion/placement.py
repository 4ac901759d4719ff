"""Where in its text a speech is, told causally: counted syllables against the voiced time heard so far.

Knows syllable counts, voicing and loudness, neither emotions nor the length of the speech. How many syllables
this speaker says in a voiced second is not known before, so a ladder of rates runs side by side, each with
its own place in the text. The loudness, which rises with every syllable, speaks for the rates near its
rhythm; a pause speaks for those that are near a comma or the end of a sentence then (and puts them right
there); a sentence that ends without a pause speaks against. The likeliest rate tells the place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE
from avatar_engine.motion.syllables import count_syllables

RATES = np.geomspace(2.2, 9.5, 33)
"Syllables a second of speaking that are considered."
USUAL_RATE, RATE_SPREAD = 5.0, 0.3
"""The prior, log-normal. Speech without its pauses has 5.2 (Mandarin) to 7.8 (Japanese) syllables a second,
English 6.2 (Pellegrino, Coupé & Marsico, Language 87, 2011); careful and synthetic voices are slower."""
VOICED = 0.3
"Voicing from which a frame is taken for a vowel."
CONSONANT_FRAMES = 3
"So long after a vowel somebody is still speaking: consonants are not voiced syllables, but part of them."
WAVER = 0.15
"Syllables by which the likeliest count may fall back from one frame to the next."
PAUSE_FRAMES = 7
"""280 ms without a vowel: stops and clusters are mostly shorter, pauses at commas mostly longer
(Goldman-Eisler 1968)."""
OVER_FRAMES = 25
"Silence after the last word from which the text is done with."
HESITATION = 0.12
"Share of pauses that stand at no phrase end."
NO_PAUSE_PENALTY = 1.2
"Log-likelihood of an end of a sentence that passes without a pause."

DIP_DB = 2.5
"""A syllable ends where loudness has fallen this far. Counted so, read speech and espeak-ng have .84 to 1.2
syllables a dip."""
RHYTHM_SPREAD = 0.12
"How far the rhythm, heard for long, may be wrong (standard deviation of the logarithm)."

_PHRASE_ENDS = frozenset(",;:.!?…—–-、，。；：！？।॥؟،")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A stretch of text that may end in a pause."""

    syllables: float
    ends_span: bool


def phrase_texts(text: str) -> list[str]:
    """The pieces of one span, cut after punctuation; joined they are the text."""
    parts, start = [], 0
    for i, letter in enumerate(text):
        if letter in _PHRASE_ENDS and (
            i + 1 == len(text) or not text[i + 1].isalnum() or letter in "—、，。；：！？।॥"
        ):
            parts.append(text[start : i + 1])
            start = i + 1
    parts.append(text[start:])
    return parts


def phrases_of(text: str) -> list[Phrase]:
    """The phrases of one span, cut after punctuation; syllables sum to the span's."""
    counts = [count for count in map(count_syllables, phrase_texts(text)) if count > 0] or [0.0]
    return [Phrase(count, i + 1 == len(counts)) for i, count in enumerate(counts)]


class Rhythm:
    """Syllables a second of speaking by the dips of loudness, causal and running."""

    def __init__(self) -> None:
        self._dips = 0
        self._speaking_s = 0.0
        self._rising = True
        self._extreme = -200.0

    def step(self, speaking: bool, loudness_db: float) -> None:
        """One frame: whether somebody is speaking, and how loud it is."""
        self._speaking_s += speaking / FRAME_RATE
        if self._rising:
            self._extreme = max(self._extreme, loudness_db)
            if loudness_db < self._extreme - DIP_DB:
                self._dips += speaking
                self._rising, self._extreme = False, loudness_db
        else:
            self._extreme = min(self._extreme, loudness_db)
            if loudness_db > self._extreme + DIP_DB:
                self._rising, self._extreme = True, loudness_db

    def log_likelihood(self) -> NDArray[np.float64]:
        """Of each of RATES; the prior alone before anything is heard."""
        usual = 4.0  # syllables that the prior is worth
        rate = (self._dips + usual) / (self._speaking_s + usual / USUAL_RATE)
        spread = np.sqrt(RHYTHM_SPREAD**2 + RATE_SPREAD**2 / (1.0 + self._dips / usual))
        return np.asarray(-0.5 * (np.log(RATES / rate) / spread) ** 2)


class Placement:
    """Which span of one utterance's text is being spoken. Fed a frame at a time; depends on earlier frames
    only."""

    def __init__(self, span: int = 0, position: float = 0.0) -> None:
        """span, position: where a speech is already that another one has followed so far."""
        self._ends = np.zeros(0)
        self._ends_span = np.zeros(0, dtype=bool)
        self._span_ends: list[float] = []
        self._positions = np.full(len(RATES), position)
        self._anchors = np.full(len(RATES), position)
        self._rhythm = Rhythm()
        self._likely = np.zeros(len(RATES))
        self._best = int(np.argmax(self._rhythm.log_likelihood()))
        self._spoke = False
        self._silent = 0
        self._span = span

    @property
    def position(self) -> float:
        """Syllables spoken so far, by the likeliest count."""
        return float(self._positions[self._best])

    @property
    def span(self) -> int:
        """The number of the span that was reached."""
        return self._span

    def ahead(self, frames: int, *, is_there: bool = False) -> tuple[int, float]:
        """The number of the span that a face should be at, and syllables since its start, `frames` frames
        ahead.

        In a pause at the end of a span that is the next one already. Without a pause it is so as soon as the
        count has passed the end: `span` waits for what confirms it, a face that waited would be late.
        is_there: the face is at the next one; the likeliest count wavers by parts of a syllable, and it must
        not waver with it.
        """
        speaking = self._spoke and self._silent <= CONSONANT_FRAMES
        lead = frames / FRAME_RATE * float(RATES[self._best]) if speaking else 0.0
        start = self._span_ends[self._span - 1] if self._span else 0.0
        if self._span + 1 < len(self._span_ends):
            end = self._span_ends[self._span]
            paused = self._spoke and self._silent >= PAUSE_FRAMES and self._anchors[self._best] >= end
            if paused or self.position > end + (-WAVER if is_there else WAVER):
                return self._span + 1, max(0.0, self.position + lead - end)
        return self._span, max(0.0, self.position + lead - start)

    def replace_from(self, span: int, spans: Sequence[Sequence[Phrase]]) -> None:
        """New phrases for all spans from number `span` on; those before stay."""
        at = self._span_ends[span - 1] if span else 0.0
        kept = int(np.searchsorted(self._ends, at, side="right")) if span else 0
        ends, closing = list(self._ends[:kept]), list(self._ends_span[:kept])
        self._span_ends = self._span_ends[:span]
        for phrases in spans:
            for phrase in phrases:
                at += phrase.syllables
                ends.append(at)
                closing.append(phrase.ends_span)
            self._span_ends.append(at)
        self._ends, self._ends_span = np.array(ends, dtype=np.float64), np.array(closing, dtype=bool)
        self._span = min(self._span, max(0, len(self._span_ends) - 1))

    def step(self, voiced: float, loudness_db: float) -> int | None:
        """One frame of 40 ms. The number of the span being spoken, None without text or when it is over.

        voiced: 0..1; loudness_db: of this frame, any reference.
        """
        if voiced >= VOICED:
            self._silent, self._spoke = 0, True
        else:
            self._silent += 1
        speaking = self._spoke and self._silent <= CONSONANT_FRAMES
        self._rhythm.step(speaking, loudness_db)
        before = self._positions
        self._positions = before + speaking / FRAME_RATE * RATES
        if len(self._ends):
            self._pass_ends(before)
            if self._spoke and self._silent == PAUSE_FRAMES:
                self._meet_pause()
            self._best = int(np.argmax(self._likely + self._rhythm.log_likelihood()))
            self._follow()
        return self._current()

    def _pass_ends(self, before: NDArray[np.float64]) -> None:
        """Count against each rate the ends of spans that it has left behind without a pause."""
        ends = np.array(self._span_ends[self._span : self._span + 4])
        late = ends + 1.5 + 0.1 * (ends - self._anchors[:, None])  # [rates, ends]
        passed = (
            (before[:, None] <= late) & (self._positions[:, None] > late) & (self._anchors[:, None] < ends)
        )
        self._likely -= NO_PAUSE_PENALTY * passed.sum(1)

    def _meet_pause(self) -> None:
        """Weigh the rates by how near a phrase end this pause finds them, and put them there."""
        since = self._positions - self._anchors
        spread = 0.8 + 0.12 * since
        right = np.searchsorted(self._ends, self._positions)
        best = np.full(len(RATES), np.log(HESITATION))
        place = self._positions.copy()
        for candidate in (right - 1, right):
            there = (candidate >= 0) & (candidate < len(self._ends))
            index = np.clip(candidate, 0, len(self._ends) - 1)
            end = self._ends[index]
            there &= end > self._anchors
            fit = -0.5 * ((end - self._positions) / spread) ** 2 - np.where(self._ends_span[index], 0.0, 0.7)
            better = there & (fit > best)
            best, place = np.where(better, fit, best), np.where(better, end, place)
        self._likely = self._likely + best
        self._likely -= self._likely.max()
        self._positions = place
        self._anchors = np.where(best > np.log(HESITATION), place, self._anchors)

    def _follow(self) -> None:
        """Go on to the next span once its start is passed; without a pause to confirm it, a little later."""
        while self._span + 1 < len(self._span_ends):
            end = self._span_ends[self._span]
            length = end - (self._span_ends[self._span - 1] if self._span else 0.0)
            confirmed = self._anchors[self._best] >= end
            if self.position <= end + (0.0 if confirmed else min(2.0, 0.1 * length)):
                return
            self._span += 1

    def _current(self) -> int | None:
        if not self._span_ends:
            return None
        last = self._span + 1 == len(self._span_ends)
        near_end = self.position >= 0.75 * self._span_ends[-1]
        if last and near_end and self._silent >= OVER_FRAMES and self._spoke:
            return None
        return self._span
