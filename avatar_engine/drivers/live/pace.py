"""When the media of one session leave: whole samples on one monotonic clock. Never sleeps, never reads a
clock.

A slot is one frame's worth of sound. Slot k is composed at T0 + 40 k ms from what was pushed until then; it
leaves, picture and sound together, a fixed delay later: the motion's lookahead, and PLAYOUT_S in which the
frame is moved, drawn and encoded.
"""

from __future__ import annotations

from avatar_engine.clock import FRAME_RATE, SAMPLE_RATE, SAMPLES_PER_FRAME, exact_div

SOUND_RATE = 48_000
"Samples a second of the sound that leaves (Opus over RTP)."
SOUND_PER_SPEECH = exact_div(SOUND_RATE, SAMPLE_RATE)
SOUND_PER_SLOT = exact_div(SOUND_RATE, FRAME_RATE)
PACKETS_PER_SLOT = 2
SOUND_PER_PACKET = exact_div(SOUND_PER_SLOT, PACKETS_PER_SLOT)
"20 ms: one Opus packet."
SPEECH_PER_PACKET = exact_div(SAMPLES_PER_FRAME, PACKETS_PER_SLOT)
PLAYOUT_S = 0.060
LONGEST_STALL_S = 0.2
"Who comes later than this (a suspended machine, a stopped process) lets media time stand still meanwhile."


class Pace:
    """Maps media time to the monotonic clock and to wall time."""

    def __init__(self, now: float, wall: float, lookahead_samples: int) -> None:
        """now: monotonic seconds; wall: seconds since 1970 at the same moment."""
        self._zero = now
        self._wall = wall
        self.delay_s = lookahead_samples / SAMPLE_RATE + PLAYOUT_S

    def composed_at(self, slot: int) -> float:
        """When slot `slot` is put together."""
        return self._zero + slot / FRAME_RATE

    def leaves_at(self, slot: int) -> float:
        """When its picture leaves, and the first of its sound."""
        return self._zero + slot / FRAME_RATE + self.delay_s

    def packet_leaves_at(self, packet: int) -> float:
        """When a packet of sound leaves."""
        return self._zero + packet * SOUND_PER_PACKET / SOUND_RATE + self.delay_s

    def wall_of(self, media_s: float) -> float:
        """Seconds since 1970 at which the media of `media_s` seconds leave, had no clock ever jumped or stood
        still. Receivers fit a line to what they are told: one that breaks parts sound and picture for long.
        """
        return self._wall + media_s + self.delay_s

    def stalled(self, now: float, due: float) -> bool:
        """Whether `now` is so much later than `due` that media time has to wait; then it did wait."""
        if now - due <= LONGEST_STALL_S:
            return False
        self._zero += now - due
        return True
