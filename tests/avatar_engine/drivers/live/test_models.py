"""The shipped weights, as a worker draws them."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_engine import assembly
from avatar_engine.config import RenderOptions
from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.drivers.live.worker.models import ShippedModels


def test_a_worker_draws_the_pixels_of_the_offline_driver_at_every_size() -> None:
    models = ShippedModels("cpu", 1)
    session = models.session(SessionOptions("ava", 512, seed=4))
    session.push_silence(16_000)
    frame = session.advance()[-1]
    for size in (256, 512):
        offline = assembly.build_renderer(RenderOptions("ava", size, "cpu", 1))
        renderer = models.renderer("ava", size)
        assert renderer.size == size
        drawn = renderer.draw(frame.weights, frame.head_rad, frame.gaze_rad)
        assert np.array_equal(drawn, offline.draw(frame.weights, frame.head_rad, frame.gaze_rad))


@pytest.mark.parametrize("size", [256, 384, 512])
def test_a_background_stands_behind_the_avatar_at_every_size(size: int) -> None:
    models = ShippedModels("cpu", 1, np.full((64, 64, 3), (12, 128, 16), np.uint8))
    drawn = models.renderer("kai", size).draw(*(np.zeros(count, np.float32) for count in (52, 3, 2)))
    corner, middle = drawn[4, 4, :3].astype(int), drawn[size // 2, size // 2, :3].astype(int)
    assert np.abs(corner - (12, 128, 16)).max() <= 1
    assert np.abs(middle - (12, 128, 16)).max() > 40
