"""The process in which espeak-ng runs: texts in on stdin, sound out on stdout. Standard library only.

espeak-ng is GPL-3 and C: it is loaded here, never in the engine's own process, so that its licence and its
faults stay here. Started as a file (python -I -S espeak_child.py LIBRARY [DATA]), for a start of some 20 ms.

In: a line of JSON each text, [[voice, text], ...], spoken one after the other. Out: packets, each a little-
endian int32 n and n bytes of PCM16 mono; n = 0 ends a text; n < 0: -n bytes of UTF-8 follow that say what
went wrong, and the text is over. The first packet is JSON: {"version": …, "sample_rate": …}. Ends with stdin.
"""

from __future__ import annotations

import ctypes
import json
import struct
import sys
from typing import Any, BinaryIO

SYNCHRONOUS = 2
UTF8 = 1
DO_NOT_EXIT = 1 << 15
RATE, PITCH_RANGE = 1, 4
WORDS_A_MINUTE = 165
LIVELY = 60
"Of 100: how much the pitch moves."
PIECE_MS = 40
"Length of the buffer that espeak-ng fills between two callbacks: the first sound comes after the first."

Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The library, set up. OSError where it cannot be loaded, RuntimeError where it finds no data."""

    def __init__(self, library: str, data: str | None, out: BinaryIO) -> None:
        self._library = ctypes.CDLL(library)
        self._out = out
        path = None if data is None else data.encode()
        self.sample_rate = int(self._library.espeak_Initialize(SYNCHRONOUS, PIECE_MS, path, DO_NOT_EXIT))
        if self.sample_rate <= 0:
            raise RuntimeError(f"espeak-ng finds no voice data{f' in {data}' if data else ''}")
        self._callback = Callback(self._take)  # kept: the library holds only its address
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_Info.restype = ctypes.c_char_p
        self.version = self._library.espeak_Info(None).decode().split()[0]

    def speak(self, voice: str, text: str) -> None:
        """Writes the sound of `text`; ValueError for a voice that there is not."""
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        self._library.espeak_SetParameter(RATE, WORDS_A_MINUTE, 0)
        self._library.espeak_SetParameter(PITCH_RANGE, LIVELY, 0)
        encoded = text.replace("\0", " ").encode("utf-8", "replace") + b"\0"
        status = self._library.espeak_Synth(encoded, ctypes.c_size_t(len(encoded)), 0, 1, 0, UTF8, None, None)
        if status != 0:
            raise ValueError(f"espeak-ng refused the text (status {status})")

    def _take(self, samples: int | None, count: int, events: int | None) -> int:
        """What the library calls with each buffer; 0: go on."""
        if samples and count > 0:
            write_packet(self._out, ctypes.string_at(samples, 2 * count))
        return 0


def write_packet(out: BinaryIO, payload: bytes, *, error: bool = False) -> None:
    out.write(struct.pack("<i", -len(payload) if error else len(payload)) + payload)
    out.flush()


def main(arguments: list[str]) -> int:
    out = sys.stdout.buffer
    try:
        espeak = Espeak(arguments[0], arguments[1] if len(arguments) > 1 else None, out)
    except (OSError, RuntimeError) as error:
        write_packet(out, str(error).encode(), error=True)
        return 1
    write_packet(out, json.dumps({"version": espeak.version, "sample_rate": espeak.sample_rate}).encode())
    for line in sys.stdin.buffer:
        parts: Any = json.loads(line)
        try:
            for voice, text in parts:
                espeak.speak(voice, text)
            write_packet(out, b"")
        except ValueError as error:
            write_packet(out, str(error).encode(), error=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (BrokenPipeError, KeyboardInterrupt):
        sys.exit(0)
