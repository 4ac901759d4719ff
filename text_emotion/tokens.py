"""Text -> WordPiece numbers, and how much of a text the vocabulary knows. Knows the tokenizer, not the
network.
"""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from text_emotion.wording import clean

Int64 = NDArray[np.int64]

UNKNOWN = "[UNK]"


@dataclass(frozen=True, slots=True, eq=False)
class EncodedText:
    """A text as the network gets it."""

    ids: Int64
    "int64 [t], t <= max_tokens, with [CLS] and [SEP]."
    letters: int
    "How many letters the text has, in any script."
    coverage: float
    "Share of them in words that the vocabulary knows, 0..1; 1 where there are none."


class Tokens:
    """A BERT tokenizer. Immutable, shared between threads."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        if max_tokens < 4:
            raise ValueError(
                f"max_tokens is {max_tokens}, expected at least 4: two marks and two word pieces"
            )
        if tokenizer.token_to_id(UNKNOWN) is None:
            raise ValueError(f"the tokenizer has no {UNKNOWN}, expected a WordPiece vocabulary of BERT")
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.max_tokens = max_tokens
        self._tokenizer = tokenizer

    @staticmethod
    def load(path: Path, max_tokens: int) -> Tokens:
        """From a tokenizer.json. ValueError where the file is missing or is something else."""
        try:
            tokenizer = Tokenizer.from_str(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ValueError(f"{path}: no tokenizer there; restore it from the repository") from None
        except Exception as error:  # the tokenizers library raises bare Exception
            raise ValueError(
                f"{path}: not a tokenizer file ({error}); restore it from the repository"
            ) from None
        return Tokens(tokenizer, max_tokens)

    def read(self, text: str) -> EncodedText:
        """The text, cleaned and encoded. Of what is longer than max_tokens the first and the last words are
        kept.
        """
        cleaned = clean(text)
        encoded = self._tokenizer.encode(cleaned)
        letters, known = _count_letters(cleaned, encoded)
        return EncodedText(self._shorten(encoded), letters, known / letters if letters else 1.0)

    def encode_all(self, texts: list[str]) -> list[Int64]:
        """The numbers of many texts, as `read` gives them; faster, for training."""
        return [self._shorten(e) for e in self._tokenizer.encode_batch_fast([clean(text) for text in texts])]

    def _shorten(self, encoded: Encoding) -> Int64:
        ids = np.asarray(encoded.ids, np.int64)
        if len(ids) <= self.max_tokens:
            return ids
        head = self.max_tokens // 2
        return np.concatenate([ids[:head], ids[len(ids) - (self.max_tokens - head) :]])


def _count_letters(text: str, encoded: Encoding) -> tuple[int, int]:
    """(letters of `text`, letters in known words).

    A word is known when the vocabulary can write it and all its letters are Latin: an English vocabulary
    holds the single letters of Russian, Greek or Hindi too and spells any word of them, which is not
    knowing it. How finely a Latin word is cut says less: "yuck" and "lol" come in pieces too.
    """
    unknown: dict[int, bool] = {}
    for word, piece in zip(encoded.word_ids, encoded.tokens, strict=True):
        if word is not None:  # [CLS] and [SEP] belong to no word
            unknown[word] = unknown.get(word, False) or piece == UNKNOWN
    letters = known = 0
    for word, is_unknown in unknown.items():
        place = encoded.word_to_chars(word)
        assert place is not None, f"the tokenizer lost word {word} of its own"
        its_letters = [c for c in text[slice(*place)] if c.isalpha()]
        letters += len(its_letters)
        if not is_unknown and all(map(_is_latin, its_letters)):
            known += len(its_letters)
    return letters, known


@functools.lru_cache(4096)
def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")
