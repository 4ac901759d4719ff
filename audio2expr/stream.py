"""One session of speech: samples in, frames of mouth and voice out. Knows the order of the stages, and no
file format.

Sound is taken in blocks of one picture frame. Frame i is worked out when block i + LOOKAHEAD_BLOCKS is
complete, from the last `window_rows` feature rows, by one run of a net of fixed shape: so the frames of a
stream are the same bits however it is cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from audio2expr.features import BLOCK, N_FEATURES, ROWS, Block, Float32, FrontEnd
from audio2expr.prosody import Prosody

LOOKAHEAD_BLOCKS = 2
"80 ms, the whole budget of the motion path."
LOOKAHEAD_SAMPLES = LOOKAHEAD_BLOCKS * BLOCK


VOWEL_FROM, VOWEL_RANGE = 0.3, 0.3
"Probability of a vowel from which the least opening begins to count, and the way to counting in full."


@dataclass(frozen=True, slots=True, eq=False)
class SpeechFrames:
    """What is known about k picture frames (25 a second)."""

    weights: Float32
    "float32 [k, len(names)], 0..1: ARKit weights of mouth and jaw."
    voiced: Float32
    "float32 [k], 0..1: is somebody speaking a vowel."
    loudness_db: Float32
    "float32 [k], dB of full scale, at least -100."
    pitch_hz: Float32
    "float32 [k], 0 where unvoiced."
    emotion: Float32
    "float32 [k, len(emotion_names)], 0..1, independent of each other; weak evidence."
    arousal: Float32
    "float32 [k], 0 calm .. 1 excited; weak evidence."

    def __len__(self) -> int:
        return len(self.weights)


@dataclass(frozen=True, slots=True)
class MouthConfig:
    """How the net's opinions become a mouth; from the weights manifest."""

    window_rows: int
    closed_from: float
    "Probability of closed lips below which the mouth is the open one."
    closed_full: float
    "Probability from which the lips are wholly closed."
    closed_shape: tuple[float, ...]
    "Channel weights of lips that meet."
    channel_of: tuple[int, ...]
    "For each ARKit name, the net's channel it follows."
    speech_on: float
    speech_off: float
    "Hysteresis of speech activity: begins at the first, ends below the second."
    hold_frames: int
    "Frames below speech_off until it ends."
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


@dataclass(slots=True)
class Gate:
    """Speech activity with hysteresis: 0 keeps the mouth shut and still. Opens in two frames, closes in
    four."""

    config: MouthConfig
    is_open: bool = False
    quiet_frames: int = 0
    amount: float = 0.0

    OPEN_STEP = 0.5
    CLOSE_STEP = 0.25

    def push(self, speech: float) -> float:
        """Probability of speech in this frame -> how much of the mouth is let through, 0..1."""
        if speech >= self.config.speech_on:
            self.is_open, self.quiet_frames = True, 0
        elif speech < self.config.speech_off:
            self.quiet_frames += 1
            self.is_open = self.is_open and self.quiet_frames < self.config.hold_frames
        else:
            self.quiet_frames = 0
        step = self.OPEN_STEP if self.is_open else -self.CLOSE_STEP
        self.amount = min(1.0, max(0.0, self.amount + step))
        return self.amount


class Lips:
    """The net's opinions of one session, frame by frame -> channel weights."""

    def __init__(self, config: MouthConfig) -> None:
        self.config = config
        self.gate = Gate(config)
        self._closed_shape = np.array(config.closed_shape, np.float32)
        self._gap_row = np.array(config.gap_row, np.float32)

    def push(self, mouth: Float32, closed: float, speech: float, vowel: float) -> Float32:
        """The open mouth, drawn towards closed lips as far as the net is sure, and to rest in silence.

        mouth: float32 [channels]; closed, speech, vowel: probabilities. Returns float32 [channels], 0..1.
        """
        mouth = self._opened(mouth, vowel)
        share = (closed - self.config.closed_from) / (self.config.closed_full - self.config.closed_from)
        share = min(1.0, max(0.0, share))
        drawn = mouth + np.float32(share) * (self._closed_shape - mouth)
        return np.asarray(np.clip(drawn, 0, 1) * np.float32(self.gate.push(speech)), np.float32)

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


