"""What every request passes: Host, Origin, CORS, security headers, one shape of errors, no tracebacks."""

from __future__ import annotations

import json
import logging
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avatar_engine.drivers.live.service.logs import failure
from avatar_engine.drivers.live.service.metrics import Metrics
from avatar_engine.drivers.live.service.options import ANY_ORIGIN, ServeOptions
from avatar_engine.drivers.live.service.problems import Problem, is_unexpected, problem_of, quote

logger = logging.getLogger(__name__)

SAFE = ("GET", "HEAD", "OPTIONS")
METHODS = "GET, POST, PATCH, DELETE, OPTIONS"
ASKED_HEADERS = "Authorization, Content-Type, If-Match"
SHOWN_HEADERS = "Location, Link, ETag, Retry-After, Accept-Patch"
PREFLIGHT_S = "600"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(self)",
}


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, options: ServeOptions, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._is_open = ANY_ORIGIN in options.cors_origins
        self._origins = frozenset(options.cors_origins) - {ANY_ORIGIN}
        # A page whose name was made to point to 127.0.0.1 has that name in Host: a server that only this
        # machine reaches answers to the machine's own names alone, and to those its owner listed.
        self._hosts: frozenset[str] | None = None
        if options.is_loopback and not self._is_open:
            listed = {urlsplit(origin).hostname or "" for origin in self._origins}
            self._hosts = frozenset({*LOOPBACK_NAMES, options.host, *listed})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send, self._metrics)
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            origin = headers.get("origin")
            allowed = self._allowed(origin, scope, headers)
            if origin is not None and allowed:
                answer.origin = origin
            if scope["type"] == "websocket" or scope["method"] not in SAFE:
                self._check_origin(origin, allowed)
            if _is_preflight(scope, headers):
                self._check_origin(origin, allowed)
                await answer.preflight()
                return
            await self._app(scope, receive, answer.send)
        except Exception as error:
            if is_unexpected(error):
                failure(logger, "request failed", error, method=scope.get("method"), kind=scope["type"])
            await answer.problem(problem_of(error))

    def _check_host(self, headers: Headers) -> None:
        if self._hosts is None:
            return
        given = headers.get("host", "")
        if _host_name(given) not in self._hosts:
            raise Problem(
                "unauthorized",
                f"this server is for its own machine and not for the name {quote(given)}: use http://127.0.0.1,"
                " or start it with --cors-origin for that name",
                status=421,
            )

    def _allowed(self, origin: str | None, scope: Scope, headers: Headers) -> bool:
        if origin is None or self._is_open or origin in self._origins:
            return True
        scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
        return origin == f"{scheme}://{headers.get('host', '')}"

    def _check_origin(self, origin: str | None, allowed: bool) -> None:
        if not allowed:
            raise Problem(
                "unauthorized",
                f"the origin {quote(origin)} may not connect: start the server with --cors-origin for it",
                status=403,
            )


class _Answer:
    """Sends what the application sends, with our headers; and problems, where nothing was sent yet."""

    def __init__(self, scope: Scope, send: Send, metrics: Metrics) -> None:
        self.origin: str | None = None
        self._scope = scope
        self._send = send
        self._metrics = metrics
        self._has_started = False

    async def send(self, message: Message) -> None:
        """Of ASGI."""
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            self._has_started = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.add_vary_header("Origin")
            if self.origin is not None:
                headers["access-control-allow-origin"] = self.origin
                headers["access-control-expose-headers"] = SHOWN_HEADERS
            self._metrics.count("http_responses_total", f'class="{message["status"] // 100}xx"')
        elif message["type"] == "websocket.accept":
            self._has_started = True
        await self._send(message)

    async def preflight(self) -> None:
        """The answer to a browser that asks whether it may."""
        await self._respond(
            204,
            b"",
            {
                "access-control-allow-methods": METHODS,
                "access-control-allow-headers": ASKED_HEADERS,
                "access-control-max-age": PREFLIGHT_S,
            },
        )

    async def problem(self, problem: Problem) -> None:
        """An error in our shape; nothing where the answer had begun."""
        if self._has_started:
            if self._scope["type"] == "websocket":
                await self._send({"type": "websocket.close", "code": 1011, "reason": "internal"})
            return
        body = json.dumps(problem.content()).encode()
        await self._respond(problem.status, body, problem_headers(problem))

    async def _respond(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        kind = "websocket.http.response" if self._scope["type"] == "websocket" else "http.response"
        given = {**headers, "content-length": str(len(body))} if status != 204 else headers
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in given.items()]
        await self.send({"type": f"{kind}.start", "status": status, "headers": raw})
        await self._send({"type": f"{kind}.body", "body": body})


def problem_headers(problem: Problem) -> dict[str, str]:
    """Those of an error response."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    if problem.retry_after_s is not None:
        headers["retry-after"] = str(problem.retry_after_s)
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    return headers


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    return (
        scope["type"] == "http"
        and scope["method"] == "OPTIONS"
        and "access-control-request-method" in headers
        and "origin" in headers
    )


def _host_name(given: str) -> str:
    """The name in a Host header, lower case, without port and brackets."""
    name = given.rpartition(":")[0] if ":" in given.rpartition("]")[2] else given
    return name.strip("[]").lower()
