from __future__ import annotations

from pathlib import Path

import numpy as np

from avatar_engine.motion.lips import APERTURE, APERTURE_REST, aperture
from avatar_engine.names import ARKIT_INDEX
from avatar_engine.training.curves import (
    SMOOTHED_NAMES,
    drop_outs,
    make_sequence,
    recorded_sequences,
    speech_curve,
    wished,
)

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


def test_what_is_wished_for_is_smooth_and_keeps_closures() -> None:
    rng = np.random.default_rng(0)
    clean = np.zeros((60, len(ARKIT_INDEX)))
    clean[:, ARKIT_INDEX["jawOpen"]] = 0.3
    clean[20:23] = 0.0
    heard = np.clip(clean + 0.05 * rng.standard_normal((60, 1)) * (clean > 0), 0, 1)
    aim = wished(heard, clean)
    speech = np.r_[2:18, 26:58]
    assert np.diff(aperture(aim)[speech], 2).std() < 0.6 * np.diff(aperture(heard)[speech], 2).std()
    assert (aperture(aim)[20:23] < 0.02).all()


def test_recordings_become_pairs_of_heard_and_clean_curves(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    clean = np.repeat(np.clip(rng.normal(0.2, 0.1, (120, 1)), 0, 1), 2, axis=1)
    heard = np.clip(clean + 0.05, 0, 1)
    path = tmp_path / "recordings.npz"
    names = np.array(["jawOpen", "mouthFunnel"])
    np.savez(path, clean=clean, heard=heard, lengths=np.array([90, 30]), names=names)
    learn, held_out = recorded_sequences(path, 20, seed=0)
    assert len(learn) + len(held_out) == 2 * (4 + 1)  # no stretch crosses the end of a session
    assert len(held_out) == 1
    jaw = SMOOTHED_NAMES.index("jawOpen")
    heard_ones = learn[0::2]  # the first of the pair went to the held-out tenth
    for sequence in heard_ones:
        shifted = (sequence.noisy - sequence.clean)[sequence.valid > 0][:, jaw]
        assert np.median(shifted) > 0.003  # a part of what the net is off
