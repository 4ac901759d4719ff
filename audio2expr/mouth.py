"""What the net thinks of one frame -> how the mouth stands: speech activity, closures, pursed and bitten
lips. Knows probabilities and lip gaps; neither nets nor sound.

Causal, a few numbers of memory, the same work every frame.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from audio2expr.features import Float32

VOWEL_FROM, VOWEL_RANGE = 0.2, 0.2
"Probability of a vowel from which the least opening begins to count, and the way to counting in full."
LEAST_CLOSED, LEAST_VOWEL = 0.05, 0.08
"What probabilities near 0 may be off by; the larger second one wants some evidence of closed lips as such."

RELEASE, VOWEL_RISE = 0.5, 0.15
"""So much more evidence keeps lips closed that were closed, where a vowel grew so much likelier in a frame:
they open with the vowel, not behind it."""


CLEAN_DB, NOISY_DB = 30.0, 15.0
"""Speech over noise (its peaks: some 5 dB more than its mean) from which noise does not matter, and from
which `noise_ease` counts in full."""


class Opinions(NamedTuple):
    """Probabilities of one frame, by the net."""

    closed: float
    "Lips shut by p, b or m."
    speech: float
    vowel: float
    pursed: float
    "Lips of u and w."
    bitten: float = 0.0
    "The lower lip at the teeth, f and v."


class Sound(NamedTuple):
    """What can be measured of a frame and the two after it."""

    loudness_db: float
    "Of this frame."
    coming_db: float
    "Of this frame or the next, the louder one."
    pitched: float
    "Largest share of rows with a pitch in one of the three frames: breath and hiss have none."
    snr_db: float = CLEAN_DB
    "How far the steady noise lies below the speech."


@dataclass(frozen=True, slots=True)
class MouthConfig:
    """How the net's opinions become a mouth; from the weights manifest."""

    window_rows: int
    closed_from: float
    "Evidence of closed lips (closure_evidence) below which the mouth is the open one."
    closed_full: float
    "Evidence from which the lips are wholly closed."
    closed_shape: tuple[float, ...]
    "Channel weights of lips that meet."
    pursed_from: float
    pursed_full: float
    "Probability of pursed lips below which the mouth is the net's, and from which it is pursed_shape."
    pursed_shape: tuple[float, ...]
    bitten_from: float
    bitten_full: float
    "The same for the lower lip at the teeth, and bitten_shape."
    bitten_shape: tuple[float, ...]
    channel_of: tuple[int, ...]
    "For each ARKit name, the net's channel it follows."
    speech_on: float
    speech_off: float
    "Hysteresis of speech activity: begins at the first, ends below the second."
    hold_frames: int
    "Frames below speech_off until it ends."
    noise_margin_db: float
    "How much louder than the noise before it speech begins; breaths and room noise are not."
    noise_ease: float
    """So much less evidence closes the lips in noise: it covers what tells closed lips from others, and the
    net is less sure of all of them."""
    gap_row: tuple[float, ...]
    "How far a unit of each channel parts the lips (over the eye distance); the first channel is jawOpen."
    gap_at_rest: float
    least_vowel_gap: float
    "A vowel's open mouth is at least this far open: a doubtful one must not look like a closure."

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> MouthConfig:
        """From the manifest's `mouth` object; TypeError where a key is missing or unknown."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
        return cls(**values)


def closure_evidence(closed: float, vowel: float) -> float:
    """How much more likely closed lips are than a vowel: log of the odds, -3.1 .. 2.6.

    A frame is one or the other. Measured against the vowel, one threshold finds weak closures and leaves
    vowels open, where a threshold on `closed` alone does only one of both.
    """
    return math.log((closed + LEAST_CLOSED) / (vowel + LEAST_VOWEL))


@dataclass(slots=True)
class Gate:
    """Speech activity with hysteresis: 0 keeps the mouth shut and still. Opens and closes in two
    frames.

    To open it, something must sound like speech, be voiced at once or within the lookahead, and stand out of
    the noise that the shut gate heard; or sound very much like a vowel for longer: a whisper has no pitch,
    and speech over loud music does not stand out.
    """

    config: MouthConfig
    is_open: bool = False
    quiet_frames: int = 0
    sure_frames: int = 0
    amount: float = 0.0
    noise_db: float | None = None

    STEP = 0.5
    NOISE_STEP = 0.15
    PITCHED = 0.75
    SURE_SPEECH, SURE_VOWEL, SURE_FRAMES = 0.9, 0.5, 2

    def push(self, speech: float, vowel: float, sound: Sound) -> float:
        """Probabilities of this frame and its sound -> how much of the mouth is let through, 0..1."""
        if self.is_open:
            if speech >= self.config.speech_off:
                self.quiet_frames = 0
            else:
                self.quiet_frames += 1
                self.is_open = self.quiet_frames < self.config.hold_frames
        else:
            self.is_open = self._begins(speech, vowel, sound)
            self.quiet_frames = 0
            if not self.is_open:
                self._listen(sound.loudness_db)
        step = self.STEP if self.is_open else -self.STEP
        self.amount = min(1.0, max(0.0, self.amount + step))
        return self.amount

    def _begins(self, speech: float, vowel: float, sound: Sound) -> bool:
        is_sure = speech >= self.SURE_SPEECH and vowel >= self.SURE_VOWEL
        self.sure_frames = self.sure_frames + 1 if is_sure else 0
        if self.sure_frames >= self.SURE_FRAMES:
            return True
        stands_out = self.noise_db is None or sound.coming_db >= self.noise_db + self.config.noise_margin_db
        return speech >= self.config.speech_on and sound.pitched >= self.PITCHED and stands_out

    def _listen(self, loudness_db: float) -> None:
        if self.noise_db is None:
            self.noise_db = loudness_db
        else:
            self.noise_db += self.NOISE_STEP * (loudness_db - self.noise_db)


def _share(value: float, begin: float, full: float) -> np.float32:
    """0 up to `begin`, 1 from `full`."""
    return np.float32(min(1.0, max(0.0, (value - begin) / (full - begin))))


class Lips:
    """The net's opinions of one session, frame by frame -> channel weights."""

    def __init__(self, config: MouthConfig) -> None:
        self.config = config
        self.gate = Gate(config)
        self._closed_shape = np.array(config.closed_shape, np.float32)
        self._pursed_shape = np.array(config.pursed_shape, np.float32)
        self._bitten_shape = np.array(config.bitten_shape, np.float32)
        self._gap_row = np.array(config.gap_row, np.float32)
        self._was_closed = False
        self._last_vowel = 0.0

    def push(self, mouth: Float32, heard: Opinions, sound: Sound) -> Float32:
        """The open mouth, drawn towards pursed, bitten and closed lips as far as the net is sure, and to rest
        in silence.

        mouth: float32 [channels]. Returns float32 [channels], 0..1.
        """
        config = self.config
        mouth = self._opened(mouth, heard.vowel)
        pursed = _share(heard.pursed, config.pursed_from, config.pursed_full)
        mouth = mouth + pursed * (self._pursed_shape - mouth)
        bitten = _share(heard.bitten, config.bitten_from, config.bitten_full)
        mouth = mouth + bitten * (self._bitten_shape - mouth)
        mouth = mouth + self._closed(heard, sound.snr_db) * (self._closed_shape - mouth)
        amount = self.gate.push(heard.speech, heard.vowel, sound)
        return np.asarray(np.clip(mouth, 0, 1) * np.float32(amount), np.float32)

    def _closed(self, heard: Opinions, snr_db: float) -> np.float32:
        """How far the lips are shut, 0..1."""
        evidence = closure_evidence(heard.closed, heard.vowel)
        evidence += self.config.noise_ease * float(_share(-snr_db, -CLEAN_DB, -NOISY_DB))
        if self._was_closed and heard.vowel > self._last_vowel + VOWEL_RISE:
            evidence -= RELEASE
        closed = _share(evidence, self.config.closed_from, self.config.closed_full)
        self._was_closed, self._last_vowel = bool(closed > 0.5), heard.vowel
        return closed

    def _opened(self, mouth: Float32, vowel: float) -> Float32:
        """The mouth with its jaw dropped to what a vowel needs, as far as it is one."""
        sure = min(1.0, max(0.0, (vowel - VOWEL_FROM) / VOWEL_RANGE))
        lacking = sure * self.config.least_vowel_gap - (
            float(mouth @ self._gap_row) + self.config.gap_at_rest
        )
        if lacking <= 0 or not sure:
            return mouth
        opened = mouth.copy()
        opened[0] += np.float32(lacking / self.config.gap_row[0])
        return opened
