"""Scenes on a server around the fake engine, and what its clients are answered: for tests of the service."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tests.support.engine_fakes import FakeEngine
from tests.support.live_server import Answer, Client, LiveServer, serving

SECOND = b"\1\0" * 16_000
"A second of sound at 16 kHz."


def with_server(
    act: Callable[[LiveServer], Awaitable[None]], engine: FakeEngine | None = None, **options: Any
) -> None:
    async def play() -> None:
        async with serving(engine or FakeEngine(), **options) as server:
            await act(server)

    asyncio.run(play())


def with_client(
    act: Callable[[LiveServer, Client], Awaitable[None]], pace: float = 0.0, **options: Any
) -> None:
    async def play() -> None:
        async with serving(FakeEngine(pace=pace), **options) as server:
            session = await server.open()
            async with server.connect(session) as client:
                await act(server, client)

    asyncio.run(play())


async def refused(client: Client, message: str | bytes) -> dict[str, Any]:
    """The error that a message gets."""
    await client.send(message)
    return await client.until("error")


def check_problem(answer: Answer, status: int, code: str, says: str = "") -> None:
    assert (answer.status, answer.json["code"]) == (status, code), answer
    assert set(answer.json) == {"code", "message", "retryable"}
    assert says in answer.json["message"]
    assert "\n" not in answer.json["message"]
