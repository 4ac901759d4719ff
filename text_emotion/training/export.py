"""A trained run -> the weights folder that the runtime reads: 8-bit ONNX, tokenizer, calibration, manifest.

    python -m text_emotion.training.export --run FOLDER --data FOLDER [--out FOLDER]

The calibration is fitted on the held-out slice of train with the 8-bit model itself, so what rounding
shifts is in it. Nothing is written over until the new model has passed: at most QUALITY_LOSS of macro-F1
below the unrounded one there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from tokenizers import Tokenizer

from avatar_engine.weights import write_manifest
from text_emotion.model import TextEmotion
from text_emotion.tokens import Tokens
from text_emotion.training import evaluate, pretrained, scoring
from text_emotion.training.corpus import NAMES, Sentences, read_goemotions, split_held_out
from text_emotion.training.fit import Encoded, predict
from text_emotion.training.graph import build
from text_emotion.training.network import Classifier
from text_emotion.training.train import load

MODEL, TOKENIZER = "text_emotion.onnx", "tokenizer.json"
MAX_TOKENS = 128
"Of a text at run time: longer than any sentence; positions beyond those trained on are the encoder's own."
QUALITY_LOSS = 0.01
LARGEST_BYTES = 25_000_000

DATA = [
    {
        "name": "GoEmotions, labels grouped after Ekman (Demszky et al. 2020); train but a held-out tenth",
        "licence": "CC BY 4.0",
    },
    {
        "name": "own chatbot sentences, text_emotion/training/phrases.py",
        "licence": "Apache-2.0, part of this project",
    },
]
BRIGHTER = {"name": "BRIGHTER / SemEval-2025 task 11, track A, train split", "licence": "CC BY 4.0"}


def raw_logits(model: onnx.ModelProto, tokens: Tokens, texts: list[str]) -> np.ndarray:
    """What a graph with output "logits" gives for each text, float32 [n, class]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return np.stack([session.run(None, {"ids": ids})[0] for ids in tokens.encode_all(texts)])


def quantized_and_calibrated(
    model: Classifier, tokens: Tokens, held_out: Sentences
) -> tuple[onnx.ModelProto, dict[str, object]]:
    """(the graph to ship, what the held-out slice says about it). RuntimeError where rounding costs too
    much.
    """
    none = {"scale": np.ones(len(NAMES)), "threshold": np.zeros(len(NAMES))}
    rounded = raw_logits(
        build(model, max_tokens=tokens.max_tokens, output="logits", **none), tokens, held_out.texts
    )
    exact = predict(model, Encoded(held_out, tokens, "cpu"), device="cpu", precision="float32")
    f1 = [float(scoring.cross_fitted_f1(logits, held_out.labels).mean()) for logits in (exact, rounded)]
    if f1[1] < f1[0] - QUALITY_LOSS:
        raise RuntimeError(
            f"macro-F1 on held-out is {f1[1]:.4f} in 8 bits and {f1[0]:.4f} before: too much is lost"
        )
    scale, threshold = scoring.fit_calibration(rounded, held_out.labels)
    shipped = build(model, max_tokens=tokens.max_tokens, scale=scale, threshold=threshold)
    return shipped, {
        "macro_f1_float32": round(f1[0], 4),
        "macro_f1_int8": round(f1[1], 4),
        "mean_logit_error_int8": round(float(np.abs(rounded - exact).mean()), 4),
        "calibration_scale": dict(zip(NAMES, scale.round(4).tolist(), strict=True)),
        "calibration_threshold": dict(zip(NAMES, threshold.round(4).tolist(), strict=True)),
    }


def write_tokenizer(source: Path, target: Path) -> None:
    """The tokenizer without the padding and truncation that the original asks for."""
    tokenizer = Tokenizer.from_file(str(source))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(target), pretty=False)


def export(run: Path, data: Path, out: Path, *, version: str, command: str) -> dict[str, object]:
    """Write the weights folder; returns the metrics in its manifest."""
    model, record = load(run)
    tokens = Tokens.load(run / "tokenizer.json", min(MAX_TOKENS, model.config.max_position_embeddings))
    _, held_out = split_held_out(*read_goemotions(data / "goemotions_ekman", "train"))
    shipped, on_held_out = quantized_and_calibrated(model, tokens, held_out)
    with tempfile.TemporaryDirectory(dir=out.parent if out.parent.is_dir() else None) as scratch:
        folder = Path(scratch) / "base"
        folder.mkdir()
        onnx.save(shipped, folder / MODEL)
        write_tokenizer(run / "tokenizer.json", folder / TOKENIZER)
        size = (folder / MODEL).stat().st_size
        if size > LARGEST_BYTES:
            raise RuntimeError(f"{MODEL} has {size} bytes, at most {LARGEST_BYTES} may ship")
        config = {
            "kind": "text_emotion",
            "names": list(NAMES),
            "max_tokens": tokens.max_tokens,
            "model": MODEL,
            "tokenizer": TOKENIZER,
        }
        fields = {
            "name": "base",
            "version": version,
            "config": config,
            "inputs": {"ids": "int64 [token], WordPiece numbers of one text with [CLS] and [SEP]"},
            "outputs": {
                "probabilities": "float32 [7] in the order of names, independent, .5 is the decision"
            },
            "data": [*DATA, *([BRIGHTER] if record["chosen"]["options"]["brighter"] else [])],
            "pretrained": {
                "name": pretrained.ORIGIN,
                "licence": "Apache-2.0",
                "checked": record["pretrained"],
            },
            "command": [record["command"], command],
            "training": record["chosen"],
        }
        write_manifest(folder, [MODEL, TOKENIZER], **fields, metrics={})
        metrics = {"held_out": on_held_out, **evaluate.evaluate(TextEmotion.load(folder), data)}
        write_manifest(folder, [MODEL, TOKENIZER], **fields, metrics=metrics)
        out.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            shutil.move(path, out / path.name)
    return metrics


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="what train wrote")
    parser.add_argument("--data", type=Path, required=True, help="what train was given")
    parser.add_argument("--out", type=Path, default=evaluate.SHIPPED)
    parser.add_argument("--version", default="1.0")
    a = parser.parse_args(arguments)
    command = "python -m text_emotion.training.export " + " ".join(
        arguments if arguments is not None else sys.argv[1:]
    )
    print(json.dumps(export(a.run, a.data, a.out, version=a.version, command=command)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
