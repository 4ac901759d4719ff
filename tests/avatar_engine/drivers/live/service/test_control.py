"""The WebSocket of a session on a real socket, with the fake engine: speech, interrupts, events, mirror."""

import asyncio
import json
from typing import Any

import pytest
import websockets

from avatar_engine.drivers.live.interface import Motion, Stats
from tests.support.engine_fakes import FakeEngine
from tests.support.live_scenes import SECOND, refused, with_client
from tests.support.live_server import Client, LiveServer, serving

MOTION = Motion(0, 1.0, (0.5,) * 52, (1.0, 2.0, 3.0), (4.0, 5.0))


def test_a_client_is_greeted_with_what_there_is() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        ready, state = client.heard
        assert ready["avatars"] == ["ava", "tiny"] and ready["device"] == "cpu"
        assert len(ready["motion_names"]) == 52 and ready["size"] == 256
        assert state == {"type": "state", "state": "idle"}

    with_client(act)


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
def test_speech_goes_in_and_its_events_come_out_under_its_id(rate: int) -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.tell("speech.start", sample_rate=rate, text="Hello", id="a")
        await client.send(b"\1\0" * rate)
        await client.tell("speech.text", text=" there.")
        await client.send(b"\2\0" * rate)
        await client.tell("speech.end")
        finished = await client.until("speech.finished")
        assert finished == {
            "type": "speech.finished", "id": "a", "position_s": 2.0, "interrupted": False,
            "heard_text": "Hello there.",
        }  # fmt: skip
        kinds = [event["type"] for event in client.heard[2:]]
        assert kinds == ["state", "speech.started", "caption", "speech.finished"]
        assert client.heard[3]["id"] == client.heard[4]["id"] == "a"
        (performance,) = server.engine.performances
        assert performance.heard["u1"] == b"\1\0" * rate + b"\2\0" * rate

    with_client(act)


def test_speech_without_an_id_gets_one() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.tell("speech.start", sample_rate=16_000)
        await client.tell("speech.end")
        assert (await client.until("speech.finished"))["id"] == (await_started(client))

    def await_started(client: Client) -> Any:
        return next(event["id"] for event in client.heard if event["type"] == "speech.started")

    with_client(act)


def test_a_start_ends_what_the_socket_had_open() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        for name in (1, 2):
            await client.tell("speech.start", sample_rate=16_000, id=name)
            await client.send(SECOND)
        await client.until("speech.finished", id=1)
        await client.tell("speech.end")
        await client.until("speech.finished", id=2)

    with_client(act)


def test_four_wait_and_the_next_is_told_busy() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        for number in range(6):
            await client.tell("speech.start", sample_rate=16_000, id=number)
            await client.send(SECOND)
            await client.tell("speech.end", id="end")
        error = await client.until("error")
        assert (error["code"], error["id"], error["retryable"]) == ("busy", 5, True)
        # The sound of the refused one is dropped in silence.
        assert not [event for event in await client.flush() if event["type"] == "error"]
        (performance,) = server.engine.performances
        assert set(performance.heard) == {"u1", "u2", "u3", "u4", "u5"}

    with_client(act, pace=100.0)


def test_an_interrupt_says_what_was_heard_and_ends_all_that_waits() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.tell("speech.start", sample_rate=16_000, text="one", id="a")
        await client.send(SECOND)
        await client.tell("speech.start", sample_rate=16_000, text="two", id="b")
        await client.send(SECOND)
        await client.until("caption")
        await client.tell("interrupt", id="stop")
        answer = await client.until("interrupted")
        ends = [event for event in client.heard if event["type"] == "speech.finished"]
        assert [(end["id"], end["interrupted"], end["heard_text"]) for end in ends] == [
            ("a", True, "one"),
            ("b", True, ""),
        ]
        assert (answer["id"], answer["utterance"], answer["heard_text"]) == ("stop", "a", "one")
        assert answer["position_s"] == pytest.approx(ends[0]["position_s"], abs=1e-3)
        # What was on its way is dropped in silence, also half a sample of it.
        await client.send(SECOND)
        await client.send(b"abc")
        await client.tell("speech.text", text="more")
        await client.tell("speech.end")
        await client.tell("speech.start", sample_rate=16_000, id="c")
        await client.tell("speech.end")
        await client.until("speech.finished", id="c")
        assert not [event for event in client.heard if event["type"] == "error"]

    with_client(act, pace=10.0)


def test_an_interrupt_of_nothing_is_answered_too() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.tell("interrupt", id=1)
        answer = await client.until("interrupted")
        assert answer == {
            "type": "interrupted", "id": 1, "utterance": None, "position_s": 0.0, "heard_text": "",
        }  # fmt: skip

    with_client(act)


def test_an_engine_that_forgets_an_utterance_leaves_nobody_waiting() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.tell("speech.start", sample_rate=16_000, id="a")
        await client.send(SECOND)
        (performance,) = server.engine.performances

        async def nothing() -> None:
            return None

        performance.interrupt = nothing
        await client.tell("interrupt")
        finished = await client.until("speech.finished")
        assert (finished["id"], finished["interrupted"]) == ("a", True)
        await client.until("interrupted")

    with_client(act, pace=100.0)


