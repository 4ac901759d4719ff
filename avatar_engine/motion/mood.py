"""Which emotion is in force at each frame, and why: an override, the text being spoken, or the voice, in this
order. The voice may add to what a text leaves open; it never takes away what a text says.

Knows words only through the splitter and reader that it is given, faces not at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE, SAMPLES_PER_FRAME
from avatar_engine.config import EmotionChoice, MotionOptions
from avatar_engine.motion.emotion import confidence, strengths
from avatar_engine.motion.frames import Feeling, HeardFrame
from avatar_engine.motion.placement import VOICED, Phrase, Placement, phrases_of
from avatar_engine.motion.reading import Sentence, is_question
from avatar_engine.motion.said import Place, said, syllables_of
from avatar_engine.names import EMOTION_INDEX, EMOTION_NAMES
from avatar_engine.types import EmotionReader, EmotionScores, EmotionSource

Float64 = NDArray[np.float64]

KNOWN_SHARE = 0.5
"Share of a text's letters that the text model must know for its scores to count."
VOICE_WEIGHT = 0.25
"""Evidence from the voice alone is weak (speech.md: chance to .4 across speakers), so it moves the face a
little."""
VOICE_SECONDS = 1.5
"Time constant of what the voice sounds like."
CLEAR_TEXT = 0.5
"Strength from which a text alone decides."
CALM = 0.6
"What a surely neutral text takes from the voice."
LEAD_FRAMES = 4
"""The face is this much ahead of the words: an expression takes three frames to be seen, and people's faces
tell what they are about to say (Ekman & Friesen, Semiotica 1, 1969; Cassell et al., SIGGRAPH 1994)."""
QUESTION_SYLLABLES = 5.0
"The end of a question, in which the head tilts and the brows rise."
STRETCH_FRAMES = 2 * FRAME_RATE
"The voice's slowly moving scores are reported in stretches of this length."
PHRASE_PAUSE_FRAMES = 7


class Span(Protocol):
    """A stretch of text with one emotion, as text_emotion.split_text gives it."""

    @property
    def text(self) -> str: ...
    @property
    def tag(self) -> str | None: ...
    @property
    def intensity(self) -> float: ...


@dataclass(frozen=True, slots=True)
class TextReading:
    """How texts are split and read; shared between sessions."""

    split: Callable[[str], Sequence[Span]]
    reader: EmotionReader
    coverage: Callable[[str], float]
    "Share of a text's letters that the reader knows, 0..1."


@dataclass(frozen=True, slots=True)
class PlacedText:
    """A span of text where it was heard."""

    start: int
    end: int
    "Samples since the session began; [start, end)."
    text: str


@dataclass(frozen=True, slots=True)
class Present:
    """What holds at the frame given last."""

    probs: tuple[float, ...]
    "Of the emotion in force, as in EmotionScores."
    source: EmotionSource
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    probs: Float64
    intensity: float
    source: EmotionSource
    strengths: Float64


class Mood:
    """One per session. `step` is called once a frame, everything else between frames."""

    def __init__(self, text: TextReading | None, options: MotionOptions) -> None:
        self._voice = _Voice()
        self._utterance = _Utterance(text)
        self._text = text
        self._whole = None if options.emotion is None else _chosen(options.emotion, "override")
        self._override: _Scores | None = None
        self._override_until: int | None = None
        self._stretches = _Stretches()
        self._captions: list[PlacedText] = []
        self._warnings: list[str] = []
        self._silent = PHRASE_PAUSE_FRAMES + 1
        self._in_force: _Scores | None = None

    def set_text(self, spans: Sequence[Span]) -> None:
        """All of the current utterance's text that is known so far, in spans."""
        self._utterance.set(spans)

    def begin_speech(self, frame: int, at: Place | None = None) -> None:
        """A new utterance from `frame` on, which is at `at` already; what of the old text was not heard is
        dropped."""
        self._captions += self._utterance.end(frame)
        self._warnings += self._utterance.take_warnings()
        self._utterance = _Utterance(self._text, at, warned=self._utterance.warned)

    def override(self, choice: EmotionChoice | None, until_frame: int | None) -> None:
        self._override = None if choice is None else _chosen(choice, "override")
        self._override_until = until_frame

    def step(self, index: int, heard: HeardFrame) -> Feeling:
        """What the face should show at frame `index`."""
        if self._override_until is not None and index >= self._override_until:
            self._override = self._override_until = None
        voiced = heard.voiced if heard.valid else 0.0
        self._voice.step(heard)
        spoken = self._utterance.step(index, voiced, heard.loudness_db)
        self._captions += self._utterance.take_ended()
        scores = self._override or self._whole or spoken or self._voice.scores()
        self._stretches.step(index, scores)
        self._in_force = scores
        self._silent = 0 if voiced >= VOICED else self._silent + 1
        shown = scores.strengths.copy()
        if scores.source == "text":
            neutral = float(scores.probs[EMOTION_INDEX["neutral"]])
            shown = with_voice(self._utterance.strengths(), self._voice.scores().strengths, neutral)
        return Feeling(
            shown,
            scores.source,
            pause=self._silent == PHRASE_PAUSE_FRAMES,
            question=self._utterance.question(),
        )

    def end(self, samples: int) -> None:
        """The session is over at `samples`: close what is open."""
        self._stretches.close(samples)
        self._captions += self._utterance.end(-(-samples // SAMPLES_PER_FRAME))

    def take_emotions(self) -> list[EmotionScores]:
        return self._stretches.take()

    def take_captions(self) -> list[PlacedText]:
        taken, self._captions = self._captions, []
        return taken

    def take_warnings(self) -> list[str]:
        taken, self._warnings = self._warnings + self._utterance.take_warnings(), []
        return taken

    def heard_text(self) -> str:
        return self._utterance.heard_text()

    def present(self) -> Present | None:
        """What holds at the frame stepped last; None before the first."""
        scores = self._in_force
        if scores is None:
            return None
        return Present(tuple(map(float, scores.probs)), scores.source, self._utterance.place())


def with_voice(text: Float64, voice: Float64, neutral: float) -> Float64:
    """What to show, float64 [7], where a text says `text` and its voice `voice`, both float64 [7], 0..1.

    The voice counts the less the more the text shows and the surer it is to be neutral (0..1). It never
    lowers what the text says.
    """
    openness = max(0.0, 1.0 - float(text.max()) / CLEAR_TEXT) * (1.0 - CALM * neutral)
    return np.maximum(text, openness * voice)


def _chosen(choice: EmotionChoice, source: EmotionSource) -> _Scores:
    """Somebody asked for this emotion by name."""
    probs = np.zeros(len(EMOTION_NAMES))
    probs[EMOTION_INDEX[choice.name]] = 1.0
    return _Scores(probs, choice.intensity, source, strengths(probs, choice.intensity))


class _Voice:
    """What the voice sounds like, smoothed over the last second and a half of speech."""

    _step = 1.0 - np.exp(-1.0 / (FRAME_RATE * VOICE_SECONDS))

    def __init__(self) -> None:
        self._probs = np.zeros(len(EMOTION_NAMES))

    def step(self, heard: HeardFrame) -> None:
        if heard.valid:
            target = heard.emotion if heard.voiced >= VOICED else 0.25 * self._probs
            self._probs = self._probs + self._step * (target - self._probs)

    def scores(self) -> _Scores:
        """Weak evidence: its weight falls to nothing as the clearest class falls to a coin's toss."""
        clearest = float(confidence(self._probs).max())
        certainty = max(0.0, min(1.0, (float(self._probs.max()) - 0.5) / 0.3))
        intensity = VOICE_WEIGHT * certainty * clearest
        return _Scores(self._probs.copy(), intensity, "audio", strengths(self._probs, intensity))


class _Utterance:
    """The text of one utterance and what was heard of it."""

    def __init__(self, reading: TextReading | None, at: Place | None = None, warned: bool = False) -> None:
        self._reading = reading
        self._spans: list[Span] = []
        self._placement = Placement() if at is None else Placement(at.span, at.syllables)
        self._current: int | None = None
        self._began = 0
        self._is_over = False
        self._felt = -1
        "The span whose emotion shows; a little ahead of the one that is spoken."
        self._inside = 0.0
        "Syllables since its start."
        self._asks_from = math.inf
        self._scores: _Scores | None = None
        self._sentence: Sentence | None = None
        self._ended: list[PlacedText] = []
        self._warnings: list[str] = []
        self.warned = warned

    def set(self, spans: Sequence[Span]) -> None:
        """The whole text so far. Spans that were passed keep their place; the newest one may have grown."""
        first = min(self._placement.span, len(self._spans), len(spans))
        if spans[self._felt : self._felt + 1] != self._spans[self._felt : self._felt + 1]:
            self._felt = -1  # read again: it grew
        self._spans = self._spans[:first] + list(spans[first:])
        phrases: list[list[Phrase]] = [phrases_of(span.text) for span in spans[first:]]
        self._placement.replace_from(first, phrases)

    def step(self, index: int, voiced: float, loudness_db: float) -> _Scores | None:
        """The scores of the span being spoken at frame `index`, None without one."""
        span = self._placement.step(voiced, loudness_db)
        self._is_over = span is None and bool(self._spans)
        if span != self._current:
            self._ended += self.end(index)
            self._current, self._began = span, index
        if span is None:
            self._felt, self._scores, self._sentence, self._asks_from = -1, None, None, math.inf
            return None
        felt, self._inside = self._placement.ahead(LEAD_FRAMES, is_there=self._felt > (span or 0))
        if felt != self._felt or self._scores is None:
            self._felt, self._sentence, text = felt, None, self._spans[felt].text
            self._scores = self._read(self._spans[felt])
            self._asks_from = syllables_of(text) - QUESTION_SYLLABLES if is_question(text) else math.inf
        return self._scores

    def strengths(self) -> Float64:
        """How much of each emotion the text shows at the words that are about to be spoken, float64 [7]."""
        assert self._scores is not None
        return self._scores.strengths if self._sentence is None else self._sentence.at(self._inside)

    def question(self) -> float:
        """1 at the last words of a question, else 0."""
        return float(self._inside >= self._asks_from)

    def end(self, frame: int) -> list[PlacedText]:
        """The span being spoken, ended at `frame`."""
        if self._current is None:
            return []
        text = self._spans[self._current].text
        began, self._began = self._began, frame
        return (
            [PlacedText(began * SAMPLES_PER_FRAME, frame * SAMPLES_PER_FRAME, text)] if frame > began else []
        )

    def take_ended(self) -> list[PlacedText]:
        taken, self._ended = self._ended, []
        return taken

    def take_warnings(self) -> list[str]:
        taken, self._warnings = self._warnings, []
        return taken

    def heard_text(self) -> str:
        return said([span.text for span in self._spans], self.place())

    def place(self) -> Place:
        """How far the count is."""
        return Place(len(self._spans) if self._is_over else self._placement.span, self._placement.position)

    def _read(self, span: Span) -> _Scores:
        if span.tag is not None:
            return _chosen(EmotionChoice(span.tag, span.intensity), "tag")
        assert self._reading is not None
        if self._reading.coverage(span.text) < KNOWN_SHARE:
            self._warn(span.text)
            return _chosen(EmotionChoice("neutral", 1.0), "text")
        self._sentence = Sentence(span.text, self._probs)
        return _Scores(self._sentence.probs, self._sentence.intensity, "text", self._sentence.at(0.0))

    def _probs(self, text: str) -> Float64:
        assert self._reading is not None
        return np.asarray(self._reading.reader.read([text])[0], dtype=np.float64)

    def _warn(self, text: str) -> None:
        if not self.warned:
            self.warned = True
            shown = text if len(text) <= 24 else text[:23] + "…"
            self._warnings.append(
                f"text {shown!r}: the text model does not know this script, the face stays neutral for it; "
                "use tags such as [joy] or --emotion-model"
            )


class _Stretches:
    """The emotions in force, as stretches: one for each span or override, two seconds at a time for the
    voice."""

    def __init__(self) -> None:
        self._done: list[EmotionScores] = []
        self._open: _Scores | None = None
        self._start = 0
        self._sum = np.zeros(len(EMOTION_NAMES))
        self._frames = 0

    def step(self, index: int, scores: _Scores) -> None:
        if self._open is not None:
            same = scores is self._open or (scores.source == "audio" == self._open.source)
            if not same or (scores.source == "audio" and self._frames >= STRETCH_FRAMES):
                self.close(index * SAMPLES_PER_FRAME)
        if self._open is None:
            self._start = index * SAMPLES_PER_FRAME
        self._open = scores
        self._sum += scores.probs
        self._frames += 1

    def close(self, end: int) -> None:
        if self._open is None or self._frames == 0 or end <= self._start:
            return
        mean = np.clip(self._sum / self._frames, 0.0, 1.0).astype(np.float32)
        self._done.append(EmotionScores(self._start, end, mean, self._open.intensity, self._open.source))
        self._open, self._frames = None, 0
        self._sum = np.zeros(len(EMOTION_NAMES))

    def take(self) -> list[EmotionScores]:
        taken, self._done = self._done, []
        return taken
