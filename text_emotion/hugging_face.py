"""Any local Hugging Face sequence classifier in the place of TextEmotion. Knows transformers and label
names; extra `hf`.

Nothing is downloaded, no code of the folder runs, and nothing is unpickled: weights must be safetensors.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from text_emotion.wording import both_ends

Float32 = NDArray[np.float32]

NAMES = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")

LABELS: dict[str, tuple[str, ...]] = {
    "anger": ("anger", "angry", "mad", "rage", "annoyance", "annoyed", "disapproval", "frustration"),
    "disgust": ("disgust", "disgusted"),
    "fear": ("fear", "fearful", "afraid", "scared", "nervousness", "anxiety", "worry"),
    "joy": (
        "joy", "joyful", "happy", "happiness", "love", "admiration", "amusement", "approval", "caring",
        "desire", "enthusiasm", "excitement", "fun", "gratitude", "optimism", "pride", "relief",
    ),
    "neutral": ("neutral", "neutrality", "no emotion", "none", "others", "other", "calm"),
    "sadness": ("sadness", "sad", "sorrow", "disappointment", "embarrassment", "grief", "remorse"),
    "surprise": ("surprise", "surprised", "realization", "confusion", "curiosity"),
}  # fmt: skip
"""Label names, in lower case, of each emotion; the 28 of GoEmotions are grouped as its authors group them
(Ekman).
"""

LONGEST_TOKENS = 256
"Of a sentence; a model that allows less gets less."


class HuggingFaceEmotion:
    """A transformers model with the interface of TextEmotion. Immutable, on the CPU."""

    names = NAMES

    def __init__(self, model: Any, tokenizer: Any, groups: list[list[int]], is_multi_label: bool) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._groups = groups
        self._is_multi_label = is_multi_label
        positions = getattr(model.config, "max_position_embeddings", LONGEST_TOKENS + 2)
        # RoBERTa's kind loses two positions to its padding number.
        self._longest = min(LONGEST_TOKENS, int(tokenizer.model_max_length), positions - 2)

    def read(self, texts: list[str]) -> Float32:
        """Probabilities float32 [n, 7] in the order of `names`, 0..1; one text at a time.

        Labels of one emotion are joined (softmax: added; sigmoid: the largest), classes that the model
        lacks are 0. Blank texts are neutral.
        """
        import torch

        result = np.zeros((len(texts), len(NAMES)), np.float32)
        for row, text in zip(result, texts, strict=True):
            if not text.strip():
                row[NAMES.index("neutral")] = 1
                continue
            encoded = self._tokenizer(
                _encodable(text), truncation=True, max_length=self._longest, return_tensors="pt"
            )
            with torch.inference_mode():
                logits = self._model(**encoded).logits[0].double()
            scores = (torch.sigmoid(logits) if self._is_multi_label else torch.softmax(logits, -1)).numpy()
            for i, members in enumerate(self._groups):
                if members:
                    joined = scores[members].max() if self._is_multi_label else scores[members].sum()
                    row[i] = min(1.0, joined)
        return result

    def coverage(self, text: str) -> float:
        """Share of the letters in pieces that the vocabulary holds, 0..1; 1 for a text without letters."""
        text = _encodable(text)
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        unknown = self._tokenizer.unk_token_id
        letters = sum(c.isalpha() for c in text)
        lost = sum(
            sum(c.isalpha() for c in text[start:end])
            for token, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
            if token == unknown
        )
        return 1 - lost / letters if letters else 1.0


def load(folder: Path | str) -> HuggingFaceEmotion:
    """The classifier of a local folder. ValueError, in one line, where it cannot be used, and why."""
    folder = Path(folder)
    config = _read_config(folder)
    groups = _group_labels(folder, config)
    try:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ImportError as error:
        raise ValueError(
            f"{folder}: needs {error.name}; install it with: pip install 'avatar-engine[hf]'"
        ) from None
    options = {"local_files_only": True, "trust_remote_code": False}
    with _quiet():
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, **options)
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True, **options
            )
        except Exception as error:  # transformers raises whatever its parts raise
            first_line = str(error).strip().partition("\n")[0]
            raise ValueError(
                f"{folder}: transformers cannot load it ({type(error).__name__}: {first_line})"
            ) from None
    if report["missing_keys"] or report.get("mismatched_keys"):
        missing = sorted([*report["missing_keys"], *report.get("mismatched_keys", ())], key=str)
        raise ValueError(
            f"{folder}: the weights lack {missing[0]}, so it is no trained classifier; give a folder of a "
            "model that was fine-tuned for sequence classification"
        )
    if not tokenizer.is_fast:
        raise ValueError(f"{folder}: has no fast tokenizer; save it with a tokenizer.json")
    return HuggingFaceEmotion(
        model.eval(), tokenizer, groups, config.get("problem_type") == "multi_label_classification"
    )


def _read_config(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give a local Hugging Face model folder")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{folder}: has no config.json; give a local Hugging Face model folder") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{folder / 'config.json'}: not readable ({error})") from None
    if not isinstance(config, dict):
        raise ValueError(f"{folder / 'config.json'}: holds {type(config).__name__}, expected an object")
    if "auto_map" in config:
        raise ValueError(
            f"{folder}: needs code of its own (auto_map), which is never run; give a model of a known kind"
        )
    if not any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        pickled = sorted(path.name for path in folder.glob("*.bin"))
        found = f"only {pickled[0]}, which would have to be unpickled" if pickled else "none"
        raise ValueError(
            f"{folder}: expected weights in model.safetensors, found {found}; save the model with "
            "save_pretrained() of a recent transformers"
        )
    return config


def _group_labels(folder: Path, config: dict[str, Any]) -> list[list[int]]:
    """For each of NAMES the numbers of the labels that mean it; ValueError unless two emotions or more are
    there.
    """
    labels = config.get("id2label")
    if not isinstance(labels, dict) or not labels:
        raise ValueError(f"{folder}: config.json has no id2label; write the emotions' names there")
    try:
        known = {
            str(label).strip().lower().replace("_", " "): int(number) for number, label in labels.items()
        }
    except ValueError:
        raise ValueError(f"{folder}: id2label of config.json must go from numbers to names") from None
    groups = [[known[label] for label in LABELS[name] if label in known] for name in NAMES]
    emotions = sum(bool(group) for name, group in zip(NAMES, groups, strict=True) if name != "neutral")
    if emotions < 2:
        shown = ", ".join(str(label) for label in list(labels.values())[:12])
        raise ValueError(
            f"{folder}: its labels are {shown}; expected names of emotions such as {', '.join(NAMES)}: "
            "write them into id2label of config.json"
        )
    return groups


def _encodable(text: str) -> str:
    """Both ends of a long text, without lone surrogates, which no tokenizer takes."""
    return both_ends(text).encode("utf-8", "replace").decode("utf-8")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """transformers tells its loading report and a progress bar to everybody; what matters is raised here
    instead.
    """
    from transformers.utils import logging

    level, had_bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if had_bar:
            logging.enable_progress_bar()
