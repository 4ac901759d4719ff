from __future__ import annotations

import random

from avatar_engine.clock import FRAME_RATE
from avatar_engine.drivers.live.pace import (
    LONGEST_STALL_S,
    PACKETS_PER_SLOT,
    SOUND_PER_PACKET,
    SOUND_PER_SLOT,
    SOUND_RATE,
    Pace,
)

DAY_SLOTS = 24 * 3600 * FRAME_RATE


def test_sound_and_picture_of_one_moment_leave_together_for_a_whole_day() -> None:
    pace = Pace(now=12_345.678, wall=1.7e9, lookahead_samples=1280)
    for slot in (0, 1, 2, 999, *random.Random(0).sample(range(DAY_SLOTS), 2000), DAY_SLOTS):
        assert slot * SOUND_PER_SLOT == slot * PACKETS_PER_SLOT * SOUND_PER_PACKET
        assert abs(pace.leaves_at(slot) - pace.packet_leaves_at(slot * PACKETS_PER_SLOT)) < 1e-9
        assert abs(pace.leaves_at(slot) - (12_345.678 + slot * 0.04 + 0.14)) < 1e-9
        assert abs(pace.wall_of(slot * SOUND_PER_SLOT / SOUND_RATE) - (1.7e9 + slot * 0.04 + 0.14)) < 1e-5


def test_a_day_of_wakeups_that_come_late_does_not_move_the_clock() -> None:
    """Whoever sleeps until the next moment and wakes late by chance is still on time at the end."""
    pace, now, wakes = Pace(0.0, 0.0, 1280), 0.0, random.Random(1)
    for slot in range(0, DAY_SLOTS, 7):
        now = max(now, pace.leaves_at(slot)) + wakes.random() * 0.03
        assert not pace.stalled(now, pace.leaves_at(slot))
        assert 0 <= now - pace.leaves_at(slot) < 0.04
    assert pace.leaves_at(DAY_SLOTS) == 24 * 3600 + 0.14


def test_media_time_stands_still_while_the_machine_is_stopped() -> None:
    pace = Pace(0.0, 1.7e9, 1280)
    before = pace.leaves_at(1000)
    assert not pace.stalled(before + 0.95 * LONGEST_STALL_S, before)
    assert pace.stalled(before + 3600, before)
    assert pace.leaves_at(1000) == before + 3600
    assert not pace.stalled(before + 3600, pace.leaves_at(1000))


def test_no_jump_and_no_stop_of_a_clock_parts_sound_and_picture() -> None:
    """Reports of both streams take their wall time from one line that was drawn at the start."""
    pace = Pace(10.0, 1.7e9, 0)
    before = pace.wall_of(4.0)
    pace.stalled(1e6, 10.0)
    assert pace.wall_of(5.0) - before == 1.0
