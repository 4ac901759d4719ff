"""Server-sent events: the bytes of a stream, cut anywhere -> the data of its events. WHATWG HTML, 9.2.6."""

from __future__ import annotations

LONGEST_EVENT = 1_048_576
"Bytes; no event of a chat is nearly so long."


class EventReader:
    """One stream. ValueError for an event that does not end."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._bytes = 0
        self._after_return = False

    def push(self, piece: bytes) -> list[str]:
        """The data of the events that ended, in order."""
        done: list[str] = []
        # \r\n may be cut in two: the \n of an ended line is no line of its own
        if self._after_return and piece[:1] == b"\n":
            piece = piece[1:]
        if piece:
            self._after_return = piece[-1:] == b"\r"
        lines = (self._rest + piece).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._take(line, done)
        if len(self._rest) + self._bytes > LONGEST_EVENT:
            raise ValueError(f"an event of more than {LONGEST_EVENT} bytes")
        return done

    def finish(self) -> list[str]:
        """The event that no empty line ended, as careless servers send their last one."""
        done: list[str] = []
        self._take(self._rest, done)
        self._take(b"", done)
        self._rest = b""
        return done

    def _take(self, line: bytes, done: list[str]) -> None:
        if not line:
            if self._data:
                done.append("\n".join(self._data))
            self._data, self._bytes = [], 0
            return
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" ").decode("utf-8", "replace"))
            self._bytes += len(line)
