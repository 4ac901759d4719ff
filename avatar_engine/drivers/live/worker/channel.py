"""The server's end of the pipe to a worker: never waits. What does not fit the pipe now is sent when there is
room.

The other end is a multiprocessing Connection: each message is its length, 4 bytes, and a pickle.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from collections.abc import Callable
from typing import Any

AT_ONCE = 1 << 18
"Bytes read at a time."
_LENGTH = struct.Struct("!i")


class Channel:
    """Used on the event loop only."""

    def __init__(
        self, end: socket.socket, on_message: Callable[[Any], None], on_closed: Callable[[], None]
    ) -> None:
        """on_closed: the other end is gone; called at most once, and not after `close`."""
        self._socket = end
        self._on_message, self._on_closed = on_message, on_closed
        self._out, self._in = bytearray(), bytearray()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(end, self._read)
        self._closed = False

    def send(self, message: object) -> None:
        if self._closed:
            return
        content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
        waits = bool(self._out)
        self._out += _LENGTH.pack(len(content)) + content
        if not waits:
            self._write()

    def close(self) -> None:
        """Fine to call twice."""
        if not self._closed:
            self._closed = True
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()

    def _write(self) -> None:
        try:
            del self._out[: self._socket.send(self._out)]
        except BlockingIOError:
            pass
        except OSError:
            self._lose()
            return
        if self._out:
            self._loop.add_writer(self._socket, self._write)
        else:
            self._loop.remove_writer(self._socket)

    def _read(self) -> None:
        try:
            piece = self._socket.recv(AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        self._in += piece
        while not self._closed and len(self._in) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._in)[0]
            if len(self._in) < end:
                break
            message = pickle.loads(bytes(self._in[_LENGTH.size : end]))
            del self._in[:end]
            self._on_message(message)
        if not piece:
            self._lose()

    def _lose(self) -> None:
        if not self._closed:
            self.close()
            self._on_closed()
