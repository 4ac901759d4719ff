"""Texts -> emotion probabilities with the shipped network. Knows ONNX Runtime; does not split texts or
place them in time.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from text_emotion.tokens import Tokens

Float32 = NDArray[np.float32]

LEAST_COVERAGE = 0.5
"Below this share of known letters a text is not read but called neutral; the caller may want to say so."
NEUTRAL = "neutral"


class TextEmotion:
    """A BERT classifier of sentences. Immutable; one may be shared by all sessions and threads."""

    def __init__(self, session: Any, tokens: Tokens, names: tuple[str, ...]) -> None:
        if NEUTRAL not in names:
            raise ValueError(f"the classes are {', '.join(names)}, expected {NEUTRAL!r} among them")
        self.names = names
        "Emotion names in the order of the probabilities."
        self._session, self._tokens = session, tokens

    @staticmethod
    def load(folder: Path | str) -> TextEmotion:
        """The model of a weights folder (manifest.json, the ONNX file and the tokenizer it names), on one
        thread.

        ValueError where a file is missing or is not what the manifest says. Hashes are the caller's to check.
        """
        # Imported here, not above: splitting texts needs no runtime, and `--help` stays quick.
        import onnxruntime

        folder = Path(folder)
        config = _read_config(folder / "manifest.json")
        options = onnxruntime.SessionOptions()
        # One thread: a sentence is too short to share, and sums in one order are the same sums every time.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = folder / config["model"]
        if not path.is_file():
            raise ValueError(f"{path}: missing; restore it from the repository")
        try:
            session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has no common base class of its errors
            raise ValueError(
                f"{path}: not a usable ONNX file ({_first_line(error)}); restore it from the repository"
            ) from None
        tokens = Tokens.load(folder / config["tokenizer"], config["max_tokens"])
        model = TextEmotion(session, tokens, tuple(config["names"]))
        classes = session.get_outputs()[0].shape
        if classes != [len(model.names)]:
            raise ValueError(
                f"{path}: gives {classes} numbers a text, the manifest names {len(model.names)} emotions"
            )
        return model

    def read(self, texts: list[str]) -> Float32:
        """Probabilities float32 [n, len(names)] of n texts: independent, calibrated, 0..1; .5 is the
        decision.

        A text is read by itself, so the result does not depend on its neighbours. Of long texts the
        beginning and the end count (see `Tokens`, `wording`). Texts without letters, or in a script or
        language whose words the vocabulary lacks (`coverage` below LEAST_COVERAGE), are neutral: 1 there, 0
        elsewhere.
        """
        result = np.zeros((len(texts), len(self.names)), np.float32)
        for row, text in zip(result, texts, strict=True):
            encoded = self._tokens.read(text)
            if encoded.letters and encoded.coverage >= LEAST_COVERAGE:
                row[:] = self._session.run(None, {"ids": encoded.ids})[0]
            else:
                row[self.names.index(NEUTRAL)] = 1
        return result

    def coverage(self, text: str) -> float:
        """Share of the letters in words that the vocabulary knows, 0..1; 1 for a text without letters.

        Texts in Latin script are near 1 in any language (the model was trained on English), others near 0.
        """
        return self._tokens.read(text).coverage


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))["config"]
        for key, kind in (("model", str), ("tokenizer", str), ("max_tokens", int), ("names", list)):
            if not isinstance(config[key], kind):
                raise ValueError(f"{path}: config.{key} is {config[key]!r}, expected {kind.__name__}")
    except FileNotFoundError:
        raise ValueError(f"{path}: no manifest there; expected a weights folder of text_emotion") from None
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}: not a manifest of text_emotion ({type(error).__name__}: {error})"
        ) from None
    result: dict[str, Any] = config
    return result
