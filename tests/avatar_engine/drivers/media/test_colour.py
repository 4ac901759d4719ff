from __future__ import annotations

import numpy as np
import pytest

from avatar_engine.drivers.media.colour import yuv420

# ITU-R BT.709 colour bars at 100 %, limited range, as the standard's matrix gives them.
BARS = {
    (255, 255, 255): (235, 128, 128),
    (255, 255, 0): (219, 16, 138),
    (0, 255, 255): (188, 154, 16),
    (0, 255, 0): (173, 42, 26),
    (255, 0, 255): (78, 214, 230),
    (255, 0, 0): (63, 102, 240),
    (0, 0, 255): (32, 240, 118),
    (0, 0, 0): (16, 128, 128),
}


@pytest.mark.parametrize(("rgb", "yuv"), BARS.items())
def test_bars_are_those_of_the_standard(rgb: tuple[int, ...], yuv: tuple[int, ...]) -> None:
    planes = yuv420(np.full((16, 16, 3), rgb, np.uint8))
    # One step: OpenCV works in fixed point.
    for plane, value in zip(planes, yuv, strict=True):
        assert np.abs(plane.astype(int) - value).max() <= 1


def test_planes_have_half_the_colour() -> None:
    y, u, v = yuv420(np.zeros((64, 64, 3), np.uint8))
    assert y.shape == (64, 64) and u.shape == v.shape == (32, 32)
    assert y.dtype == u.dtype == v.dtype == np.uint8


def test_colour_is_the_mean_of_four_pixels() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (8, 8, 3), np.uint8)
    mean = picture.reshape(4, 2, 4, 2, 3).mean(axis=(1, 3))
    u = 128 + 224 / 255 * (mean @ [-0.2126, -0.7152, 0.9278]) / (2 * 0.9278)
    assert np.abs(yuv420(picture)[1] - u).max() <= 1.5
