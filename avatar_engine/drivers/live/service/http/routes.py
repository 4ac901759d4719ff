"""The HTTP interface: sessions, WHEP, and what operators ask. Endpoints are thin; Sessions does the work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from avatar_engine import __version__
from avatar_engine.drivers.live.interface import Unsupported
from avatar_engine.drivers.live.service.control import ControlSocket
from avatar_engine.drivers.live.service.http.openapi import document
from avatar_engine.drivers.live.service.http.requests import session_options, text_of
from avatar_engine.drivers.live.service.metrics import CONTENT_TYPE, Metrics
from avatar_engine.drivers.live.service.options import IceHelp, ServeOptions
from avatar_engine.drivers.live.service.problems import Problem, quote
from avatar_engine.drivers.live.service.room import Room
from avatar_engine.drivers.live.service.sessions import Sessions
from avatar_engine.drivers.live.service.socket.messages import error_text
from avatar_engine.drivers.live.service.socket.outbox import (
    CROWDED,
    EXPIRED,
    NOT_FOUND,
    UNAUTHORIZED,
    Farewell,
)
from avatar_engine.drivers.live.service.tokens import bearer, digest, is_one_of
from avatar_engine.drivers.voice.interface import Missing
from avatar_engine.names import ARKIT_NAMES

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
NO_STORE = {"cache-control": "no-store"}
FAREWELLS: dict[str, Farewell] = {
    "unauthorized": UNAUTHORIZED,
    "not_found": NOT_FOUND,
    "expired": EXPIRED,
    "busy": CROWDED,
}


class Api:
    """The endpoints of one server."""

    def __init__(self, sessions: Sessions, options: ServeOptions, metrics: Metrics) -> None:
        self._sessions = sessions
        self._options = options
        self._metrics = metrics
        self._keys = tuple(digest(key) for key in options.api_keys)

    def routes(self) -> list[BaseRoute]:
        """Under their paths."""

        session = "/v1/sessions/{session}"
        return [
            _route("/v1/sessions", POST=self.open_session),
            _route(session, DELETE=self.end_session),
            _route(session + "/whep", POST=self.watch, OPTIONS=self.whep_options),
            _route(session + "/whep/{viewer}", PATCH=self.add_candidate, DELETE=self.unwatch),
            WebSocketRoute(session + "/ws", self.control),
            _route("/v1/info", GET=self.info),
            _route("/v1/avatars/{avatar}/picture", GET=self.picture),
            _route("/healthz", GET=self.health),
            _route("/readyz", GET=self.readiness),
            _route("/metrics", GET=self.metrics),
            _route("/openapi.json", GET=self.openapi),
        ]

    async def open_session(self, request: Request) -> Response:
        """POST /v1/sessions"""
        self._check_key(request)
        self._sessions.check_ready()
        engine, limits = self._sessions.engine, self._sessions.limits
        room, token = await self._sessions.open(await session_options(request, engine, limits))
        base = str(request.base_url).rstrip("/")
        expires = datetime.now(UTC) + timedelta(seconds=limits.abandoned_s)
        path = f"{base}/v1/sessions/{room.id}"
        content = {
            "session_id": room.id,
            "token": token,
            "whep_url": f"{path}/whep",
            "ws_url": f"ws{path.removeprefix('http')}/ws?token={token}",
            "expires_at": expires.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "avatar": room.performance.options.avatar,
            "size": room.performance.options.size,
            "ice_servers": [_ice_content(helper) for helper in self._options.ice],
        }
        return JSONResponse(content, 201, {**NO_STORE, "location": f"/v1/sessions/{room.id}"})

    async def end_session(self, request: Request) -> Response:
        """DELETE /v1/sessions/{session}: by its token, or by an API key. Whoever is connected is told."""
        room = self._sessions.find(request.path_params["session"])
        given = bearer(request.headers.get("authorization"))
        if not is_one_of(given, [room.token_digest, *self._keys]):
            raise _wrong_token()
        told = "this session has ended: it was deleted; open another with POST /v1/sessions"
        await room.close("ended", EXPIRED, Problem("expired", told))
        return Response(status_code=204)

    async def watch(self, request: Request) -> Response:
        """POST …/whep: a viewer's offer."""
        room = self._room(request)
        limits = self._sessions.limits
        offer = await text_of(request, limits, SDP)
        if not offer.startswith("v=0"):
            raise Problem("bad_request", "not an SDP offer: it begins with v=0", status=400)
        if room.performance.viewers >= limits.viewers:
            raise Problem(
                "busy",
                f"{limits.viewers} viewers watch this session already",
                retryable=True,
                retry_after_s=5,
            )
        try:
            async with asyncio.timeout(limits.watch_s):
                viewer, answer = await room.performance.watch(offer)
                room.was_joined = True
        except TimeoutError:
            raise Problem(
                "internal", f"no answer to this offer within {limits.watch_s:g} s", status=504, retryable=True
            ) from None
        except ValueError as error:
            raise Problem("bad_request", str(error), status=400) from None
        room.touch()
        headers = {
            **NO_STORE,
            "location": f"/v1/sessions/{room.id}/whep/{viewer}",
            "etag": f'"{viewer}"',
            "accept-patch": FRAGMENT,
        }
        response = Response(answer, 201, headers, SDP)
        self._add_links(response)
        return response

    async def whep_options(self, request: Request) -> Response:
        """OPTIONS …/whep: what is taken here, as WHEP has it."""
        self._sessions.find(request.path_params["session"])
        return Response(status_code=204, headers={"accept-post": SDP, "allow": "POST, OPTIONS"})

    async def add_candidate(self, request: Request) -> Response:
        """PATCH …/whep/{viewer}: trickle ICE. A restart of ICE is 422, as WHEP and RFC 9725 have it for a
        server that does the one and not the other."""
        room = self._room(request)
        viewer = request.path_params["viewer"]
        fragment = await text_of(request, self._sessions.limits, FRAGMENT)
        try:
            await room.performance.add_candidate(viewer, fragment)
        except KeyError:
            raise _no_viewer(viewer) from None
        except Unsupported as error:
            raise Problem("bad_request", str(error), status=422) from None
        except ValueError as error:
            raise Problem("bad_request", str(error), status=400) from None
        return Response(status_code=204)

    async def unwatch(self, request: Request) -> Response:
        """DELETE …/whep/{viewer}: that viewer ends."""
        room = self._room(request)
        viewer = request.path_params["viewer"]
        try:
            await room.performance.unwatch(viewer)
        except KeyError:
            raise _no_viewer(viewer) from None
        room.touch()
        return Response(status_code=200)

    async def control(self, socket: WebSocket) -> None:
        """WS …/ws: refusals are told in the socket, since browsers show no status of a handshake."""
        await socket.accept()
        try:
            room = self._sessions.find(socket.path_params["session"])
            given = socket.query_params.get("token") or bearer(socket.headers.get("authorization"))
            if not is_one_of(given, [room.token_digest]):
                raise _wrong_token()
            if len(room.sockets) >= self._sessions.limits.sockets:
                raise Problem(
                    "busy",
                    f"{self._sessions.limits.sockets} sockets are open on this session already",
                    retryable=True,
                )
        except Problem as problem:
            await socket.send_text(error_text(problem))
            farewell = FAREWELLS[problem.code]
            await socket.close(farewell.code, farewell.reason)
            return
        await ControlSocket(socket, room, self._greeting(room), self._sessions.limits, self._metrics).run()

    async def info(self, request: Request) -> Response:
        """GET /v1/info: what a page has to know before it asks for a session."""
        engine, speech = self._sessions.engine, self._sessions.speech
        parts = {"voice": speech.voice, "chat": speech.relay}
        content: dict[str, Any] = {
            "version": __version__,
            "ready": self._sessions.is_ready,
            "avatars": list(engine.avatars),
            "sizes": list(engine.sizes),
            "default_size": engine.default_size,
            "device": engine.device,
            **{name: not isinstance(part, Missing) for name, part in parts.items()},
            "auth": bool(self._keys),
            "missing": {name: str(part) for name, part in parts.items() if isinstance(part, Missing)},
        }
        return JSONResponse(content, headers=NO_STORE)

    async def picture(self, request: Request) -> Response:
        """GET /v1/avatars/{avatar}/picture"""
        name = request.path_params["avatar"]
        path = self._sessions.engine.picture(name)
        if path is None:
            there = ", ".join(self._sessions.engine.avatars)
            told = f"no picture of an avatar {quote(name)}; there are {there}"
            raise Problem("not_found", told, status=404)
        return FileResponse(path, media_type="image/webp", headers={"cache-control": "max-age=3600"})

    async def health(self, request: Request) -> Response:
        """GET /healthz: the process answers."""
        return JSONResponse({"status": "ok"}, headers=NO_STORE)

    async def readiness(self, request: Request) -> Response:
        """GET /readyz: new sessions are taken."""
        self._sessions.check_ready()
        return JSONResponse({"status": "ready"}, headers=NO_STORE)

    async def metrics(self, request: Request) -> Response:
        """GET /metrics"""
        now = {"ready": float(self._sessions.is_ready), "control_sockets": float(self._sessions.n_sockets)}
        engine = self._sessions.engine
        text = self._metrics.text(engine.numbers() if engine.ready else {}, now)
        return PlainTextResponse(text, headers={**NO_STORE, "content-type": CONTENT_TYPE})

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json"""
        return JSONResponse(document(self._sessions.limits, self._sessions.engine))

    def _check_key(self, request: Request) -> None:
        if self._keys and not is_one_of(bearer(request.headers.get("authorization")), self._keys):
            raise Problem("unauthorized", "an API key is needed: send 'Authorization: Bearer KEY'")

    def _room(self, request: Request) -> Room:
        """The session of a path, opened by its own token and nothing else."""
        room = self._sessions.find(request.path_params["session"])
        if not is_one_of(bearer(request.headers.get("authorization")), [room.token_digest]):
            raise _wrong_token()
        return room

    def _greeting(self, room: Room) -> dict[str, Any]:
        engine, speech, limits = self._sessions.engine, self._sessions.speech, self._sessions.limits
        return {
            "session_id": room.id,
            "avatar": room.performance.options.avatar,
            "size": room.performance.options.size,
            "avatars": list(engine.avatars),
            "sizes": list(engine.sizes),
            "device": engine.device,
            "voice": not isinstance(speech.voice, Missing),
            "chat": not isinstance(speech.relay, Missing),
            "motion_names": list(ARKIT_NAMES),
            "limits": {
                "message_bytes": limits.message_bytes,
                "sound_bytes": limits.sound_bytes,
                "text_chars": limits.text_chars,
                "utterance_s": limits.utterance_s,
                "abandoned_s": limits.abandoned_s,
                "idle_s": limits.idle_s,
            },
        }

    def _add_links(self, response: Response) -> None:
        for helper in self._options.ice:
            link = f'<{helper.url}>; rel="ice-server"'
            if helper.username is not None and helper.credential is not None:
                link += (
                    f'; username="{_quoted(helper.username)}"; credential="{_quoted(helper.credential)}";'
                    ' credential-type="password"'
                )
            response.headers.append("link", link)


def _route(path: str, **endpoints: Callable[[Request], Awaitable[Response]]) -> Route:
    """All methods of a path in one route: another one is told which there are."""
    allow = ", ".join([*endpoints, *(["HEAD"] if "GET" in endpoints else [])])

    async def endpoint(request: Request) -> Response:
        found = endpoints.get("GET" if request.method == "HEAD" else request.method)
        if found is None:
            raise HTTPException(405, headers={"allow": allow})
        return await found(request)

    return Route(path, endpoint, methods=METHODS)


def _ice_content(helper: IceHelp) -> dict[str, str]:
    """As RTCPeerConnection takes it."""
    content = {"urls": helper.url}
    if helper.username is not None and helper.credential is not None:
        content |= {"username": helper.username, "credential": helper.credential}
    return content


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _wrong_token() -> Problem:
    return Problem("unauthorized", "this session's token is needed: it came with POST /v1/sessions")


def _no_viewer(viewer: str) -> Problem:
    return Problem("not_found", f"no viewer {quote(viewer)} in this session")
