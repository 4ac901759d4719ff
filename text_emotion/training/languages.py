"""The small model of the languages besides English: BRIGHTER in, a weights folder or a 5-fold table out.

    python -m text_emotion.training.languages --data FOLDER [--out FOLDER]
    python -m text_emotion.training.languages --data FOLDER --folds [LANGUAGE ...]

A language is ridge regression on TF-IDF of hashed character and word n-grams. Leave-one-out scores come in
closed form, so thresholds and calibration are fitted on scores that no text helped to make. --folds reports
it over train + dev beside the baseline of training/baseline.py; every fold fits its own everything.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from avatar_engine.weights import write_manifest
from text_emotion.language import ENGLISH, LanguageFinder
from text_emotion.linear import IDF_STEP, LanguageEmotion, grouped
from text_emotion.ngrams import characters, hashed
from text_emotion.training import baseline, scoring
from text_emotion.training.corpus import NAMES, Sentences, read_brighter, read_goemotions

SHIPPED = Path(__file__).parents[1] / "weights" / "languages"
LANGUAGES = ("chn", "deu", "esp", "hin", "ptbr", "ron", "rus", "swe", "ukr")
LATIN = (ENGLISH, "deu", "esp", "ptbr", "ron", "swe")
EMOTIONS = [i for i, name in enumerate(NAMES) if name != "neutral"]
MOST = 62_000
"N-grams of a language: 12 bytes each."
LATIN_BUCKETS = 16_384
RIDGE = 1.2
"Of the kernel's diagonal, which is 1; of .1 to 3.2 the middle of a flat top (Chinese, one fold)."
ABSENT = -5.0
"Logit of an emotion that a language's texts are never labelled with."
SPREAD = 10.0
"Ridge scores lie near 0..1; the calibration looks for scales of logits."
MARGIN = 9.0
"Nats; see LanguageFinder. Chosen on GoEmotions train and BRIGHTER: see LOG.md."
KEYS, WEIGHTS, LATIN_WEIGHTS = "keys.npy", "emotions.npy", "latin.npy"
DATA = [
    {
        "name": "BRIGHTER / SemEval-2025 task 11, track A, train and dev, nine languages",
        "licence": "CC BY 4.0",
    },
    {"name": "GoEmotions, train (English, to tell languages apart)", "licence": "CC BY 4.0"},
]


def read(data: Path, language: str) -> Sentences:
    """BRIGHTER's train and dev of a language."""
    train, dev = (read_brighter(data / "brighter" / part / f"{language}.csv") for part in ("train", "dev"))
    return train + dev


@dataclass(frozen=True)
class Counted:
    """Texts as counts of n-grams, character n-grams and words apart."""

    keys: np.ndarray
    "int64 [n-gram], hashes, ascending."
    parts: tuple[sparse.csr_matrix, ...]
    "float32 [text, n-gram] each."
    shares: tuple[float, ...]

    @staticmethod
    def of(texts: Sequence[str]) -> Counted:
        rows = [grouped(text) for text in texts]
        keys = np.unique(np.concatenate([hashes for row in rows for hashes, _, _ in row]))
        parts = []
        for group in zip(*rows, strict=True):
            starts = np.cumsum([0, *(len(hashes) for hashes, _, _ in group)])
            hashes, values = (np.concatenate([entry[i] for entry in group]) for i in (0, 1))
            places = np.searchsorted(keys, hashes)
            parts.append(sparse.csr_matrix((values, places, starts), (len(texts), len(keys))))
        return Counted(keys, tuple(parts), tuple(share for _, _, share in rows[0]))

    def weighted(self, frequency: np.ndarray) -> sparse.csr_matrix:
        """float32 [text, n-gram]: every part times the inverse document frequency int8 [n-gram], each text
        of length 1 times its share; as LanguageEmotion weighs them.
        """
        total = None
        for part, share in zip(self.parts, self.shares, strict=True):
            scaled = part @ sparse.diags(frequency.astype(np.float32) * np.float32(IDF_STEP))
            size = np.sqrt(np.asarray(scaled.multiply(scaled).sum(1)).ravel())
            normal = sparse.diags(share / np.where(size > 0, size, 1).astype(np.float32)) @ scaled
            total = normal if total is None else total + normal
        total.eliminate_zeros()
        return total.tocsr()

    def pick(self, chosen: np.ndarray) -> Counted:
        return Counted(self.keys, tuple(part[chosen] for part in self.parts), self.shares)

    def document_frequency(self) -> np.ndarray:
        """The smoothed inverse document frequency of each n-gram in steps of IDF_STEP, int8 [n-gram]; 0 for
        all but the MOST most frequent and those that fewer than two texts have.
        """
        texts = self.parts[0].shape[0]
        having = np.maximum.reduce([np.asarray((part > 0).sum(0)).ravel() for part in self.parts])
        least = max(2, int(np.sort(having)[-MOST - 1]) + 1) if len(having) > MOST else 2
        rarity = np.log((1 + texts) / (1 + having)) + 1
        return np.where(having >= least, np.rint(rarity / IDF_STEP), 0).clip(0, 127).astype(np.int8)


