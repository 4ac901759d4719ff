"""The CPU back end: the exported graph on ONNX Runtime, geometry and textures on OpenCV. Knows no PyTorch."""

from __future__ import annotations

import copy
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from safetensors import safe_open

from renderer.compose import Composer, make_textures
from renderer.geometry import CELLS, Geometry, Guides
from renderer.rig import load_rig

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]


class OnnxBackend:
    """Draws with ONNX Runtime on `threads` threads that do not spin."""

    def __init__(self, folder: Path, graph: str, threads: int, shrink: int = 1) -> None:
        """shrink: pictures are composed at 512 / shrink, which is 1 or 2."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry(
            "session.intra_op.allow_spinning", "0"
        )  # the encoder needs the cores too
        self._session = ort.InferenceSession(str(folder / graph), options, providers=["CPUExecutionProvider"])
        self.geometry = Geometry(load_rig(folder / "rig.safetensors"))
        self._tensors = folder / "generator.safetensors"
        self._threads = threads
        with safe_open(self._tensors, "numpy") as file:
            texture = file.get_tensor("guide_texture")[0].astype(np.float32)
        parts = texture.reshape(-1, 4, *texture.shape[1:]).transpose(
            0, 2, 3, 1
        )  # remap takes at most four channels
        self._guide_texture = [np.ascontiguousarray(part) for part in parts]
        self._composer = self._make_composer(shrink)

    def at(self, shrink: int) -> OnnxBackend:
        """The same network, composing at 512 / shrink."""
        other = copy.copy(self)
        other._composer = self._make_composer(shrink)
        return other

    def _make_composer(self, shrink: int) -> Composer:
        with safe_open(self._tensors, "numpy") as file:
            wanted = [k for k in file.keys() if k.startswith("textures.") or k == "hair_motion"]  # noqa: SIM118
            textures = make_textures({k: file.get_tensor(k) for k in wanted}, shrink)
        return Composer(textures, self._threads)

    def carry(self, guides: Guides) -> Float32:
        """The guide texture where the spline takes it, float32 [channels, 88, 88]."""
        side = self._guide_texture[0].shape[0]
        across, down = cv2.split(guides.warp * side - 0.5)
        carried = np.empty((4 * len(self._guide_texture), CELLS, CELLS), np.float32)
        for k, part in enumerate(self._guide_texture):
            moved = cv2.remap(part, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            cv2.split(moved, list(carried[4 * k : 4 * k + 4]))
        return carried

    def network(self, controls: Float32, guides: Guides) -> tuple[Float32, Float32]:
        """Canvas [56, 64, 64] and box [64, 88, 88] for one frame."""
        canvas, box = self._session.run(None, self.feed(controls, guides))
        return canvas[0], box[0]

    def feed(self, controls: Float32, guides: Guides) -> dict[str, Float32]:
        """The graph's inputs for one frame."""
        return {
            "controls": controls[None],
            "masks": guides.masks[None].astype(np.float32) * np.float32(1 / 255),
            "carried": self.carry(guides)[None],
            "warp": guides.warp[None],
        }

    def draw(self, controls: Float32, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8:
        """uint8 [512 / shrink, 512 / shrink, 4], RGBA, opaque."""
        guides = self.geometry.guides(weights, head_rad, gaze_rad)
        canvas, box = self.network(controls, guides)
        return self._composer.compose(canvas, box, controls, guides)
