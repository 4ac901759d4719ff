from __future__ import annotations

import numpy as np
import pytest

from avatar_engine.motion.lips import APERTURE, APERTURE_REST, WIDTH, aperture, width
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES


def test_the_table_has_what_anatomy_expects() -> None:
    assert 0.005 < APERTURE_REST < 0.01
    assert APERTURE[ARKIT_INDEX["jawOpen"]] > 0.25
    assert APERTURE[ARKIT_INDEX["mouthClose"]] < -0.25
    assert WIDTH[ARKIT_INDEX["mouthSmileLeft"]] > 0
    assert WIDTH[ARKIT_INDEX["mouthPucker"]] < 0
    upper = [i for name, i in ARKIT_INDEX.items() if name.startswith(("brow", "eye"))]
    assert np.abs(APERTURE[upper]).max() < 1e-3


def test_aperture_and_width_are_linear_over_any_batch() -> None:
    weights = np.random.default_rng(0).random((3, 4, len(ARKIT_NAMES)))
    assert aperture(weights).shape == (3, 4)
    assert aperture(weights)[1, 2] == pytest.approx(APERTURE_REST + weights[1, 2] @ APERTURE)
    half = aperture(weights / 2) - APERTURE_REST
    assert half == pytest.approx((aperture(weights) - APERTURE_REST) / 2)
    assert width(np.zeros(len(ARKIT_NAMES))) > 0.3
