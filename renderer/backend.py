"""What a back end is: faces in, pictures of the network's own size out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]


class DeviceFull(RuntimeError):  # noqa: N818 - a state of the device, as queue.Full is one
    """The device has no memory even for one picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """What n pictures are to show."""

    weights: Float32
    "float32 [n, 52], 0..1."
    head_rad: Float32
    "float32 [n, 3]: yaw, pitch, roll."
    gaze_rad: Float32
    "float32 [n, 2]."

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, piece: slice) -> Faces:
        return Faces(self.weights[piece], self.head_rad[piece], self.gaze_rad[piece])

    @property
    def controls(self) -> Float32:
        """float32 [n, 57]: see control_vector."""
        return control_vector(self.weights, self.head_rad, self.gaze_rad)


class Backend(Protocol):
    """Draws at the network's own size, or at a fraction of it."""

    def before(self, background: UInt8 | None) -> Backend:
        """One that shares the network and draws the person before this square picture, uint8 [h, h, 3], RGB,
        or before nothing: straight alpha."""
        ...

    def at(self, shrink: int) -> Backend:
        """One that shares the network and draws at 512 / shrink, or itself where that saves nothing."""
        ...

    def draw(self, controls: Float32, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8:
        """uint8 [512 / shrink, 512 / shrink, 4], RGBA."""
        ...


@runtime_checkable
class BatchBackend(Backend, Protocol):
    """One that draws many faces at once for less than one after the other. Everything: DeviceFull."""

    def draw_batch(self, faces: Faces) -> UInt8:
        """uint8 [n, 512, 512, 4], RGBA."""
        ...

    def draw_yuv420(self, faces: Faces, sizes: Sequence[int], matrix: Float32) -> list[UInt8]:
        """Each face at its own size, converted as by `yuv420`."""
        ...


def control_vector(weights: Float32, head_rad: Float32, gaze_rad: Float32) -> Float32:
    """What the mapping network reads: 52 weights, head angles over 20 degrees, gaze over 25 degrees; float32
    [..., 57]."""
    head, gaze = head_rad / np.radians(20), gaze_rad / np.radians(25)
    return np.concatenate([weights, head, gaze], -1).astype(np.float32)


def scaled(picture: UInt8, size: int) -> UInt8:
    """A square picture at another size, by the mean of the area that a pixel covers."""
    if picture.shape[0] == size:
        return picture
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def yuv420(rgba: UInt8, matrix: Float32) -> UInt8:
    """A square picture as planes Y, U, V below each other, uint8 [3 / 2 size, size]; alpha is left out.

    matrix: float32 [3, 4], rows Y, U, V over columns R, G, B (0..255) and 1. Chroma is that of the mean of
    its four pixels.
    """
    size = rgba.shape[0]
    rgb = cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)
    chroma = cv2.transform(scaled(rgb, size // 2), matrix)[:, :, 1:]
    luma = cv2.transform(rgb, matrix)[:, :, 0]
    return np.concatenate(
        [luma.reshape(-1), chroma[:, :, 0].reshape(-1), chroma[:, :, 1].reshape(-1)]
    ).reshape(-1, size)