@dataclass(frozen=True)
class Fitted:
    """A language's model in full precision."""

    frequency: np.ndarray
    weights: np.ndarray
    "float [n-gram, class]"
    bias: np.ndarray
    scale: np.ndarray
    threshold: np.ndarray
    "float [class]: probabilities are sigmoid(scale (score - threshold))."
    alone: np.ndarray
    "float [text, class], the leave-one-out scores it was calibrated on."

    def scores(self, texts: Counted) -> np.ndarray:
        return np.asarray(texts.weighted(self.frequency) @ self.weights) + self.bias

    def probabilities(self, texts: Counted) -> np.ndarray:
        return scoring.sigmoid(self.scale * (self.scores(texts) - self.threshold))


def fit(texts: Counted, labels: np.ndarray) -> Fitted:
    """Ridge regression of labels [text, class] in kernel form; calibrated on its leave-one-out scores."""
    frequency = texts.document_frequency()
    features = texts.weighted(frequency)
    kernel = (features @ features.T).toarray().astype(np.float64)
    mean = labels.mean(0)
    inverse = np.linalg.inv(kernel + RIDGE * np.eye(len(kernel)))
    dual = inverse @ (labels - mean)
    alone = labels - dual / np.diag(inverse)[:, None]  # what each is given by all the others, in closed form
    scale, threshold = scoring.fit_calibration(alone * SPREAD, labels)
    return Fitted(frequency, np.asarray(features.T @ dual), mean, scale * SPREAD, threshold / SPREAD, alone)


def folds(count: int, number: int = 5, seed: int = 0) -> list[np.ndarray]:
    """The texts of each fold, drawn by a seed."""
    fold = np.random.default_rng(seed).permutation(count) % number
    return [np.flatnonzero(fold == i) for i in range(number)]


def cross_validate(data: Path, language: str, *, with_baseline: bool = True) -> dict[str, object]:
    """Macro-F1 of the six emotions over five folds, the model's and the baseline's, per class too."""
    sentences = read(data, language)
    counted = Counted.of(sentences.texts)
    said = np.zeros(sentences.labels.shape)
    plain, tuned = (np.zeros((len(sentences), len(EMOTIONS)), bool) for _ in range(2))
    for test in folds(len(sentences)):
        train = np.setdiff1d(np.arange(len(sentences)), test)
        said[test] = fit(counted.pick(train), sentences.labels[train]).probabilities(counted.pick(test))
        if with_baseline:
            plain[test], tuned[test] = baseline.decide(
                [sentences.texts[i] for i in train],
                sentences.labels[np.ix_(train, EMOTIONS)],
                [sentences.texts[i] for i in test],
            )
    labels = sentences.labels[:, EMOTIONS]
    f1 = scoring.f1_scores(said[:, EMOTIONS] > 0.5, labels)
    result: dict[str, object] = {
        "language": language,
        "sentences": len(sentences),
        "macro_f1": round(float(f1.mean()), 4),
        "f1": dict(zip([NAMES[i] for i in EMOTIONS], f1.round(3).tolist(), strict=True)),
        "calibration_error": round(float(scoring.calibration_error(said, sentences.labels).mean()), 4),
    }
    if with_baseline:
        result["baseline"] = round(float(scoring.f1_scores(plain, labels).mean()), 4)
        result["baseline_tuned"] = round(float(scoring.f1_scores(tuned, labels).mean()), 4)
    return result


def fit_latin(texts: dict[str, list[str]]) -> np.ndarray:
    """float16 [language, bucket]: log probabilities of character n-grams of each language's texts."""
    counts = np.full((len(texts), LATIN_BUCKETS), 0.5)
    for row, group in zip(counts, texts.values(), strict=True):
        for text in group:
            letters = " ".join(LanguageFinder.words(text))
            numbers, values = hashed(characters(letters), LATIN_BUCKETS)
            row[numbers] += values
    return np.log(counts / counts.sum(1, keepdims=True)).astype(np.float16)


