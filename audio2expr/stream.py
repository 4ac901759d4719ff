"""One session of speech: samples in, frames of mouth and voice out. Knows the order of the stages, and no
file format.

Sound is taken in blocks of one picture frame. Frame i is worked out when block i + LOOKAHEAD_BLOCKS is
complete, from the last `window_rows` feature rows, by one run of a net of fixed shape: so the frames of a
stream are the same bits however it is cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio2expr.features import BLOCK, N_FEATURES, ROWS, Block, Float32, FrontEnd
from audio2expr.mouth import Lips, MouthConfig, Opinions, Sound
from audio2expr.prosody import Prosody

LOOKAHEAD_BLOCKS = 2
"80 ms, the whole budget of the motion path."
LOOKAHEAD_SAMPLES = LOOKAHEAD_BLOCKS * BLOCK


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
        5] of closed lips, speech, a vowel, pursed and bitten lips. `read_manner`: float32 [1, N_PROSODY] ->
        emotions and arousal [1, e + 1]."""
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
                made.append(self._frame(*self._blocks))
        self._pending = sound[whole:].copy()
        return self._frames(made)

    def _frame(self, block: Block, *coming: Block) -> tuple[Float32, float, float, float, Float32]:
        """One frame: weights, vowel probability, loudness, pitch, emotions and arousal."""
        mouth, probabilities = self._read_mouth(self._rows[None])
        heard = Opinions(*(float(p) for p in probabilities[0]))
        loudness_db = float(block.energy_db.max())
        louder_db = max(loudness_db, float(coming[0].energy_db.max()))
        pitched_rows = max(np.count_nonzero(b.pitch_hz) for b in (block, *coming))
        sound = Sound(loudness_db, louder_db, pitched_rows / ROWS, coming[-1].snr_db)
        weights = self._lips.push(mouth[0], heard, sound)
        amount = self._lips.gate.amount
        manner = self._read_manner(self._prosody.push(block, heard.speech * amount, heard.vowel)[None])[0]
        pitched = block.pitch_hz[block.pitch_hz > 0]
        pitch_hz = float(np.median(pitched)) if 2 * len(pitched) >= ROWS else 0.0
        return weights[self._channel_of], heard.vowel * amount, loudness_db, pitch_hz, manner

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
