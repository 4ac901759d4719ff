"""Pictures between RGB and the YUV of video files, and over a background. Knows arrays, no files.

BT.709 matrix, limited range (16..235, chroma round 128), chroma at the centre of its four pixels.
"""

from __future__ import annotations

import cv2
import numpy as np

from avatar_engine.types import Float32, UInt8

KR, KB = 0.2126, 0.0722
"BT.709 luma coefficients of red and blue."


def _yuv_matrix() -> Float32:
    """[3, 4]: rows Y, U, V over columns R, G, B (0..255) and 1."""
    luma = np.array([KR, 1 - KR - KB, KB])
    blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - KB))
    red = (np.array([1, 0, 0]) - luma) / (2 * (1 - KR))
    scaled = np.stack([luma * 219, blue * 224, red * 224]) / 255
    return np.concatenate([scaled, [[16], [128], [128]]], axis=1).astype(np.float32)


_YUV = _yuv_matrix()


def yuv420(rgb: UInt8) -> tuple[UInt8, UInt8, UInt8]:
    """Planes Y [H, W], U and V [H / 2, W / 2] of a picture uint8 [H, W, 3] with even sides."""
    half = cv2.resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2), interpolation=cv2.INTER_AREA)
    # All three rows both times: OpenCV is fast for three of three channels, and twenty times slower for less.
    y = cv2.extractChannel(cv2.transform(rgb, _YUV), 0)
    _, u, v = cv2.split(cv2.transform(half, _YUV))
    return y, u, v


def over(rgba: UInt8, background: UInt8) -> UInt8:
    """A picture with straight alpha [H, W, 4] over an opaque one [H, W, 3], both sRGB: uint8 [H, W, 3]."""
    alpha = rgba[:, :, 3].astype(np.float32) * np.float32(1 / 255)
    mixed: UInt8 = cv2.blendLinear(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), background, alpha, 1 - alpha)
    return mixed
