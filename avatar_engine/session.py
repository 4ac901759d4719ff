"""One talking face: speech and text go in, expression frames come out. Sans-I/O.

A session knows no file, network, clock, thread or model: time is the number of samples pushed, and what the
models do comes through the protocols of `types`. The offline and the live driver drive the same object:

    session = new_session()                       # from assembly.build_motion
    session.push_text("Hello! [joy] What a day.") # any time: before, with or after its speech
    session.push_audio(AudioChunk(start, samples))
    frames = session.advance()                    # all frames that can be known now, in order, none twice
    session.finish()
    frames += session.advance()                   # ceil(n / 640) frames of n samples, all in all

Everything takes effect at the sample position where it was pushed, so the same pushes in the same order with
the same seed give bit-identical motion however the speech is cut and whenever `advance` is called. Where
nobody speaks a live driver pushes silence: the face lives on. A live driver pushes speech at the pace at
which it is played (plus the lookahead), so that `interrupt` acts on what is being heard. No per-frame history
is kept: memory does not grow with length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from avatar_engine.clock import FRAME_RATE, SAMPLES_PER_FRAME, frame_count
from avatar_engine.config import EmotionChoice, MotionOptions
from avatar_engine.errors import UsageError
from avatar_engine.motion.frames import HeardFrame
from avatar_engine.motion.fusion import Face, Smoother
from avatar_engine.motion.mood import Mood, PlacedText, Present, Span, TextReading
from avatar_engine.motion.said import Place
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_INDEX, EMOTION_NAMES, STATE_NAMES
from avatar_engine.types import (
    AudioChunk,
    EmotionScores,
    ExpressionFrame,
    ExpressionStream,
    Float32,
    SpeechFramesLike,
)


@dataclass(frozen=True, slots=True)
class SessionParts:
    """The models a session works with, shared between sessions; assembly makes them."""

    open_stream: Callable[[], ExpressionStream]
    "A new speech stream."
    speech_names: tuple[str, ...]
    "ARKit names of the weights that the streams give."
    vocal_emotions: tuple[str, ...]
    "Emotion names of the voice's classes."
    lookahead_samples: int
    "How far beyond the end of a frame its speech weights may listen."
    open_smoother: Callable[[], Smoother]
    "A new causal smoother."
    text: TextReading | None = None
    "How texts are split and read; None: this session takes no text."


@dataclass(frozen=True, slots=True)
class _Event:
    """Something that is not sound, with the first frame that it can change."""

    frame: int
    kind: Literal["text", "emotion", "interrupt", "speech", "state"]
    spans: tuple[Span, ...] = ()
    emotion: EmotionChoice | None = None
    until_frame: int | None = None
    state: str = "idle"
    at: Place | None = None


@dataclass(frozen=True, slots=True)
class _Sound:
    samples: Float32
    valid: bool


class Session:
    """See the module. Used from one thread at a time."""

    def __init__(self, parts: SessionParts, options: MotionOptions | None = None) -> None:
        self._parts = parts
        self._options = options or MotionOptions()
        self._stream = parts.open_stream()
        self._face = Face(self._options, parts.open_smoother())
        self._mood = Mood(parts.text, self._options)
        self._speech_columns = np.array([ARKIT_INDEX[name] for name in parts.speech_names], dtype=np.intp)
        self._vocal_columns = np.array([EMOTION_INDEX[name] for name in parts.vocal_emotions], dtype=np.intp)
        self._queue: deque[_Sound | _Event] = deque()
        self._events: deque[_Event] = deque()
        self._rows: deque[tuple[SpeechFramesLike, int]] = deque()
        self._lost: deque[tuple[int, int]] = deque()
        self._pushed = 0
        self._heard = 0
        self._next_frame = 0
        self._epoch = 0
        self._text = ""
        self._finished = False
        self._is_over = False

    @property
    def position(self) -> int:
        """Samples pushed so far."""
        return self._pushed

    @property
    def epoch(self) -> int:
        """Counts interrupts: what a driver queued under an older epoch is stale."""
        return self._epoch

    @property
    def lookahead_samples(self) -> int:
        """Frame i is known once 640 (i + 1) + lookahead_samples samples are pushed."""
        return self._parts.lookahead_samples

    def push_audio(self, chunk: AudioChunk) -> None:
        """More speech; it must begin where the last ended. ValueError after finish or for a gap (see
        push_missing)."""
        self._check_open()
        if chunk.start != self._pushed:
            raise ValueError(
                f"speech must go on at sample {self._pushed}, not {chunk.start}; push_missing fills gaps"
            )
        self._push_sound(chunk.samples, valid=True)

    def push_silence(self, samples: int) -> None:
        """So many samples in which nobody speaks: the face lives on with a closed mouth."""
        self._check_open()
        self._push_sound(np.zeros(samples, dtype=np.float32), valid=True)

    def push_missing(self, samples: int) -> None:
        """So many samples that were lost on the way: the mouth bridges them instead of snapping shut."""
        self._check_open()
        self._push_sound(np.zeros(samples, dtype=np.float32), valid=False)

    def push_text(self, text: str) -> None:
        """More of the text of the current speech, verbatim: pieces are joined without a space between them.

        Spans of it are laid on the speech by counted syllables. UsageError for a malformed tag (then
        nothing of the piece is taken); ValueError where the session was made without text.
        """
        self._check_open()
        if self._parts.text is None:
            raise ValueError(
                "this session was made without text; use assembly.build_motion(options, with_text=True)"
            )
        try:
            spans = tuple(self._parts.text.split(self._text + text))
        except ValueError as error:
            raise UsageError(str(error)) from None
        self._text += text
        self._queue.append(_Event(self._first_open_frame(), "text", spans=spans))

    def begin_speech(self, at: Place | None = None) -> None:
        """From here on a new utterance: text pushed from now belongs to it, older text is done with.

        at: where it is in that text already, for a session that goes on where another one broke off.
        """
        self._check_open()
        self._text = ""
        self._queue.append(_Event(self._first_open_frame(), "speech", at=at))

    def set_emotion(self, name: str | None, intensity: float = 1.0, ttl_s: float | None = None) -> None:
        """Override text and voice from now, for `ttl_s` seconds (None: until changed); name None ends the
        override.

        UsageError for an unknown name or an intensity beyond 0..1; ValueError for a ttl that is not above 0.
        """
        self._check_open()
        choice = None if name is None else EmotionChoice(name, intensity)
        if ttl_s is not None and not 0 < ttl_s < float("inf"):
            raise ValueError(f"ttl_s must be a number of seconds above 0, not {ttl_s}")
        frame = self._first_open_frame()
        until = None if ttl_s is None else frame + max(1, round(ttl_s * FRAME_RATE))
        self._queue.append(_Event(frame, "emotion", emotion=choice, until_frame=until))

    def set_state(self, state: str) -> None:
        """What the face does from now on while it does not speak: idle, listening (looks at the viewer, nods)
        or thinking (looks away). Speech overrides it and it comes back afterwards; "speaking" ends it before.

        UsageError for another name.
        """
        self._check_open()
        if state not in STATE_NAMES:
            raise UsageError(f"unknown state {state!r}: use one of {', '.join(STATE_NAMES)}")
        self._queue.append(_Event(self._first_open_frame(), "state", state=state))

    def interrupt(self) -> None:
        """Stop speaking: drops text and speech whose frames are not known yet, the mouth eases shut in three
        frames.

        The samples pushed so far stay counted; go on with silence or new speech at `position`. Bumps the
        epoch.
        """
        self._check_open()
        self._epoch += 1
        self._text = ""
        self._queue.append(_Event(self._first_open_frame(), "interrupt"))

    def finish(self) -> None:
        """No more speech will come: the next `advance` gives all frames that are left. Calling it twice is
        fine."""
        self._finished = True

    def advance(self) -> list[ExpressionFrame]:
        """All frames that can be known now, in order, none twice. The only call that takes time."""
        return list(self.iterate())

    def iterate(self) -> Iterator[ExpressionFrame]:
        """As `advance`, one frame at a time; whoever stops early goes on with the next call."""
        while True:
            while self._rows:
                yield self._frame(*self._rows.popleft())
            if self._queue:
                self._take(self._queue.popleft())
            elif not self._finished:
                return
            elif not self._is_over:
                self._is_over = True
                self._end_stream(frame_count(self._heard))
            else:
                self._mood.end(self._heard)
                return

    def take_emotions(self) -> list[EmotionScores]:
        """The emotions in force over the frames given since the last call, as stretches in order; each is
        given once."""
        return self._mood.take_emotions()

    def take_captions(self) -> list[PlacedText]:
        """The stretches of text whose speech ended since the last call, where they were heard."""
        return self._mood.take_captions()

    def heard_text(self) -> str:
        """What was said of the current speech's text up to the last frame given, as counted syllables
        tell."""
        return self._mood.heard_text()

    def present(self) -> Present | None:
        """The emotion in force and the place in the text at the last frame given; None before the first."""
        return self._mood.present()

    def take_warnings(self) -> list[str]:
        """One line each, given once: text in a script that the model does not know."""
        return self._mood.take_warnings()

    def _check_open(self) -> None:
        if self._finished:
            raise ValueError("the session is finished; make a new one")

    def _push_sound(self, samples: Float32, *, valid: bool) -> None:
        self._pushed += len(samples)
        self._queue.append(_Sound(samples, valid))

    def _first_open_frame(self) -> int:
        """The first frame that cannot be known from what is pushed so far: the first that a new event can
        change."""
        return max(0, (self._pushed - self._parts.lookahead_samples) // SAMPLES_PER_FRAME)

    def _note_lost(self, sound: _Sound) -> None:
        if not sound.valid and len(sound.samples):
            self._lost.append((self._heard, self._heard + len(sound.samples)))

    def _is_lost(self, frame: int) -> bool:
        """Whether any sample that frame `frame` shows is missing; forgets gaps that have passed."""
        start = frame * SAMPLES_PER_FRAME
        while self._lost and self._lost[0][1] <= start:
            self._lost.popleft()
        return bool(self._lost) and self._lost[0][0] < start + SAMPLES_PER_FRAME

    def _take(self, item: _Sound | _Event) -> None:
        """Work off one thing that was pushed; the frames that it makes known wait as rows."""
        if isinstance(item, _Sound):
            self._note_lost(item)
            self._heard += len(item.samples)
            self._add_rows(self._stream.push(item.samples))
            return
        if item.kind == "interrupt":
            self._end_stream(item.frame)
            self._open_stream_at(max(item.frame, self._next_frame + len(self._rows)))
        self._events.append(item)

    def _end_stream(self, frame: int) -> None:
        """What the stream still owes for the frames before `frame`."""
        self._add_rows(self._stream.flush(), limit=max(0, frame - self._next_frame - len(self._rows)))

    def _open_stream_at(self, frame: int) -> None:
        """A fresh stream from `frame` on; what of it was already pushed becomes silence."""
        self._stream = self._parts.open_stream()
        silence = self._heard - frame * SAMPLES_PER_FRAME
        self._queue.appendleft(_Sound(np.zeros(silence, dtype=np.float32), True))
        self._heard -= silence

    def _add_rows(self, speech: SpeechFramesLike, limit: int | None = None) -> None:
        count = len(speech.voiced)
        self._rows.extend((speech, row) for row in range(count if limit is None else min(count, limit)))

    def _frame(self, speech: SpeechFramesLike, row: int) -> ExpressionFrame:
        index = self._next_frame
        while self._events and self._events[0].frame <= index:
            self._apply(self._events.popleft())
        weights = np.zeros(len(ARKIT_NAMES), dtype=np.float64)
        weights[self._speech_columns] = speech.weights[row]
        emotion = np.zeros(len(EMOTION_NAMES), dtype=np.float64)
        emotion[self._vocal_columns] = speech.emotion[row]
        heard = HeardFrame(
            weights=weights,
            voiced=float(speech.voiced[row]),
            loudness_db=float(speech.loudness_db[row]),
            pitch_hz=float(speech.pitch_hz[row]),
            emotion=emotion,
            arousal=float(speech.arousal[row]),
            valid=not self._is_lost(index),
        )
        feeling = self._mood.step(index, heard)
        self._next_frame += 1
        return self._face.step(index, heard, feeling)

    def _apply(self, event: _Event) -> None:
        if event.kind == "text":
            self._mood.set_text(event.spans)
        elif event.kind == "speech":
            self._mood.begin_speech(event.frame, event.at)
        elif event.kind == "emotion":
            self._mood.override(event.emotion, event.until_frame)
        elif event.kind == "state":
            self._face.set_state(event.state)
        else:
            self._mood.begin_speech(event.frame)
            self._face.hush()
