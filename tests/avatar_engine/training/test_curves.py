from __future__ import annotations

import numpy as np

from avatar_engine.motion.lips import APERTURE, APERTURE_REST, aperture
from avatar_engine.names import ARKIT_INDEX
from avatar_engine.training.curves import SMOOTHED_NAMES, drop_outs, make_sequence, speech_curve

COLUMNS = [ARKIT_INDEX[name] for name in SMOOTHED_NAMES]


def test_a_seed_makes_one_sequence() -> None:
    one, same, other = make_sequence(3, 80), make_sequence(3, 80), make_sequence(4, 80)
    assert one.clean.tobytes() == same.clean.tobytes()
    assert one.noisy.tobytes() == same.noisy.tobytes()
    assert one.clean.tobytes() != other.clean.tobytes()


def test_clean_curves_speak_close_and_rest() -> None:
    curves = [speech_curve(np.random.default_rng(seed), 250) for seed in range(4)]
    opening = np.concatenate([aperture(mouth) for mouth, _ in curves])
    speaking = np.concatenate([spoken for _, spoken in curves]) > 0
    assert np.percentile(opening[speaking], 90) > 0.06
    assert 0.03 < np.mean(opening[speaking] < 0.01) < 0.5
    assert opening.min() > -0.02
    assert 0.3 < speaking.mean() < 0.95


def test_noisy_curves_jitter_around_the_clean_ones_and_hold_where_they_drop_out() -> None:
    sequences = [make_sequence(seed, 200) for seed in range(6)]
    for sequence in sequences:
        heard = sequence.valid > 0
        assert 0 < np.abs(sequence.noisy - sequence.clean)[heard].max() < 0.8
        assert np.abs(sequence.noisy - sequence.clean)[heard].mean() < 0.05
        opening = APERTURE_REST + sequence.clean[:, :-1] @ APERTURE[COLUMNS]
        assert opening.min() > -0.0152  # the limits of the engine hold in what it learns from


def test_gaps_are_short_and_spread() -> None:
    valid = np.concatenate([drop_outs(np.random.default_rng(seed), 500) for seed in range(20)])
    assert 0.01 < np.mean(valid == 0) < 0.15
