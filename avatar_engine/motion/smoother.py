"""The causal LSTM that takes the jitter out of a face and bridges gaps, one step a frame in ONNX Runtime.

Knows its folder (manifest.json, smoother.onnx) and nothing else of the engine. What goes in are the
lower-face weights, the aperture that the speech wants and whether the frame was heard; what comes out is the
same with a bounded correction. Trained by `python -m avatar_engine.training.smoother`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from avatar_engine.names import ARKIT_INDEX

Float64 = NDArray[np.float64]

MODEL_FILE = "smoother.onnx"


class SmootherModel:
    """The network. Immutable, shared between sessions and threads."""

    def __init__(self, session: onnxruntime.InferenceSession, names: tuple[str, ...], hidden: int) -> None:
        self._session = session
        self.names = names
        "ARKit names of the weights it smooths; the others pass through."
        self.hidden = hidden
        self.columns = np.array([ARKIT_INDEX[name] for name in names], dtype=np.intp)

    @classmethod
    def load(cls, folder: Path) -> SmootherModel:
        """From a weights folder. The hash of its files is the engine's business, not checked here."""
        config = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["config"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            str(folder / MODEL_FILE), options, providers=["CPUExecutionProvider"]
        )
        return cls(session, tuple(config["names"]), int(config["hidden"]))

    def open(self) -> SmootherStream:
        """A smoother for one session, at rest."""
        return SmootherStream(self)

    def run(
        self, features: NDArray[np.float32], hidden: NDArray[np.float32], cell: NDArray[np.float32]
    ) -> list[NDArray[np.float32]]:
        """One step: features float32 [1, weights + 2], state float32 [1, hidden] twice -> smooth, hidden,
        cell."""
        out: list[NDArray[np.float32]] = self._session.run(None, {"x": features, "h": hidden, "c": cell})
        return out


class SmootherStream:
    """One face's state in the network."""

    def __init__(self, model: SmootherModel) -> None:
        self._model = model
        self._hidden = np.zeros((1, model.hidden), dtype=np.float32)
        self._cell = np.zeros((1, model.hidden), dtype=np.float32)

    def step(self, weights: Float64, wanted: float, valid: bool) -> tuple[Float64, float]:
        """One frame: weights float64 [52] and the wanted aperture -> the same, smoothed; depends on earlier
        frames only."""
        columns = self._model.columns
        features = np.concatenate([weights[columns], [wanted, float(valid)]]).astype(np.float32)[None]
        smooth, self._hidden, self._cell = self._model.run(features, self._hidden, self._cell)
        out = weights.copy()
        out[columns] = smooth[0, :-1]
        return out, float(smooth[0, -1])
