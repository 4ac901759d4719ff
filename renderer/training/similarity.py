"""How alike two pictures are: PSNR, SSIM, MS-SSIM, sharpness. Knows arrays only.

Pictures are float32 [h, w, 3] of 0..255; higher is more alike, but for sharpness, which is 1 when alike.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]

SSIM_SIGMA = 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MS_SMALLEST = 11 * 2 ** (len(MS_WEIGHTS) - 1)
"A picture needs so many pixels a side for all scales of MS-SSIM."


def psnr(drawn: Picture, truth: Picture) -> float:
    """Peak signal to noise, dB."""
    return float(10 * np.log10(255**2 / np.square(drawn - truth).mean().clip(1e-6)))


def sharpness(drawn: Picture, truth: Picture, pixels: float) -> float:
    """High-frequency amplitude of `drawn` over that of `truth`: residuals of a Gaussian of so many pixels."""

    def residual(picture: Picture) -> float:
        return float(np.abs(picture - cv2.GaussianBlur(picture, (0, 0), pixels)).mean())

    return residual(drawn) / residual(truth)


def ssim(drawn: Picture, truth: Picture) -> float:
    """Structural similarity, -1..1, mean over pixels and colours (Wang, Bovik, Sheikh & Simoncelli 2004)."""
    luminance, structure = _terms(drawn, truth)
    return float((luminance * structure).mean())


def ms_ssim(drawn: Picture, truth: Picture) -> float:
    """The same over five octaves, 0..1 (Wang, Simoncelli & Bovik 2003); at least 176 pixels a side.

    ValueError for smaller pictures.
    """
    if min(truth.shape[:2]) < MS_SMALLEST:
        raise ValueError(f"{truth.shape[1]} x {truth.shape[0]} pixels: MS-SSIM needs {MS_SMALLEST} a side")
    product = 1.0
    for scale, weight in enumerate(MS_WEIGHTS):
        luminance, structure = _terms(drawn, truth)
        last = scale == len(MS_WEIGHTS) - 1
        term = (luminance * structure).mean() if last else structure.mean()
        product *= float(max(term, 0.0)) ** weight
        size = (truth.shape[1] // 2, truth.shape[0] // 2)
        drawn, truth = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in (drawn, truth))
    return product


def _terms(drawn: Picture, truth: Picture) -> tuple[Picture, Picture]:
    """Luminance, and contrast times structure, at each pixel; windows are mirrored at the edges."""

    def mean(x: Picture) -> Picture:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), SSIM_SIGMA, borderType=cv2.BORDER_REFLECT))

    a, b = mean(drawn), mean(truth)
    var_a, var_b = mean(drawn * drawn) - a * a, mean(truth * truth) - b * b
    covariance = mean(drawn * truth) - a * b
    return (2 * a * b + C1) / (a * a + b * b + C1), (2 * covariance + C2) / (var_a + var_b + C2)
