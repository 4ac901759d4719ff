"""Measures of likeness against slow forms of their definitions."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderer.training.similarity import (
    C1,
    C2,
    MS_SMALLEST,
    SSIM_SIGMA,
    _terms,
    ms_ssim,
    psnr,
    sharpness,
    ssim,
)


def noise(seed: int, side: int = 24) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (side, side, 3)).astype(np.float32)


def slow_ssim_at(a: np.ndarray, b: np.ndarray, row: int, column: int) -> float:
    """SSIM of one pixel and colour, its window written out."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * SSIM_SIGMA**2))
    window /= window.sum()
    x, y = (p[row - 5 : row + 6, column - 5 : column + 6].astype(float) for p in (a, b))
    mx, my = (window * x).sum(), (window * y).sum()
    vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
    covariance = (window * (x - mx) * (y - my)).sum()
    return ((2 * mx * my + C1) * (2 * covariance + C2)) / ((mx**2 + my**2 + C1) * (vx + vy + C2))


def test_ssim_is_the_mean_of_its_pixels() -> None:
    a, b = noise(0, 11), noise(1, 11)
    b = 0.5 * a + 0.5 * b
    one = np.zeros((11, 11, 3), np.float32)
    centre = [slow_ssim_at(a[..., k], b[..., k], 5, 5) for k in range(3)]
    luminance, structure = _terms(a, b)
    np.testing.assert_allclose((luminance * structure)[5, 5], centre, rtol=1e-3)
    assert ssim(a, b) == pytest.approx(float((luminance * structure).mean()))
    assert ssim(one, one) == pytest.approx(1)


@given(st.integers(0, 99), st.floats(0, 60))
def test_nothing_is_more_alike_than_itself(seed: int, strength: float) -> None:
    a = noise(seed)
    b = (a + strength * np.random.default_rng(seed + 1).normal(size=a.shape)).astype(np.float32)
    assert -1 <= ssim(a, b) <= 1.0001 and ssim(a, a) == pytest.approx(1)
    assert psnr(a, b) <= psnr(a, a)
    assert sharpness(a, a, 1) == pytest.approx(1)


def test_ms_ssim_falls_with_noise_and_wants_large_pictures() -> None:
    truth = noise(3, MS_SMALLEST)
    said = [ms_ssim(truth + s * noise(4, MS_SMALLEST), truth) for s in (0.0, 0.1, 0.3)]
    assert said[0] == pytest.approx(1) and said[0] > said[1] > said[2] > 0
    with pytest.raises(ValueError, match="24 x 24 pixels: MS-SSIM needs 176"):
        ms_ssim(noise(0), noise(1))


def test_a_blurred_picture_is_less_sharp() -> None:
    truth = noise(5, 64)
    assert sharpness(cv2.GaussianBlur(truth, (0, 0), 1.0), truth, 2) < 0.7
