"""An HTTP/1.1 server on loopback that does what a test's script says, byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Script = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request and the means to answer it."""

    path: str
    headers: dict[str, str]
    body: Any
    writer: asyncio.StreamWriter
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    "The client hung up."

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def head(self, status: int = 200, content_type: str = "application/json", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", "Transfer-Encoding: chunked"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def chunk(self, payload: bytes) -> None:
        """One piece of the body, sent at once."""
        await self.send(f"{len(payload):x}\r\n".encode() + payload + b"\r\n")
        await asyncio.sleep(0)

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def answer(
        self, status: int, body: bytes, content_type: str = "application/json", **headers: str
    ) -> None:
        await self.head(status, content_type, **headers)
        await self.chunk(body)
        await self.end()


@dataclass
class FakeServer:
    url: str
    exchanges: list[Exchange]


@asynccontextmanager
async def serving(*scripts: Script) -> AsyncIterator[FakeServer]:
    """Each request gets the next script, the last one again and again; a connection carries one."""
    server = FakeServer("", [])

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
            body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"null")
            exchange = Exchange(head[0].split(" ")[1], headers, body, writer)
            server.exchanges.append(exchange)
            script = scripts[min(len(server.exchanges), len(scripts)) - 1]
            watcher = asyncio.ensure_future(_watch(reader, exchange))
            try:
                await script(exchange)
            finally:
                watcher.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watcher
        writer.close()

    listener = await asyncio.start_server(connection, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        for exchange in server.exchanges:
            exchange.writer.close()
        listener.close()
        await listener.wait_closed()


async def _watch(reader: asyncio.StreamReader, exchange: Exchange) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()
    exchange.gone.set()
