"""One control socket: reads what a client says, does it, tells what happens. Knows Starlette's WebSocket."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from avatar_engine.drivers.live.interface import MIRROR, SAMPLE_RATES
from avatar_engine.drivers.live.service.limits import Limits, TokenBucket
from avatar_engine.drivers.live.service.logs import event, failure
from avatar_engine.drivers.live.service.metrics import Metrics
from avatar_engine.drivers.live.service.problems import Problem, is_unexpected, problem_of
from avatar_engine.drivers.live.service.room import Room
from avatar_engine.drivers.live.service.socket.messages import (
    Message,
    MessageId,
    error_text,
    event_text,
    message_id,
    parse,
    read_object,
)
from avatar_engine.drivers.live.service.socket.outbox import FLOOD, SLOW, Farewell, Outbox
from avatar_engine.drivers.live.service.utterances import Utterance, half_a_sample

logger = logging.getLogger(__name__)

TOLD_EVERY_S = 0.25
"A flood is answered that often, not message by message."


class ControlSocket:
    """What one connection has open, and how its messages are done. `run` it once."""

    def __init__(
        self, socket: WebSocket, room: Room, greeting: dict[str, Any], limits: Limits, metrics: Metrics
    ) -> None:
        self._socket = socket
        self._room = room
        self._greeting = greeting
        self._limits = limits
        self._metrics = metrics
        self._outbox = Outbox(limits)
        self._texts = TokenBucket(limits.texts_per_s, limits.texts_burst)
        self._sounds = TokenBucket(limits.sounds_per_s, limits.sounds_burst)
        self._dropped = 0
        self._told = float("-inf")
        self._speech: Utterance | None = None
        self._is_refused = False
        "The last speech.start was refused: its sound is dropped in silence."
        self._has_microphone = False
        self._acts: dict[str, Callable[[Message], Awaitable[None]]] = {
            "speech.start": self._start_speech,
            "speech.text": self._more_text,
            "speech.end": self._end_speech,
            "say": self._say,
            "chat": self._chat,
            "emotion.set": self._set_emotion,
            "state.set": self._set_state,
            "interrupt": self._interrupt,
            "motion.subscribe": self._subscribe_motion,
            "motion.unsubscribe": self._subscribe_motion,
            "mirror.start": self._start_mirror,
            "mirror.stop": self._stop_mirror,
        }

    async def run(self) -> None:
        """Until the client or the session goes; the socket is accepted already."""
        self._outbox.put(event_text("ready", **self._greeting))
        self._outbox.put(event_text("state", state=self._room.state))
        self._room.join(self._outbox)
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
        finally:
            await self._leave()
            # The farewell is on its way; a peer that takes nothing is cut by the server's protocol.
            self._outbox.close(Farewell(1000, ""))
            await asyncio.gather(writer, return_exceptions=True)
            self._metrics.count("control_dropped_total", by=self._outbox.dropped)

    async def _read(self) -> None:
        while True:
            received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                return
            if self._outbox.farewell is not None:
                continue
            text, sound = received.get("text"), received.get("bytes")
            bucket = self._texts if text is not None else self._sounds
            if not bucket.take():
                self._drop()
                continue
            if text is not None:
                await self._hear_text(text)
            elif sound is not None:
                name = None if self._speech is None else self._speech.name
                await self._guarded(self._hear_sound(sound), name)

    async def _write(self) -> None:
        try:
            while (text := await self._outbox.take()) is not None:
                await self._socket.send_text(text)
            farewell = self._outbox.farewell
            if farewell is not None:
                if farewell in (SLOW, FLOOD):
                    event(logger, "socket closed", session=self._room.id, reason=farewell.reason)
                await self._socket.close(farewell.code, farewell.reason)
        except (WebSocketDisconnect, RuntimeError):
            # The client has gone; the reader sees it too.
            return

    async def _leave(self) -> None:
        speech = self._speech
        self._speech = None
        if speech is not None:
            # What the client gave before it vanished is said to its end, so that nothing waits for ever.
            await self._room.utterances.end(speech)
        await self._room.leave(self._outbox)

    def _drop(self) -> None:
        """A message over the rate."""
        self._dropped += 1
        self._metrics.count("control_errors_total", 'code="too_fast"')
        if self._dropped > self._limits.dropped:
            self._outbox.close(FLOOD)
        elif time.monotonic() - self._told >= TOLD_EVERY_S:
            self._told = time.monotonic()
            self._outbox.put(
                error_text(
                    Problem("too_fast", f"too many messages: {self._dropped} dropped so far", retryable=True)
                )
            )

    async def _hear_text(self, text: str) -> None:
        name: MessageId | None = None
        self._metrics.count("control_messages_total")
        try:
            content = read_object(text, self._limits)
            name = message_id(content, self._limits)
            message = parse(content, self._limits)
        except Problem as problem:
            self._tell(problem, name)
            return
        self._room.touch()
        await self._guarded(self._acts[message.kind](message), message.id)

    async def _guarded(self, work: Awaitable[None], name: MessageId | None) -> None:
        try:
            await work
        except Exception as error:
            if is_unexpected(error):
                failure(logger, "message failed", error, session=self._room.id)
            self._tell(problem_of(error), name)

    def _tell(self, problem: Problem, name: MessageId | None) -> None:
        self._metrics.count("control_errors_total", f'code="{problem.code}"')
        self._outbox.put(error_text(problem, name))

    async def _hear_sound(self, sound: bytes) -> None:
        self._room.touch()
        if len(sound) > self._limits.sound_bytes:
            raise Problem(
                "too_large",
                f"a binary message of {len(sound)} bytes, at most {self._limits.sound_bytes} fit; dropped",
            )
        if self._has_microphone:
            if len(sound) % 2:
                raise half_a_sample(len(sound))
            await self._room.performance.push(MIRROR, sound)
        elif self._speech is not None:
            await self._room.utterances.push(self._speech, sound)
        elif not self._is_refused:
            raise Problem(
                "bad_request",
                f"{len(sound)} bytes of sound outside speech: send speech.start or mirror.start first",
            )

    async def _start_speech(self, message: Message) -> None:
        if self._has_microphone:
            raise Problem("bad_request", "this socket's sound is the microphone's: send mirror.stop first")
        self._room.check_voice()
        if self._speech is not None:
            # A client that starts anew has said all of what it had open.
            await self._room.utterances.end(self._speech)
        self._speech, self._is_refused = None, True
        values = message.values
        self._speech = await self._room.utterances.begin(values["sample_rate"], values["text"], message.id)
        self._is_refused = False

    def _open_speech(self) -> Utterance | None:
        """The speech that text or an end are for; None where the client need not know that it is gone."""
        if self._speech is None and not self._is_refused:
            raise Problem("bad_request", "no speech is open on this socket: send speech.start first")
        return self._speech

    async def _more_text(self, message: Message) -> None:
        speech = self._open_speech()
        if speech is not None:
            await self._room.utterances.push_text(speech, message.values["text"])

    async def _end_speech(self, message: Message) -> None:
        speech = self._open_speech()
        self._speech, self._is_refused = None, False
        if speech is not None:
            await self._room.utterances.end(speech)

    async def _say(self, message: Message) -> None:
        self._room.check_voice()
        await self._room.conversation.say(message.values["text"], message.id)

    async def _chat(self, message: Message) -> None:
        self._room.check_voice()
        self._room.conversation.chat(message.values["text"], message.id)

    async def _set_emotion(self, message: Message) -> None:
        values = message.values
        intensity = 1.0 if values["intensity"] is None else values["intensity"]
        await self._room.set_emotion(values["emotion"], intensity, values["ttl_s"], message.id)

    async def _set_state(self, message: Message) -> None:
        await self._room.set_state(message.values["state"], message.id, self._outbox)

    async def _interrupt(self, message: Message) -> None:
        heard = await self._room.interrupt()
        echo = {} if message.id is None else {"id": message.id}
        self._outbox.put(
            event_text(
                "interrupted",
                **echo,
                utterance=heard.utterance,
                position_s=round(heard.position_s, 4),
                heard_text=heard.text,
            )
        )

    async def _subscribe_motion(self, message: Message) -> None:
        self._outbox.wants_motion = message.kind == "motion.subscribe"

    async def _start_mirror(self, message: Message) -> None:
        if self._speech is not None and not self._speech.is_cut:
            raise Problem("bad_request", "speech is open on this socket: send speech.end first")
        rate = message.values["sample_rate"]
        assert rate in SAMPLE_RATES
        await self._room.mirror(rate, self._outbox)
        self._speech, self._has_microphone = None, True

    async def _stop_mirror(self, message: Message) -> None:
        if not self._has_microphone:
            raise Problem("bad_request", "the microphone of this socket is off: send mirror.start first")
        self._has_microphone = False
        await self._room.mirror(None, self._outbox)
