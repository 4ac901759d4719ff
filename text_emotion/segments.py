"""A text -> sentences, each with the emotion that a tag or an emoji sets. Knows characters, not what
sentences mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from text_emotion import emoji
from text_emotion.sentences import split_sentences

TAGS: dict[str, str] = {
    "anger": "anger", "angry": "anger", "mad": "anger", "furious": "anger",
    "disgust": "disgust", "disgusted": "disgust",
    "fear": "fear", "fearful": "fear", "afraid": "fear", "scared": "fear",
    "joy": "joy", "joyful": "joy", "happy": "joy", "happiness": "joy", "glad": "joy",
    "neutral": "neutral", "calm": "neutral",
    "sadness": "sadness", "sad": "sadness", "sorrow": "sadness",
    "surprise": "surprise", "surprised": "surprise", "amazed": "surprise",
}  # fmt: skip
"What may stand in [brackets], in any case, and the emotion it names. Other brackets are text."


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A stretch of text with one emotion: a sentence or a part of one, never without a word."""

    text: str
    "Clean: no tags, no emoji that were understood, single blanks."
    tag: str | None = None
    "The emotion that was set for it; None: read it from the words."
    intensity: float = 1.0
    "Of the tag, 0..1."
    source: Literal["text", "tag", "emoji"] = "text"


@dataclass(frozen=True, slots=True)
class _Mark:
    """A tag or an emoji in a text."""

    start: int
    end: int
    tag: str
    intensity: float
    source: Literal["tag", "emoji"]


_TAG = re.compile(r"\[\s{0,3}(?P<name>[A-Za-z]{3,12})\s{0,3}(?::\s{0,3}(?P<value>[^\s\[\]]*)\s{0,3})?\]")
_NUMBER = re.compile(r"\d{0,3}\.?\d{1,9}|\d{1,3}\.", re.ASCII)
_CLOSING = re.compile(r"[.,;:!?…)\]}»”’\"'。，！？；：、）」』】]")


def split_text(text: str) -> list[TextSpan]:
    """The spans of a text, in order; none for a text without words.

    A tag ([joy], [sadness:0.6]) or a known emoji or emoticon sets the emotion from there on, until the next
    one or the end of the text ([neutral] ends it), and is taken out. An emoji behind the last word colours
    the sentence it closes. Nothing else is lost but blanks. ValueError for a tag of an emotion whose
    intensity is not a number from 0 to 1.
    """
    drafts = _Drafts()
    style = TextSpan("")
    position = 0
    for mark in _marks(text):
        drafts.add(text[position : mark.start], style)
        if (mark.tag, mark.intensity) != (style.tag, style.intensity):
            style = TextSpan("", mark.tag, mark.intensity, mark.source)
        position = mark.end
    drafts.add(text[position:], style)
    return drafts.spans(style)


class _Drafts:
    """Spans in the making: what has no word of its own (a bracket, three dots) joins its neighbour."""

    def __init__(self) -> None:
        self._styles: list[TextSpan] = []
        self._parts: list[list[str]] = []
        self._wordless: list[str] = []
        "Before the first word."

    def add(self, text: str, style: TextSpan) -> None:
        """The sentences of a stretch between two marks."""
        for piece in split_sentences(text):
            if has_words(piece):
                self._styles.append(style)
                self._parts.append([*self._wordless, piece])
                self._wordless = []
            else:
                (self._parts[-1] if self._parts else self._wordless).append(piece)

    def spans(self, last: TextSpan) -> list[TextSpan]:
        """All of them; `last` is the style in force at the end of the text."""
        result = [
            replace(style, text=_join(parts)) for style, parts in zip(self._styles, self._parts, strict=True)
        ]
        if last.source == "emoji" and result and result[-1].source != "tag":
            result[-1] = replace(last, text=result[-1].text)
        return result


def _join(parts: list[str]) -> str:
    """Parts with blanks between, but none before what closes."""
    return parts[0] + "".join(part if _CLOSING.match(part) else f" {part}" for part in parts[1:])


def has_words(text: str) -> bool:
    """Whether there is anything to say: a letter or a digit of any script."""
    return any(c.isalnum() for c in text)


def _marks(text: str) -> Iterator[_Mark]:
    """Tags and emoji in order; a tag is found first, so nothing inside one is an emoticon."""
    position = 0
    for found in _TAG.finditer(text):
        emotion = TAGS.get(found["name"].lower())
        if emotion is None:
            continue
        yield from _emoji(text, position, found.start())
        yield _Mark(found.start(), found.end(), emotion, _intensity(found), "tag")
        position = found.end()
    yield from _emoji(text, position, len(text))


def _emoji(text: str, start: int, end: int) -> Iterator[_Mark]:
    for found in emoji.PATTERN.finditer(text, start, end):
        yield _Mark(found.start(), found.end(), emoji.emotion_of(found), 1.0, "emoji")


def _intensity(found: re.Match[str]) -> float:
    value = found["value"]
    if value is None:
        return 1.0
    if not _NUMBER.fullmatch(value) or float(value) > 1:
        shown = value if len(value) <= 24 else value[:23] + "…"
        raise ValueError(
            f"tag [{found['name']}:{shown}]: the intensity is {shown!r}, expected a number from 0 to 1: "
            f"write for example [{found['name']}:0.6]"
        )
    return float(value)
