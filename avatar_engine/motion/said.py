"""What was said of a text, up to a place in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from avatar_engine.motion.placement import phrases_of
from avatar_engine.motion.syllables import count_syllables

_WORD = re.compile(r"\s*(?:[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+)")
"A word with the blanks before it; a character where words are written without blanks."


@dataclass(frozen=True, slots=True)
class Place:
    """How far a speech is in its text."""

    span: int
    "Number of the span (sentence) being said; as many as there are: all was said."
    syllables: float
    "Of the whole text, as Placement counts them."


def syllables_of(span: str) -> float:
    """What Placement counts for a span."""
    return sum(phrase.syllables for phrase in phrases_of(span))


def said(spans: Sequence[str], place: Place) -> str:
    """The spans before the place's and the words of its own that the count has passed."""
    heard = list(spans[: place.span])
    if place.span < len(spans):
        at, words = sum(map(syllables_of, heard)), ""
        for word in _WORD.findall(spans[place.span]):
            at += count_syllables(word)
            if at > place.syllables + 0.5:
                break
            words += word
        heard.append(words.strip())
    return " ".join(part for part in heard if part)
