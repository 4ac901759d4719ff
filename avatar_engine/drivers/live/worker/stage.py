"""What a worker does with the slots of its session: move the face for each, draw it where there is time.

Knows the session and the renderer, no pipe and no process. Motion advances for every slot; a frame is drawn
unless nobody looks, it is stale, or it is late and a newer one waits.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from avatar_engine.clock import SAMPLES_PER_FRAME
from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.drivers.live.timeline import Begin, Emotion, Interrupt, MoreText, Note
from avatar_engine.drivers.live.worker.ring import Ring, i420_rows
from avatar_engine.drivers.live.worker.wire import Framed, Models, Mood, Press, Tell
from avatar_engine.drivers.media.colour import BT601, yuv420
from avatar_engine.drivers.motion_files.clip import Limits
from avatar_engine.motion.mood import Present
from avatar_engine.motion.said import Place
from avatar_engine.types import AudioChunk, ExpressionFrame, Renderer, UInt8

TOLD_CHANGE = 0.1


def i420(rgba: UInt8) -> UInt8:
    """uint8 [size, size, 4] -> Y, U, V of BT.601 below each other, uint8 [3 / 2 size, size]."""
    size = rgba.shape[0]
    y, u, v = yuv420(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), BT601)
    picture = np.empty((i420_rows(size), size), np.uint8)
    picture[:size] = y
    picture[size : size + size // 4] = u.reshape(-1, size)
    picture[size + size // 4 :] = v.reshape(-1, size)
    return picture


class Draughtsman:
    """Frames to I420, within what the avatar was trained on."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._limits = Limits.of_avatar(renderer.limits)  # type: ignore[attr-defined]
        self.size = renderer.size
        self.press: Press | None = getattr(renderer, "press", None)
        "Who draws its frames together with those of others."

    def shown(self, frame: ExpressionFrame) -> ExpressionFrame:
        return self._limits.clamp(frame)

    def draw(self, frame: ExpressionFrame) -> UInt8:
        shown = self.shown(frame)
        return i420(self._renderer.draw(shown.weights, shown.head_rad, shown.gaze_rad))


def draw_together(press: Press, wanted: Sequence[tuple[Draughtsman, ExpressionFrame]]) -> list[UInt8]:
    """As each draughtsman, all of this press, would draw its frame."""
    shown = [pen.shown(frame) for pen, frame in wanted]
    return press.draw_yuv420(
        np.stack([frame.weights for frame in shown]),
        np.stack([frame.head_rad for frame in shown]),
        np.stack([frame.gaze_rad for frame in shown]),
        [pen.size for pen, _ in wanted],
        BT601,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    frame: ExpressionFrame
    index: int
    epoch: int
    due: float
    wanted: bool
    place: Place | None
    mood: Mood | None
    cost_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Pending:
    """A frame whose turn it is."""

    moved: _Moved
    is_drawn: bool
    "Whether a picture of it is wanted."

    @property
    def frame(self) -> ExpressionFrame:
        return self.moved.frame


class Stage:
    """One session in its worker."""

    def __init__(
        self,
        models: Models,
        options: SessionOptions,
        ring: Ring,
        first_slot: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = models.session(options)
        self.pen = Draughtsman(models.renderer(options.avatar, options.size))
        self._ring = ring
        self._first = first_slot
        self._now = now
        self._told: dict[int, Tell] = {}
        self._moved: deque[_Moved] = deque()
        self._drawn = 0
        self._mood: Mood | None = None

    @property
    def busy(self) -> bool:
        """Whether frames wait to be drawn."""
        return bool(self._moved)

    def tell(self, slot: Tell) -> None:
        """The next slot: the frames that it makes known wait for `step`."""
        start = time.process_time()
        for note in slot.notes:
            self._note(note)
        if slot.speech is not None:
            self._session.push_audio(AudioChunk(self._session.position, slot.speech))
        elif slot.missing:
            self._session.push_missing(SAMPLES_PER_FRAME)
        else:
            self._session.push_silence(SAMPLES_PER_FRAME)
        self._told[slot.index] = slot
        for frame in self._session.iterate():
            spent, start = time.process_time() - start, time.process_time()
            self._moved.append(self._described(frame, slot.epoch, spent))
        self._session.take_emotions()
        self._session.take_captions()

    @property
    def due(self) -> float:
        """When the next frame leaves; of a busy stage."""
        return self._moved[0].due

    def take(self) -> Pending:
        """The next frame of a busy stage."""
        moved = self._moved.popleft()
        late = bool(self._moved) and self._now() > moved.due
        stale = bool(self._moved) and self._moved[-1].epoch != moved.epoch
        return Pending(moved, moved.wanted and not late and not stale)

    def framed(self, pending: Pending, picture: UInt8 | None, cost_s: float) -> Framed:
        """What is to be said of a frame that was taken; its picture, if it was drawn, goes into the ring."""
        number = None
        if picture is not None:
            number, self._drawn = self._drawn, self._drawn + 1
            self._ring.write(number, picture)
        moved, frame = pending.moved, pending.frame
        return Framed(
            index=moved.index,
            epoch=moved.epoch,
            number=number,
            face=np.concatenate([frame.weights, frame.head_rad, frame.gaze_rad]).tobytes(),
            place=moved.place,
            mood=moved.mood,
            cost_s=moved.cost_s + cost_s,
            warnings=tuple(self._session.take_warnings()),
        )

    def step(self) -> Framed | None:
        """The next frame, drawn or not; None where none waits."""
        if not self._moved:
            return None
        start, pending = time.process_time(), self.take()
        picture = self.pen.draw(pending.frame) if pending.is_drawn else None
        return self.framed(pending, picture, time.process_time() - start)

    def close(self) -> None:
        self._ring.close()

    def _note(self, note: Note) -> None:
        session = self._session
        if isinstance(note, Begin):
            session.begin_speech(note.at)
            if note.text:
                session.push_text(note.text)
        elif isinstance(note, MoreText):
            session.push_text(note.text)
        elif isinstance(note, Interrupt):
            session.interrupt()
        elif isinstance(note, Emotion):
            session.set_emotion(note.name, note.intensity, note.ttl_s)
        else:
            session.set_state(note.name)

    def _described(self, frame: ExpressionFrame, epoch: int, cost_s: float) -> _Moved:
        """A frame with what has changed since the last one."""
        index = self._first + frame.index
        told = self._told.pop(index)
        present = self._session.present()
        mood = None
        if present is not None and (self._mood is None or _differ(self._mood, present)):
            mood = self._mood = Mood(present.probs, present.source)
        place = None if present is None else present.place
        return _Moved(frame, index, epoch, told.due, told.wanted, place, mood, cost_s)


def _differ(told: Mood, present: Present) -> bool:
    """Whether the emotion changed so much that it should be told; the voice's scores always move a little."""
    if told.source != present.source or present.source != "audio":
        return (told.scores, told.source) != (present.probs, present.source)
    return max(abs(a - b) for a, b in zip(told.scores, present.probs, strict=True)) > TOLD_CHANGE
