"""What every text goes through before the tokenizer, in training as at run time. Knows characters, not the
model.
"""

from __future__ import annotations

import re
import unicodedata

from text_emotion.emoji import PATTERN, emotion_of

LONGEST_CHARACTERS = 2_000
"""A sentence is far shorter; of anything longer the two ends are read, which is where people say how they
feel.
"""


def both_ends(text: str) -> str:
    """The text, or of one that is too long its beginning and its end."""
    half = LONGEST_CHARACTERS // 2
    return text if len(text) <= LONGEST_CHARACTERS else f"{text[:half]} {text[-half:]}"


def clean(text: str) -> str:
    """The text as the model reads it: emoji as words, quotes straight, no control characters, blanks single.

    Never fails and never gives more than about twice LONGEST_CHARACTERS, whatever comes in.
    """
    text = PATTERN.sub(lambda match: f" {emotion_of(match)} ", both_ends(text))
    text = text.translate(_STRAIGHT)
    text = "".join(" " if unicodedata.category(c) in _UNSPEAKABLE else c for c in text)
    return _BLANKS.sub(" ", text).strip()


_BLANKS = re.compile(r"\s+")
_UNSPEAKABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_STRAIGHT = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "´": "'", "`": "'"})
