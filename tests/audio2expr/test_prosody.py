"""Manner of speaking against the speaker's own habit."""

from __future__ import annotations

import numpy as np

from audio2expr.features import Block
from audio2expr.prosody import N_PROSODY, Prosody


def block(pitch_hz: float, energy_db: float) -> Block:
    rows = np.full(4, energy_db, np.float32)
    return Block(np.zeros((4, 53), np.float32), rows, np.full(4, pitch_hz, np.float32), rows * 0, -20.0, 30.0)


def test_louder_and_higher_than_before_is_heard_and_then_becomes_the_habit() -> None:
    prosody = Prosody()
    for _ in range(300):
        calm = prosody.push(block(110, -30), 1.0, 0.5)
    for _ in range(60):
        excited = prosody.push(block(165, -20), 1.0, 0.5)
    assert excited[0] > calm[0] + 0.5 and excited[2] > calm[2] + 0.5
    for _ in range(3000):
        settled = prosody.push(block(165, -20), 1.0, 0.5)
    assert abs(settled[0]) < 0.2 and abs(settled[2]) < 0.2


def test_pauses_change_nothing() -> None:
    prosody = Prosody()
    for _ in range(50):
        before = prosody.push(block(120, -25), 1.0, 0.4)
    for _ in range(500):
        after = prosody.push(block(0, -90), 0.0, 0.0)
    np.testing.assert_array_equal(before, after)
    assert after.shape == (N_PROSODY,) and after.dtype == np.float32


def test_values_stay_in_range_whatever_comes() -> None:
    prosody = Prosody()
    for _ in range(20):
        out = prosody.push(block(450, 60), 1.0, 1.0)
        assert np.isfinite(out).all() and np.abs(out).max() <= 4
