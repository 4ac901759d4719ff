"""Whatever comes from outside: no 5xx, no traceback, no hang, and the server still works afterwards."""

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import schemathesis
import websockets
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from avatar_engine.drivers.live.service.conversation import Speech
from avatar_engine.drivers.live.service.http.openapi import document
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.problems import CODES
from avatar_engine.drivers.live.service.socket.messages import EVENTS, KINDS
from tests.support.engine_fakes import FakeEngine, FakeRelay, FakeVoice
from tests.support.live_server import LiveServer, serving

LIMITS = replace(Limits(), watch_s=2.0, sockets=10_000, viewers=10_000)
ANSWER_S = 20
SCHEMA = schemathesis.openapi.from_dict(document(LIMITS, FakeEngine()))
QUIET = list(HealthCheck)
"How fast examples come is the machine's affair."
FUZZ = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=QUIET,
)


@schemathesis.serializer("application/sdp", "application/trickle-ice-sdpfrag")
def as_text(context: schemathesis.SerializationContext, value: object) -> bytes:
    """Schemathesis knows no SDP: what it makes goes out as it is."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


class Faults(logging.Handler):
    """Keeps what is logged as a fault: nothing a client sends may be one."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


class Running:
    """A server in a thread of its own, and one session of it that stays."""

    def __init__(self) -> None:
        self.faults = Faults()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._end = asyncio.Event()
        self.server: LiveServer
        self.session: dict[str, Any]
        self.loop: asyncio.AbstractEventLoop

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        speech = Speech(FakeVoice(), FakeRelay(["Hello. ", "How are you?"]))
        async with serving(FakeEngine(), speech, LIMITS) as server:
            self.server = server
            self.session = await server.open()
            self._ready.set()
            await self._end.wait()

    def __enter__(self) -> "Running":
        for name in ("avatar_engine", "uvicorn", "asyncio"):
            logging.getLogger(name).addHandler(self.faults)
        self._thread.start()
        assert self._ready.wait(ANSWER_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._end.set)
        self._thread.join(ANSWER_S)
        for name in ("avatar_engine", "uvicorn", "asyncio"):
            logging.getLogger(name).removeHandler(self.faults)
        assert not self._thread.is_alive()
        assert not self.faults.found


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with Running() as running:
        yield running


@SCHEMA.exclude(path="/v1/sessions/{session}", method="DELETE").parametrize()
@FUZZ
def test_any_request(case: schemathesis.Case, running: Running) -> None:
    case.call_and_validate(base_url=running.server.url, timeout=ANSWER_S)


@SCHEMA.include(path_regex="/v1/sessions/").exclude(method="DELETE").parametrize()
@FUZZ
def test_any_request_to_a_session_that_is_there(case: schemathesis.Case, running: Running) -> None:
    case.path_parameters["session"] = running.session["session_id"]
    case.headers["Authorization"] = f"Bearer {running.session['token']}"
    # What a schema cannot say is what an SDP offer is: a string that is none is refused, and rightly so.
    case.call_and_validate(
        base_url=running.server.url, timeout=ANSWER_S, excluded_checks=[positive_data_acceptance]
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
FIELDS = {
    "sample_rate": st.sampled_from([16_000, 24_000, 48_000]) | JSON,
    "text": st.text(max_size=30) | JSON,
    "emotion": st.sampled_from(["joy", "neutral", None]) | JSON,
    "intensity": st.floats() | JSON,
    "ttl_s": st.floats() | JSON,
    "state": st.sampled_from(["idle", "listening", "thinking"]) | JSON,
    "id": st.text(max_size=10) | st.integers() | JSON,
}


@st.composite
def commands(draw: st.DrawFn) -> str:
    """A message that is right, nearly right, or wrong in one field."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    content: dict[str, Any] = {"type": kind}
    for name in KINDS[kind][1]:
        if draw(st.integers(0, 9)):
            content[name] = draw(FIELDS[name])
    if draw(st.booleans()):
        content["id"] = draw(FIELDS["id"])
    if not draw(st.integers(0, 9)):
        content[draw(st.text(max_size=5))] = draw(JSON)
    return json.dumps(content)


MESSAGES = st.one_of(
    commands(),
    commands(),
    st.binary(max_size=3_000),
    st.binary(min_size=1, max_size=40).map(lambda piece: piece * 100),
    JSON.map(json.dumps),
    st.text(max_size=40),
    st.sampled_from(["[" * 10_000, "1" * 5_000, '{"type":' + "9" * 5_000 + "}", "\0", "é" * 40_000]),
)


def sendable(text: str) -> str:
    """Half surrogate pairs cannot leave this side."""
    return text.encode("utf-8", "replace").decode()


async def converse(url: str, messages: list[str | bytes]) -> list[dict[str, Any]]:
    """Send them all, then ask for an answer that has to come; returns what was heard until then."""
    heard = []
    async with asyncio.timeout(ANSWER_S), websockets.connect(url) as socket:
        for message in messages:
            await socket.send(message if isinstance(message, bytes) else sendable(message))
        await socket.send('{"type":"interrupt","id":"the last one"}')
        while True:
            event = json.loads(await socket.recv())
            heard.append(event)
            if event["type"] == "interrupted" and event.get("id") == "the last one":
                return heard


@given(messages=st.lists(MESSAGES, max_size=25))
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=QUIET,
)
def test_any_conversation(messages: list[str | bytes], running: Running) -> None:
    session = asyncio.run_coroutine_threadsafe(running.server.open(), running.loop).result(ANSWER_S)
    heard = asyncio.run(converse(session["ws_url"], messages))
    for event in heard:
        assert event["type"] in EVENTS
        if event["type"] == "error":
            assert event["code"] in CODES and event["code"] != "internal", event
            assert "\n" not in event["message"]
    room = running.server.sessions.find(session["session_id"])
    closing = asyncio.run_coroutine_threadsafe(running.server.end(session), running.loop)
    closing.result(ANSWER_S)
    assert room.over.is_set()
    assert not running.faults.found


@given(junk=st.lists(st.binary(max_size=200), max_size=4))
@settings(FUZZ, max_examples=15)
def test_bytes_that_are_no_http(junk: list[bytes], running: Running) -> None:
    async def send() -> None:
        address = running.server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(address[0], int(address[1]))
        for piece in junk:
            writer.write(piece)
        writer.write_eof()
        async with asyncio.timeout(ANSWER_S):
            await reader.read()
        writer.close()
        await writer.wait_closed()

    asyncio.run(send())
    answer = asyncio.run(running.server.call("GET", "/readyz"))
    assert answer.status == 200
