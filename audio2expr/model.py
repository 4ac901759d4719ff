"""The trained nets of a weights folder, run by ONNX Runtime on one thread. Knows the manifest's `config`;
never verifies hashes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from audio2expr.features import N_FEATURES, Float32, FrontEnd
from audio2expr.mouth import MouthConfig, Opinions
from audio2expr.prosody import N_PROSODY
from audio2expr.stream import LOOKAHEAD_SAMPLES, Audio2ExprStream

MOUTH_FILE, MANNER_FILE = "mouth.onnx", "manner.onnx"


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@dataclass(frozen=True, slots=True, eq=False)
class Audio2Expr:
    """Speech -> mouth, and a weak opinion of the speaker's mood. Immutable and shared; each session takes
    its own stream()."""

    names: tuple[str, ...]
    "ARKit names of the weights it gives."
    emotion_names: tuple[str, ...]
    "The coarse classes of vocal emotion it tells apart."
    lookahead_samples: int
    "How far beyond its own end a frame listens: at most 1280 (80 ms)."
    _config: dict[str, Any]
    _mouth: onnxruntime.InferenceSession
    _manner: onnxruntime.InferenceSession

    @classmethod
    def load(cls, folder: Path | str) -> Audio2Expr:
        """The model of a weights folder. ValueError where its manifest lacks what this version needs;
        OSError where a file is missing."""
        folder = Path(folder)
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        config = manifest.get("config", {})
        needed = ("names", "emotion_names", "mouth", "prior_mean", "scale")
        missing = [key for key in needed if key not in config]
        if missing:
            raise ValueError(
                f"{folder / 'manifest.json'}: config lacks {', '.join(missing)}; the weights are of another "
                f"release"
            )
        mouth, manner = _session(folder / MOUTH_FILE), _session(folder / MANNER_FILE)
        wanted = [1, config["mouth"]["window_rows"], N_FEATURES]
        said = [1, len(Opinions._fields)]
        if (
            mouth.get_inputs()[0].shape != wanted
            or mouth.get_outputs()[1].shape != said
            or manner.get_inputs()[0].shape != [1, N_PROSODY]
        ):
            raise ValueError(
                f"{folder}: the nets do not take {wanted} and [1, {N_PROSODY}] or do not give {said}; the "
                f"weights are of another release"
            )
        names, emotions = tuple(config["names"]), tuple(config["emotion_names"])
        return cls(names, emotions, LOOKAHEAD_SAMPLES, config, mouth, manner)

    def stream(self) -> Audio2ExprStream:
        """A fresh stream for one session."""
        mouth = MouthConfig.from_config(self._config["mouth"])
        front_end = FrontEnd.from_config(self._config)
        return Audio2ExprStream(
            mouth, front_end, self._read_mouth, self._read_manner, len(self.emotion_names)
        )

    def _read_mouth(self, rows: Float32) -> tuple[Float32, Float32]:
        weights, opinions = self._mouth.run(None, {"rows": np.ascontiguousarray(rows)})
        return weights, opinions

    def _read_manner(self, prosody: Float32) -> Float32:
        (manner,) = self._manner.run(None, {"prosody": prosody})
        return np.asarray(manner, np.float32)
