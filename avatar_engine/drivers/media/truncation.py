"""Whether a sound file ends too early, where its reader does not notice. Knows only headers."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

STREAMED = 0x7FFF_0000
"Sizes from here on are what programs write that cannot go back to fill in the true one."
OGG_TAIL = 1 << 17
"An Ogg page is shorter than this."
OGG_END_OF_STREAM = 0x04
OGG_HEADER = 27
"Bytes before a page's table of segment lengths, the last of which counts them."


def missing_end(path: Path) -> str | None:
    """What is missing at the end, in words, or None where the file is whole or its format tells nothing."""
    with path.open("rb") as file:
        magic = file.read(12)
        if magic[:4] in (b"RIFF", b"RIFX") and magic[8:] == b"WAVE":
            return _missing_of_wave(path, "little" if magic[:4] == b"RIFF" else "big")
        if magic[:4] == b"FORM" and magic[8:] in (b"AIFF", b"AIFC"):
            there, length = path.stat().st_size, int.from_bytes(magic[4:8], "big") + 8
            return f"{there} of {length} bytes are there" if there < length < STREAMED else None
        if magic[:4] == b"OggS":
            file.seek(max(0, path.stat().st_size - OGG_TAIL))
            return _missing_of_ogg(file.read())
    return None


def is_mpeg_audio(head: bytes) -> bool:
    """Whether a file that begins with `head` is an MP3: a tag or a frame's first eleven bits."""
    return head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)


def counts_its_frames(head: bytes) -> bool:
    """Whether the first kilobytes of an MP3 hold a header that tells its length exactly."""
    return b"Xing" in head or b"Info" in head


def _missing_of_wave(path: Path, order: Literal["little", "big"]) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(12)
        while len(header := file.read(8)) == 8:
            length = int.from_bytes(header[4:], order)
            if header[:4] == b"data":
                there = size - file.tell()
                is_short = there < length < STREAMED
                return f"{there} of {length} bytes of sound are there" if is_short else None
            file.seek(length + length % 2, 1)
    return "no sound follows the header"


def _missing_of_ogg(tail: bytes) -> str | None:
    page = tail[tail.rfind(b"OggS") :]
    if len(page) > OGG_HEADER and page[5] & OGG_END_OF_STREAM:
        segments = page[OGG_HEADER : OGG_HEADER + page[OGG_HEADER - 1]]
        if len(page) >= OGG_HEADER + len(segments) + sum(segments):
            return None
    return "the last page of the Ogg stream is missing"
