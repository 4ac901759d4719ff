"""How many syllables a text has, roughly, in any script. Knows letters, no dictionary and no language model.

Only ratios matter: text is laid on speech by its share of syllables, and the rate adapts to the speaker.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

_LATIN_VOWELS = frozenset("aeiouyæœøıɑɛɪɔʊ")
_CYRILLIC_VOWELS = frozenset("аеёиоуыэюяєіїўәөұүӣӯ")
_GREEK_VOWELS = frozenset("αεηιουω")
_SMALL_KANA = frozenset("ぁぃぅぇぉゃゅょゎァィゥェォャュョヮ")
_ENGLISH = frozenset(
    [
        "the",
        "and",
        "is",
        "of",
        "to",
        "you",
        "that",
        "it",
        "was",
        "are",
        "have",
        "with",
        "this",
        "for",
        "not",
        "my",
    ]
)
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})
_ABUGIDAS = frozenset(
    [
        "DEVANAGARI",
        "BENGALI",
        "GURMUKHI",
        "GUJARATI",
        "ORIYA",
        "TAMIL",
        "TELUGU",
        "KANNADA",
        "MALAYALAM",
        "SINHALA",
    ]
)
_PER_DIGIT = 1.6
"'7' has two syllables in English and one in Mandarin; longer numbers add 'hundred' and the like."
_PER_ABJAD_LETTER = 0.55
"Arabic and Hebrew write consonants, about two a syllable."
_PER_LETTER_ELSEWHERE = 0.5


def count_syllables(text: str) -> float:
    """Syllables of `text`, at least 0; punctuation and symbols count nothing. Words of no known script count
    by letters."""
    words = list(_words(text))
    silent_e = sum(word.lower() in _ENGLISH for word in words) >= max(1, len(words) // 12)
    return sum(_word(word, silent_e) for word in words)


def _words(text: str) -> Iterator[str]:
    """Runs of letters of one script with their marks, and runs of digits."""
    whole = unicodedata.normalize("NFC", text).replace("’", "").replace("'", "")
    for kind, run in groupby((c for c in whole if _kind(c) != "COMBINING"), _kind):
        if kind:
            yield "".join(run)


@lru_cache(maxsize=8192)
def _kind(letter: str) -> str:
    """The script of a letter or mark, DIGIT, or nothing: the first word of the Unicode name, such as LATIN or
    CJK."""
    category = unicodedata.category(letter)
    if category == "Nd":
        return "DIGIT"
    if category[0] not in "LM":
        return ""
    script = unicodedata.name(letter, "UNKNOWN").split()[0].split("-")[0]
    return "CJK" if script in _EAST_ASIAN or letter == "ー" else script


@lru_cache(maxsize=4096)
def _word(word: str, silent_e: bool) -> float:
    script = _kind(word[0])
    if script == "DIGIT":
        return _PER_DIGIT * len(word)
    if script == "LATIN":
        return _latin(word, silent_e)
    if script == "CYRILLIC":
        return max(1, sum(letter in _CYRILLIC_VOWELS for letter in word.lower()))
    if script == "GREEK":
        return max(1, _groups(_strip_accents(word.lower()), _GREEK_VOWELS))
    if script == "CJK":
        return sum(letter not in _SMALL_KANA for letter in word)
    if script in _ABUGIDAS:
        return _abugida(word)
    return max(
        1.0, len(word) * (_PER_ABJAD_LETTER if script in ("ARABIC", "HEBREW") else _PER_LETTER_ELSEWHERE)
    )


def _strip_accents(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


def _groups(word: str, vowels: frozenset[str]) -> int:
    """Runs of vowels."""
    return sum(letter in vowels and (i == 0 or word[i - 1] not in vowels) for i, letter in enumerate(word))


def _latin(word: str, silent_e: bool) -> float:
    if (
        len(word) <= 5
        and word.isupper()
        and len(word) > 1
        and not _groups(_strip_accents(word.lower()), _LATIN_VOWELS)
    ):
        return len(word)  # spelled out: TV, DVD
    plain = _strip_accents(word.lower())
    count = _groups(plain, _LATIN_VOWELS)
    silent = silent_e and len(plain) > 2 and plain[-1] == "e" and plain[-2] not in _LATIN_VOWELS
    if silent and not (plain.endswith("le") and plain[-3] not in _LATIN_VOWELS):
        count -= 1
    if (
        silent_e
        and plain.endswith("ed")
        and len(plain) > 3
        and plain[-3] not in "td"
        and plain[-3] not in _LATIN_VOWELS
    ):
        count -= 1
    return max(1, count)


def _abugida(word: str) -> float:
    """A letter carries a vowel unless a virama follows; a bare last consonant is mostly silent in the north
    of India."""
    letters = [i for i, c in enumerate(word) if unicodedata.category(c) == "Lo"]
    silenced = sum("VIRAMA" in unicodedata.name(c, "") for c in word)
    bare_end = bool(letters) and letters[-1] == len(word) - 1 and len(letters) > 1
    return max(1, len(letters) - silenced - bare_end)
