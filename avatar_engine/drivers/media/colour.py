"""Pictures between RGB and the YUV of video files. Knows arrays, no files.

Limited range (16..235, chroma round 128), chroma at the centre of its four pixels. Files carry BT.709; VP8
knows BT.601 alone, and so do browsers of small pictures that name nothing else.
"""

from __future__ import annotations

import cv2
import numpy as np

from avatar_engine.types import Float32, UInt8


def _yuv_matrix(red_weight: float, blue_weight: float) -> Float32:
    """[3, 4]: rows Y, U, V over columns R, G, B (0..255) and 1; from the luma coefficients."""
    luma = np.array([red_weight, 1 - red_weight - blue_weight, blue_weight])
    blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue_weight))
    red = (np.array([1, 0, 0]) - luma) / (2 * (1 - red_weight))
    scaled = np.stack([luma * 219, blue * 224, red * 224]) / 255
    return np.concatenate([scaled, [[16], [128], [128]]], axis=1).astype(np.float32)


BT709 = _yuv_matrix(0.2126, 0.0722)
BT601 = _yuv_matrix(0.299, 0.114)


def yuv420(rgb: UInt8, matrix: Float32 = BT709) -> tuple[UInt8, UInt8, UInt8]:
    """Planes Y [H, W], U and V [H / 2, W / 2] of a picture uint8 [H, W, 3] with even sides."""
    half = cv2.resize(rgb, (rgb.shape[1] // 2, rgb.shape[0] // 2), interpolation=cv2.INTER_AREA)
    # All three rows both times: OpenCV is fast for three of three channels, and twenty times slower for less.
    y = cv2.extractChannel(cv2.transform(rgb, matrix), 0)
    _, u, v = cv2.split(cv2.transform(half, matrix))
    return y, u, v
