"""How a sentence's emotion is laid on its words: clause by clause, as strong as it is written. Knows the
reader only as a function from texts to probabilities, no sound and no face.

What a whole sentence says is read with all its context; which of its clauses says it, by reading each clause
alone when it is reached: "I was so happy this morning, but then my dog died" smiles before it is sad. Marks
of intensity are those that no language owns: exclamation marks, capitals, letters drawn out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_engine.motion.emotion import confidence, strengths
from avatar_engine.motion.placement import phrase_texts
from avatar_engine.motion.syllables import count_syllables
from avatar_engine.names import EMOTION_INDEX

Float64 = NDArray[np.float64]
Read = Callable[[str], Float64]
"Text -> probabilities float64 [7], independent, calibrated."

TEXT_WEIGHT = 0.75
"Of a full template: people who say something happy smile less than people who pose for it."
ELSEWHERE = 0.45
"Part of a sentence's emotion that stays in a clause which does not say it."
CLAUSE_WEIGHT = 0.7
"Of what a clause says alone against what its sentence says."
SHORTEST_CLAUSE = 3.0
"Syllables; 'Well,' belongs to what follows."
WRITTEN_LOUDER = 0.15
"More for each mark of intensity, up to two."

_DRAWN_OUT = re.compile(r"(\w)\1{2,}")
_CAPITALS = re.compile(r"\b[^\W\d_]{3,}\b")


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of a sentence that is read alone."""

    text: str
    ends_at: float
    "Syllables from the sentence's start."


def clauses_of(text: str) -> list[Clause]:
    """The clauses of a sentence, in order; at least one. Their syllables add up to the sentence's."""
    pieces: list[str] = []
    counts: list[float] = []
    for phrase in phrase_texts(text):
        count = count_syllables(phrase)
        if counts and (counts[-1] < SHORTEST_CLAUSE or count < SHORTEST_CLAUSE):
            pieces[-1] += phrase
            counts[-1] += count
        else:
            pieces.append(phrase)
            counts.append(count)
    ends = np.cumsum(counts)
    return [Clause(piece, float(end)) for piece, end in zip(pieces, ends, strict=True)]


def written_intensity(text: str) -> float:
    """1 for plain text, up to 1.3 for text with marks of intensity."""
    words = _CAPITALS.findall(text)
    shouted = sum(word.isupper() for word in words)
    marks = min(2, text.count("!") + text.count("！")) + (0 < shouted < max(2, len(words)))
    return float(1.0 + WRITTEN_LOUDER * min(2, marks + (_DRAWN_OUT.search(text) is not None)))


def is_question(text: str) -> bool:
    """Whether a sentence ends in a question mark of any script."""
    return text.rstrip(" \t\n\"'”’»)").endswith(("?", "？", "؟", "\u037e", "⸮"))


class Sentence:
    """One sentence and what it makes a face show where."""

    def __init__(self, text: str, read: Read) -> None:
        """Reads the sentence at once and its clauses, if it has several, when they are reached."""
        self._read = read
        self._clauses = clauses_of(text)
        self._shown: list[Float64 | None] = [None] * len(self._clauses)
        self.probs = read(text)
        "float64 [7]: of the whole sentence."
        self.intensity = min(1.0, TEXT_WEIGHT * written_intensity(text) * float(confidence(self.probs).max()))
        self._whole = strengths(self.probs, self.intensity)

    def at(self, syllables: float) -> Float64:
        """How much of each emotion to show, float64 [7], so many syllables after the sentence's start."""
        if len(self._clauses) == 1:
            return self._whole
        ends = [clause.ends_at for clause in self._clauses[:-1]]
        index = int(np.searchsorted(ends, syllables, side="right"))
        shown = self._shown[index]
        if shown is None:
            shown = self._shown[index] = self._in_clause(self._clauses[index].text)
        return shown

    def _in_clause(self, text: str) -> Float64:
        probs = self._read(text)
        alone = confidence(probs)
        said = alone / np.maximum(confidence(self.probs), 1e-9)
        here = self._whole * (ELSEWHERE + (1.0 - ELSEWHERE) * np.minimum(1.0, said))
        clear = np.where(probs >= 0.5, probs, 0.0)
        clear[EMOTION_INDEX["neutral"]] = probs[EMOTION_INDEX["neutral"]]
        own = strengths(clear, CLAUSE_WEIGHT * TEXT_WEIGHT * float(alone.max()))
        return np.asarray(np.maximum(here, own))
