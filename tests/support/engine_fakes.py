"""A live engine without workers, pictures and WebRTC behind the real interface: for the control plane.

An utterance is "said" at `pace` seconds a second of sound; 0 says it as soon as it comes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avatar_engine.config import check_emotion
from avatar_engine.drivers.live.interface import (
    MIRROR,
    SAMPLE_RATES,
    WAITING_UTTERANCES,
    Busy,
    Caption,
    Closed,
    EmotionChanged,
    Ended,
    Event,
    Full,
    Motion,
    SessionOptions,
    SettableState,
    SpeechFinished,
    SpeechStarted,
    StateChanged,
    TooFast,
)
from avatar_engine.drivers.voice.interface import ChatError, Turn, VoiceError
from avatar_engine.names import EMOTION_NAMES
from avatar_engine.types import PlaybackReport

QUEUE = 1_000
HELD_S = 60.0
"Sound that an utterance holds before it says TooFast."

PICTURE = Path(__file__).parents[2] / "renderer/weights/ava/thumbnail.webp"


@dataclass
class FakeUtterance:
    name: str
    sample_rate: int
    text: str
    sound: bytearray = field(default_factory=bytearray)
    is_open: bool = True
    began: float | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def seconds(self) -> float:
        return len(self.sound) / 2 / self.sample_rate


class FakePerformance:
    """See interface.Performance."""

    def __init__(self, engine: FakeEngine, options: SessionOptions) -> None:
        self.options = options
        self.epoch = 0
        self.viewer_names: set[str] = set()
        self.heard: dict[str, bytes] = {}
        "Sound by utterance, of all that were begun."
        self.texts: dict[str, str] = {}
        self.mirror_rate: int | None = None
        self.closed: str | None = None
        self.watch_delay = 0.0
        self._engine = engine
        self._queues: list[asyncio.Queue[Event]] = []
        self._waiting: list[FakeUtterance] = []
        self._asked: SettableState = "idle"
        self._player: asyncio.Task[None] | None = None

    @property
    def viewers(self) -> int:
        return len(self.viewer_names)

    def subscribe(self) -> asyncio.Queue[Event]:
        queue: asyncio.Queue[Event] = asyncio.Queue(QUEUE)
        self._queues.append(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[Event]) -> None:
        if queue in self._queues:
            self._queues.remove(queue)

    def tell(self, event: Event) -> None:
        for queue in self._queues:
            if isinstance(event, Motion) and queue.qsize() > QUEUE // 2:
                continue
            queue.put_nowait(event)

    async def begin(self, utterance: str, sample_rate: int, text: str | None = None) -> None:
        self._check()
        if sample_rate not in SAMPLE_RATES:
            raise ValueError(f"{sample_rate} Hz")
        if len(self._waiting) > WAITING_UTTERANCES:
            raise Busy(f"{WAITING_UTTERANCES} utterances wait already")
        self._waiting.append(FakeUtterance(utterance, sample_rate, text or ""))
        self.heard[utterance] = b""
        self.texts[utterance] = text or ""
        if self._player is None:
            self._player = asyncio.create_task(self._play())

    async def push(self, utterance: str, pcm16: bytes) -> None:
        self._check()
        if len(pcm16) % 2:
            raise ValueError("half a sample")
        if utterance == MIRROR:
            if self.mirror_rate is None:
                raise Closed("the microphone is off")
            self.heard[MIRROR] = self.heard.get(MIRROR, b"") + pcm16
            return
        found = self._find(utterance)
        if found.seconds - self._position(found) > HELD_S:
            raise TooFast(f"{HELD_S:g} s of speech wait already")
        await asyncio.sleep(0)
        found.sound += pcm16
        self.heard[utterance] += pcm16
        found.changed.set()

    async def push_text(self, utterance: str, text: str) -> None:
        self._check()
        self._find(utterance).text += text
        self.texts[utterance] += text

    async def end(self, utterance: str) -> None:
        self._check()
        found = self._find(utterance)
        found.is_open = False
        found.changed.set()

    async def interrupt(self) -> PlaybackReport | None:
        self._check()
        waiting, self._waiting = self._waiting, []
        self.mirror_rate = None
        if self._player is not None:
            self._player.cancel()
            self._player = None
        if not waiting:
            return None
        self.epoch += 1
        position = self._position(waiting[0])
        heard = waiting[0].text if position else ""
        for utterance in waiting:
            is_first = utterance is waiting[0]
            self.tell(
                SpeechFinished(
                    self.epoch,
                    utterance.name,
                    position if is_first else 0.0,
                    True,
                    heard if is_first else "",
                )
            )
        self.tell(StateChanged(self.epoch, self._asked))
        return PlaybackReport(round(position * 16_000), True, heard)

    async def set_emotion(self, emotion: str | None, intensity: float, ttl_s: float | None) -> None:
        self._check()
        chosen = check_emotion(emotion or "neutral")
        scores = {name: intensity * (name == chosen) for name in EMOTION_NAMES}
        self.tell(EmotionChanged(self.epoch, scores, "override"))

    async def set_state(self, state: SettableState) -> None:
        self._check()
        self._asked = state
        if not self._waiting:
            self.tell(StateChanged(self.epoch, state))

    async def mirror(self, sample_rate: int | None) -> None:
        self._check()
        self.mirror_rate = sample_rate

    async def watch(self, offer_sdp: str) -> tuple[str, str]:
        self._check()
        await asyncio.sleep(self.watch_delay)
        if "m=video" not in offer_sdp:
            raise ValueError("the offer has no video: add a transceiver that receives video")
        name = f"viewer{len(self.viewer_names)}"
        self.viewer_names.add(name)
        return name, "v=0\r\n"

    async def add_candidate(self, viewer: str, sdp_fragment: str) -> None:
        if viewer not in self.viewer_names:
            raise KeyError(viewer)
        if "a=" not in sdp_fragment:
            raise ValueError("no candidate in the fragment")

    async def unwatch(self, viewer: str) -> None:
        self.viewer_names.remove(viewer)

    async def close(self, reason: str) -> None:
        if self.closed is not None:
            return
        self.closed = reason
        self._engine.performances.discard(self)
        if self._player is not None:
            self._player.cancel()
        self.tell(Ended(self.epoch, reason))

    def _check(self) -> None:
        if self.closed is not None:
            raise Closed("the session has ended")

    def _find(self, name: str) -> FakeUtterance:
        for utterance in self._waiting:
            if utterance.name == name and utterance.is_open:
                return utterance
        raise Closed(f"{name} is not open")

    def _position(self, utterance: FakeUtterance) -> float:
        if utterance.began is None:
            return 0.0
        if not self._engine.pace:
            return utterance.seconds
        return min(utterance.seconds, (time.monotonic() - utterance.began) / self._engine.pace)

    async def _play(self) -> None:
        while self._waiting:
            utterance = self._waiting[0]
            while utterance.is_open and not utterance.sound:
                utterance.changed.clear()
                await utterance.changed.wait()
            utterance.began = time.monotonic()
            self.tell(StateChanged(self.epoch, "speaking"))
            self.tell(SpeechStarted(self.epoch, utterance.name))
            if utterance.text:
                self.tell(Caption(self.epoch, utterance.name, utterance.text, 0.0, 1.0))
            while utterance.is_open or self._position(utterance) < utterance.seconds:
                utterance.changed.clear()
                if self._engine.pace:
                    await asyncio.sleep(0.01)
                else:
                    await utterance.changed.wait()
            self._waiting.pop(0)
            self.tell(SpeechFinished(self.epoch, utterance.name, utterance.seconds, False, utterance.text))
        self.tell(StateChanged(self.epoch, self._asked))
        self._player = None


class FakeEngine:
    """See interface.Engine."""

    def __init__(self, *, pace: float = 0.0, capacity: int = 1_000) -> None:
        self.pace = pace
        self.capacity = capacity
        self.ready = False
        self.default_size = 256
        self.sizes = (256, 384, 512)
        self.avatars = ("ava", "tiny")
        self.device = "cpu"
        self.performances: set[FakePerformance] = set()
        self.fault: Exception | None = None
        self.opened: list[FakePerformance] = []

    def picture(self, avatar: str) -> Path | None:
        return PICTURE if avatar == "ava" else None

    async def start(self) -> None:
        if self.fault is not None:
            raise self.fault
        self.ready = True

    async def open(self, options: SessionOptions) -> FakePerformance:
        if len(self.performances) >= self.capacity:
            raise Full("the machine is full", 7)
        performance = FakePerformance(self, options)
        self.performances.add(performance)
        self.opened = [*self.opened[-9:], performance]
        return performance

    async def close(self) -> None:
        for performance in list(self.performances):
            await performance.close("the server ends")
        self.ready = False

    def numbers(self) -> dict[str, float]:
        return {"render_fps": 25.0, "interrupt_ms_median": 20.0, "interrupt_ms_p95": 40.0}


class FakeVoice:
    """A voice of 0.1 s of sound a word, slowly where `delay_s` is given."""

    name = "fake"
    sample_rate = 24_000

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.said: list[str] = []
        self.running = 0

    async def speak(self, text: str) -> AsyncIterator[bytes]:
        self.said.append(text)
        self.running += 1
        try:
            for word in text.split():
                await asyncio.sleep(self.delay_s)
                if word == "fail":
                    raise VoiceError("the voice fell silent", retryable=True)
                if word == "break":
                    raise RuntimeError("secret user words")
                yield b"\1\0" * 2_400
        finally:
            self.running -= 1

    async def close(self) -> None:
        return None


class FakeRelay:
    """Answers with `sentences`, one each `delay_s`; remembers what it was told."""

    name = "fake"

    def __init__(self, sentences: Sequence[str], delay_s: float = 0.0) -> None:
        self.sentences = sentences
        self.delay_s = delay_s
        self.asked: list[tuple[str, list[Turn]]] = []
        self.running = 0

    async def answer(self, text: str, history: Sequence[Turn]) -> AsyncIterator[str]:
        self.asked.append((text, list(history)))
        self.running += 1
        try:
            for sentence in self.sentences:
                await asyncio.sleep(self.delay_s)
                if sentence == "FAIL":
                    raise ChatError("the chat server is away", retryable=True)
                yield sentence
        finally:
            self.running -= 1

    async def close(self) -> None:
        return None
