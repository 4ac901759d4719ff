"""The front door for texts in any language: finds the language and asks the model that was trained on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from text_emotion.language import ENGLISH
from text_emotion.linear import LanguageEmotion
from text_emotion.model import NEUTRAL, Float32, TextEmotion


class Reader:
    """TextEmotion for English, LanguageEmotion for its languages. Immutable; shared like them."""

    def __init__(self, english: TextEmotion, others: LanguageEmotion) -> None:
        if english.names != others.names:
            raise ValueError(
                f"the English model's classes are {', '.join(english.names)}, "
                f"those of the other languages {', '.join(others.names)}; expected the same"
            )
        self.names = english.names
        "Emotion names in the order of the probabilities."
        self._english, self._others = english, others

    @staticmethod
    def load(english: Path | str, others: Path | str) -> Reader:
        """The models of two weights folders. ValueError where one is not what its manifest says. Hashes are
        the caller's to check.
        """
        return Reader(TextEmotion.load(english), LanguageEmotion.load(others))

    def language(self, text: str) -> str | None:
        """The name of the language the text is read in (ISO 639-3 but for BRIGHTER's chn, esp and ptbr), None
        for one that no model here knows.
        """
        return self._others.finder.find(text)

    def read(self, texts: list[str]) -> Float32:
        """Probabilities float32 [n, len(names)] of n texts: independent, calibrated, 0..1; .5 decides.

        A text is read by itself. One in a language that is not known is neutral: 1 there, 0 elsewhere.
        """
        result = np.zeros((len(texts), len(self.names)), np.float32)
        for row, text in zip(result, texts, strict=True):
            language = self.language(text)
            if language == ENGLISH:
                row[:] = self._english.read([text])[0]
            elif language is not None:
                row[:] = self._others.read(text, language)
            else:
                row[self.names.index(NEUTRAL)] = 1
        return result

    def coverage(self, text: str) -> float:
        """Share of the letters that can be read, 0..1; 1 without letters, 0 in an unknown language."""
        language = self.language(text)
        if language == ENGLISH:
            return self._english.coverage(text)
        return 0.0 if language is None else 1.0
