"""The Python client against the real application of `serve` around a fake engine, and against nonsense."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import websockets

from avatar_engine.client import (
    Avatar,
    AvatarClientError,
    Caption,
    ConnectionLost,
    Emotion,
    Heard,
    Motion,
    SpeechFinished,
    SpeechStarted,
    State,
    connect,
)
from avatar_engine.client.events import Other, read_event
from avatar_engine.client.session import MOST_EVENTS
from avatar_engine.drivers.live.service.conversation import Speech
from avatar_engine.errors import UsageError
from tests.support.certificates import self_signed
from tests.support.engine_fakes import FakeEngine, FakeRelay, FakeVoice
from tests.support.fake_http import Exchange
from tests.support.fake_http import serving as serving_http
from tests.support.live_server import LiveServer, serving

SECOND = bytes(2 * 16_000)


def play(
    act: Callable[[Avatar, LiveServer], Awaitable[None]], pace: float = 0.0, api_keys: tuple[str, ...] = ()
) -> None:
    async def run() -> None:
        speech = Speech(FakeVoice(), FakeRelay(["Hello. ", "All is well."]))
        async with serving(FakeEngine(pace=pace), speech, api_keys=api_keys) as server:
            key = api_keys[0] if api_keys else None
            async with connect(server.url, api_key=key, size=384, emotion="joy:0.5") as avatar:
                await act(avatar, server)
            assert not server.engine.performances, "leaving the block ends the session"

    asyncio.run(asyncio.wait_for(run(), 60))


def test_speech_in_pieces_of_any_kind_is_reported_when_it_was_heard() -> None:
    def generated() -> Iterator[bytes]:
        yield from (SECOND[:10], SECOND[10:20_000], SECOND[20_000:])

    async def generated_later() -> AsyncIterator[bytes]:
        for piece in generated():
            await asyncio.sleep(0)
            yield piece

    async def act(avatar: Avatar, server: LiveServer) -> None:
        for pcm in ([SECOND], generated(), generated_later(), [bytearray(SECOND)], [memoryview(SECOND)]):
            report = await avatar.speak(pcm, sample_rate=16_000, text="Good morning.")
            assert isinstance(report, SpeechFinished)
            assert report.position_s == pytest.approx(1.0) and not report.interrupted
        (performance,) = server.engine.performances
        assert performance.options.size == 384 and performance.options.emotion.name == "joy"

    play(act, api_keys=("key-of-eight",))


def test_several_speeches_at_once_do_not_mix() -> None:
    async def act(avatar: Avatar, server: LiveServer) -> None:
        lengths = [0.5, 1.0, 0.25]
        pieces = [
            [SECOND[: int(32_000 * s)][i : i + 640] for i in range(0, int(32_000 * s), 640)] for s in lengths
        ]
        reports = await asyncio.gather(*(avatar.speak(p, sample_rate=16_000) for p in pieces))
        assert [report.position_s for report in reports] == pytest.approx(lengths)
        assert len({report.id for report in reports}) == 3

    play(act)


def test_say_and_chat() -> None:
    async def act(avatar: Avatar, server: LiveServer) -> None:
        assert avatar.ready.has_voice and avatar.ready.has_chat
        assert (await avatar.say("Good morning, all.")).position_s == pytest.approx(0.3)
        report = await avatar.chat("How are you?")
        assert report.position_s > 0 and not report.interrupted

    play(act)


def test_an_interrupt_tells_what_was_heard() -> None:
    async def act(avatar: Avatar, server: LiveServer) -> None:
        assert await avatar.interrupt() == Heard("c1", None, 0.0, "")
        events = avatar.events()
        speaking = asyncio.create_task(avatar.speak([SECOND] * 20, sample_rate=16_000, text="A long text."))
        async for event in events:
            if isinstance(event, SpeechStarted):
                break
        heard = await avatar.interrupt()
        report = await speaking
        assert report.interrupted and heard.utterance == report.id
        assert heard.position_s < 20 and heard.heard_text == report.heard_text
        assert heard.position_s == pytest.approx(report.position_s, abs=0.1)  # the fake's clock goes on

    play(act, pace=1.0)


def test_events_come_typed_to_every_reader() -> None:
    async def act(avatar: Avatar, server: LiveServer) -> None:
        first, second = avatar.events(), avatar.events()
        await avatar.set_state("listening")
        await avatar.set_emotion("sadness", 0.5, ttl_s=3)
        await avatar.set_emotion(None)
        report = await avatar.say("Hello there.")
        for reader in (first, second):
            heard = []
            async for event in reader:
                heard.append(event)
                if isinstance(event, SpeechFinished):
                    break
            assert heard[-1] == report
            assert State("listening") in heard
            reader.close()
            assert [event async for event in reader] == []
        assert first.dropped == 0

    play(act)


def test_a_reader_that_sleeps_loses_the_oldest_and_can_tell() -> None:
    async def act(avatar: Avatar, server: LiveServer) -> None:
        sleeping = avatar.events()
        for number in range(MOST_EVENTS + 5):
            avatar._hear(State(str(number)))
        avatar._hear(Motion(0.0, (), (), ()))  # not asked for
        assert sleeping.dropped == 5 and await anext(sleeping) == State("5")

    play(act)


@pytest.mark.parametrize(
    ("act", "code", "words"),
    [
        (lambda a: a.speak([SECOND], sample_rate=11_025), "unsupported_audio", "16000, 24000, 48000"),
        (lambda a: a.say(" "), "bad_request", "must not be empty"),
        (lambda a: a.speak([SECOND], sample_rate=16_000, text="x" * 5000), "too_large", "5000 characters"),
    ],
)
def test_what_is_refused_is_raised_where_it_was_asked(
    act: Callable[[Avatar], Awaitable[object]], code: str, words: str
) -> None:
    async def run(avatar: Avatar, server: LiveServer) -> None:
        with pytest.raises(AvatarClientError) as caught:
            await act(avatar)
        assert caught.value.code == code and words in caught.value.message, caught.value
        assert (await avatar.say("Still here.")).position_s > 0

    play(run)


def test_speech_may_come_in_one_piece() -> None:
    async def act(avatar: Avatar, server: LiveServer) -> None:
        samples = np.zeros(1600, np.int16)
        for whole in (samples, samples.tobytes(), memoryview(samples), [samples[:800], samples[800:]]):
            assert (await avatar.speak(whole, sample_rate=16_000)).position_s == pytest.approx(0.1, abs=0.001)

    play(act)


@pytest.mark.parametrize(
    ("pcm", "words"),
    [
        ([b"abc"], "3 bytes is no PCM16"),
        (np.zeros(160, np.float32), "format 'f'; PCM16"),
        ([1, 2], "is int, not bytes"),
    ],
)
def test_what_is_no_pcm16_is_refused_before_it_is_sent(pcm: object, words: str) -> None:
    async def act(avatar: Avatar, server: LiveServer) -> None:
        with pytest.raises(UsageError, match=words):
            await avatar.speak(pcm, sample_rate=16_000)
        assert (await avatar.say("Still here.")).position_s > 0

    play(act)


def test_a_wrong_key_an_unknown_option_and_a_full_machine() -> None:
    async def run() -> None:
        async with serving(FakeEngine(capacity=0), api_keys=("key-of-eight",)) as server:
            for options, code, wait in (
                ({}, "unauthorized", None),
                ({"api_key": "wrong-key"}, "unauthorized", None),
                ({"api_key": "key-of-eight", "avatar": "nobody"}, "bad_request", None),
                ({"api_key": "key-of-eight"}, "busy", 7.0),
            ):
                with pytest.raises(AvatarClientError) as caught:
                    async with connect(server.url, **options):
                        pass
                assert caught.value.code == code and caught.value.retry_after_s == wait, caught.value

    asyncio.run(run())


def test_a_session_that_ends_under_us_fails_what_waits_and_what_comes() -> None:
    async def act(avatar: Avatar, server: LiveServer) -> None:
        events = avatar.events()
        speaking = asyncio.create_task(avatar.speak([SECOND] * 30, sample_rate=16_000))
        async for event in events:
            if isinstance(event, SpeechStarted):
                break
        await server.end({"session_id": avatar.session_id, "token": avatar.token})
        with pytest.raises(ConnectionLost, match="closed the connection") as caught:
            await speaking
        assert caught.value.retryable and caught.value.code == "connection_lost"
        with pytest.raises(ConnectionLost):
            async for _ in events:
                pass
        with pytest.raises(ConnectionLost):
            await avatar.say("Anybody?")
        assert [event async for event in avatar.events()] == []

    play(act, pace=1.0)


def test_nobody_listens_and_somebody_else_does() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    async def enter(address: str) -> None:
        async with connect(address):
            pass

    with pytest.raises(ConnectionLost, match="does avatar-engine serve run"):
        asyncio.run(enter(url))
    with pytest.raises(UsageError, match="address such as http://127.0.0.1:8080, not 'localhost'"):
        asyncio.run(enter("localhost"))

    async def other_server() -> None:
        async def script(exchange: Exchange) -> None:
            await exchange.answer(201, b"<html>hello</html>", "text/html")

        async with serving_http(script) as server:
            await enter(server.url)

    with pytest.raises(AvatarClientError, match="is the address right"):
        asyncio.run(other_server())


@pytest.mark.parametrize("greeting", ["{", "[]", '{"type": 3}', '{"type": "state"}', "[" * 3000])
def test_an_engine_that_talks_nonsense(greeting: str) -> None:
    async def run() -> None:
        async def talk(connection: websockets.ServerConnection) -> None:
            await connection.send(greeting)
            await connection.wait_closed()

        async with websockets.serve(talk, "127.0.0.1", 0) as listener:
            url = f"ws://127.0.0.1:{listener.sockets[0].getsockname()[1]}/"
            ticket = json.dumps({"session_id": "s", "token": "t", "whep_url": "w", "ws_url": url})

            async def script(exchange: Exchange) -> None:
                await exchange.answer(201, ticket.encode())

            async with serving_http(script) as server, connect(server.url):
                pass

    with pytest.raises(ConnectionLost, match="what is no event"):
        asyncio.run(asyncio.wait_for(run(), 30))


def test_events_that_are_not_known_yet_come_as_they_are() -> None:
    assert read_event('{"type": "weather", "rain": true}') == Other(
        "weather", {"type": "weather", "rain": True}
    )
    assert read_event('{"type":"caption","id":"a","text":"Hi.","start_s":0,"end_s":1}') == Caption(
        "a", "Hi.", 0, 1
    )
    assert read_event('{"type":"emotion","scores":{"joy":0.5},"source":"tag"}') == Emotion(
        {"joy": 0.5}, "tag"
    )
    motion = read_event('{"type":"motion","pts_s":1,"weights":[0,1],"head_deg":[1,2,3],"gaze_deg":[0,0]}')
    assert motion == Motion(1.0, (0.0, 1.0), (1.0, 2.0, 3.0), (0.0, 0.0))


def test_nothing_heavy_is_imported() -> None:
    heavy = "{'numpy', 'onnxruntime', 'soxr', 'cv2', 'av', 'aiortc', 'starlette', 'uvicorn', 'tokenizers'}"
    code = f"import sys, avatar_engine.client; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_server_with_its_own_certificate_is_trusted_by_its_file(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path)

    async def run() -> None:
        async with serving(FakeEngine(), tls_cert=cert, tls_key=key) as server:
            async with connect(server.url, ca=cert) as avatar:
                assert avatar.whep_url.startswith(server.url)
                assert (await avatar.speak([SECOND], sample_rate=16_000)).position_s == 1
            with pytest.raises(
                AvatarClientError, match="is not trusted .* give a PEM file .* as ca"
            ) as refused:
                async with connect(server.url):
                    pass
            assert not refused.value.retryable and "\n" not in str(refused.value)

    asyncio.run(asyncio.wait_for(run(), 60))
    with pytest.raises(UsageError, match="no PEM certificate"):
        connect("https://127.0.0.1", ca=key)
