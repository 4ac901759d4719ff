"""The GPU back end: the training network itself in PyTorch. The same weights and geometry as on the CPU."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from renderer import backend
from renderer.backend import DeviceFull, Faces, Float32, UInt8
from renderer.geometry import SIZE, Geometry
from renderer.rig import load_rig
from renderer.tensors import read_tensors
from renderer.torch_device import BatchSpline, scaled, to_rgb, to_rgba, to_yuv420
from renderer.torch_generator import build

logger = logging.getLogger(__name__)
MOST = 128
"Pictures in one pass, until the device turns out to have no memory for so many."
T = TypeVar("T")


class TorchBackend:
    """Draws with PyTorch; bf16 convolutions on CUDA, fp32 elsewhere."""

    def __init__(self, folder: Path, config: dict[str, Any], device: str) -> None:
        """DeviceFull."""
        self.device = torch.device(device)
        self.geometry = Geometry(load_rig(folder / "rig.safetensors"))
        net = build(config["generator"])
        tensors = read_tensors(folder / "generator.safetensors")
        net.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in tensors.items()})
        self._most = MOST
        self._background: Tensor | Literal["wall"] | None = "wall"
        try:
            self._net = net.eval().requires_grad_(False).to(self.device, memory_format=torch.channels_last)
            self._spline = BatchSpline(self.geometry.spline).to(self.device)
        except torch.OutOfMemoryError as error:
            raise DeviceFull(_in_a_line(error)) from None

    def draw(self, controls: Float32, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8:
        """uint8 [512, 512, 4], RGBA. DeviceFull."""
        picture: UInt8 = self.draw_batch(Faces(weights[None], head_rad[None], gaze_rad[None]))[0]
        return picture

    def at(self, shrink: int) -> TorchBackend:
        """Itself: it draws 512 whatever is shown, and Portrait scales."""
        return self

    def before(self, background: UInt8 | None) -> TorchBackend:
        """See Backend."""
        other = copy.copy(self)
        if background is None:
            other._background = None
        else:
            try:
                fitting = self._put(backend.scaled(background, SIZE)[:, :, ::-1])
                other._background = fitting.permute(2, 0, 1)[None].float() / 127.5 - 1
            except torch.OutOfMemoryError as error:
                raise DeviceFull(_in_a_line(error)) from None
        return other

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def draw_batch(self, faces: Faces) -> UInt8:
        """uint8 [n, 512, 512, 4], RGBA. DeviceFull."""

        def work(part: Faces, _start: int) -> UInt8:
            with self._autocast():
                picture, matte = self._net.with_matte(self._geometry(part), self._background)
            return _fetch(to_rgba(to_rgb(picture), matte))

        return np.concatenate(self._in_pieces(faces, work))

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def draw_yuv420(self, faces: Faces, sizes: Sequence[int], matrix: Float32) -> list[UInt8]:
        """See BatchBackend. One pass for all sizes; scaled and converted on the device."""

        def work(part: Faces, start: int) -> list[UInt8]:
            with self._autocast():
                rgb = to_rgb(self._net(self._geometry(part), background=self._background))
            wanted = np.array(sizes[start : start + len(part)])
            made: dict[int, UInt8] = {}
            for size in set(wanted.tolist()):
                rows = np.flatnonzero(wanted == size)
                chosen = rgb if len(rows) == len(rgb) else rgb[self._put(rows)]
                planes = _fetch(to_yuv420(scaled(chosen, size), self._put(matrix)))
                made.update(zip(rows.tolist(), planes, strict=True))
            return [made[row] for row in range(len(part))]

        return [picture for piece in self._in_pieces(faces, work) for picture in piece]

    def _in_pieces(self, faces: Faces, work: Callable[[Faces, int], T]) -> list[T]:
        """`work` on all faces in order, in pieces as large as the device has memory for; each is told its
        start."""
        done: list[T] = []
        start = 0
        while start < len(faces):
            part = faces[start : start + self._most]
            reason = None
            try:
                done.append(work(part, start))
                start += len(part)
            except torch.OutOfMemoryError as error:
                reason = _in_a_line(error)
            if reason is not None:  # here, where the exception no longer holds the tensors
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                if len(part) == 1:
                    raise DeviceFull(reason)
                self._most = len(part) // 2
                logger.warning("no memory for %d pictures at once, %d now: %s", len(part), self._most, reason)
        return done

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda")

    def _geometry(self, faces: Faces) -> dict[str, Tensor]:
        """What the network is fed, on the device."""
        outlines = [
            self.geometry.outlines(*face)
            for face in zip(faces.weights, faces.head_rad, faces.gaze_rad, strict=True)
        ]
        return {
            "controls": self._put(faces.controls),
            "masks": self._put(np.stack([o.masks for o in outlines])).float() / 255,
            "warp": self._spline(self._put(np.stack([o.control for o in outlines]))),
            "affines": self._put(np.stack([o.affines for o in outlines])),
            "openings": self._put(np.stack([o.openings for o in outlines])).float() / 255,
            "folds": self._put(np.stack([o.folds for o in outlines])),
        }

    def _put(self, array: np.ndarray[Any, Any]) -> Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if self.device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self.device, non_blocking=True)


def _fetch(pictures: Tensor) -> UInt8:
    fetched: UInt8 = pictures.cpu().numpy()
    return fetched


def _in_a_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
