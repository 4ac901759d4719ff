"""Text -> hashed character and word n-grams, for the linear model of the languages besides English.

The hashing trick (Weinberger et al. 2009) with CRC-32: no vocabulary has to be kept, and the same text gives
the same numbers on every machine.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]

LONGEST = 5
"Characters of an n-gram; those of a word begin and end with a blank."
_HAN = re.compile("[\u3400-\u9fff]")
_TOKEN = re.compile(r"\w+|[^\w\s]")


def characters(text: str) -> Iterator[str]:
    """The character n-grams of 1 to LONGEST characters of a text in lower case, word by word."""
    for word in text.split():
        padded = f" {word} "
        for size in range(1, LONGEST + 1):
            for start in range(len(padded) - size + 1):
                yield padded[start : start + size]


def words(text: str) -> Iterator[str]:
    """The words and punctuation marks of a text in lower case, and pairs of neighbours; none of Chinese,
    whose words no blanks tell apart.
    """
    if _HAN.search(text):
        return
    tokens = _TOKEN.findall(text)
    yield from (f"\x01{token}" for token in tokens)
    yield from (f"\x02{first} {second}" for first, second in zip(tokens, tokens[1:], strict=False))


def hashed(grams: Iterator[str], buckets: int = 1 << 32) -> tuple[Int64, Float32]:
    """(hashes below `buckets`, each once, 1 + log of how often it came): int64 [n] and float32 [n]."""
    counts = Counter(zlib.crc32(gram.encode("utf-8", "replace")) % buckets for gram in grams)
    numbers = np.fromiter(counts.keys(), np.int64, len(counts))
    return numbers, 1 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))
