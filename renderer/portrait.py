"""The front door of the renderer: controls in, picture out. Chooses the back end, knows no network."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import logging
import sys
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]

logger = logging.getLogger(__name__)


class Backend(Protocol):
    """Draws at the network's own size, or at a fraction of it."""

    def at(self, shrink: int) -> Backend: ...
    def draw(self, controls: Float32, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8: ...


def control_vector(weights: Float32, head_rad: Float32, gaze_rad: Float32) -> Float32:
    """What the mapping network reads: 52 weights, head angles over 20 degrees, gaze over 25 degrees; float32
    [57]."""
    head, gaze = head_rad / np.radians(20), gaze_rad / np.radians(25)
    return np.concatenate([weights, head, gaze]).astype(np.float32)


class Portrait:
    """One avatar, ready to draw. Immutable; calls from several threads at once are not safe.

    Pictures are the same at equal device, precision and thread count.
    """

    def __init__(self, backend: Backend, config: dict[str, Any], size: int, device: str) -> None:
        self._backend = backend
        self._config = config
        self.size = size
        self.device = device
        "What it really runs on, for people to read."
        self.names: tuple[str, ...] = tuple(config["names"])
        "ARKit names, the order of the weights."
        self.limits: dict[str, dict[str, float]] = config["limits"]
        "Ranges it was trained on: head_deg {yaw, pitch, roll}, gaze_deg {x, y}, weights {name: upper bound}."
        self.has_matte: bool = config["matte"]

    @classmethod
    def load(cls, folder: Path | str, size: int = 512, device: str = "cpu", threads: int = 2) -> Portrait:
        """The avatar of a weights folder.

        size: one of the manifest's sizes. device: "cpu", "cuda", or "auto" (cuda where PyTorch finds one).
        ValueError for a size or device that does not exist, RuntimeError where CUDA is asked for and not
        there.
        """
        folder = Path(folder)
        config = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["config"]
        _check_size(size, config)
        if device not in ("auto", "cpu", "cuda"):
            raise ValueError(f"device {device!r} is not one of auto, cpu, cuda")
        if device != "cpu":
            reason = _why_no_cuda()
            if reason and device == "cuda":
                raise RuntimeError(f"device cuda: {reason}; use --device cpu")
            if not reason:
                from renderer.torch_backend import TorchBackend

                return cls(TorchBackend(folder, config, "cuda"), config, size, "cuda (PyTorch)")
            logger.info("drawing on the CPU: %s", reason)
        from renderer.onnx_backend import OnnxBackend

        backend = OnnxBackend(folder, config["graph"], threads, shrink_for(size, config["size"]))
        return cls(backend, config, size, f"cpu (ONNX Runtime, {config['graph']}, {threads} threads)")

    def at(self, size: int) -> Portrait:
        """The same avatar at another of its sizes, sharing the network. ValueError for a size it does not
        have."""
        _check_size(size, self._config)
        backend = self._backend.at(shrink_for(size, self._config["size"]))
        return Portrait(backend, self._config, size, self.device)

    def draw(self, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8:
        """weights float32 [52] 0..1, head_rad [3] yaw, pitch, roll, gaze_rad [2] -> uint8 [size, size, 4]
        RGBA."""
        for array, name, shape in (
            (weights, "weights", (len(self.names),)),
            (head_rad, "head_rad", (3,)),
            (gaze_rad, "gaze_rad", (2,)),
        ):
            if np.shape(array) != shape or not np.isfinite(array).all():
                raise ValueError(f"{name} must be {shape[0]} finite numbers, not {array!r}")
        weights, head_rad, gaze_rad = (np.asarray(a, np.float32) for a in (weights, head_rad, gaze_rad))
        picture = self._backend.draw(control_vector(weights, head_rad, gaze_rad), weights, head_rad, gaze_rad)
        if picture.shape[0] != self.size:
            picture = cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return picture


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
