"""One live session as its clients see it: a performance, the sockets that steer it, what is told to them.

Knows no HTTP and no WebSocket: a socket is an Outbox that texts are put into.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from avatar_engine.clock import SAMPLE_RATE
from avatar_engine.drivers.live.interface import (
    Caption,
    EmotionChanged,
    Ended,
    Event,
    Failed,
    Motion,
    Performance,
    SettableState,
    SpeechFinished,
    SpeechStarted,
    StateChanged,
    Stats,
)
from avatar_engine.drivers.live.service.conversation import Conversation, Speech
from avatar_engine.drivers.live.service.limits import Limits
from avatar_engine.drivers.live.service.logs import event as log_event
from avatar_engine.drivers.live.service.logs import failure
from avatar_engine.drivers.live.service.metrics import Metrics
from avatar_engine.drivers.live.service.problems import CODES, Code, Problem
from avatar_engine.drivers.live.service.socket.messages import error_text, event_text
from avatar_engine.drivers.live.service.socket.outbox import DONE, FAILED, Farewell, Outbox
from avatar_engine.drivers.live.service.utterances import Utterance, Utterances

logger = logging.getLogger(__name__)

CAUSES = 16
"Messages of a kind whose effects are still to be told."
SETTLE_S = 0.5
"For the engine to say what became of interrupted utterances; then we say it ourselves."


@dataclass(frozen=True, slots=True)
class Heard:
    """The answer to an interrupt."""

    utterance: str | int | None
    "The client's name of what was being said; None: nothing was."
    position_s: float
    text: str


class Room:
    """One session. Call `start` once and `close` at the end; `over` is set when nothing more will happen."""

    def __init__(
        self,
        name: str,
        token_digest: bytes,
        performance: Performance,
        speech: Speech,
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self.id = name
        self.token_digest = token_digest
        self.performance = performance
        self.over = asyncio.Event()
        self.reason = "ended"
        "Why it ended: ended, expired, drained, failed."
        self.state: str = "idle"
        self.touched = time.monotonic()
        "When a client last said something."
        self.sockets: set[Outbox] = set()
        self.utterances = Utterances(performance, limits)
        self.conversation = Conversation(
            performance, self.utterances, speech, limits, metrics, self._tell_problem
        )
        self._metrics = metrics
        self._farewell: Farewell = DONE
        self._mirror: tuple[Outbox, int] | None = None
        "The socket that has the microphone, and its sample rate."
        self._causes: dict[str, deque[tuple[str, str | int | None]]] = {}
        "Which values of a kind of event clients asked for, and under which ids, until they are told."
        self.was_joined = False
        "Whether a socket or a viewer has ever been there."
        self._events: asyncio.Queue[Event] = performance.subscribe()
        self._pump: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to tell what happens."""
        self._pump = asyncio.create_task(self._run(), name=f"room {self.id}")

    @property
    def is_watched(self) -> bool:
        """Whether anybody is there."""
        return bool(self.sockets) or self.performance.viewers > 0

    def join(self, outbox: Outbox) -> None:
        """One more socket is told what happens."""
        self.sockets.add(outbox)
        self.was_joined = True
        self.touch()

    async def leave(self, outbox: Outbox) -> None:
        """A socket is gone; its microphone with it."""
        self.sockets.discard(outbox)
        self.touch()
        if self._has_microphone(outbox) and not self.over.is_set():
            await self.mirror(None, outbox)

    def touch(self) -> None:
        """Somebody is there."""
        self.touched = time.monotonic()

    async def interrupt(self) -> Heard:
        """Stop voice, relay, what is said and what waits; clients have been told when this returns."""
        began = time.monotonic()
        pending = self.utterances.cut()
        unanswered = self.conversation.cancel()
        report = await self.performance.interrupt()
        self._metrics.time("interrupt_answer_ms", time.monotonic() - began)
        await self._settle(pending)
        for name in unanswered:
            if name is not None:
                self._tell_finished(name, SpeechFinished(self.performance.epoch, "", 0.0, True, ""))
        await self.conversation.stop_thinking()
        if self._mirror is not None:
            # The microphone is still on: what is said into it from now on is mirrored again.
            await self.performance.mirror(self._mirror[1])
        if report is None:
            return Heard(None, 0.0, "")
        named = next((utterance.name for utterance in pending if utterance.was_interrupted), None)
        return Heard(named, report.position / SAMPLE_RATE, report.heard_text)

    async def mirror(self, sample_rate: int | None, outbox: Outbox) -> None:
        """Microphone mode of one socket, on or off; Problem where another socket has it."""
        if self._mirror is not None and not self._has_microphone(outbox):
            if sample_rate is None:
                return
            raise Problem("busy", "another socket of this session has the microphone", retryable=True)
        if sample_rate is not None or self._mirror is not None:
            await self.performance.mirror(sample_rate)
        self._mirror = None if sample_rate is None else (outbox, sample_rate)

    def check_voice(self) -> None:
        """A Problem while a microphone is the avatar's voice: what is asked for would wait for it."""
        if self._mirror is not None:
            raise Problem("busy", "the microphone is on: send mirror.stop first", retryable=True)

    def _has_microphone(self, outbox: Outbox) -> bool:
        return self._mirror is not None and self._mirror[0] is outbox

    async def set_state(self, state: SettableState, name: str | int | None, outbox: Outbox) -> None:
        """State of the conversation, by a client; one that holds already is told to that client alone."""
        held = self.state == state
        await self.conversation.set_state(state)
        if held:
            outbox.put(event_text("state", state=state, **_echo(name)))
        else:
            self._ask("state", state, name)

    async def set_emotion(
        self, emotion: str | None, intensity: float, ttl_s: float | None, name: str | int | None
    ) -> None:
        """Override text and voice, or (None) no longer."""
        await self.performance.set_emotion(emotion, intensity, ttl_s)
        self._ask("emotion", "override", name)

    def tell_all(self, text: str) -> None:
        """An event for every socket."""
        for outbox in self.sockets:
            outbox.put(text)

    async def close(self, reason: str, farewell: Farewell, problem: Problem | None = None) -> None:
        """End it: sockets are told `problem`, then closed. Fine to call twice, the first one counts."""
        if not self.over.is_set() and self._farewell is DONE:
            self.reason, self._farewell = reason, farewell
            if problem is not None:
                self.tell_all(error_text(problem))
        self.utterances.cut()
        await self.conversation.close()
        await self.performance.close(reason)
        if self._pump is not None:
            try:
                await asyncio.wait_for(asyncio.shield(self._pump), SETTLE_S)
            except TimeoutError:
                self._pump.cancel()
        self._end()

    async def _run(self) -> None:
        try:
            while True:
                event = await self._events.get()
                await self._tell(event)
                if isinstance(event, Ended) or (isinstance(event, Failed) and not event.retryable):
                    break
        except Exception as error:
            self._farewell = FAILED
            self.reason = "failed"
            failure(logger, "session failed", error, session=self.id)
            self.tell_all(error_text(Problem("internal", "the session broke here; open another")))
        finally:
            self._end()

    def _end(self) -> None:
        if self.over.is_set():
            return
        self.performance.unsubscribe(self._events)
        for outbox in self.sockets:
            outbox.close(self._farewell)
        self.over.set()

    async def _tell(self, event: Event) -> None:
        match event:
            case Motion():
                self._tell_motion(event)
            case SpeechStarted():
                utterance = self.utterances.find(event.utterance)
                if utterance is not None:
                    self.tell_all(event_text("speech.started", id=utterance.name))
                    await self.conversation.started(utterance)
            case Caption():
                utterance = self.utterances.find(event.utterance)
                if utterance is not None:
                    times = {"start_s": round(event.start_s, 3), "end_s": round(event.end_s, 3)}
                    self.tell_all(event_text("caption", id=utterance.name, text=event.text, **times))
            case SpeechFinished():
                await self._tell_finish(event)
            case EmotionChanged():
                scores = {name: round(float(score), 4) for name, score in event.scores.items()}
                echo = self._echo_of("emotion", event.source)
                self.tell_all(event_text("emotion", scores=scores, source=event.source, **echo))
            case StateChanged():
                self.state = event.state
                self.tell_all(event_text("state", state=event.state, **self._echo_of("state", event.state)))
            case Stats():
                self.tell_all(event_text("stats", **_finite(event.numbers)))
            case Failed():
                self._tell_failure(event)
            case Ended():
                if self._farewell is DONE:
                    log_event(logger, "engine ended the session", session=self.id, reason=event.reason)

    def _echo_of(self, kind: str, value: str) -> dict[str, str | int]:
        """The id of the message that asked for this, once."""
        asked = self._causes.get(kind, deque())
        if not any(wanted == value for wanted, _ in asked):
            return {}
        while True:
            wanted, name = asked.popleft()
            if wanted == value:
                return _echo(name)

    def _ask(self, kind: str, value: str, name: str | int | None) -> None:
        """Remember who is to be told under which id, once it was done."""
        self._causes.setdefault(kind, deque(maxlen=CAUSES)).append((value, name))

    def _tell_motion(self, event: Motion) -> None:
        wanting = [outbox for outbox in self.sockets if outbox.wants_motion]
        if not wanting:
            return
        text = event_text(
            "motion",
            pts_s=round(event.pts_s, 4),
            weights=[round(float(weight), 4) for weight in event.weights],
            head_deg=[round(float(angle), 3) for angle in event.head_deg],
            gaze_deg=[round(float(angle), 3) for angle in event.gaze_deg],
        )
        for outbox in wanting:
            outbox.put_motion(text)

    async def _tell_finish(self, event: SpeechFinished) -> None:
        utterance = self.utterances.find(event.utterance)
        if utterance is None:
            return
        utterance.was_interrupted = event.interrupted
        self.touch()
        self._tell_finished(utterance.name, event)
        self.utterances.forget(utterance)
        await self.conversation.finished(utterance, event.heard_text, was_interrupted=event.interrupted)

    def _tell_finished(self, name: str | int, event: SpeechFinished) -> None:
        self.tell_all(
            event_text(
                "speech.finished",
                id=name,
                position_s=round(event.position_s, 4),
                interrupted=event.interrupted,
                heard_text=event.heard_text,
            )
        )

    def _tell_failure(self, event: Failed) -> None:
        code: Code = next((code for code in CODES if code == event.code), "internal")
        self.tell_all(error_text(Problem(code, event.message, retryable=event.retryable)))
        log_event(
            logger,
            "engine failure",
            level=logging.ERROR,
            session=self.id,
            code=code,
            reason=event.message,
            retryable=event.retryable,
        )
        if not event.retryable and self._farewell is DONE:
            self.reason, self._farewell = "failed", FAILED

    async def _settle(self, pending: list[Utterance]) -> None:
        """Wait until clients were told the end of each; one that the engine forgot we end ourselves."""
        try:
            async with asyncio.timeout(SETTLE_S):
                for utterance in pending:
                    await utterance.finished.wait()
        except TimeoutError:
            for utterance in pending:
                if not utterance.finished.is_set():
                    await self._tell_finish(
                        SpeechFinished(self.performance.epoch, utterance.id, 0.0, True, "")
                    )

    def _tell_problem(self, problem: Problem, name: str | int | None) -> None:
        self._metrics.count("control_errors_total", f'code="{problem.code}"')
        self.tell_all(error_text(problem, name))


def _echo(name: str | int | None) -> dict[str, str | int]:
    return {} if name is None else {"id": name}


def _finite(numbers: Any) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: round(value, 4) if math.isfinite(value) else None for name, value in numbers.items()}