def test_state_emotion_motion_and_stats() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        (performance,) = server.engine.performances
        performance.tell(MOTION)
        await client.tell("state.set", state="listening", id="s1")
        await client.until("state", state="listening", id="s1")
        await client.tell("state.set", state="listening", id="s2")
        await client.until("state", state="listening", id="s2")
        await client.tell("emotion.set", emotion="joy", intensity=0.5, ttl_s=2, id="e1")
        emotion = await client.until("emotion", id="e1")
        assert emotion["scores"]["joy"] == 0.5 and emotion["source"] == "override"
        performance.tell(Stats(0, {"render_fps": 25.0, "av_drift_ms": float("nan")}))
        assert await client.until("stats") == {"type": "stats", "render_fps": 25.0, "av_drift_ms": None}
        await client.tell("motion.subscribe")
        await client.flush()
        assert not [event for event in client.heard if event["type"] == "motion"]
        performance.tell(MOTION)
        motion = await client.until("motion")
        assert motion["weights"] == [0.5] * 52 and motion["head_deg"] == [1, 2, 3]
        await client.tell("motion.unsubscribe")
        await client.flush()
        performance.tell(MOTION)
        assert not [event for event in await client.flush() if event["type"] == "motion"]

    with_client(act)


def test_the_microphone_is_one_sockets_and_ends_with_it() -> None:
    async def play() -> None:
        async with serving(FakeEngine()) as server:
            session = await server.open()
            async with server.connect(session) as other:
                async with server.connect(session) as client:
                    await client.tell("mirror.start", sample_rate=48_000)
                    await client.send(SECOND)
                    assert (await refused(client, b"abc"))["code"] == "unsupported_audio"
                    start = json.dumps({"type": "speech.start", "sample_rate": 16_000})
                    assert "mirror.stop first" in (await refused(client, start))["message"]
                    mirror = json.dumps({"type": "mirror.start", "sample_rate": 16_000})
                    assert (await refused(other, mirror))["code"] == "busy"
                    assert (await refused(other, '{"type": "mirror.stop"}'))["code"] == "bad_request"
                    (performance,) = server.engine.performances
                    assert (performance.mirror_rate, performance.heard["mirror"]) == (48_000, SECOND)
                await other.flush()
                await other.tell("mirror.start", sample_rate=16_000)
                await other.flush()
                assert performance.mirror_rate == 16_000
                await other.tell("mirror.stop")
                await other.flush()
                assert performance.mirror_rate is None

    asyncio.run(play())


def test_two_sockets_hear_the_same_and_speak_apart() -> None:
    async def play() -> None:
        async with serving(FakeEngine()) as server:
            session = await server.open()
            async with server.connect(session) as one, server.connect(session) as two:
                await one.tell("speech.start", sample_rate=16_000, id="x")
                await two.tell("speech.start", sample_rate=16_000, id="x")
                await one.send(SECOND)
                await two.send(SECOND * 2)
                await one.tell("speech.end")
                await two.tell("speech.end")
                for client in (one, two):
                    ends = [await client.until("speech.finished") for _ in range(2)]
                    assert sorted(end["position_s"] for end in ends) == [1.0, 2.0]
                assert (await refused(one, "{"))["code"] == "bad_request"
                assert not [event for event in await two.flush() if event["type"] == "error"]

    asyncio.run(play())


def test_two_sessions_hear_nothing_of_each_other() -> None:
    async def play() -> None:
        async with serving(FakeEngine()) as server:
            first, second = await server.open(), await server.open()
            async with server.connect(first) as one, server.connect(second) as two:
                await one.tell("speech.start", sample_rate=16_000, text="mine", id="a")
                await one.send(SECOND)
                await one.tell("speech.end")
                await one.until("speech.finished")
                assert [event["type"] for event in await two.flush()] == ["interrupted"]
                sounds = [performance.heard for performance in server.engine.performances]
                assert sorted(map(len, sounds)) == [0, 1]
            wrong = {"ws_url": second["ws_url"].replace(second["token"], first["token"])}
            async with websockets.connect(wrong["ws_url"]) as socket:
                assert json.loads(await socket.recv())["code"] == "unauthorized"
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await socket.recv()
                assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401

    asyncio.run(play())


def test_a_client_that_vanishes_mid_speech_leaves_what_it_said() -> None:
    async def play() -> None:
        async with serving(FakeEngine()) as server:
            session = await server.open()
            async with server.connect(session) as other:
                async with server.connect(session) as client:
                    await client.tell("speech.start", sample_rate=16_000, id="a")
                    await client.send(SECOND)
                    await client.until("speech.started")
                    client.socket.transport.abort()
                assert (await other.until("speech.finished"))["position_s"] == 1.0

    asyncio.run(play())
