"""One session at a live engine: what its user does, and what comes of it."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from typing import Any, TypeVar

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from avatar_engine.client.events import (
    AvatarClientError,
    ConnectionLost,
    Error,
    Event,
    Heard,
    Motion,
    Ready,
    SpeechFinished,
    read_event,
    said,
)
from avatar_engine.errors import UsageError

OPEN_S = 20.0
"For a session to be opened, and for the socket."
ANSWER_S = 10.0
"For the engine to answer an interrupt."
AHEAD_S = 30.0
"""Of a speech that is sent before it is said, at most: the engine holds three minutes of the one that is said
and the four that wait."""
PIECE_S = 0.1
"Of speech in a message, at most."
MOST_EVENTS = 512
"Events that wait for one reader; then the oldest are dropped."
BYTES_PER_SAMPLE = 2

PcmPieces = Any
"PCM16 mono, all at once or as an (asynchronous) iterable of pieces: bytes, or anything like an int16 array."
AnyT = TypeVar("AnyT")


class Avatar:
    """One session. Made by `connect`; used from one event loop."""

    ready: Ready
    "What the engine said of itself and of this session."

    def __init__(
        self,
        socket: ClientConnection,
        session: Mapping[str, str],
        url: str,
        ice_servers: tuple[Mapping[str, Any], ...] = (),
    ) -> None:
        self._socket = socket
        self.session_id = session["session_id"]
        self.token = session["token"]
        "Opens this session only: for its viewers."
        self.whep_url = session["whep_url"]
        "Where any WHEP player gets pictures and sound, with the token as Bearer key."
        self.watch_url = f"{url}/#session={self.session_id}&token={self.token}"
        "The engine's own page with this session."
        self.ice_servers = ice_servers
        "STUN and TURN servers for viewers: urls, username, credential."
        self._numbers = itertools.count(1)
        self._speeches: dict[str, asyncio.Future[SpeechFinished]] = {}
        self._interrupts: dict[str, asyncio.Future[Heard]] = {}
        self._readers: list[Events] = []
        self._streaming = asyncio.Lock()
        self._greeting: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._reader: asyncio.Task[None] | None = None
        self._lost: AvatarClientError | None = None

    async def speak(
        self, pcm: PcmPieces, *, sample_rate: int = 24_000, text: str | None = None
    ) -> SpeechFinished:
        """Says PCM16 mono (little-endian): all of it, or pieces of any even length from a list, a generator
        or an asynchronous one, as they come; `text` is what is said, with tags such as [joy].

        sample_rate: 16 000, 24 000 or 48 000. Returns when it was heard to its end or interrupted; whoever
        cancels it should `interrupt` too. AvatarClientError busy: four speeches wait already.
        """
        name, finished = self._open_speech()
        try:
            async with self._streaming:  # pieces carry no name: one speech streams at a time
                start: dict[str, Any] = {"sample_rate": sample_rate}
                if text is not None:
                    start["text"] = text
                await self._tell("speech.start", name, **start)
                try:
                    await self._stream(pcm, sample_rate, finished)
                finally:
                    await self._tell("speech.end")
            return await finished
        finally:
            self._forget(name)

    async def say(self, text: str) -> SpeechFinished:
        """The engine's own voice says it; returns when it was heard or interrupted."""
        return await self._ask("say", text=text)

    async def chat(self, text: str) -> SpeechFinished:
        """The engine's chat relay answers, its voice says the answer; returns when that was heard."""
        return await self._ask("chat", text=text)

    async def interrupt(self) -> Heard:
        """Stops what is being said and forgets what waits; how much of it was heard."""
        name = self._name()
        answer = self._interrupts[name] = asyncio.get_running_loop().create_future()
        try:
            await self._tell("interrupt", name)
            async with asyncio.timeout(ANSWER_S):
                heard: Heard = await answer
            return heard
        except TimeoutError:
            raise AvatarClientError(
                "internal", f"no answer to interrupt within {ANSWER_S:g} s", True
            ) from None
        finally:
            self._interrupts.pop(name, None)

    async def set_emotion(
        self, emotion: str | None, intensity: float = 1.0, ttl_s: float | None = None
    ) -> None:
        """Overrides the emotion of text and voice for `ttl_s` seconds (None: until changed); None ends it."""
        wanted: dict[str, Any] = {"emotion": emotion, "intensity": intensity}
        if ttl_s is not None:
            wanted["ttl_s"] = ttl_s
        await self._tell("emotion.set", **wanted)

    async def set_state(self, state: str) -> None:
        """What the face does while it does not speak: idle, listening or thinking."""
        await self._tell("state.set", state=state)

    def events(self, *, motion: bool = False) -> Events:
        """What happens from this call on: `async for event in avatar.events()`. Ends when the session does;
        raises ConnectionLost when the connection broke. motion: also `Motion`, 25 a second."""
        return Events(self, motion)

    # what follows is for `connect` and Events

    async def _start(self) -> None:
        self._reader = asyncio.create_task(self._read())
        try:
            async with asyncio.timeout(OPEN_S):
                self.ready = await self._greeting
        except TimeoutError:
            raise ConnectionLost(f"the engine does not greet within {OPEN_S:g} s") from None

    async def _close(self) -> None:
        self._end(None)
        await self._socket.close()
        if self._reader is not None:
            await self._reader

    async def _tell(self, kind: str, name: str | None = None, **fields: Any) -> None:
        message = {"type": kind, **fields} | ({} if name is None else {"id": name})
        await self._send(json.dumps(message))

    async def _send(self, message: str | bytes) -> None:
        if self._lost is not None:
            raise self._lost
        try:
            await self._socket.send(message)
        except WebSocketException as error:
            raise self._lost or ConnectionLost(_broken(error)) from None

    async def _ask(self, kind: str, **fields: Any) -> SpeechFinished:
        name, finished = self._open_speech()
        try:
            await self._tell(kind, name, **fields)
            return await finished
        finally:
            self._forget(name)

    def _name(self) -> str:
        return f"c{next(self._numbers)}"

    def _open_speech(self) -> tuple[str, asyncio.Future[SpeechFinished]]:
        name = self._name()
        self._speeches[name] = asyncio.get_running_loop().create_future()
        return name, self._speeches[name]

    def _forget(self, name: str) -> None:
        future = self._speeches.pop(name, None)
        if future is not None and not future.cancel() and not future.cancelled():
            future.exception()  # taken: nobody else will

    async def _stream(self, pcm: PcmPieces, sample_rate: int, finished: asyncio.Future[Any]) -> None:
        """Send the pieces, at most AHEAD_S faster than they are heard; stop when the speech is over."""
        clock = asyncio.get_running_loop()
        began, sent_s = clock.time(), 0.0
        longest = int(sample_rate * PIECE_S) * BYTES_PER_SAMPLE
        async for piece in _as_async([pcm] if _is_buffer(pcm) else pcm):
            view = _pcm16(piece)
            for start in range(0, len(view), longest):
                if finished.done():
                    return
                await self._send(bytes(view[start : start + longest]))
                sent_s += min(longest, len(view) - start) / (BYTES_PER_SAMPLE * sample_rate)
            ahead = sent_s - (clock.time() - began) - AHEAD_S
            if ahead > 0:
                await asyncio.wait([finished], timeout=ahead)

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                self._hear(read_event(message))
        except WebSocketException:
            pass
        except ValueError as error:
            self._lost = ConnectionLost(f"the engine sends what is no event: {error}")
        close = self._socket.close_code
        self._end(
            self._lost
            or ConnectionLost(f"the engine closed the connection ({close} {self._socket.close_reason})")
        )

    def _hear(self, event: Event) -> None:
        match event:
            case Ready() if not self._greeting.done():
                self._greeting.set_result(event)
            case SpeechFinished(id=name):
                _settle(self._speeches.get(name), event)
            case Heard(id=name) if name is not None:
                _settle(self._interrupts.get(name), event)
            case Error(id=name):
                self._refuse(name, event.exception())
        for reader in list(self._readers):
            reader._put(event)

    def _refuse(self, name: str | None, error: AvatarClientError) -> None:
        """The call that the error answers fails with it."""
        _fail(self._speeches.get(name or ""), error)
        _fail(self._interrupts.get(name or ""), error)
        if name is None:
            _fail(self._greeting, error)

    def _end(self, error: AvatarClientError | None) -> None:
        """Nothing more will come; None: by our own wish."""
        if self._lost is None:
            self._lost = error or ConnectionLost("the session was closed here")
        _fail(self._greeting, self._lost)
        for speech in self._speeches.values():
            _fail(speech, self._lost)
        for interrupt in self._interrupts.values():
            _fail(interrupt, self._lost)
        if self._greeting.done() and not self._greeting.cancelled():
            self._greeting.exception()
        for reader in list(self._readers):
            reader._finish(error)


