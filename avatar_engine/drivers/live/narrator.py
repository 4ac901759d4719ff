"""What is told when it leaves: motion and emotion with their picture, captions and heard words with their
sound, whether or not its pictures are late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from avatar_engine.clock import FRAME_RATE
from avatar_engine.drivers.live.interface import Caption, EmotionChanged, Event, Motion
from avatar_engine.drivers.live.script import Line, Script
from avatar_engine.drivers.live.timeline import Begin, MoreText, Note, Slot
from avatar_engine.drivers.live.worker.wire import Framed, Mood
from avatar_engine.names import ARKIT_NAMES, EMOTION_NAMES

HEAD = len(ARKIT_NAMES)
GAZE = HEAD + 3
UNFELT = 0.1
"Scores of a voice that are all so low tell of no emotion."


class Narrator:
    """One per session."""

    def __init__(
        self,
        sentences: Callable[[str], Sequence[str]],
        lookahead_slots: int,
        publish: Callable[[Event], None],
    ) -> None:
        self._sentences = sentences
        self._lookahead = lookahead_slots
        self._publish = publish
        self._waiting: dict[int, Framed] = {}
        self._scripts: dict[str, Script] = {}
        self._has_felt = False
        "An emotion was told."

    def composed(self, slot: Slot) -> None:
        """A slot is on its way; slots come in order."""
        for note in slot.notes:
            if isinstance(note, Begin):
                self._scripts[note.utterance] = Script(slot.index, self._sentences)
            if isinstance(note, Begin | MoreText):
                self._scripts[next(reversed(self._scripts))].add(note.text)

    def put(self, framed: Framed) -> None:
        """A frame was moved."""
        self._waiting[framed.index] = framed
        # A session knows of an utterance as long ahead of its sound as it listens ahead.
        begun = (
            s for s in reversed(self._scripts.values()) if s.first_slot <= framed.index + self._lookahead
        )
        script = next(begun, None)
        if script is not None and framed.place is not None:
            script.report(framed.index, framed.place)

    def sound_left(self, slot: int, epoch: int, utterance: str, position: int) -> None:
        """Sound of a slot has left, `position` samples of this utterance's own so far."""
        self._tell(epoch, utterance, self._scripts[utterance].left(slot, position))

    def picture_left(self, slot: int, epoch: int, *, tell_motion: bool) -> None:
        """The picture of a slot leaves now. What an interrupt made stale is left out."""
        for index in sorted(index for index in self._waiting if index <= slot):
            framed = self._waiting.pop(index)
            if framed.epoch != epoch:
                continue
            if framed.mood is not None and (self._has_felt or _is_felt(framed.mood)):
                self._has_felt = True
                scores = dict(zip(EMOTION_NAMES, framed.mood.scores, strict=True))
                self._publish(EmotionChanged(epoch, scores, framed.mood.source))
            if tell_motion and index == slot:
                self._publish(_motion(framed))

    def end(self, utterance: str, epoch: int) -> None:
        """It was said to its end."""
        self._tell(epoch, utterance, self._scripts.pop(utterance).end())

    def cut(self, utterance: str) -> str:
        """It was broken off, or never begun: what was heard of it."""
        script = self._scripts.pop(utterance, None)
        return "" if script is None else script.heard()

    def restored(self, utterance: str | None) -> list[Note]:
        """For a worker that takes over: the utterance being said, and how far it is."""
        script = self._scripts.get(utterance or "")
        return [] if utterance is None or script is None else [Begin(utterance, script.text, script.place())]

    def _tell(self, epoch: int, utterance: str, lines: Sequence[Line]) -> None:
        for text, start_s, end_s in lines:
            self._publish(Caption(epoch, utterance, text, round(start_s, 3), round(end_s, 3)))


def _is_felt(mood: Mood) -> bool:
    """Whether it is news for somebody who was told of no emotion yet: a voice that nobody has heard scores 0
    everywhere, and that is no emotion, not even neutral."""
    return mood.source != "audio" or max(mood.scores) > UNFELT


def _motion(framed: Framed) -> Motion:
    face = np.frombuffer(framed.face, np.float32)
    yaw, pitch, roll = (float(value) for value in np.degrees(face[HEAD:GAZE]))
    x, y = (float(value) for value in np.degrees(face[GAZE:]))
    weights = tuple(float(value) for value in face[:HEAD])
    return Motion(framed.epoch, framed.index / FRAME_RATE, weights, (yaw, pitch, roll), (x, y))
