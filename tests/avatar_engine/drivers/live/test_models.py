"""The shipped weights, as a worker draws them."""

from __future__ import annotations

import numpy as np

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
