"""An interrupted head stops, stands, and goes on without a jerk."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.clock import FRAME_RATE
from avatar_engine.motion.poise import STILL_FRAMES, Poise

FRAMES = 8 * FRAME_RATE


def swaying() -> np.ndarray:
    """A lively head, [frames, 3] radians."""
    t = np.arange(FRAMES)[:, None] / FRAME_RATE
    return np.radians([6.0, 3.0, 2.0]) * np.sin(np.array([2.2, 3.1, 1.3]) * t)


def shown(head: np.ndarray, held_at: set[int]) -> np.ndarray:
    poise, angles = Poise(), []
    for i, angle in enumerate(head):
        if i in held_at:
            poise.hold()
        angles.append(poise.step(angle))
    return np.array(angles)


def test_without_an_interrupt_nothing_changes() -> None:
    assert np.array_equal(shown(swaying(), set()), swaying())


@given(st.sets(st.integers(1, FRAMES - 1), max_size=4))
def test_it_stands_after_three_frames_and_comes_back_smoothly(held_at: set[int]) -> None:
    head = swaying()
    angles = shown(head, held_at)
    for start in held_at:
        still = angles[start + 3 : start + STILL_FRAMES]
        assert not len(still) or np.ptp(still, axis=0).max() < np.radians(0.1)
    usual = abs(np.diff(head, axis=0)).max()
    assert abs(np.diff(angles, axis=0)).max() < 2.5 * usual
    free = np.ones(FRAMES, bool)
    for start in held_at:
        free[start : start + STILL_FRAMES + 3 * FRAME_RATE] = False
    np.testing.assert_allclose(angles[free], head[free], atol=np.radians(0.1))
