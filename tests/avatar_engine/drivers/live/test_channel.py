"""The server's end of a pipe, against multiprocessing's own."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from avatar_engine.drivers.live.worker.channel import Channel
from avatar_engine.drivers.live.worker.spawn import open_pipe


def test_messages_of_any_size_come_whole_and_in_order_and_nobody_waits() -> None:
    async def scene() -> None:
        ours, theirs = open_pipe()
        got: list[Any] = []
        closed = asyncio.Event()
        channel = Channel(ours, got.append, closed.set)
        sent = [b"x" * (k * k * 997 % 300_000) for k in range(40)]  # several times what a pipe takes
        for message in sent:
            channel.send(message)

        def echo() -> None:
            for _ in sent:
                theirs.send(theirs.recv())
            theirs.close()

        other = threading.Thread(target=echo)
        other.start()
        await asyncio.wait_for(closed.wait(), 20)
        other.join()
        assert got == sent
        channel.send("nobody hears it")
        channel.close()

    asyncio.run(scene())


def test_a_closed_channel_says_nothing_more() -> None:
    async def scene() -> None:
        ours, theirs = open_pipe()
        told: list[Any] = []

        def take(message: Any) -> None:
            told.append(message)
            channel.close()

        channel = Channel(ours, take, lambda: told.append("closed"))
        for k in range(3):
            theirs.send(k)
        await asyncio.sleep(0.05)
        theirs.close()
        await asyncio.sleep(0.05)
        assert told == [0]

    asyncio.run(scene())


def test_an_end_that_is_gone_is_noticed_when_writing() -> None:
    async def scene() -> None:
        ours, theirs = open_pipe()
        lost: list[int] = []
        channel = Channel(ours, print, lambda: lost.append(1))
        theirs.close()
        channel.send(b"y" * 1_000_000)
        channel.send(b"z")
        await asyncio.sleep(0.05)
        assert lost == [1]

    asyncio.run(scene())
