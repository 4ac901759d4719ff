"""A session of the fake live server (live_fake.py): what it says, its drawn pictures and its beeps."""

from __future__ import annotations

import asyncio
import contextlib
import fractions
import re
import time
from dataclasses import dataclass, field
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection
from starlette.websockets import WebSocket

FPS, RATE, SIZE = 25, 48_000, 256
SECONDS_A_LETTER = 0.05
EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
WORDS = {"happy": "joy", "wonderful": "joy", "sorry": "sadness", "wow": "surprise", "furious": "anger"}


@dataclass
class Behaviour:
    """What the server does next; set by POST /fake."""

    key: str = ""
    full_s: int = 0
    "Retry-After of the refusals; 0: there is room."
    voice: bool = True
    chat: bool = True
    "False: as a relay that is still thinking."
    media: bool = True
    "False: the answer names a port where nothing listens."
    frames: bool = True
    avatars: list[str] = field(default_factory=lambda: ["ava"])
    status: int = 0
    "Answer every request for a session with this."


@dataclass
class Session:
    """One session: what it is asked to say, and who watches."""

    id: str
    token: str
    avatar: str = "ava"
    events: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    peers: dict[str, RTCPeerConnection] = field(default_factory=dict)
    sockets: list[WebSocket] = field(default_factory=list)
    waiting: list[tuple[str, str, float]] = field(default_factory=list)
    talking: asyncio.Task[None] | None = None
    speaking: bool = False
    upload: str = ""
    received: int = 0
    mirrored: int = 0
    rate: int = 16_000
    mirror: bool = False
    interrupt: str = ""
    "The command that stopped the speech."
    text: str = ""

    def tell(self, kind: str, **fields: object) -> None:
        self.events.put_nowait({"type": kind, **fields})

    def say(self, utterance: str, text: str, seconds: float) -> None:
        if len(self.waiting) >= 4:
            self.tell("error", code="busy", message="4 texts wait already", retryable=True, id=utterance)
            return
        self.waiting.append((utterance, text, seconds))
        if self.talking is None or self.talking.done():
            self.talking = asyncio.create_task(self._talk())

    async def _talk(self) -> None:
        while self.waiting:
            utterance, text, seconds = self.waiting.pop(0)
            began = time.monotonic()
            self.speaking = True
            heard: list[str] = []
            self.tell("speech.started", id=utterance)
            self.tell("state", state="speaking")
            interrupted = False
            try:
                await self._sentences(utterance, text, seconds, heard)
            except asyncio.CancelledError:
                interrupted = True
                self.waiting.clear()
            position = min(seconds, time.monotonic() - began)
            self.speaking = False
            said = {"position_s": round(position, 3), "heard_text": "".join(heard).strip()}
            self.tell("speech.finished", id=utterance, interrupted=interrupted, **said)
            if interrupted:
                self.tell("interrupted", id=self.interrupt, utterance=utterance, **said)
            self.tell("state", state="idle")

    async def _sentences(self, utterance: str, text: str, seconds: float, heard: list[str]) -> None:
        at = 0.0
        for sentence in re.findall(r"[^.!?]+[.!?]*\s*", text) or [""]:
            length = seconds * len(sentence) / max(1, len(text))
            if sentence.strip():
                self.tell("caption", id=utterance, text=sentence.strip(), start_s=at, end_s=at + length)
            for word, emotion in WORDS.items():
                if word in sentence.lower():
                    scores = {name: 0.92 if name == emotion else 0.04 for name in EMOTIONS}
                    self.tell("emotion", scores=scores, source="text")
            heard.append(sentence)
            await asyncio.sleep(length)
            at += length

    async def close(self, code: int = 1000) -> None:
        if self.talking:
            self.talking.cancel()
        for web_socket in self.sockets:
            with contextlib.suppress(Exception):
                await web_socket.close(code)
        for peer in list(self.peers.values()):
            await peer.close()


class Pictures(MediaStreamTrack):
    """25 pictures a second."""

    kind = "video"

    def __init__(self, session: Session, film: list[np.ndarray], behaviour: Behaviour, began: float) -> None:
        super().__init__()
        self._session, self._film, self._behaviour, self._began = session, film, behaviour, began
        self._index = int((time.monotonic() - began) * FPS)

    async def recv(self) -> av.VideoFrame:
        self._index += 1
        await asyncio.sleep(max(0.0, self._began + self._index / FPS - time.monotonic()))
        while not self._behaviour.frames:
            await asyncio.sleep(0.1)
        frame = av.VideoFrame.from_ndarray(self._draw(), format="rgb24")
        frame.pts, frame.time_base = self._index * (90_000 // FPS), fractions.Fraction(1, 90_000)
        return frame

    def _draw(self) -> np.ndarray:
        if self._film:
            talking = len(self._film) - 1
            return self._film[self._index % talking if self._session.speaking else -1]
        picture = np.full((SIZE, SIZE, 3), 96, np.uint8)
        bar = self._index * 4 % SIZE
        picture[: SIZE - 32, bar : bar + 8] = (90, 140, 220)
        if self._session.speaking:
            picture[96:160, 96:160] = (220, 30, 30)
        for bit in range(16):
            picture[SIZE - 32 :, bit * 16 : bit * 16 + 16] = 255 if self._index >> bit & 1 else 0
        return picture


class Beeps(MediaStreamTrack):
    """Silence, and a tone while the session speaks."""

    kind = "audio"

    def __init__(self, session: Session, began: float) -> None:
        super().__init__()
        self._session, self._began = session, began
        self._index = int((time.monotonic() - began) * 50)

    async def recv(self) -> av.AudioFrame:
        self._index += 1
        await asyncio.sleep(max(0.0, self._began + self._index / 50 - time.monotonic()))
        count = RATE // 50
        at = np.arange(self._index * count, (self._index + 1) * count)
        level = 6000 if self._session.speaking else 0
        samples = (level * np.sin(at * (2 * np.pi * 440 / RATE))).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, self._index * count
        frame.time_base = fractions.Fraction(1, RATE)
        return frame
