"""What the worker tells about a frame is told on when that frame leaves: motion, emotion, captions, and how
much of the text was heard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from avatar_engine.clock import FRAME_RATE
from avatar_engine.drivers.live.interface import Caption, EmotionChanged, Event, Motion
from avatar_engine.drivers.live.playout import SoundPlayout
from avatar_engine.drivers.live.timeline import Begin, Note
from avatar_engine.drivers.live.worker.wire import Framed, Sentence
from avatar_engine.names import ARKIT_NAMES, EMOTION_NAMES

HEAD = len(ARKIT_NAMES)
GAZE = HEAD + 3


class Narrator:
    """One per session."""

    def __init__(self, sound: SoundPlayout, lookahead_slots: int, publish: Callable[[Event], None]) -> None:
        self._sound = sound
        self._lookahead = lookahead_slots
        self._publish = publish
        self._waiting: dict[int, Framed] = {}
        self._heard: dict[str, str] = {}
        self._captions: list[tuple[int, Caption]] = []

    def put(self, framed: Framed) -> None:
        """A frame was moved."""
        self._waiting[framed.index] = framed

    def leave(self, slot: int, epoch: int, *, tell_motion: bool) -> None:
        """The picture of a slot leaves now. What an interrupt made stale is left out."""
        due = [index for index in self._waiting if index <= slot]
        for index in sorted(due):
            framed = self._waiting.pop(index)
            if framed.epoch != epoch:
                continue
            self._leave(framed, tell_motion=tell_motion and index == slot)
        self._captions = [(due, caption) for due, caption in self._captions if caption.epoch == epoch]
        while self._captions and self._captions[0][0] <= slot:
            self._publish(self._captions.pop(0)[1])

    def finish(self, utterance: str) -> str:
        """What was heard of an utterance that is over."""
        return self._heard.pop(utterance, "")

    def restored(self, speaking: str | None, texts: Mapping[str, str]) -> list[Note]:
        """For a session that takes over in mid-utterance: the text that was not heard yet."""
        if speaking is None:
            return []
        text, heard = texts.get(speaking, ""), self._heard.get(speaking, "")
        return [Begin(speaking, text[len(heard) :] if text.startswith(heard) else text)]

    def _leave(self, framed: Framed, *, tell_motion: bool) -> None:
        # A session knows of an utterance as long ahead of its sound as it listens ahead.
        played = self._sound.utterance_at(framed.index + self._lookahead)
        if framed.heard_text is not None and played is not None:
            self._heard[played.name] = framed.heard_text
        if framed.mood is not None:
            scores = dict(zip(EMOTION_NAMES, framed.mood.scores, strict=True))
            self._publish(EmotionChanged(framed.epoch, scores, framed.mood.source))
        if framed.sentence is not None and played is not None:
            caption = self._caption(framed, framed.sentence, played.name, played.first_slot)
            # The text of an utterance is known before its sound begins; SpeechStarted comes first.
            self._captions.append((max(framed.index, played.first_slot + 1), caption))
        if tell_motion:
            self._publish(_motion(framed))

    @staticmethod
    def _caption(framed: Framed, sentence: Sentence, utterance: str, first_slot: int) -> Caption:
        start = max(0.0, (sentence.number - first_slot) / FRAME_RATE)
        end = max(start + 1 / FRAME_RATE, (sentence.end_slot - first_slot) / FRAME_RATE)
        return Caption(framed.epoch, utterance, sentence.text, round(start, 3), round(end, 3))


def _motion(framed: Framed) -> Motion:
    face = np.frombuffer(framed.face, np.float32)
    yaw, pitch, roll = (float(value) for value in np.degrees(face[HEAD:GAZE]))
    x, y = (float(value) for value in np.degrees(face[GAZE:]))
    weights = tuple(float(value) for value in face[:HEAD])
    return Motion(framed.epoch, framed.index / FRAME_RATE, weights, (yaw, pitch, roll), (x, y))
