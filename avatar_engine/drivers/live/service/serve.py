"""avatar-engine serve: one process from the first log line to the last. Owns sockets, signals and the order
of starting and ending; the application owns everything between."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from types import FrameType
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from avatar_engine import __version__
from avatar_engine.drivers.live.interface import Engine
from avatar_engine.drivers.live.service import logs
from avatar_engine.drivers.live.service.app import build_app
from avatar_engine.drivers.live.service.conversation import Speech
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.metrics import Metrics
from avatar_engine.drivers.live.service.options import ServeOptions, warnings_about
from avatar_engine.drivers.live.service.sessions import Sessions
from avatar_engine.drivers.live.worker.spawn import Spawned

logger = logging.getLogger(__name__)

PING_S = 20.0
KEEP_ALIVE_S = 30
HEAD_S = 10.0
"For the head of a request to come: connections that never finish one must not use up those that are allowed."
GRACE_S = 3
"For connections to end after their sessions have."
CLOSE_S = 10.0
"For the engine's workers to end; what is left then ends with the process."


class Server(uvicorn.Server):
    """uvicorn, with our order of ending: a first signal drains, a second ends at once."""

    def __init__(self, config: uvicorn.Config, sessions: Sessions, drain_s: float) -> None:
        super().__init__(config)
        self._sessions = sessions
        self._drain_s = drain_s
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.fault: BaseException | None = None
        "Why it ended by itself."

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Until a signal, or until the engine cannot start (see `fault`)."""
        self._loop = asyncio.get_running_loop()
        starting = asyncio.create_task(self._start_engine())
        self._sessions.start()
        try:
            await super().serve(sockets)
        finally:
            ending = [task for task in (starting, self._draining) if task is not None]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by Python between two instructions of the main thread."""
        if self._draining is None and not self.should_exit and self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin_drain)
        else:
            self.should_exit = self.force_exit = True

    def _begin_drain(self) -> None:
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            await self._sessions.drain(self._drain_s)
        except Exception as error:
            logs.failure(logger, "drain failed", error)
        finally:
            self.should_exit = True

    async def _start_engine(self) -> None:
        engine = self._sessions.engine
        began = asyncio.get_running_loop().time()
        try:
            await engine.start()
        except Exception as error:
            self.fault = error
            self.should_exit = True
            return
        seconds = round(asyncio.get_running_loop().time() - began, 3)
        logs.event(
            logger,
            "ready",
            seconds=seconds,
            device=engine.device,
            sizes=list(engine.sizes),
            default_size=engine.default_size,
        )


def socket_protocol(stalled_s: float) -> type[WebSocketsSansIOProtocol]:
    """uvicorn's WebSocket, cutting off a peer that takes nothing for so long: closing would wait for it."""

    class Protocol(WebSocketsSansIOProtocol):
        _stalled: asyncio.TimerHandle | None = None

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._stalled is None:
                self._stalled = self.loop.call_later(stalled_s, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._forgive()

        async def send(self, message: Any) -> None:
            await super().send(message)
            if message["type"] == "websocket.http.response.body" and self.close_sent:
                # A refusal is a whole answer too; uvicorn would log each as an error of ours.
                self.handshake_complete = True

        def connection_lost(self, exc: Exception | None) -> None:
            self._forgive()
            super().connection_lost(exc)

        def _forgive(self) -> None:
            if self._stalled is not None:
                self._stalled.cancel()
                self._stalled = None

    return Protocol


class HttpProtocol(H11Protocol):
    """uvicorn's HTTP, cutting off a peer that does not finish the head of a request."""

    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_due = self.loop.call_later(HEAD_S, transport.abort)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._head_came()
        elif self._head_due is None and self.conn.trailing_data[0]:
            self._head_due = self.loop.call_later(HEAD_S, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_came()
        super().connection_lost(exc)

    def _head_came(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None


def run(options: ServeOptions, listening: socket.socket, first_worker: Spawned, *, debug: bool) -> int:
    """Serve on a socket that listens, with a worker that is already loading; returns the exit code."""
    logs.configure(options.log_level, debug=debug)
    for line in warnings_about(options):
        logs.event(logger, line, level=logging.WARNING)
    engine, speech = build(options, first_worker)
    return asyncio.run(serve(options, listening, engine, speech))


def build(options: ServeOptions, first_worker: Spawned | None = None) -> tuple[Engine, Speech]:
    """The engine and the voices that this machine and environment give."""
    # Heavy: whoever serves another engine does not wait for it.
    from avatar_engine.drivers.live.engine import MediaOptions, build_engine
    from avatar_engine.drivers.live.webrtc.ice import IceServer
    from avatar_engine.drivers.voice.build import build_chat, build_voice

    helpers = tuple(IceServer(help.url, help.username, help.credential) for help in options.ice)
    media = MediaOptions(
        background=options.background,
        device=options.device,
        shared_worker=None if options.workers == "auto" else options.workers == "shared",
        spare_worker=options.spare_worker,
        host=options.host,
        ice_servers=helpers,
        udp_ports=options.udp_ports,
        max_viewers=options.max_viewers,
        max_sessions=options.max_sessions or None,
        first_worker=first_worker,
    )
    return build_engine(media), Speech(build_voice(os.environ), build_chat(os.environ))


def limits_of(options: ServeOptions) -> Limits:
    """Those that are options; the others have their one value."""
    return Limits(
        sessions=options.max_sessions,
        viewers=options.max_viewers,
        abandoned_s=options.abandoned_s,
        idle_s=options.idle_s,
    )


async def serve(options: ServeOptions, listening: socket.socket, engine: Engine, speech: Speech) -> int:
    """Until a signal; returns the exit code. AvatarError where the engine cannot start."""
    limits, metrics = limits_of(options), Metrics()
    sessions = Sessions(engine, speech, limits, metrics)
    config = uvicorn_config(build_app(sessions, options, metrics), options, limits)
    server = Server(config, sessions, options.drain_s)
    scheme = "http" if options.tls_cert is None else "https"
    port = listening.getsockname()[1]
    name = f"[{options.host}]" if ":" in options.host else options.host
    logs.event(logger, "listening", url=f"{scheme}://{name}:{port}/", version=__version__, pid=os.getpid())
    try:
        await server.serve([listening])
    finally:
        await close_within(CLOSE_S if not server.force_exit else 1.0, sessions, engine, speech)
    if server.fault is not None:
        raise server.fault
    logs.event(logger, "stopped", forced=server.force_exit)
    return 0


async def close_within(seconds: float, sessions: Sessions, engine: Engine, speech: Speech) -> None:
    """Sessions, then the engine, then the voices; what takes longer ends with the process."""
    parts: list[Any] = [sessions, engine, *(part for part in speech if hasattr(part, "close"))]
    try:
        async with asyncio.timeout(seconds):
            for part in parts:
                try:
                    await part.close()
                except Exception as error:
                    logs.failure(logger, "closing failed", error, part=type(part).__name__)
    except TimeoutError:
        logs.event(logger, "closing took too long", level=logging.WARNING, seconds=seconds)


def uvicorn_config(app: Any, options: ServeOptions, limits: Limits) -> uvicorn.Config:
    """What uvicorn does for us, and what it must not do: log URLs, compress speech, keep dead peers."""
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=HttpProtocol,
        ws=socket_protocol(limits.stalled_s),
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        ws_max_size=limits.frame_bytes,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PING_S,
        ws_per_message_deflate=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=limits.connections,
        ssl_certfile=options.tls_cert,
        ssl_keyfile=options.tls_key,
    )
    return config
