"""Where sentences end, in the languages a chatbot speaks. Knows punctuation and abbreviations; no tags, no
emotions.
"""

from __future__ import annotations

import re

LONGEST = 240
"Characters of a piece: a longer sentence is cut at a clause, else between words, else anywhere."

_ABBREVIATIONS = {
    "always": "mr mrs ms dr prof st rev hon gen col capt lt sgt gov sen rep pres mt vs eg ie cf viz approx "
    "sr sra srta mme mlle bzw zb dh ca bspw vgl hr dipl ing ao",
    "number": "no nos nr fig figs vol pp p ch art sec",
    "maybe": "etc am pm us uk eu usa inc ltd co corp jr usw ua phd ba ma ed eds ft "
    "jan feb mar apr jun jul aug sep sept oct nov dec",
}
"""Without their points: what something always follows, what a number follows, and what may close a sentence:
that does before a capital.
"""
_FOLLOWED = {kind: frozenset(words.split()) for kind, words in _ABBREVIATIONS.items()}

_CLOSERS = "\"'”’»)\\]}』」】）›"
_OPENERS = "\"'“‘«(\\[{¿¡『「【（‹„"
_ALWAYS = "。！？｡．।॥؟۔։።"
"Full stops that need no blank behind them: Chinese, Japanese, Hindi, Arabic, Urdu, Armenian, Amharic."
_END = re.compile(rf"(?:(?P<always>[{_ALWAYS}][{_ALWAYS}.!?…]*)|(?P<marks>[.!?…‼⁇⁈⁉]+))[{_CLOSERS}]*")
_NEXT = re.compile(rf"(?P<blank>\s*)[{_OPENERS}\s—–-]*(?P<first>.?)", re.DOTALL)
_WORD_BEFORE = re.compile(r"[^\W_]+(?:\.[^\W_]+)*$")
_NEW_LINE = re.compile(r"[^\S\n]*\n(?:[^\S\n]*\n\s*|(?=[^\S\n]*(?:[-*•–]\s|\d{1,3}[.)]\s)))")
_CLAUSE = re.compile(r"[;:,—–،؛](?=\s)|[，、；：،؛](?!$)|\s[—–-](?=\s)")
_BLANK = re.compile(r"\s+")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, none longer than LONGEST, blanks single, none empty.

    Ends are . ! ? … and their kin, with quotes and brackets that close behind them; not the points of
    decimals, abbreviations, initials, list numbers and addresses. An empty line or a list's next item ends
    one as well. No character but blanks is lost, whatever comes in; time is linear in the length.
    """
    sentences = []
    for paragraph in _NEW_LINE.split(text):
        start = 0
        for found in _END.finditer(paragraph):
            if _is_end(paragraph, start, found):
                sentences += _shorten(paragraph[start : found.end()])
                start = found.end()
        sentences += _shorten(paragraph[start:])
    return sentences


def first_end(text: str) -> int | None:
    """Where the first sentence of a text that may go on ends for certain, whatever follows: behind its marks,
    or before an empty line or a list's next item. None where it is still open or more must come to tell.
    """
    line = _NEW_LINE.search(text, len(text) - len(text.lstrip()))
    paragraph = text if line is None else text[: line.start()]
    for found in _END.finditer(paragraph):
        behind = _NEXT.match(text, found.end())
        assert behind is not None
        if line is None and not behind["first"]:
            return None  # more marks, quotes or a small letter may come
        if _is_end(paragraph, 0, found):
            return found.end()
    return None if line is None or not text[line.end() :].strip() else line.start()


def clause_end(text: str, longest: int) -> int:
    """Where to cut a sentence that is longer than `longest` characters: behind a clause, else between words,
    else there; 1..longest.
    """
    return max(1, _cut(text[: longest + 1], longest))


def _is_end(text: str, start: int, found: re.Match[str]) -> bool:
    """Whether the sentence that began at `start` ends with the marks `found`."""
    if found["always"]:
        return True
    following = _NEXT.match(text, found.end())
    assert following is not None  # every part of the pattern may be empty
    first, is_apart = following["first"], bool(following["blank"])
    if not first:
        return True
    if not is_apart:  # "Wow!Great" was meant as two; "3.14", "a.b@c.de" and "Yahoo!-like" were not
        return (
            found["marks"][-1] in "!?"
            and (first.isupper() or _is_wordless_script(first))
            and following.end() == found.end() + 1
        )
    if first.islower():
        return False
    return (
        found["marks"] != "."
        or found.end() - found.start() > 1
        or _point_ends(text, start, found.start(), first)
    )


def _point_ends(text: str, start: int, point: int, first: str) -> bool:
    """Whether a single point at `point`, with a blank and the character `first` behind it, ends the
    sentence.
    """
    word = _WORD_BEFORE.search(text, max(start, point - 24), point)
    if word is None:
        return True
    plain = word.group().replace(".", "").lower()
    if plain in _FOLLOWED["always"] or (plain in _FOLLOWED["number"] and first.isdigit()):
        return False
    if plain in _FOLLOWED["maybe"]:
        return first.isupper()
    if len(plain) == 1 and word.group().isupper() and word.group() != "I":
        return False  # an initial: J. Smith
    if "." in word.group() and all(len(part) == 1 for part in word.group().split(".")):
        return first.isupper()  # a.k.a., U.N.
    return not (
        plain.isdecimal() and len(plain) <= 3 and not text[start : word.start()].strip()
    )  # 1. an item of a list


def _is_wordless_script(character: str) -> bool:
    """Han, kana and Hangul: no blank need stand between sentences."""
    return "\u3040" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7a3"


def _shorten(sentence: str) -> list[str]:
    """A sentence in pieces of at most LONGEST characters; none for an empty one."""
    rest = _BLANK.sub(" ", sentence).strip()
    pieces = []
    while len(rest) > LONGEST:
        cut = _cut(rest[: LONGEST + 1])
        pieces.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    return [*pieces, rest] if rest else pieces


def _cut(window: str, longest: int = LONGEST) -> int:
    """Where to cut text that goes on behind this window: behind its last clause, else its last word, else
    at its end.
    """
    for border in reversed(list(_CLAUSE.finditer(window))):
        if longest // 4 <= border.end() <= longest:
            return border.end()
    blank = window.rfind(" ", longest // 4)
    return blank if blank > 0 else longest
