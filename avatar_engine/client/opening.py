"""Opening and ending a session at a live engine."""

from __future__ import annotations

import ssl
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx2
from websockets.asyncio.client import connect as open_socket
from websockets.exceptions import InvalidHandshake

from avatar_engine.client.events import AvatarClientError, ConnectionLost, said
from avatar_engine.client.session import OPEN_S, Avatar
from avatar_engine.client.tls import distrust, trust
from avatar_engine.errors import UsageError

LARGEST_EVENT = 4_194_304
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class connect:  # noqa: N801 - used as a function: `async with connect(url) as avatar`
    """A session of its own at the engine at `url` (such as http://127.0.0.1:8080), ended when the block is
    left.

    api_key: where the server wants one. ca: for https, a PEM file with the server's certificate or its
    authority's, where the system does not trust it. avatar, size, seed, emotion ("joy:0.8"): as of the
    server, None: its defaults. UsageError: no address, no such file. AvatarClientError: cannot connect, wrong
    key, unknown option, machine full (retryable).
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        avatar: str | None = None,
        size: int | None = None,
        seed: int | None = None,
        emotion: str | None = None,
        ca: str | Path | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"url must be the engine's address such as http://127.0.0.1:8080, not {url!r}")
        self._url = url.rstrip("/")
        self._is_near = parts.hostname in _LOOPBACK  # a proxy cannot reach this machine's own services
        self._trust = trust(self._url, ca)
        self._key = api_key
        wanted = {"avatar": avatar, "size": size, "seed": seed, "emotion": emotion}
        self._wanted = {name: value for name, value in wanted.items() if value is not None}
        self._avatar: Avatar | None = None
        self._session: dict[str, str] | None = None

    async def __aenter__(self) -> Avatar:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        answer = await self._call("POST", f"{self._url}/v1/sessions", headers, self._wanted)
        if answer.status_code != 201:
            raise _refusal(answer)
        try:
            session = answer.json()
            self._session = {key: str(session[key]) for key in ("session_id", "token", "whep_url", "ws_url")}
            helpers = tuple(dict(helper) for helper in session.get("ice_servers", ()))
        except (ValueError, KeyError, TypeError):
            raise AvatarClientError(
                "internal", f"{self._url} answers, but not as an avatar-engine: is the address right?"
            ) from None
        try:
            proxy: Any = None if self._is_near else True
            address = self._session["ws_url"]
            trusted = self._trust if isinstance(self._trust, ssl.SSLContext) else None
            socket = await open_socket(
                address,
                ssl=trusted if address.startswith("wss:") else None,
                open_timeout=OPEN_S,
                max_size=LARGEST_EVENT,
                compression=None,
                proxy=proxy,
            )
            self._avatar = Avatar(socket, self._session, self._url, helpers)
            await self._avatar._start()
        except BaseException as error:
            await self._end()
            if isinstance(error, OSError | TimeoutError | InvalidHandshake):
                raise ConnectionLost(f"no WebSocket to {self._url}: {said(error)}") from None
            raise
        return self._avatar

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        if self._avatar is not None:
            await self._avatar._close()
        session, self._session = self._session, None
        if session is not None:
            headers = {"Authorization": f"Bearer {session['token']}"}
            try:
                await self._call("DELETE", f"{self._url}/v1/sessions/{session['session_id']}", headers)
            except ConnectionLost:
                return  # a server that is gone has no session of ours any more

    async def _call(
        self, method: str, url: str, headers: dict[str, str], body: dict[str, Any] | None = None
    ) -> httpx2.Response:
        try:
            async with httpx2.AsyncClient(
                timeout=OPEN_S, trust_env=not self._is_near, verify=self._trust
            ) as client:
                return await client.request(method, url, headers=headers, json=body)
        except httpx2.HTTPError as error:
            if (remedy := distrust(error)) is not None:
                raise AvatarClientError("connection_lost", f"{self._url}: {remedy}") from None
            raise ConnectionLost(
                f"no connection to {self._url}: {said(error)}; does avatar-engine serve run?"
            ) from None


def _refusal(answer: httpx2.Response) -> AvatarClientError:
    """What an answer other than 201 says."""
    try:
        content = answer.json()
        code, message = str(content["code"]), str(content["message"])
        retryable = bool(content["retryable"])
    except (ValueError, KeyError, TypeError):
        code, message, retryable = (
            "internal",
            f"the server answers {answer.status_code}",
            answer.status_code >= 500,
        )
    wait = answer.headers.get("Retry-After", "")
    return AvatarClientError(code, message, retryable, float(wait) if wait.isdecimal() else None)