class Events:
    """The events of one session for one reader, from when it was made; see Avatar.events."""

    def __init__(self, avatar: Avatar, motion: bool) -> None:
        self._avatar = avatar
        self._motion = motion
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._error: AvatarClientError | None = None
        self._asked = False
        self.dropped = 0
        "Events that came while MOST_EVENTS were waiting to be read."
        avatar._readers.append(self)
        if avatar._lost is not None:
            self._finish(None)

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Event:
        if self._motion and not self._asked:
            self._asked = True
            await self._avatar._tell("motion.subscribe")
        event = await self._queue.get()
        if event is None:
            self._queue.put_nowait(None)
            if self._error is not None:
                raise self._error
            raise StopAsyncIteration
        return event

    def close(self) -> None:
        """No more events for this reader."""
        if self in self._avatar._readers:
            self._avatar._readers.remove(self)
            while not self._queue.empty():
                self._queue.get_nowait()
            self._finish(None)

    def _put(self, event: Event) -> None:
        if isinstance(event, Motion) and not self._motion:
            return
        if self._queue.qsize() >= MOST_EVENTS:
            self._queue.get_nowait()
            self.dropped += 1
        self._queue.put_nowait(event)

    def _finish(self, error: AvatarClientError | None) -> None:
        self._error = error
        self._queue.put_nowait(None)


