"""How good a weights folder is: quality on dev and on our own sentences, time a sentence. Knows the
runtime, no training.

    python -m text_emotion.training.evaluate [--weights FOLDER] --data FOLDER

Prints tables; the last line is JSON. --data is what train takes.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path

import numpy as np

from text_emotion.model import TextEmotion
from text_emotion.training import scoring
from text_emotion.training.cases import CASES
from text_emotion.training.corpus import Sentences, own_phrases, read_goemotions

SHIPPED = Path(__file__).parents[1] / "weights" / "base"


def quality(model: TextEmotion, sentences: Sentences) -> dict[str, object]:
    """Macro-F1 at .5, per class too, and the expected calibration error."""
    probabilities = model.read(sentences.texts)
    f1 = scoring.f1_scores(probabilities > 0.5, sentences.labels)
    error = scoring.calibration_error(probabilities, sentences.labels)
    return {
        "sentences": len(sentences),
        "macro_f1": round(float(f1.mean()), 4),
        "f1": dict(zip(model.names, f1.round(4).tolist(), strict=True)),
        "macro_average_precision": round(
            float(scoring.average_precision(probabilities, sentences.labels).mean()), 4
        ),
        "calibration_error": round(float(error.mean()), 4),
    }


def milliseconds(model: TextEmotion, texts: list[str]) -> float:
    """Processor time of one sentence on one thread: the mean of the quickest of three rounds."""
    model.read(texts[:20])
    rounds = []
    for _ in range(3):
        began = time.process_time()
        for text in texts:
            model.read([text])
        rounds.append(time.process_time() - began)
    return round(1e3 * min(rounds) / len(texts), 2)


def look(model: TextEmotion) -> list[tuple[str, str, bool]]:
    """(sentence, what was read, whether the strongest is one of the fair answers) for our own cases."""
    rows = []
    for (text, fair), row in zip(CASES, model.read([text for text, _ in CASES]), strict=True):
        strongest = np.argsort(-row)[:2]
        said = "  ".join(f"{model.names[i]} {row[i]:.2f}" for i in strongest)
        rows.append((text, said, model.names[strongest[0]] in fair))
    return rows


def evaluate(model: TextEmotion, data: Path) -> dict[str, object]:
    """All figures, as the manifest records them."""
    dev, _ = read_goemotions(data / "goemotions_ekman", "dev")
    return {
        "goemotions_dev": quality(model, dev),
        "unseen_phrases": quality(model, own_phrases(seed=1, held_out=True)),
        "cases": f"{sum(ok for _, _, ok in look(model))} of {len(CASES)}",
        "milliseconds": {"a_sentence": milliseconds(model, dev.texts[:300]), "processor": _processor()},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, default=SHIPPED)
    parser.add_argument("--data", type=Path, required=True)
    a = parser.parse_args(arguments)
    model = TextEmotion.load(a.weights)
    for text, said, ok in look(model):
        print(f"{'ok ' if ok else 'BAD'}  {said:32}  {text}")
    figures = evaluate(model, a.data)
    for part in ("goemotions_dev", "unseen_phrases"):
        print(part, figures[part])
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
