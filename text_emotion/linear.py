"""Texts of a known language -> emotion probabilities by a linear model of hashed n-grams, in 8 bits.

A file that is mapped, not read: a language costs memory when its first text comes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from text_emotion.language import LanguageFinder
from text_emotion.ngrams import Float32, Int64, characters, hashed, words
from text_emotion.wording import clean

IDF_STEP = 1 / 12
"Of the inverse document frequency's 8 bits."


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """What turns sums of weights into probabilities."""

    rows: slice
    "Where its n-grams lie in the table."
    bias: Float32
    "float32 [class], the logit of a text without a known n-gram; calibration folded in."
    step: Float32
    "float32 [class], of the weights' 8 bits; calibration folded in."


class LanguageEmotion:
    """A linear classifier a language. Immutable; one may be shared by all sessions and threads."""

    def __init__(
        self,
        names: tuple[str, ...],
        keys: NDArray[np.uint32],
        weights: NDArray[np.int8],
        languages: dict[str, Language],
        finder: LanguageFinder,
    ) -> None:
        """keys: uint32 [n-gram], hashes, ascending within each language. weights: int8 [n-gram, class + 1];
        the last column is the inverse document frequency.
        """
        if weights.ndim != 2 or weights.dtype != np.int8 or weights.shape[1] != len(names) + 1:
            raise ValueError(
                f"weights are {weights.dtype} {weights.shape}, expected int8 [n-gram, {len(names) + 1}]"
            )
        if keys.dtype != np.uint32 or keys.shape != weights.shape[:1]:
            raise ValueError(f"keys are {keys.dtype} {keys.shape}, expected uint32 [{len(weights)}]")
        self.names, self.languages, self.finder = names, tuple(languages), finder
        self._keys, self._weights, self._languages = keys, weights, languages

    @staticmethod
    def load(folder: Path | str) -> LanguageEmotion:
        """The model of a weights folder. ValueError where a file is missing or is not what the manifest says.
        Hashes are the caller's to check.
        """
        folder = Path(folder)
        try:
            config = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["config"]
            keys = np.load(folder / config["keys"], mmap_mode="r", allow_pickle=False)
            weights = np.load(folder / config["weights"], mmap_mode="r", allow_pickle=False)
            scores = np.load(folder / config["latin_weights"], allow_pickle=False)
            finder = LanguageFinder(tuple(config["latin"]), scores, float(config["margin"]))
            languages = {
                name: Language(
                    slice(*facts["rows"]), *(np.asarray(facts[key], np.float32) for key in ("bias", "step"))
                )
                for name, facts in config["languages"].items()
            }
            return LanguageEmotion(tuple(config["names"]), keys, weights, languages, finder)
        except FileNotFoundError as error:
            raise ValueError(f"{error.filename}: missing; restore it from the repository") from None
        except (KeyError, TypeError, AttributeError, ValueError, OSError) as error:
            raise ValueError(
                f"{folder}: not the weights of the languages ({type(error).__name__}: {error})"
            ) from None

    def read(self, text: str, language: str) -> Float32:
        """Probabilities float32 [len(names)] of a text: independent, calibrated, 0..1; .5 is the decision."""
        facts = self._languages[language]
        total = facts.bias.astype(np.float64)
        keys, table = self._keys[facts.rows], self._weights[facts.rows]
        for hashes, values, share in grouped(text):
            places = np.searchsorted(keys, hashes.astype(np.uint32)).clip(0, len(keys) - 1)
            known = keys[places] == hashes
            entries = table[places[known]].astype(np.float32)  # [n-gram, class + 1]
            weighted = values[known] * entries[:, -1] * np.float32(IDF_STEP)
            size = float(np.sqrt(weighted @ weighted))
            if size > 0:
                total += (weighted @ entries[:, :-1]) * facts.step * (share / size)
        return (0.5 * (1 + np.tanh(0.5 * total))).astype(np.float32)


def grouped(text: str) -> list[tuple[Int64, Float32, float]]:
    """(hashes, values, share) of a text's character n-grams and of its words: each a vector of length 1
    times its share once the inverse document frequency is in.
    """
    plain: Any = clean(text).lower()
    parts = ((characters, CHARACTER_SHARE), (words, WORD_SHARE))
    return [(*hashed(grams(plain)), share) for grams, share in parts]


CHARACTER_SHARE, WORD_SHARE = 0.775, 0.632
"Squares add up to 1: .6 of a text's similarity to another comes from characters, .4 from words."
