"""How somebody speaks rather than what: pitch, loudness, brightness and pace, now against this speaker's own
habit. Knows no emotion.

Averages run over speech only, forget exponentially and have a fixed size, so a pause changes nothing and
memory stays small.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from audio2expr.features import Block, Float32

SHORT_FRAMES = 40.0
"Frames of speech (1.6 s) the present is averaged over."
LONG_FRAMES = 500.0
"Frames of speech (20 s) that make a habit."
TYPICAL: tuple[float, ...] = (7.1, 0.06, -26.0, 30.0, 25.0, 0.5, 0.12)
"""Where the habit of an unknown speaker begins: log2 of pitch in Hz, its variance, energy in dB, its
variance, tilt in dB, share of voiced sound, change of voicing."""
N_STATISTICS = len(TYPICAL)
VARIED = (1, 3, 6)
"Statistics that mean the same for every voice: how much pitch, energy and voicing vary."
N_PROSODY = N_STATISTICS + len(VARIED) + 1
HABIT_FRAMES = 60.0
"Frames of speech that TYPICAL is worth."


@dataclass(slots=True, eq=False)
class Prosody:
    """Running statistics of one session."""

    short: Float32 = field(init=False)
    long: Float32 = field(init=False)
    frames: float = field(init=False, default=0.0)
    "Frames of speech heard."
    last_voiced: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.short = np.array(TYPICAL, np.float32)
        self.long = np.array(TYPICAL, np.float32)

    def push(self, block: Block, speech: float, voiced: float) -> Float32:
        """Take one frame in and describe the manner of speaking.

        speech, voiced: 0..1, the net's opinion of this frame. Returns float32 [N_PROSODY], each of about
        unit size: the present against the habit, how much it varies, and how much has been heard.
        """
        if speech > 0.5:
            self.frames += 1
            present = self._frame(block, voiced)
            self.short = np.asarray(
                self.short + (present - self.short) / np.float32(min(self.frames + 10, SHORT_FRAMES)),
                np.float32,
            )
            heard = min(self.frames + HABIT_FRAMES, LONG_FRAMES)
            self.long = np.asarray(self.long + (present - self.long) / np.float32(heard), np.float32)
            self.last_voiced = voiced
        unit = np.array(_UNITS, np.float32)
        varied = (self.short - np.array(TYPICAL, np.float32))[list(VARIED)] / unit[list(VARIED)]
        evidence = self.frames / (self.frames + 50)
        return np.asarray(np.clip([*((self.short - self.long) / unit), *varied, evidence], -4, 4), np.float32)

    def _frame(self, block: Block, voiced: float) -> Float32:
        rows = block.pitch_hz[block.pitch_hz > 0]
        pitch = float(np.median(np.log2(rows))) if len(rows) else float(self.short[0])
        energy = float(block.energy_db.max())
        tilt = float(block.tilt.mean())
        spread = (pitch - float(self.short[0])) ** 2, (energy - float(self.short[2])) ** 2
        return np.array(
            [pitch, spread[0], energy, spread[1], tilt, voiced, abs(voiced - self.last_voiced)], np.float32
        )


_UNITS = (0.4, 0.08, 6.0, 30.0, 15.0, 0.15, 0.08)
"What each statistic is divided by."
