"""Pictures in shared memory: one process writes, another reads, nobody waits.

A picture is I420: Y [size, size], U and V [size / 2, size / 2]. A place is written again after PLACES
pictures; a reader who was that slow notices by the number that is kept with the picture.
"""

from __future__ import annotations

from contextlib import suppress
from multiprocessing import shared_memory

import numpy as np
from numpy.typing import NDArray

from avatar_engine.types import UInt8

PLACES = 8
_HEADER = 64
"Bytes before a picture: its number, padded to a cache line."
_BUSY = -1


def i420_rows(size: int) -> int:
    """Rows of `size` bytes that a picture has."""
    return size * 3 // 2


class Ring:
    """PLACES pictures of at most `largest` x `largest`."""

    def __init__(self, memory: shared_memory.SharedMemory, largest: int) -> None:
        self._memory = memory
        self._stride = _HEADER + i420_rows(largest) * largest
        self._largest = largest
        self._unlinked = False

    @classmethod
    def create(cls, largest: int) -> Ring:
        size = PLACES * (_HEADER + i420_rows(largest) * largest)
        return cls(shared_memory.SharedMemory(create=True, size=size), largest)

    @classmethod
    def attach(cls, name: str, largest: int) -> Ring:
        return cls(shared_memory.SharedMemory(name), largest)

    @property
    def name(self) -> str:
        return self._memory.name

    def write(self, index: int, picture: UInt8) -> None:
        """Picture number `index`, uint8 [3 / 2 size, size]."""
        number, bytes_ = self._place(index, picture.shape[1])
        number[0] = _BUSY
        bytes_[:] = picture
        number[0] = index

    def read(self, index: int, size: int) -> UInt8 | None:
        """A copy of picture number `index`, or None where it has been written over or the ring is closed."""
        if self._memory.buf is None:
            return None
        number, bytes_ = self._place(index, size)
        if number[0] != index:
            return None
        picture = bytes_.copy()
        return picture if number[0] == index else None

    def unlink(self) -> None:
        """Take the name away: the memory goes with the last process that has it. Fine to call twice."""
        if not self._unlinked:
            self._unlinked = True
            with suppress(FileNotFoundError):
                self._memory.unlink()

    def close(self) -> None:
        """Let go. Nothing may be read or written after."""
        with suppress(BufferError):
            self._memory.close()

    def _place(self, index: int, size: int) -> tuple[NDArray[np.int64], UInt8]:
        if size > self._largest:
            raise ValueError(f"a picture has at most {self._largest} rows, not {size}")
        start = index % PLACES * self._stride
        number = np.ndarray(1, np.int64, self._memory.buf, start)
        return number, np.ndarray((i420_rows(size), size), np.uint8, self._memory.buf, start + _HEADER)
