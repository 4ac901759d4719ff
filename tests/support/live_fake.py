"""A server that speaks the live contract with drawn pictures and beeps, to test the browser side alone.

    python -m tests.support.live_fake [--port 0] [--film FILE]

prints its address; /fake tells and sets what it does. The picture holds a moving bar and, below, the frame
number in 16 black and white fields. While it "speaks" a beep is heard and the middle of the picture is red.
With a film, its pictures are shown instead.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import re
import secrets
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import av
import numpy as np
import uvicorn
from aiortc import InvalidStateError, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.support.engine_fakes import PICTURE
from tests.support.live_fake_session import (
    EMOTIONS,
    SECONDS_A_LETTER,
    SIZE,
    Beeps,
    Behaviour,
    Pictures,
    Session,
)

RECORDER = Path(__file__).parents[1] / "web_client" / "recorder.js"
WEB_CLIENT = Path(__file__).parents[2] / "web_client"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'"
)


class Server:
    """The routes and what they share."""

    def __init__(self, film: list[np.ndarray]) -> None:
        self.film = film
        self.behaviour = Behaviour()
        self.sessions: dict[str, Session] = {}
        self.made = 0
        self.began = time.monotonic()

    def app(self) -> Starlette:
        sessions = "/v1/sessions"
        routes = [
            Route("/bare", self.bare),
            Route("/recorder.js", lambda _request: FileResponse(RECORDER)),
            Route("/fake", self.fake, methods=["GET", "POST"]),
            Route("/v1/info", self.info),
            Route("/v1/avatars/{name}/picture", lambda _request: FileResponse(PICTURE)),
            Route(sessions, self.create, methods=["POST"]),
            Route(sessions + "/{id}", self.delete, methods=["DELETE"]),
            Route(sessions + "/{id}/whep", self.whep, methods=["POST"]),
            Route(sessions + "/{id}/whep/{viewer}", self.viewer, methods=["PATCH", "DELETE"]),
            WebSocketRoute(sessions + "/{id}/ws", self.control),
            Mount("/", StaticFiles(directory=WEB_CLIENT, html=True)),
        ]
        return Starlette(routes=routes, middleware=[Middleware(Headers)])

    async def bare(self, request: Request) -> Response:
        """A page with nothing but the element, its attributes in the query, and a recorder of its events."""
        element = f"<talking-avatar {unquote(request.url.query)}></talking-avatar>"
        scripts = [
            f'<script type="module" src="/{name}.js"></script>' for name in ("talking-avatar", "recorder")
        ]
        head = '<!doctype html><html lang="en"><title>t</title><link rel="icon" href="/favicon.svg">'
        return HTMLResponse(head + element + "".join(scripts))

    async def fake(self, request: Request) -> Response:
        if request.method == "POST":
            for name, value in (await request.json()).items():
                if name == "drop":
                    await self.drop(int(value))
                elif name == "cut":
                    for session in self.sessions.values():
                        for web_socket in session.sockets:
                            await web_socket.close(int(value))
                elif name == "tell":
                    for session in self.sessions.values():
                        session.events.put_nowait(value)
                else:
                    setattr(self.behaviour, name, value)
        live = self.sessions.values()
        return JSONResponse(
            {
                "made": self.made,
                "sessions": len(self.sessions),
                "viewers": sum(len(session.peers) for session in live),
                "received": sum(session.received for session in live),
                "mirrored": sum(session.mirrored for session in live),
                "rates": [session.rate for session in live],
            }
        )

    async def drop(self, code: int) -> None:
        for session in list(self.sessions.values()):
            await session.close(code)
        self.sessions.clear()

    async def info(self, _request: Request) -> Response:
        about = {"sizes": [256, 384, 512], "default_size": SIZE, "device": "cpu"}
        about |= {"avatars": self.behaviour.avatars}
        about |= {"version": "0.1.0", "voice": self.behaviour.voice, "chat": self.behaviour.chat}
        return JSONResponse(about | {"auth": bool(self.behaviour.key)})

    async def create(self, request: Request) -> Response:
        set_to = self.behaviour
        if set_to.status:
            return JSONResponse({"detail": f"as set: {set_to.status}"}, set_to.status)
        if set_to.key and request.headers.get("authorization") != f"Bearer {set_to.key}":
            return JSONResponse({"detail": "API key wrong or missing"}, 401)
        if set_to.full_s:
            return JSONResponse({"detail": "2 of 2 places taken"}, 503, {"Retry-After": str(set_to.full_s)})
        wishes = json.loads(await request.body() or b"{}")
        avatar = wishes.get("avatar", set_to.avatars[0])
        session = Session(secrets.token_hex(4), secrets.token_urlsafe(8), avatar)
        self.sessions[session.id] = session
        self.made += 1
        here = f"/v1/sessions/{session.id}"
        return JSONResponse(
            {
                "session_id": session.id,
                "token": session.token,
                "whep_url": f"{here}/whep",
                "ws_url": f"{here}/ws?token={session.token}",
                "expires_at": "2099-01-01T00:00:00Z",
            },
            201,
        )

    async def delete(self, request: Request) -> Response:
        session = self.sessions.pop(request.path_params["id"], None)
        if session is None:
            return Response(status_code=404)
        await session.close()
        return Response(status_code=204)

    async def whep(self, request: Request) -> Response:
        session = self.sessions.get(request.path_params["id"])
        if session is None:
            return Response(status_code=404)
        if request.headers.get("authorization") != f"Bearer {session.token}":
            return Response(status_code=401)
        offer = (await request.body()).decode()
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        viewer = secrets.token_hex(4)
        session.peers[viewer] = peer
        try:
            peer.addTrack(Beeps(session, self.began))
            peer.addTrack(Pictures(session, self.film, self.behaviour, self.began))
            await peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            await peer.setLocalDescription(await peer.createAnswer())
        except InvalidStateError:  # the session ended meanwhile
            return Response(status_code=404)
        answer = peer.localDescription.sdp
        if not self.behaviour.media:
            answer = re.sub(r"(a=candidate:\S+ 1 udp \d+) \S+ \d+", r"\1 127.0.0.1 9", answer)
        place = f"/v1/sessions/{session.id}/whep/{viewer}"
        return Response(answer, 201, {"Location": place}, media_type="application/sdp")

    async def viewer(self, request: Request) -> Response:
        session = self.sessions.get(request.path_params["id"])
        if request.method == "DELETE" and session:
            peer = session.peers.pop(request.path_params["viewer"], None)
            if peer:
                await peer.close()
        return Response(status_code=204)

    async def control(self, web_socket: WebSocket) -> None:
        session = self.sessions.get(web_socket.path_params["id"])
        await web_socket.accept()
        if session is None or web_socket.query_params.get("token") != session.token:
            await web_socket.close(4404)
            return
        session.sockets.append(web_socket)
        known = self.behaviour.avatars
        session.tell("ready", avatar=session.avatar, avatars=known, sizes=[256, 384, 512], device="cpu")
        session.tell("state", state="idle")
        sender = asyncio.create_task(_send(session, web_socket))
        try:
            while True:
                message = await web_socket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                if message.get("bytes") is not None:
                    _sound(session, message["bytes"])
                else:
                    _command(session, message["text"], self.behaviour)
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            sender.cancel()
            session.sockets.remove(web_socket)


class Headers:
    """The strict content policy that the real server sends too."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def with_policy(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"content-security-policy", CSP.encode()),
                    (b"cache-control", b"no-cache"),
                ]
            await send(message)

        await self.app(scope, receive, with_policy if scope["type"] == "http" else send)


