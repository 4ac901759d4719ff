"""A text that comes in pieces -> sentences as soon as they are certain, and what of a text is to be said.

The pieces of a chat model are a few letters long: a sentence is given when what follows shows that it is one
("3." may become "3.14", "Dr." goes on). Sentences are verbatim: joined by nothing they are the text
but for the blanks at its end.
"""

from __future__ import annotations

import re

from text_emotion import emoji
from text_emotion.segments import TAGS, has_words
from text_emotion.sentences import clause_end, first_end

LONGEST_CLAUSE = 160
"Characters after which an open sentence is cut at a clause, so that a voice need not wait for its end."

_TAG = re.compile(r"\[\s{0,3}([A-Za-z]{3,12})\s{0,3}(?::[^\[\]]{0,24})?\]")
_OPEN_TAG = re.compile(r"\[\s{0,3}[A-Za-z]{0,12}\s{0,3}(?::[^\[\]]{0,24})?$")
_MARKUP = re.compile(r"[*_#`~|<>\\^]+")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]*)\)")
_ADDRESS = re.compile(r"https?://(?:www\.)?([^\s/?#]+)\S*")
_SILENT_SIGN = re.compile("[\u200b-\u200f\u2028\u2029\u20e3\ufe00-\ufe0f\U0001f000-\U0001faff\u2600-\u27bf]")
_BLANKS = re.compile(r"\s+")


class SentenceStream:
    """One text in pieces. What comes out depends on the text alone, not on how it is cut."""

    def __init__(self, longest: int = LONGEST_CLAUSE) -> None:
        self._longest = longest
        self._open = ""

    def push(self, piece: str) -> list[str]:
        """The sentences that are certain now, verbatim with the blanks and tags before them."""
        done: list[str] = []
        for character in piece:  # a decision at each character: the same however the text is cut
            self._open += character
            if (end := self._end()) is not None:
                done.append(self._open[:end])
                self._open = self._open[end:]
        return done

    def finish(self) -> list[str]:
        """What is left: a sentence that nothing closed, if it has a word."""
        rest, self._open = self._open, ""
        done = []
        while (end := first_end(plain := _without_marks(rest))) is not None and has_words(plain[end:]):
            done.append(rest[:end])
            rest = rest[end:]
        return [*done, rest] if rest.strip() else done

    def _end(self) -> int | None:
        plain = _without_marks(self._open)
        if not has_words(plain):
            return None
        opened = _OPEN_TAG.search(plain)
        if opened is not None:
            plain = plain[: opened.start()]
        end = first_end(plain)
        if end is not None and has_words(plain[:end]):
            return end
        blank = len(plain) - len(plain.lstrip())
        if len(plain) - blank > self._longest:
            words = _without_marks(self._open[blank : len(plain)], "_")  # a tag is not cut in two
            return blank + clause_end(words, self._longest)
        return None


def spoken_text(text: str) -> str:
    """What a voice should say of a text: no emotion tags, emoji or markup, blanks single; may be empty."""
    text = _LINK.sub(r"\1", text)
    text = _TAG.sub(lambda found: " " if found[1].lower() in TAGS else found[0], text)
    text = _ADDRESS.sub(r"\1", text)
    text = emoji.PATTERN.sub(" ", text)
    text = _SILENT_SIGN.sub(" ", _MARKUP.sub(" ", text))
    said = _BLANKS.sub(" ", text).strip()
    return said if has_words(said) else ""


def _without_marks(text: str, filler: str = " ") -> str:
    """The text with blanks in place of emotion tags: same length, and no mark looks like a sentence."""
    return _TAG.sub(lambda f: filler * len(f[0]) if f[1].lower() in TAGS else f[0], text)
