"""Thresholds, F1 and calibration, against plain definitions."""

from __future__ import annotations

import numpy as np

from text_emotion.training import scoring


def made(n: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that mean what they say for the first class; twice too sure and shifted for the second."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(-0.5, 2, (n, 2))
    labels = (rng.random((n, 2)) < scoring.sigmoid(honest)).astype(np.float32)
    return honest * [1, 2] + [0, 3], labels


def test_f1_by_its_definition() -> None:
    decided = np.array([[1, 0], [1, 0], [0, 0], [1, 0]])
    labels = np.array([[1, 1], [0, 0], [1, 0], [1, 0]])
    np.testing.assert_allclose(scoring.f1_scores(decided, labels), [2 * 2 / (3 + 3), 0])


def test_platt_finds_how_labels_were_drawn() -> None:
    logits, labels = made(40_000)
    np.testing.assert_allclose(scoring.fit_platt(logits[:, 0], labels[:, 0]), [1, 0], atol=0.05)
    np.testing.assert_allclose(scoring.fit_platt(logits[:, 1], labels[:, 1]), [0.5, -1.5], atol=0.06)


def test_platt_stays_finite_without_positives_and_with_perfect_scores() -> None:
    scores = np.linspace(-3, 3, 100)
    for truth in (np.zeros(100), np.ones(100), scores > 0):
        assert np.isfinite(scoring.fit_platt(scores, truth)).all()
    assert np.isfinite(scoring.fit_platt(np.full(10, 2.0), np.arange(10) % 2)).all()


def test_no_threshold_is_much_better_than_the_best() -> None:
    logits, labels = made()
    thresholds = scoring.best_thresholds(logits, labels)
    reached = scoring.f1_scores(logits > thresholds, labels)
    assert (reached > 0.5).all()
    for cut in np.linspace(-8, 8, 161):
        assert (scoring.f1_scores(logits > cut, labels) <= reached + 0.01).all()


def test_cross_fitting_is_about_as_good_but_never_sees_its_own() -> None:
    logits, labels = made()
    fair = scoring.cross_fitted_f1(logits, labels)
    best = scoring.f1_scores(logits > scoring.best_thresholds(logits, labels), labels)
    assert (abs(fair - best) < 0.02).all()


def test_average_precision_of_perfect_and_useless_scores() -> None:
    labels = np.array([[1], [1], [0], [0]])
    np.testing.assert_allclose(scoring.average_precision(np.array([[4.0], [3], [2], [1]]), labels), [1])
    np.testing.assert_allclose(
        scoring.average_precision(np.array([[1.0], [2], [3], [4]]), labels), [(1 / 3 + 2 / 4) / 2]
    )


def test_calibration_puts_the_decision_at_one_half_and_the_rest_near_the_truth() -> None:
    logits, labels = made()
    scale, threshold = scoring.fit_calibration(logits, labels)
    np.testing.assert_allclose(threshold, scoring.best_thresholds(logits, labels))
    said = scoring.sigmoid(scale * (logits - threshold))
    assert (scoring.calibration_error(said, labels) < 0.12).all(), (
        "F1's cut lies below even odds, so some error stays"
    )
    assert 0.35 < scale[1] / scale[0] < 0.65, "the second class was twice too sure"


def test_calibration_error_of_honest_and_of_wild_probabilities() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random((20_000, 1))
    labels = rng.random((20_000, 1)) < probabilities
    assert scoring.calibration_error(probabilities, labels)[0] < 0.02
    assert scoring.calibration_error(1 - probabilities, labels)[0] > 0.4


def test_sigmoid_never_overflows() -> None:
    with np.errstate(all="raise"):
        np.testing.assert_allclose(scoring.sigmoid(np.array([-1e4, 0, 1e4])), [0, 0.5, 1])