async def _send(session: Session, web_socket: WebSocket) -> None:
    while True:
        await web_socket.send_json(await session.events.get())


def _sound(session: Session, pcm: bytes) -> None:
    if session.mirror:
        session.mirrored += len(pcm)
        return
    session.received += len(pcm)


def _command(session: Session, text: str, behaviour: Behaviour) -> None:
    message = json.loads(text)
    kind, number = message["type"], message.get("id", "")
    if kind in ("say", "chat"):
        if kind == "say" and not behaviour.voice:
            why = "this server has no voice"
            session.tell("error", code="bad_request", message=why, retryable=False, id=number)
            return
        if kind == "chat" and not behaviour.chat:
            return
        words = message["text"] if kind == "say" else f"You said: {message['text']}"
        session.say(number, words, max(0.5, SECONDS_A_LETTER * len(words)))
    elif kind == "speech.start":
        session.upload, session.rate, session.text = number, message["sample_rate"], message.get("text", "")
        session.received = 0
    elif kind == "speech.end":
        session.say(session.upload, session.text, session.received / 2 / session.rate)
    elif kind == "interrupt":
        if session.talking and not session.talking.done():
            session.interrupt = number
            session.talking.cancel()
        else:
            session.tell("interrupted", id=number, utterance=None, position_s=0, heard_text="")
    elif kind == "emotion.set":
        name = message["emotion"]
        scores = {each: float(message.get("intensity", 0)) if each == name else 0.0 for each in EMOTIONS}
        session.tell("emotion", scores=scores, source="override" if name else "text", id=number)
    elif kind == "state.set":
        session.tell("state", state=message["state"], id=number)
    elif kind in ("mirror.start", "mirror.stop"):
        session.mirror, session.rate = kind == "mirror.start", message.get("sample_rate", session.rate)
        session.speaking = session.mirror
        session.tell("state", state="speaking" if session.mirror else "idle", id=number)


def _pictures(film: Path | None) -> list[np.ndarray]:
    if film is None:
        return []
    with av.open(str(film)) as container:
        frames = itertools.islice(container.decode(video=0), 250)
        return [frame.reformat(512, 512, "rgb24").to_ndarray() for frame in frames]


@contextlib.asynccontextmanager
async def _running(film: Path | None, port: int) -> AsyncIterator[uvicorn.Server]:
    listener = socket.create_server(("127.0.0.1", port))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(Server(_pictures(film)).app(), log_level="warning", ws="websockets-sansio")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]))
    yield server
    await task


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--film", type=Path)
    options = parser.parse_args()
    async with _running(options.film, options.port):
        pass


if __name__ == "__main__":
    asyncio.run(_main())