class Audio2ExprStream:
    """The frames of one session. Use from one thread; memory does not grow with the length of the speech."""

    def __init__(
        self,
        config: MouthConfig,
        front_end: FrontEnd,
        read_mouth: Callable[[Float32], tuple[Float32, Float32]],
        read_manner: Callable[[Float32], Float32],
        n_emotions: int,
    ) -> None:
        """`read_mouth`: float32 [1, window_rows, N_FEATURES] -> channel weights [1, c] and probabilities [1,
        3] of closed lips, speech and vowel. `read_manner`: float32 [1, N_PROSODY] -> emotions and arousal
        [1, e + 1]."""
        self._config = config
        self._front_end = front_end
        self._read_mouth = read_mouth
        self._read_manner = read_manner
        self._n_emotions = n_emotions
        self._rows = np.zeros((config.window_rows, N_FEATURES), np.float32)
        self._pending = np.zeros(0, np.float32)
        self._blocks: deque[Block] = deque(maxlen=LOOKAHEAD_BLOCKS + 1)
        self._lips = Lips(config)
        self._prosody = Prosody()
        self._taken = 0
        self._flushed = False
        self._channel_of = np.array(config.channel_of)

    def push(self, samples: Float32) -> SpeechFrames:
        """Take speech in and give the frames that can be known now.

        samples: float32 [n], mono 16 kHz, any n >= 0; louder than 1 is fine. ValueError where the type or
        shape is another, a sample is NaN or infinite, or after flush().
        """
        self._check(samples)
        self._taken += len(samples)
        return self._advance(np.concatenate([self._pending, samples]))

    def flush(self) -> SpeechFrames:
        """The last frames, as if silence followed; together there are ceil(n / 640). A second flush gives
        none."""
        wanted = -(-self._taken // BLOCK)
        if self._flushed or not wanted:
            self._flushed = True
            return self._frames([])
        self._flushed = True
        missing = (wanted + LOOKAHEAD_BLOCKS) * BLOCK - self._taken
        return self._advance(np.concatenate([self._pending, np.zeros(missing, np.float32)]))

    def _check(self, samples: Float32) -> None:
        if self._flushed:
            raise ValueError("this stream was flushed: begin a new one with Audio2Expr.stream()")
        if not isinstance(samples, np.ndarray) or samples.dtype != np.float32 or samples.ndim != 1:
            found = (
                f"{samples.dtype} {samples.shape}"
                if isinstance(samples, np.ndarray)
                else type(samples).__name__
            )
            raise ValueError(f"samples must be a float32 array [n] of mono speech at 16 kHz, not {found}")
        bad = ~np.isfinite(samples)
        if bad.any():
            first = int(np.argmax(bad))
            raise ValueError(
                f"sample {self._taken + first} is {samples[first]}, not a finite number: the speech is "
                f"damaged, decode it again"
            )

    def _advance(self, sound: Float32) -> SpeechFrames:
        """Work off all whole blocks of `sound` and keep the rest."""
        made = []
        whole = len(sound) // BLOCK * BLOCK
        for start in range(0, whole, BLOCK):
            # what is far beyond full scale is clipped, so that squares stay finite
            block = self._front_end.push(np.clip(sound[start : start + BLOCK], -8, 8))
            self._rows = np.concatenate([self._rows[ROWS:], block.features])
            self._blocks.append(block)
            if len(self._blocks) > LOOKAHEAD_BLOCKS:
                made.append(self._frame(self._blocks[0]))
        self._pending = sound[whole:].copy()
        return self._frames(made)

    def _frame(self, block: Block) -> tuple[Float32, float, float, float, Float32]:
        """One frame: weights, vowel probability, loudness, pitch, emotions and arousal."""
        mouth, opinions = self._read_mouth(self._rows[None])
        closed, speech, vowel = (float(p) for p in opinions[0])
        weights = self._lips.push(mouth[0], closed, speech, vowel)
        amount = self._lips.gate.amount
        manner = self._read_manner(self._prosody.push(block, speech * amount, vowel)[None])[0]
        pitched = block.pitch_hz[block.pitch_hz > 0]
        pitch_hz = float(np.median(pitched)) if 2 * len(pitched) >= ROWS else 0.0
        return weights[self._channel_of], vowel * amount, float(block.energy_db.max()), pitch_hz, manner

    def _frames(self, made: list[tuple[Float32, float, float, float, Float32]]) -> SpeechFrames:
        if not made:
            none = np.zeros((0, self._n_emotions), np.float32)
            empty = np.zeros(0, np.float32)
            return SpeechFrames(
                np.zeros((0, len(self._channel_of)), np.float32), empty, empty, empty, none, empty
            )
        weights, voiced, loudness, pitch_hz, manner = zip(*made, strict=True)
        manners = np.stack(manner)
        return SpeechFrames(
            np.stack(weights),
            np.array(voiced, np.float32),
            np.array(loudness, np.float32),
            np.array(pitch_hz, np.float32),
            np.ascontiguousarray(manners[:, :-1]),
            np.ascontiguousarray(manners[:, -1]),
        )
