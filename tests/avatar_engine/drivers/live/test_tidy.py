"""What ended sessions leave behind is given back, once for all that ended together."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest

from avatar_engine.drivers.live import tidy
from avatar_engine.drivers.live.tidy import Tidy


class Knot:
    """Knows itself: only a collection frees it."""

    def __init__(self) -> None:
        self.me = self


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidy, "AFTER_S", 0.01)


def test_knots_are_freed_a_moment_after_a_session_has_ended() -> None:
    async def scene() -> None:
        gc.disable()
        try:
            left = weakref.ref(Knot())
            assert left() is not None
            Tidy().soon()
            await until(lambda: left() is None)
        finally:
            gc.enable()

    asyncio.run(scene())


def test_sessions_that_end_together_are_tidied_up_after_once(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[None] = []
    monkeypatch.setattr(tidy, "_trimmer", lambda: lambda: times.append(None))

    async def scene() -> None:
        tidying = Tidy()
        for _ in range(5):
            tidying.soon()
        await until(lambda: len(times) == 1)
        tidying.soon()
        await until(lambda: len(times) == 2)
        tidying.soon()
        tidying.close()
        tidying.close()
        await asyncio.sleep(0.1)
        assert len(times) == 2

    asyncio.run(scene())


def test_another_systems_allocator_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidy, "_trimmer", lambda: None)

    async def scene() -> None:
        Tidy().soon()
        await asyncio.sleep(0.1)

    asyncio.run(scene())


def test_the_trimmer_runs_where_there_is_one() -> None:
    trim = tidy._trimmer()
    assert trim is None or trim() in (0, 1)
