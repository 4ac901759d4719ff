"""The front door of the renderer: controls in, picture out. Chooses the back end, knows no network."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from renderer.backend import (
    Backend,
    BatchBackend,
    DeviceFull,
    Faces,
    Float32,
    UInt8,
    scaled,
    yuv420,
)

logger = logging.getLogger(__name__)
FORMAT = 3
"Of the weights: what they hold and how it is put together. The manifest's config says it."
T = TypeVar("T")


class FormatError(ValueError):
    """Weights that another version made."""


def check_format(folder: Path, config: dict[str, Any]) -> None:
    """FormatError where the weights of a folder are not of FORMAT."""
    if config.get("format") != FORMAT:
        raise FormatError(
            f"{folder} holds weights of format {config.get('format')}, expected {FORMAT}: train the avatar "
            f"again with this version (python -m renderer.training.portrait)"
        )


class Portrait:
    """One avatar, ready to draw. Calls from several threads at once are not safe, also of portraits that `at`
    and `before` made of one: they share memory.

    Pictures are the same at equal device, precision, thread count and number of faces drawn at once.
    """

    def __init__(
        self,
        backend: Backend,
        config: dict[str, Any],
        size: int,
        device: str,
        fall_back: Callable[[int], tuple[Backend, str]] | None = None,
    ) -> None:
        """fall_back: what to divide the network's own size by -> another back end and its device's name, for
        when this one's device has no memory."""
        self._backend = backend
        self._config = config
        self._fall_back = fall_back
        self.size = size
        self.device = device
        "What it really runs on, for people to read."
        self.names: tuple[str, ...] = tuple(config["names"])
        "ARKit names, the order of the weights."
        self.limits: dict[str, dict[str, float]] = config["limits"]
        "Ranges it was trained on: head_deg {yaw, pitch, roll}, gaze_deg {x, y}, weights {name: upper bound}."
        self.has_matte: bool = config["matte"]
        "Whether the pictures' alpha says what is the person and what the wall; else it is 255."

    @classmethod
    def load(cls, folder: Path | str, size: int = 512, device: str = "cpu", threads: int = 2) -> Portrait:
        """The avatar of a weights folder.

        size: one of the manifest's sizes. device: "cpu", "cuda", or "auto" (cuda where PyTorch finds one).
        A GPU whose memory runs out later is left for the CPU, and the reason logged. ValueError for a size or
        device that does not exist, FormatError, RuntimeError where CUDA is asked for and
        not there or full.
        """
        folder = Path(folder)
        config = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["config"]
        check_format(folder, config)
        _check_size(size, config)
        if device not in ("auto", "cpu", "cuda"):
            raise ValueError(f"device {device!r} is not one of auto, cpu, cuda")

        def on_cpu(shrink: int) -> tuple[Backend, str]:
            from renderer.onnx_backend import OnnxBackend

            half = config.get("half_graph")
            graphs = config["graph"] + (f", {half} at 256" if half else "")
            name = f"cpu (ONNX Runtime, {graphs}, {threads} threads)"
            return OnnxBackend(folder, config["graph"], threads, shrink, half), name

        if device != "cpu":
            reason = _why_no_cuda()
            if not reason:
                from renderer.torch_backend import TorchBackend

                try:
                    backend = TorchBackend(folder, config, "cuda")
                    return cls(backend, config, size, "cuda (PyTorch)", on_cpu)
                except DeviceFull as error:
                    reason = str(error)
            if device == "cuda":
                raise RuntimeError(f"device cuda: {reason}; use --device cpu")
            logger.info("drawing on the CPU: %s", reason)
        on, name = on_cpu(shrink_for(size, config["size"]))
        return cls(on, config, size, name)

    def at(self, size: int) -> Portrait:
        """The same avatar at another of its sizes, sharing the network. ValueError for a size it does not
        have."""
        _check_size(size, self._config)
        backend = self._backend.at(shrink_for(size, self._config["size"]))
        return Portrait(backend, self._config, size, self.device, self._fall_back)

    def before(self, background: UInt8 | None) -> Portrait:
        """The same avatar before this square picture, uint8 [h, h, 3], RGB, in place of its own wall, or
        before nothing: straight alpha. Shares the network, so the two may not draw at once.

        ValueError for another picture, and where the avatar has no matte.
        """
        if not self.has_matte:
            raise ValueError("this avatar has no matte, its own background is part of the picture")
        if background is not None and (
            background.dtype != np.uint8 or background.shape != (len(background), len(background), 3)
        ):
            shape, kind = background.shape, background.dtype
            raise ValueError(f"background must be uint8 [h, h, 3], not {kind} {list(shape)}")
        fall_back = self._fall_back

        def fallen(shrink: int) -> tuple[Backend, str]:
            assert fall_back is not None
            backend, name = fall_back(shrink)
            return backend.before(background), name

        backend = self._on_backend(lambda backend: backend.before(background))
        return Portrait(backend, self._config, self.size, self.device, fallen if self._fall_back else None)

    @property
    def batches(self) -> bool:
        """Whether many faces at once cost less than one after the other."""
        return isinstance(self._backend, BatchBackend)

    def draw(self, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8:
        """weights float32 [52] 0..1, head_rad [3] yaw, pitch, roll, gaze_rad [2] -> uint8 [size, size, 4]
        RGBA: the person before the wall; alpha is how much of a pixel is the person."""
        face = self._checked((), weights, head_rad, gaze_rad)
        picture = self._on_backend(
            lambda backend: backend.draw(face.controls, face.weights, face.head_rad, face.gaze_rad)
        )
        return scaled(picture, self.size)

    def draw_batch(self, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8:
        """weights float32 [n, 52], head_rad [n, 3], gaze_rad [n, 2] -> uint8 [n, size, size, 4] RGBA.

        In one pass on a GPU, one after the other on the CPU.
        """
        faces = self._checked((len(weights),), weights, head_rad, gaze_rad)
        if not len(faces):
            return np.zeros((0, self.size, self.size, 4), np.uint8)
        pictures = self._on_backend(lambda backend: _draw_all(backend, faces))
        return np.stack([scaled(picture, self.size) for picture in pictures])

    def draw_yuv420(
        self,
        weights: Float32,
        head_rad: Float32,
        gaze_rad: Float32,
        sizes: Sequence[int],
        matrix: Float32,
    ) -> list[UInt8]:
        """As draw_batch, each picture at its own size (even, at most 512) as planes Y, U, V below each other,
        uint8 [3 / 2 size, size]; scaled and converted on the device that draws.

        matrix: float32 [3, 4], rows Y, U, V over columns R, G, B (0..255) and 1.
        """
        faces = self._checked((len(weights),), weights, head_rad, gaze_rad)

        if not len(faces):
            return []

        def work(backend: Backend) -> list[UInt8]:
            if isinstance(backend, BatchBackend):
                return backend.draw_yuv420(faces, sizes, matrix)
            pictures = _draw_all(backend, faces)
            return [yuv420(scaled(p, size), matrix) for p, size in zip(pictures, sizes, strict=True)]

        return self._on_backend(work)

    def _checked(
        self, leading: tuple[int, ...], weights: Float32, head_rad: Float32, gaze_rad: Float32
    ) -> Faces:
        """ValueError for another shape and for numbers that are none."""
        for array, name, count in (
            (weights, "weights", len(self.names)),
            (head_rad, "head_rad", 3),
            (gaze_rad, "gaze_rad", 2),
        ):
            if np.shape(array) != (*leading, count) or not np.isfinite(array).all():
                raise ValueError(f"{name} must be {count} finite numbers for each face, not {array!r}")
        return Faces(*(np.asarray(a, np.float32) for a in (weights, head_rad, gaze_rad)))

    def _on_backend(self, work: Callable[[Backend], T]) -> T:
        try:
            return work(self._backend)
        except DeviceFull as error:
            if self._fall_back is None:
                raise
            logger.warning("drawing on the CPU from now on: %s", error)
            self._backend, self.device = self._fall_back(shrink_for(self.size, self._config["size"]))
            self._fall_back = None
        return work(self._backend)


def _draw_all(backend: Backend, faces: Faces) -> UInt8:
    """uint8 [n, side, side, 4], of the back end's side."""
    if isinstance(backend, BatchBackend):
        return backend.draw_batch(faces)
    rows = zip(faces.controls, faces.weights, faces.head_rad, faces.gaze_rad, strict=True)
    return np.stack([backend.draw(*row) for row in rows])


def shrink_for(size: int, full: int) -> int:
    """By what the network's own size `full` is divided to compose at `size`; 1 where `size` is scaled to."""
    return 2 if 2 * size == full else 1


def _check_size(size: int, config: dict[str, Any]) -> None:
    if size not in config["sizes"]:
        raise ValueError(f"size {size} is not one of {', '.join(map(str, config['sizes']))}")


def _why_no_cuda() -> str:
    """Empty where CUDA can be used, else the reason in words.

    The driver is asked for before PyTorch is imported: that alone takes a second and 180 MB.
    """
    if importlib.util.find_spec("torch") is None:
        return "PyTorch is not installed (pip install 'avatar-engine[gpu]')"
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return "there is no NVIDIA driver"
    import torch

    return "" if torch.cuda.is_available() else "PyTorch finds no CUDA device"
