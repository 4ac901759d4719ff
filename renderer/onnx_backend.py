"""The CPU back end: the exported graph on ONNX Runtime, geometry and textures on OpenCV. Knows no PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from renderer.backend import scaled
from renderer.compose import Composer
from renderer.geometry import SIZE, Geometry, Guides
from renderer.packing import OUTPUTS, Drawn, GuidePacker
from renderer.rig import load_rig
from renderer.tensors import read_tensors
from renderer.textures import Textures, make_textures

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]


class OnnxBackend:
    """Draws with ONNX Runtime on `threads` threads that do not spin."""

    def __init__(
        self, folder: Path, graph: str, threads: int, shrink: int = 1, half_graph: str | None = None
    ) -> None:
        """shrink: pictures are composed at 512 / shrink, which is 1 or 2. half_graph: a network made for
        256; without one `graph` serves there too."""
        self._folder, self._graphs, self._threads = folder, {1: graph, 2: half_graph or graph}, threads
        self._session = self._open(shrink)
        self.geometry = Geometry(load_rig(folder / "rig.safetensors"))
        self._tensors = folder / "generator.safetensors"
        self._change: Callable[[Textures], Textures] = lambda textures: textures
        guide = read_tensors(self._tensors, lambda name: name == "guide_texture")["guide_texture"]
        self.packer = GuidePacker(guide[0])
        self.composer = self._make_composer(shrink)

    def _open(self, shrink: int) -> ort.InferenceSession:
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        # the encoder needs the cores too
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = str(self._folder / self._graphs[shrink])
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def at(self, shrink: int) -> OnnxBackend:
        """The same face, composed at 512 / shrink."""
        other = copy.copy(self)
        if self._graphs[1] != self._graphs[2]:
            other._session = self._open(shrink)
        other.composer = self._make_composer(shrink)
        return other

    def before(self, background: UInt8 | None) -> OnnxBackend:
        """See Backend."""
        other = copy.copy(self)

        def change(textures: Textures) -> Textures:
            side = SIZE // textures.shrink
            fitting = None if background is None else scaled(background, side)[:, :, ::-1]
            return replace(textures, wall=None if fitting is None else np.ascontiguousarray(fitting))

        other._change = change
        other.composer = other._make_composer(self.composer.textures.shrink)
        return other

    def _make_composer(self, shrink: int) -> Composer:
        layers = ("textures.", "hair_motion", "matte_motion")
        wanted = read_tensors(self._tensors, lambda name: name.startswith(layers))
        return Composer(self._change(make_textures(wanted, shrink)), self._threads)

    def network(self, controls: Float32, guides: Guides) -> Drawn:
        """What the network draws for one frame."""
        return Drawn(*self._session.run(list(OUTPUTS), self.feed(controls, guides)))

    def feed(self, controls: Float32, guides: Guides) -> dict[str, Float32 | UInt8]:
        """The graph's inputs for one frame; the guides are valid until the next call."""
        return {"controls": controls[None], "guides": self.packer.pack(guides)}

    def draw(self, controls: Float32, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> UInt8:
        """uint8 [512 / shrink, 512 / shrink, 4], RGBA."""
        guides = self.geometry.guides(weights, head_rad, gaze_rad)
        return self.composer.compose(self.network(controls, guides), controls, guides)