def _is_buffer(pcm: Any) -> bool:
    try:
        memoryview(pcm)
    except TypeError:
        return False
    return True


def _pcm16(piece: Any) -> memoryview:
    """The bytes of a piece; UsageError for what is no PCM16."""
    if not _is_buffer(piece):
        raise UsageError(f"a piece of sound is {type(piece).__name__}, not bytes or an int16 array")
    view = memoryview(piece)
    if view.format not in ("B", "b", "c", "h", "<h"):
        raise UsageError(f"a piece of sound has samples of format {view.format!r}; PCM16 (int16) is expected")
    if view.nbytes % BYTES_PER_SAMPLE:
        raise UsageError(f"a piece of {view.nbytes} bytes is no PCM16: an even number is expected")
    return memoryview(view.tobytes())


async def _as_async(pieces: Iterable[AnyT] | AsyncIterable[AnyT]) -> AsyncIterator[AnyT]:
    if isinstance(pieces, AsyncIterable):
        async for piece in pieces:
            yield piece
    else:
        for piece in pieces:
            yield piece
            await asyncio.sleep(0)  # events go on while a long list is sent


def _settle(future: asyncio.Future[AnyT] | None, value: AnyT) -> None:
    if future is not None and not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any] | None, error: AvatarClientError) -> None:
    if future is not None and not future.done():
        future.set_exception(error)


def _broken(error: WebSocketException) -> str:
    return f"the connection to the engine broke off ({said(error)})"
