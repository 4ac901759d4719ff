"""Which of espeak-ng's languages a text is in: by its script, and for Latin letters by frequent short words.

A guess good enough to be understood, not a language detector: a caller who knows better names the voice.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

DEFAULT = "en-us"

_SCRIPTS = (
    (0x0370, 0x03FF, "el"), (0x0400, 0x052F, "ru"), (0x0530, 0x058F, "hy"), (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "ar"), (0x0900, 0x097F, "hi"), (0x0980, 0x09FF, "bn"), (0x0A00, 0x0A7F, "pa"),
    (0x0A80, 0x0AFF, "gu"), (0x0B80, 0x0BFF, "ta"), (0x0C00, 0x0C7F, "te"), (0x0C80, 0x0CFF, "kn"),
    (0x0D00, 0x0D7F, "ml"), (0x0D80, 0x0DFF, "si"), (0x0E00, 0x0E7F, "th"), (0x1000, 0x109F, "my"),
    (0x10A0, 0x10FF, "ka"), (0x1100, 0x11FF, "ko"), (0x1200, 0x137F, "am"), (0x3040, 0x30FF, "ja"),
    (0x3400, 0x4DBF, "cmn"), (0x4E00, 0x9FFF, "cmn"), (0xAC00, 0xD7AF, "ko"), (0xF900, 0xFAFF, "cmn"),
    (0xFF66, 0xFF9D, "ja"), (0x20000, 0x3FFFF, "cmn"),
)  # fmt: skip
"First and last character of what is not Latin, and the language most written in it."
_STARTS = [first for first, _, _ in _SCRIPTS]

_REFINED = (
    ("ru", re.compile("[іїєґІЇЄҐ]"), "uk"),
    ("ar", re.compile("[پچژگ]"), "fa"),
    ("ar", re.compile("[ٹڈڑےں]"), "ur"),
    ("cmn", re.compile("[\u3040-\u30ff]"), "ja"),
)
"Letters by which languages of one script tell themselves apart; Han among kana is Japanese."

_WORDS = {
    "en-us": "the and is are was you of to it that this what how have with for not i'm don't hello a",
    "de": "der die das und ist nicht ich du wir sie ein eine mit auf für den dem zu es wie hallo",
    "fr": "le la les et est une des vous je nous pas que qui dans pour avec ça c'est bonjour un",
    "es": "el la los las y es una que de en por para con no está qué cómo hola muy un",
    "it": "il lo gli e è una che di per con non sono come ciao questo della sei un",
    "pt": "o os as e é uma que de para com não está você como olá muito um do da",
    "nl": "de het een en is niet ik je wij van met voor op dat wat hoe hallo",
    "pl": "i w nie to jest się na z że jak co do cześć dzień",
    "sv": "och är inte jag du det en ett som på för med hej vad hur att",
    "tr": "ve bir bu ne için değil merhaba çok nasıl mı da ben sen",
}
_FREQUENT = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_LETTERS = {
    "de": "äöüß", "fr": "éèêàçœùûîôë", "es": "ñ¿¡áíóú", "it": "àèìòù", "pt": "ãõçâêáéíóú", "pl": "ąęłńśźżćó",
    "sv": "åäö", "tr": "ğışçöü", "vi": "đơưạảấầẩẫậắằẳẵặẹẻẽềểễệịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ", "cs": "řěůčšžýáíé",
    "hu": "őűáéíóú", "ro": "ățșîâ", "da": "æøå",
}  # fmt: skip
_LATIN_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def parts(text: str) -> list[tuple[str, str]]:
    """A text cut where its script changes: (language, part) in order, together the whole text.

    Digits, blanks and marks go with what stands before them. Empty for an empty text.
    """
    latin = latin_language(text)
    refined = {
        rough: next(
            (name for base, letters, name in _REFINED if base == rough and letters.search(text)), rough
        )
        for rough in {script for _, _, script in _SCRIPTS}
    }
    runs: list[tuple[str, list[str]]] = []
    waiting: list[str] = []
    for character in text:
        script = _script(character)
        if script is None:
            (runs[-1][1] if runs else waiting).append(character)
            continue
        language = latin if script == "latin" else refined[script]
        if not runs or runs[-1][0] != language:
            runs.append((language, []))
        runs[-1][1].append(character)
    if not runs:
        return [(latin, "".join(waiting))] if waiting else []
    runs[0] = (runs[0][0], waiting + runs[0][1])
    return [(language, "".join(characters)) for language, characters in runs]


def latin_language(text: str) -> str:
    """The language of a text's Latin part: the one with most of its frequent words and own letters."""
    words = [word.lower().replace("’", "'") for word in _LATIN_WORD.findall(text)]
    letters = set(unicodedata.normalize("NFC", text.lower()))
    scores = {DEFAULT: 0.5}  # a tie is English
    for language, known in _FREQUENT.items():
        scores[language] = scores.get(language, 0.0) + sum(word in known for word in words)
    for language, own in _LETTERS.items():
        scores[language] = scores.get(language, 0.0) + 1.2 * len(letters & set(own))
    return max(scores, key=lambda language: scores[language])


def _script(character: str) -> str | None:
    """The rough language of a letter's script, "latin", or None for what belongs to no script."""
    if not character.isalpha() and unicodedata.category(character)[0] != "M":
        return None
    code = ord(character)
    at = bisect_right(_STARTS, code) - 1
    if at >= 0 and code <= _SCRIPTS[at][1]:
        return _SCRIPTS[at][2]
    return "latin" if character.isalpha() else None
