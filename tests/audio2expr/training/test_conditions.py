"""Kinds of recordings: each is what its name says, and the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio2expr import Audio2Expr
from audio2expr.training import conditions, corpus

from .made_data import make_session


@pytest.mark.parametrize("condition", conditions.CONDITIONS)
def test_every_condition_keeps_the_timing_and_repeats(condition: str) -> None:
    session = make_session(2)
    made = conditions.damaged(session, condition)
    assert made.samples.shape == session.samples.shape and np.isfinite(made.samples).all()
    assert np.array_equal(made.samples, conditions.damaged(session, condition).samples)
    assert made.phones == session.phones
    assert np.array_equal(made.samples, session.samples) == (condition == "clean")


def test_noise_is_as_loud_as_it_says() -> None:
    session = make_session(2)
    noisy = conditions.CONDITIONS["white noise 10 dB"](session.samples, np.random.default_rng(0))
    noise = noisy - session.samples
    level = np.sqrt(np.sort(session.samples[:72_960].reshape(-1, 640).std(axis=1) ** 2)[57:].mean())
    assert 20 * np.log10(level / noise.std()) == pytest.approx(10, abs=1.0)


def test_voices_are_reported_apart(tiny_model: Audio2Expr, tmp_path: Path) -> None:
    corpus.save([make_session(1, "flite:a"), make_session(2, "flite:b")], tmp_path / "held_out.npz")
    found = conditions.by_voice(tiny_model, [tmp_path / "held_out.npz"], "telephone", longest_s=1.0)
    assert list(found) == ["flite:a", "flite:b"]
    assert found["flite:a"]["bilabials"] > 5
    assert conditions.as_table(found).count("\n") == 3


def test_quiet_sounds_are_all_measured(tiny_model: Audio2Expr) -> None:
    still = conditions.quiet(tiny_model, seconds=1.0)
    assert {"digital silence", "breaths", "laughter"} <= still.keys() and still["digital silence"] == 0
