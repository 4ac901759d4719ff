"""The real application on a real socket of this machine, around any engine: for tests."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from avatar_engine.drivers.live.interface import Engine
from avatar_engine.drivers.live.service.app import build_app
from avatar_engine.drivers.live.service.conversation import Speech
from avatar_engine.drivers.live.service.http.site import Site
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.listen import bind
from avatar_engine.drivers.live.service.metrics import Metrics
from avatar_engine.drivers.live.service.options import ServeOptions
from avatar_engine.drivers.live.service.serve import Server, close_within, uvicorn_config
from avatar_engine.drivers.live.service.sessions import Sessions
from avatar_engine.drivers.voice.interface import Missing

TIMEOUT_S = 60
NO_SPEECH = Speech(Missing("no voice", "install one"), Missing("no relay", "set one"))


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class LiveServer:
    url: str
    engine: Any
    sessions: Sessions
    metrics: Metrics
    server: Server
    sockets: list[ClientConnection] = field(default_factory=list)

    async def call(
        self, method: str, path: str, body: bytes | str | None = None, **headers: str | None
    ) -> Answer:
        """One HTTP request on its own connection; header names with _ for -."""
        return await request(self.url + path, method, body, **headers)

    async def open(self, key: str | None = None, **options: Any) -> dict[str, Any]:
        """POST /v1/sessions that has to work."""
        answer = await self.call(
            "POST",
            "/v1/sessions",
            json.dumps(options),
            content_type="application/json",
            authorization=f"Bearer {key}" if key else None,
        )
        assert answer.status == 201, answer
        content: dict[str, Any] = answer.json
        return content

    async def end(self, session: Mapping[str, Any]) -> None:
        """DELETE a session that is there."""
        path, bearer = f"/v1/sessions/{session['session_id']}", f"Bearer {session['token']}"
        answer = await self.call("DELETE", path, authorization=bearer)
        assert answer.status == 204, answer

    @asynccontextmanager
    async def connect(self, session: Mapping[str, Any], **options: Any) -> AsyncIterator[Client]:
        """A control socket; `ready` and the first `state` are read already."""
        async with websockets.connect(session["ws_url"], max_size=None, **options) as socket:
            client = Client(socket)
            await client.until("ready")
            await client.until("state")
            yield client


class Client:
    """A control socket that keeps what it heard."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []

    async def tell(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def send(self, message: str | bytes) -> None:
        await self.socket.send(message)

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(TIMEOUT_S):
            event: dict[str, Any] = json.loads(await self.socket.recv())
        self.heard.append(event)
        return event

    async def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """The next event of that type with these values; earlier ones are in `heard`."""
        while True:
            event = await self.next()
            if event["type"] == kind and fields.items() <= event.items():
                return event

    async def flush(self) -> list[dict[str, Any]]:
        """All events up to the answer to an interrupt of ours."""
        before = len(self.heard)
        await self.tell("interrupt", id="flush")
        await self.until("interrupted", id="flush")
        return self.heard[before:]


@asynccontextmanager
async def serving(
    engine: Engine,
    speech: Speech = NO_SPEECH,
    limits: Limits | None = None,
    site: Site | None = None,
    **options: Any,
) -> AsyncIterator[LiveServer]:
    """A server in this event loop, ready."""
    chosen = ServeOptions(port=0, **options)
    limits = limits or Limits()
    listening = bind(chosen)
    metrics = Metrics()
    sessions = Sessions(engine, speech, limits, metrics)
    server = Server(uvicorn_config(build_app(sessions, chosen, metrics, site), chosen, limits), sessions, 1.0)
    running = asyncio.create_task(server.serve([listening]))
    try:
        while not (server.started and engine.ready):
            await asyncio.sleep(0.005)
        port = listening.getsockname()[1]
        scheme = "http" if chosen.tls_cert is None else "https"
        yield LiveServer(f"{scheme}://127.0.0.1:{port}", engine, sessions, metrics, server)
    finally:
        await sessions.close()
        server.should_exit = True
        await running
        await close_within(5.0, sessions, engine, speech)


async def request(url: str, method: str, body: bytes | str | None = None, **headers: str | None) -> Answer:
    """One HTTP request on its own connection; header names with _ for -."""
    given = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    return await asyncio.to_thread(_request, url, method, body, given)


def _request(url: str, method: str, body: bytes | str | None, headers: dict[str, str]) -> Answer:
    _, _, rest = url.partition("://")
    address, slash, path = rest.partition("/")
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_S)
    try:
        connection.request(method, slash + path, body, headers)
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())
    finally:
        connection.close()