def latin_texts(data: Path) -> dict[str, list[str]]:
    """What the Latin languages are told apart by; of English the last twentieth is left for `misrouted`."""
    english = read_goemotions(data / "goemotions_ekman", "train")[0].texts
    result = {ENGLISH: english[: len(english) * 19 // 20] + read(data, ENGLISH).texts}
    return result | {language: read(data, language).texts for language in LATIN[1:]}


def misrouted(finder: LanguageFinder, texts: list[str], language: str) -> float:
    """The share of a language's texts that are taken for another, or for none."""
    return sum(finder.find(text) != language for text in texts) / len(texts)


def export(data: Path, out: Path, *, version: str, command: str) -> dict[str, object]:
    """Fit every language on train + dev and write the weights folder; returns the manifest's metrics."""
    scores = fit_latin(latin_texts(data))
    finder = LanguageFinder(LATIN, scores, MARGIN)
    keys, table, count = [], [], 0
    facts: dict[str, dict[str, list[float]]] = {}
    metrics: dict[str, object] = {}
    for language in LANGUAGES:
        sentences = read(data, language)
        counted = Counted.of(sentences.texts)
        fitted = fit(counted, sentences.labels)
        kept = np.flatnonzero(fitted.frequency)
        step = np.maximum(np.abs(fitted.weights).max(0), 1e-12) / 127
        keys.append(counted.keys[kept].astype(np.uint32))
        table.append(np.column_stack([np.rint(fitted.weights[kept] / step), fitted.frequency[kept]]))
        bias = fitted.scale * (fitted.bias - fitted.threshold)
        bias = np.where(sentences.labels.any(0), bias, ABSENT)  # nothing to calibrate on: not "perhaps"
        facts[language] = {
            "rows": [count, count + len(kept)],
            "bias": bias.tolist(),
            "step": (fitted.scale * step).tolist(),
        }
        count += len(kept)
        f1 = scoring.cross_fitted_f1(fitted.alone, sentences.labels)[EMOTIONS]
        metrics[language] = {
            "sentences": len(sentences),
            "macro_f1_leave_one_out": round(float(f1.mean()), 4),
        }
        print(language, json.dumps(metrics[language]), flush=True)
    english = read_goemotions(data / "goemotions_ekman", "train")[0].texts
    metrics["misrouted"] = {
        "eng, held-out twentieth of GoEmotions train": misrouted(
            finder, english[len(english) * 19 // 20 :], ENGLISH
        ),
        "eng, GoEmotions dev": misrouted(
            finder, read_goemotions(data / "goemotions_ekman", "dev")[0].texts, ENGLISH
        ),
    }
    config = {
        "kind": "text_emotion_languages",
        "names": list(NAMES),
        "languages": facts,
        "latin": list(LATIN),
        "margin": MARGIN,
        "keys": KEYS,
        "weights": WEIGHTS,
        "latin_weights": LATIN_WEIGHTS,
    }
    fields = {
        "name": "languages",
        "version": version,
        "config": config,
        "inputs": {"text": "a sentence in one of the languages, n-grams hashed by CRC-32"},
        "outputs": {"probabilities": "float32 [7] in the order of names, independent, .5 is the decision"},
        "data": DATA,
        "command": [command],
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        np.save(folder / KEYS, np.concatenate(keys))
        np.save(folder / WEIGHTS, np.concatenate(table).astype(np.int8))
        np.save(folder / LATIN_WEIGHTS, scores)
        write_manifest(folder, [KEYS, WEIGHTS, LATIN_WEIGHTS], **fields, metrics=metrics)
        LanguageEmotion.load(folder)
        out.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            (out / path.name).write_bytes(path.read_bytes())
    return metrics


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--version", default="1.0")
    parser.add_argument("--folds", nargs="*", choices=LANGUAGES, help="only report these (default: all)")
    a = parser.parse_args(arguments)
    if a.folds is not None:
        for language in a.folds or LANGUAGES:
            print(json.dumps(cross_validate(a.data, language)), flush=True)
        return 0
    command = "python -m text_emotion.training.languages " + " ".join(
        arguments if arguments is not None else sys.argv[1:]
    )
    print(json.dumps(export(a.data, a.out, version=a.version, command=command)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
