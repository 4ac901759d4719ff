"""The engine's clock: integer samples and frame indices, nothing else. Knows no wall clock and never
sleeps.
"""

from __future__ import annotations


def exact_div(dividend: int, divisor: int) -> int:
    """dividend / divisor where it leaves no remainder; ValueError where it does."""
    quotient, remainder = divmod(dividend, divisor)
    if remainder:
        raise ValueError(f"{dividend} is not a multiple of {divisor}")
    return quotient


SAMPLE_RATE = 16_000
"Samples a second of all speech inside the engine."
FRAME_RATE = 25
"Picture frames a second."
SAMPLES_PER_FRAME = exact_div(SAMPLE_RATE, FRAME_RATE)
VIDEO_CLOCK = 90_000
"Ticks a second of video timestamps (RTP, MPEG)."
VIDEO_TICKS_PER_FRAME = exact_div(VIDEO_CLOCK, FRAME_RATE)
LOOKAHEAD_LIMIT_SAMPLES = exact_div(SAMPLE_RATE * 80, 1000)
"What all stages of the motion path may look ahead together: 80 ms."


def frame_count(samples: int) -> int:
    """Frames that show `samples` samples: the last one may be partly filled."""
    if samples < 0:
        raise ValueError(f"a count of samples is at least 0, not {samples}")
    return -(-samples // SAMPLES_PER_FRAME)
