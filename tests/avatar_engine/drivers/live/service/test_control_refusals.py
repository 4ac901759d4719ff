"""What the WebSocket of a session refuses, whom it lets in, how it ends: a real socket, the fake engine."""

import asyncio
import json
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import websockets

from avatar_engine.drivers.live.interface import Ended, Failed, SessionOptions
from avatar_engine.drivers.live.service.limits import Limits
from tests.support.certificates import self_signed
from tests.support.engine_fakes import FakeEngine
from tests.support.live_scenes import SECOND, refused, with_client
from tests.support.live_server import Client, LiveServer, serving


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
