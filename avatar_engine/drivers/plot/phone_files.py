"""Phones in time from files that aligners and labellers write: Praat TextGrids, and lines of `start end
phone`. Knows no sound and no face.

A TextGrid (long or short text format, UTF-8 or UTF-16) may hold several tiers: taken is the first interval
tier whose name contains "phone", or the only one. In a label file each line has a start and an end in
seconds and a label, parted by blanks or tabs (as Audacity exports them); empty lines and lines that begin
with # are skipped.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from avatar_engine.errors import UsageError

LARGEST_BYTES = 20_000_000
SILENCES = frozenset(("", "sil", "sp", "spn", "pau", "h#", "#", "_", "<p:>", "<sil>", "<eps>"))
BILABIALS = frozenset(("p", "b", "m", "em", "pp", "bb", "mm", "ph", "bh", "pcl", "bcl"))
"Without stress, length and other marks: phones of any of the common alphabets in which the lips meet."
_TOKEN = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"|(?<!\S)![^\n]*|(?<!\S)(?P<number>[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)(?!\S)'
)
"What counts in a TextGrid: strings and numbers that stand free; all else is there for people."


@dataclass(frozen=True, slots=True)
class LabelledPhone:
    """One phone as its file spells it."""

    start_s: float
    end_s: float
    label: str

    @property
    def is_silence(self) -> bool:
        return self.label.strip().lower() in SILENCES

    @property
    def shuts_lips(self) -> bool:
        """Whether it is a p, b or m of whatever alphabet."""
        return not self.is_silence and re.sub("[^a-z]", "", self.label.lower()) in BILABIALS


def read_phones(path: Path) -> tuple[LabelledPhone, ...]:
    """The phones of a file, in order, not overlapping. UsageError, one line, for what cannot be read or makes
    no sense; it names the line or the interval."""
    text = _read(path)
    if "ooTextFile" in text[:200]:
        phones = _from_text_grid(path, text)
    elif text.startswith("ooBinaryFile"):
        raise UsageError(f"{path}: a binary TextGrid; save it as a text file in Praat")
    else:
        phones = _from_lines(path, text)
    if not phones:
        raise UsageError(f"{path}: holds no phones; expected a TextGrid, or lines of 'start end phone'")
    return tuple(phones)


def _read(path: Path) -> str:
    try:
        if path.is_file() and path.stat().st_size > LARGEST_BYTES:
            raise UsageError(f"{path}: {path.stat().st_size} bytes, expected at most {LARGEST_BYTES}")
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None
    is_utf16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return raw.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; expected a TextGrid, or 'start end phone' lines") from None


def _from_lines(path: Path, text: str) -> list[LabelledPhone]:
    phones: list[LabelledPhone] = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split(maxsplit=2)
        if not fields or fields[0].startswith("#"):
            continue
        try:
            start_s, end_s = float(fields[0]), float(fields[1])
        except (ValueError, IndexError):
            found = line.strip()[:40]
            raise UsageError(f"{path}: line {number}: {found!r} is not 'start end phone', seconds") from None
        label = fields[2].strip() if len(fields) > 2 else ""
        _append(phones, LabelledPhone(start_s, end_s, label), f"{path}: line {number}")
    return phones


def _append(phones: list[LabelledPhone], phone: LabelledPhone, where: str) -> None:
    start_s, end_s = phone.start_s, phone.end_s
    if not (math.isfinite(start_s) and math.isfinite(end_s) and 0 <= start_s <= end_s):
        raise UsageError(f"{where}: from {start_s:g} to {end_s:g} s; expected 0 <= start <= end")
    if phones and start_s < phones[-1].end_s - 1e-3:
        raise UsageError(f"{where}: starts at {start_s:g} s, before the end of the one before it")
    phones.append(phone)


class _Tokens:
    """The strings and numbers of a TextGrid, one after the other."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._found = [match for match in _TOKEN.finditer(text) if match.lastgroup]
        self._next = 0

    def _take(self, kind: str, what: str) -> str:
        if self._next == len(self._found):
            raise UsageError(f"{self._path}: ends early, {what} is missing; save the TextGrid again")
        match = self._found[self._next]
        if match.lastgroup != kind:
            raise UsageError(f"{self._path}: has {match[0][:40]!r} where {what} was expected")
        self._next += 1
        return match[kind]

    def text(self, what: str) -> str:
        return self._take("text", what).replace('""', '"')

    def number(self, what: str) -> float:
        return float(self._take("number", what))


def _from_text_grid(path: Path, text: str) -> list[LabelledPhone]:
    tokens = _Tokens(path, text)
    tokens.text("the file type")
    if tokens.text("the object class") != "TextGrid":
        raise UsageError(f"{path}: a Praat file, but no TextGrid; expected one with a tier of phones")
    tokens.number("the start")
    tokens.number("the end")
    tiers: list[tuple[str, list[LabelledPhone]]] = []
    for _ in range(int(tokens.number("the number of tiers"))):
        kind, name = tokens.text("a tier's class"), tokens.text("a tier's name")
        tokens.number("a tier's start")
        tokens.number("a tier's end")
        phones: list[LabelledPhone] = []
        for number in range(1, int(tokens.number("a tier's size")) + 1):
            start_s = tokens.number("a time")
            end_s = tokens.number("a time") if kind == "IntervalTier" else start_s
            where = f"{path}: tier {name!r}, interval {number}"
            _append(phones, LabelledPhone(start_s, end_s, tokens.text("a label").strip()), where)
        if kind == "IntervalTier":
            tiers.append((name, phones))
    named = [phones for name, phones in tiers if "phone" in name.lower()]
    if not named and len(tiers) != 1:
        names = ", ".join(repr(name) for name, _ in tiers) or "none"
        raise UsageError(f"{path}: interval tiers: {names}; name the one with the phones 'phones'")
    return named[0] if named else tiers[0][1]
