"""The WebSocket of a session on a real socket, with the fake engine."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import websockets

from avatar_engine.drivers.live.interface import Ended, Failed, Motion, SessionOptions, Stats
from avatar_engine.drivers.live.service.limits import Limits
from tests.support.certificates import self_signed
from tests.support.engine_fakes import FakeEngine
from tests.support.live_server import Client, LiveServer, serving

SECOND = b"\1\0" * 16_000
MOTION = Motion(0, 1.0, (0.5,) * 52, (1.0, 2.0, 3.0), (4.0, 5.0))


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


@pytest.mark.parametrize(
    ("message", "code", "says"),
    [
        (b"\0\0", "bad_request", "outside speech"),
        ("hello", "bad_request", "not JSON"),
        ('{"type":"dance","id":"d"}', "bad_request", "unknown type 'dance'"),
        ('{"type":"speech.end"}', "bad_request", "speech.start first"),
        ('{"type":"speech.text","text":"a"}', "bad_request", "speech.start first"),
        ('{"type":"speech.start","sample_rate":8000}', "unsupported_audio", "16000"),
        ('{"type":"say","text":"hello"}', "bad_request", "no voice; install one"),
        ('{"type":"chat","text":"hello"}', "bad_request", "no voice"),
        ('{"type":"say","text":"' + "a" * 5_000 + '"}', "too_large", "4000"),
        ('{"type":"say","text":"' + "a" * 70_000 + '"}', "too_large", "65536"),
        (b"\0" * 1_048_578, "too_large", "1048576"),
    ],
)  # fmt: skip
def test_wrong_messages_are_answered_and_the_socket_lives_on(
    message: str | bytes, code: str, says: str
) -> None:
    async def act(server: LiveServer, client: Client) -> None:
        error = await refused(client, message)
        assert error["code"] == code and says in error["message"]
        await client.flush()

    with_client(act)


def test_half_a_sample_and_too_much_sound_and_text() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.tell("speech.start", sample_rate=16_000, id="a")
        error = await refused(client, b"abc")
        assert (error["code"], error["id"]) == ("unsupported_audio", "a")
        await client.send(SECOND)
        assert (await refused(client, SECOND))["code"] == "too_large"
        await client.tell("speech.text", text="a" * 8)
        await client.tell("speech.text", text="a" * 8)
        assert (await client.until("error"))["code"] == "too_large"
        await client.tell("speech.end")
        assert (await client.until("speech.finished"))["position_s"] == 1.0

    with_client(act, limits=replace(Limits(), utterance_s=1.5, utterance_chars=10))


def test_more_than_the_engine_holds_is_told_too_fast() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.tell("speech.start", sample_rate=16_000)
        for _ in range(64):
            await client.send(SECOND)
        error = await client.until("error")
        assert (error["code"], error["retryable"]) == ("too_fast", True)

    with_client(act, pace=100.0)


def test_a_message_beyond_all_bounds_closes_the_socket() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        await client.send(b"\0" * 2_100_000)
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await client.next()
        assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009

    with_client(act)


def test_a_flood_is_dropped_told_and_in_the_end_cut() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        with pytest.raises(websockets.ConnectionClosed):
            for _ in range(200):
                await client.tell("motion.subscribe")
            while True:
                await client.next()
        assert client.heard[-1]["code"] == "too_fast"
        assert client.socket.close_code == 4429

    with_client(act, limits=replace(Limits(), texts_per_s=0.1, texts_burst=10, dropped=50))


def test_who_does_not_read_is_let_go_with_a_reason_and_others_stay() -> None:
    async def read_all(client: Client) -> None:
        while True:
            await client.next()

    async def play() -> None:
        async with serving(FakeEngine()) as server:
            session = await server.open()
            room = server.sessions.find(session["session_id"])
            async with (
                server.connect(session) as client,
                websockets.connect(session["ws_url"], max_queue=1) as lazy,
            ):
                reading = asyncio.create_task(read_all(client))
                while len(room.sockets) < 2:
                    await asyncio.sleep(0.01)
                while len(room.sockets) == 2 and not any(outbox.farewell for outbox in room.sockets):
                    room.tell_all(json.dumps({"type": "x", "text": "x" * 60_000}))
                    await asyncio.sleep(0)
                with pytest.raises(websockets.ConnectionClosed):
                    while True:
                        await lazy.recv()
                assert lazy.close_code == 4408
                reading.cancel()
                while len(room.sockets) > 1:
                    await asyncio.sleep(0.01)
                assert [outbox.farewell for outbox in room.sockets] == [None]

    asyncio.run(play())


def test_who_never_reads_again_is_cut() -> None:
    async def play() -> None:
        async with serving(FakeEngine(), limits=replace(Limits(), stalled_s=0.1)) as server:
            session = await server.open()
            room = server.sessions.find(session["session_id"])
            async with websockets.connect(session["ws_url"]) as stuck:
                await stuck.recv()
                stuck.transport.pause_reading()
                while room.sockets:
                    room.tell_all(json.dumps({"type": "x", "text": "x" * 60_000}))
                    await asyncio.sleep(0.001)
                while server.server.server_state.connections:
                    await asyncio.sleep(0.01)
                stuck.transport.abort()

    asyncio.run(play())


@pytest.mark.parametrize(
    ("path", "code", "farewell"),
    [("/v1/sessions/none/ws?token=x", "not_found", 4404), ("/v1/sessions/{id}/ws", "unauthorized", 4401)],
)
def test_refusals_at_the_door_are_told(path: str, code: str, farewell: int) -> None:
    async def play() -> None:
        async with serving(FakeEngine()) as server:
            session = await server.open()
            url = server.url.replace("http", "ws") + path.format(id=session["session_id"])
            async with websockets.connect(url) as socket:
                assert json.loads(await socket.recv())["code"] == code
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await socket.recv()
                assert closed.value.rcvd is not None and closed.value.rcvd.code == farewell

    asyncio.run(play())


def test_a_token_may_come_as_bearer_and_sockets_are_counted() -> None:
    async def play() -> None:
        async with serving(FakeEngine(), limits=replace(Limits(), sockets=1)) as server:
            session = await server.open()
            bare = session["ws_url"].partition("?")[0]
            bearer = {"Authorization": f"Bearer {session['token']}"}
            first = server.connect({"ws_url": bare}, additional_headers=bearer)
            async with first, websockets.connect(session["ws_url"]) as socket:
                assert json.loads(await socket.recv())["code"] == "busy"

    asyncio.run(play())


def test_a_foreign_page_is_refused_before_the_handshake() -> None:
    async def play() -> None:
        async with serving(FakeEngine(), cors_origins=("https://shop.example",)) as server:
            session = await server.open()
            for origin in ("https://evil.example", "null"):
                with pytest.raises(websockets.InvalidStatus) as refusal:
                    async with websockets.connect(session["ws_url"], origin=websockets.Origin(origin)):
                        pass
                assert refusal.value.response.status_code == 403
                assert json.loads(refusal.value.response.body)["code"] == "unauthorized"
            for origin in (server.url, "https://shop.example"):
                async with server.connect(session, origin=websockets.Origin(origin)):
                    pass

    asyncio.run(play())


def test_tls_gives_wss(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)

    async def play() -> None:
        async with serving(FakeEngine(), tls_cert=cert, tls_key=key) as server:
            room, token = await server.sessions.open(SessionOptions("ava", 256))
            port = server.url.rpartition(":")[2]
            url = f"wss://127.0.0.1:{port}/v1/sessions/{room.id}/ws?token={token}"
            context = ssl.create_default_context(cafile=cert)
            context.check_hostname = False
            async with server.connect({"ws_url": url}, ssl=context) as client:
                await client.flush()

    asyncio.run(play())


def test_a_lost_worker_ends_the_session_with_a_reason() -> None:
    async def act(server: LiveServer, client: Client) -> None:
        (performance,) = server.engine.performances
        performance.tell(Failed(0, "worker_lost", "the worker died; it is being replaced", True))
        assert (await client.until("error"))["retryable"] is True
        performance.tell(Failed(0, "worker_lost", "the worker died twice", False))
        performance.tell(Ended(0, "worker lost"))
        error = await client.until("error")
        assert (error["code"], error["retryable"]) == ("worker_lost", False)
        with pytest.raises(websockets.ConnectionClosed):
            await client.next()
        assert client.socket.close_code == 1011
        while len(server.sessions):
            await asyncio.sleep(0.01)
        assert performance.closed == "failed"

    with_client(act)


def test_a_session_that_is_deleted_tells_all_its_sockets_and_closes_them() -> None:
    async def play() -> None:
        async with serving(FakeEngine()) as server:
            session = await server.open()
            async with server.connect(session) as client, server.connect(session) as other:
                await client.tell("speech.start", sample_rate=16_000, id="a")
                await client.send(SECOND)
                await server.end(session)
                for one in (client, other):
                    error = await one.until("error")
                    assert (error["code"], error["retryable"]) == ("expired", False)
                    assert "it was deleted" in error["message"] and "id" not in error
                    with pytest.raises(websockets.ConnectionClosed):
                        await one.until("error")
                    assert one.socket.close_code == 4410
            async with websockets.connect(session["ws_url"]) as socket:
                assert json.loads(await socket.recv())["code"] == "expired"

    asyncio.run(play())
