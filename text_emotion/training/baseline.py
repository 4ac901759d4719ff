"""What the model of the languages is measured against: a linear support vector machine on TF-IDF of character
n-grams, as scikit-learn has it. Knows texts and labels, no files.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from text_emotion.training import scoring

STRENGTHS = (0.1, 0.4)
"C of the machine; the better one on inner folds is taken."


def _features() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    # The best of char/char_wb, 1-5/2-5 on German and Chinese: see LOG.md.
    return TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True, min_df=2)


def _scores(x: Any, labels: np.ndarray, tested: Any, strength: float, *, balanced: bool) -> np.ndarray:
    from sklearn.svm import LinearSVC

    result = np.full((tested.shape[0], labels.shape[1]), -9.0)
    for k in range(labels.shape[1]):
        if 2 <= labels[:, k].sum() < len(labels):
            model = LinearSVC(C=strength, class_weight="balanced" if balanced else None)
            result[:, k] = model.fit(x, labels[:, k]).decision_function(tested)
    return result


def decide(texts: list[str], labels: np.ndarray, tested: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(balanced classes decided at .5, thresholds from inner folds), bool [test, class] each.

    labels: 0 or 1 [text, class].
    """
    vectorizer = _features()
    x = vectorizer.fit_transform(texts)
    y = vectorizer.transform(tested)
    plain = _scores(x, labels, y, STRENGTHS[1], balanced=True) > 0
    fold = np.random.default_rng(1).permutation(len(texts)) % 3
    best: tuple[float, float, np.ndarray] | None = None
    for strength in STRENGTHS:
        inner = np.zeros(labels.shape)
        for i in range(3):
            inner[fold == i] = _scores(
                x[fold != i], labels[fold != i], x[fold == i], strength, balanced=False
            )
        thresholds = scoring.best_thresholds(inner, labels)
        quality = float(scoring.f1_scores(inner > thresholds, labels).mean())
        if best is None or quality > best[0]:
            best = quality, strength, thresholds
    assert best is not None
    return plain, _scores(x, labels, y, best[1], balanced=False) > best[2]
