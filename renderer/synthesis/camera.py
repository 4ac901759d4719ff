"""The one camera: a pinhole in front of the face. Knows where points fall in the picture, no renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renderer.synthesis.geometry import Array

PICTURE_SIZE = 512  # pixels: labels are in pixels of this picture whatever part of it was rendered
CROP_SIZE = 240  # pixels: a face crop, at the scale of the full frame


@dataclass(frozen=True)
class Camera:
    """Looks along -z at a point on the y axis."""

    focal_mm: float = 85.0
    sensor_mm: float = 36.0
    view_height_cm: float = 33.0
    "what it sees of the plane through the origin"
    centre_y_cm: float = -0.5

    @property
    def distance_cm(self) -> float:
        """From the origin's plane."""
        return self.view_height_cm * self.focal_mm / self.sensor_mm

    def project(self, points: Array) -> Array:
        """Points [..., 3] cm -> positions [..., 2] in pixels of the 512 picture.

        The origin is its top left corner. Also where something hides the point, and outside the picture.
        """
        scale = self.focal_mm / self.sensor_mm / (self.distance_cm - points[..., 2])
        x = 0.5 + points[..., 0] * scale
        y = 0.5 - (points[..., 1] - self.centre_y_cm) * scale
        return np.stack([x, y], -1) * PICTURE_SIZE


CAMERA = Camera()


def face_crop(landmarks: Array) -> tuple[int, int, int, int]:
    """The crop (left, top, width, height) around 68 projected landmarks [68, 2], inside the picture."""
    x, y = (landmarks.min(0) + landmarks.max(0)) / 2
    limit = PICTURE_SIZE - CROP_SIZE
    left = int(np.clip(round(x - CROP_SIZE / 2), 0, limit))
    top = int(np.clip(round(y - 4 - CROP_SIZE / 2), 0, limit))  # 4 px up: brows matter more than the throat
    return left, top, CROP_SIZE, CROP_SIZE
