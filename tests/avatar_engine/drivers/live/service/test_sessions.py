"""Expiry, drain, and that nothing is left of sessions that were."""

import asyncio
import gc
from dataclasses import replace

import pytest
import websockets

from avatar_engine.drivers.live.interface import Full, SessionOptions
from avatar_engine.drivers.live.service.conversation import Speech
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.metrics import Metrics
from avatar_engine.drivers.live.service.problems import Problem
from avatar_engine.drivers.live.service.sessions import REMEMBERED, Sessions
from avatar_engine.drivers.live.service.socket.outbox import DONE, Outbox
from tests.support.engine_fakes import FakeEngine, FakeVoice
from tests.support.live_server import NO_SPEECH, serving

OPTIONS = SessionOptions("ava", 256)


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def opened(limits: Limits | None = None) -> tuple[Sessions, FakeEngine, Clock]:
    engine, clock = FakeEngine(), Clock()
    await engine.start()
    return Sessions(engine, NO_SPEECH, limits or Limits(), Metrics(), clock), engine, clock


def test_a_session_that_nobody_uses_expires_and_says_so() -> None:
    async def play() -> None:
        sessions, engine, clock = await opened()
        room, _ = await sessions.open(OPTIONS)
        clock.now = 59.0
        await sessions.sweep()
        assert sessions.find(room.id) is room
        clock.now = 60.0
        await sessions.sweep()
        with pytest.raises(Problem, match="nobody was connected for 60 s") as caught:
            sessions.find(room.id)
        assert caught.value.code == "expired"
        assert not engine.performances
        await sessions.close()

    asyncio.run(play())


def test_a_session_that_nobody_came_to_makes_room_on_a_full_machine() -> None:
    async def play() -> None:
        sessions, engine, clock = await opened()
        engine.capacity = 2
        forgotten, _ = await sessions.open(OPTIONS)
        used, _ = await sessions.open(OPTIONS)
        used.join(Outbox(sessions.limits))
        clock.now = 9.0
        with pytest.raises(Full):
            await sessions.open(OPTIONS)
        clock.now = 11.0
        third, _ = await sessions.open(OPTIONS)
        assert {room.id for room in (used, third)} == {p.id for p in sessions._rooms.values()}
        with pytest.raises(Problem, match="somebody else needed its place"):
            sessions.find(forgotten.id)
        with pytest.raises(Full):
            await sessions.open(OPTIONS)
        await sessions.close()

    asyncio.run(play())


def test_a_viewer_keeps_a_session_until_nothing_was_said_for_long() -> None:
    async def play() -> None:
        sessions, engine, clock = await opened()
        room, _ = await sessions.open(OPTIONS)
        await engine.opened[0].watch("v=0\r\nm=video")
        clock.now = 1_799.0
        await sessions.sweep()
        assert sessions.find(room.id) is room
        clock.now = 1_800.0
        await sessions.sweep()
        with pytest.raises(Problem, match="nothing was said for 1800 s"):
            sessions.find(room.id)
        await sessions.close()

    asyncio.run(play())


def test_idle_sessions_live_for_ever_where_that_is_chosen() -> None:
    async def play() -> None:
        sessions, engine, clock = await opened(replace(Limits(), idle_s=0))
        room, _ = await sessions.open(OPTIONS)
        await engine.opened[0].watch("v=0\r\nm=video")
        clock.now = 1e9
        await sessions.sweep()
        assert sessions.find(room.id) is room
        await sessions.close()

    asyncio.run(play())


def test_a_socket_is_told_that_its_session_expires() -> None:
    async def play() -> None:
        async with serving(FakeEngine(), limits=replace(Limits(), idle_s=60)) as server:
            session = await server.open()
            async with server.connect(session) as client:
                server.sessions._now = lambda: 1e12
                await server.sessions.sweep()
                error = await client.until("error")
                assert error["code"] == "expired" and "60 s" in error["message"]
                with pytest.raises(websockets.ConnectionClosed):
                    await client.next()
                assert client.socket.close_code == 4410

    asyncio.run(play())


def test_a_drain_tells_lets_finish_and_ends() -> None:
    async def play() -> None:
        async with serving(FakeEngine(pace=0.3)) as server:
            session = await server.open()
            async with server.connect(session) as client:
                await client.tell("speech.start", sample_rate=16_000, id="a")
                await client.send(b"\1\0" * 16_000)
                await client.tell("speech.end")
                await client.until("speech.started")
                draining = asyncio.create_task(server.sessions.drain(10.0))
                error = await client.until("error")
                assert (error["code"], error["retryable"]) == ("expired", True)
                assert (await server.call("GET", "/readyz")).status == 503
                refused = await server.call("POST", "/v1/sessions")
                assert refused.status == 503 and "shutting down" in refused.json["message"]
                assert (await client.until("speech.finished"))["interrupted"] is False
                with pytest.raises(websockets.ConnectionClosed):
                    while True:
                        await client.next()
                assert client.socket.close_code == 1001
                await draining
            assert not server.engine.performances

    asyncio.run(play())


def test_a_drain_waits_only_so_long() -> None:
    async def play() -> None:
        async with serving(FakeEngine(pace=1_000.0)) as server:
            session = await server.open()
            async with server.connect(session) as client:
                await client.tell("speech.start", sample_rate=16_000, id="a")
                await client.send(b"\1\0" * 16_000)
                await client.until("speech.started")
                await server.sessions.drain(0.05)
            assert not server.engine.performances

    asyncio.run(play())


def test_a_session_opened_while_the_drain_began_is_not_left_behind() -> None:
    async def play() -> None:
        sessions, engine, _ = await opened()
        original = engine.open

        async def slow(options: SessionOptions):  # type: ignore[no-untyped-def]
            performance = await original(options)
            sessions.is_draining = True
            return performance

        engine.open = slow  # type: ignore[method-assign]
        with pytest.raises(Problem, match="shutting down"):
            await sessions.open(OPTIONS)
        assert not engine.performances
        await sessions.close()

    asyncio.run(play())


def test_a_session_that_is_being_opened_is_refused_by_a_drain() -> None:
    async def play() -> None:
        sessions, engine, _ = await opened()
        waiting = asyncio.Event()

        async def never(options: SessionOptions):  # type: ignore[no-untyped-def]
            waiting.set()
            await asyncio.Event().wait()

        engine.open = never  # type: ignore[method-assign]
        opening = asyncio.create_task(sessions.open(OPTIONS))
        await waiting.wait()
        await sessions.drain(0.0)
        with pytest.raises(Problem, match="shutting down"):
            await opening
        await sessions.close()

    asyncio.run(play())


def test_too_many_openings_at_once_are_refused() -> None:
    async def play() -> None:
        sessions, engine, _ = await opened(replace(Limits(), opening=2))
        original = engine.open
        may_go = asyncio.Event()

        async def slow(options: SessionOptions):  # type: ignore[no-untyped-def]
            await may_go.wait()
            return await original(options)

        engine.open = slow  # type: ignore[method-assign]
        waiting = [asyncio.create_task(sessions.open(OPTIONS)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Problem, match="opened at once"):
            await sessions.open(OPTIONS)
        may_go.set()
        await asyncio.gather(*waiting)
        await sessions.close()
        assert len(sessions) == 0

    asyncio.run(play())


def test_an_engine_that_does_not_open_is_not_waited_for() -> None:
    async def play() -> None:
        sessions, engine, _ = await opened(replace(Limits(), open_s=0.01))

        async def never(options: SessionOptions):  # type: ignore[no-untyped-def]
            await asyncio.Event().wait()

        engine.open = never  # type: ignore[method-assign]
        with pytest.raises(Problem, match=r"within 0.01 s") as caught:
            await sessions.open(OPTIONS)
        assert caught.value.retry_after_s and sessions.metrics.total("sessions_rejected_total") == 1
        await sessions.close()

    asyncio.run(play())


@pytest.mark.slow
def test_five_hundred_sessions_leave_nothing_behind() -> None:
    """Tasks, sockets and every dictionary are as large after 500 sessions as after 20."""

    async def play() -> None:
        async with serving(FakeEngine(), Speech(FakeVoice(), NO_SPEECH.relay)) as server:

            async def one() -> None:
                session = await server.open()
                async with server.connect(session) as client:
                    await client.tell("speech.start", sample_rate=16_000, text="hello", id="a")
                    await client.send(b"\1\0" * 1_600)
                    await client.tell("say", text="one two")
                    await client.send("{")
                    await client.flush()
                room = server.sessions.find(session["session_id"])
                await room.close("ended", DONE)

            async def sizes() -> list[int]:
                while server.sessions or server.server.server_state.connections:
                    await asyncio.sleep(0.01)
                gc.collect()
                kinds = ("Room", "ControlSocket", "Utterance", "Conversation", "Outbox", "FakePerformance")
                names = [type(thing).__name__ for thing in gc.get_objects()]
                return [len(asyncio.all_tasks()), *(names.count(kind) for kind in kinds)]

            for _ in range(20):
                await one()
            before = await sizes()
            for _ in range(60):
                await asyncio.gather(*(one() for _ in range(8)))
            assert await sizes() == before
            assert len(server.sessions._ended) <= REMEMBERED
            assert server.metrics.total("sessions_ended_total") == 500
            # Labels are ours alone: a client cannot make the page of numbers grow.
            assert len(server.metrics._counts) < 30

    asyncio.run(play())


def test_what_is_remembered_of_ended_sessions_is_bounded() -> None:
    async def play() -> None:
        sessions, _, _ = await opened()
        for _ in range(REMEMBERED + 50):
            room, _token = await sessions.open(OPTIONS)
            await room.close("ended", DONE)
        while len(sessions):
            await asyncio.sleep(0)
        assert len(sessions._ended) == REMEMBERED
        await sessions.close()

    asyncio.run(play())
