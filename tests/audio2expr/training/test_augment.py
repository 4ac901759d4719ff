"""Damage of every kind keeps length, range and timing."""

from __future__ import annotations

import numpy as np
import pytest

from audio2expr.training import augment
from audio2expr.training.phones import SILENCE

from .made_data import make_session

ALWAYS = augment.Strength(1, 1, 1, 1, 1, 1, 1)


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_session_is_still_speech_with_its_phones(seed: int) -> None:
    session = make_session(seed)
    damaged = augment.augment(session, np.random.default_rng(seed), [session], ALWAYS)
    assert damaged.samples.dtype == np.float32
    assert np.isfinite(damaged.samples).all() and np.abs(damaged.samples).max() <= 1
    assert [p.name for p in damaged.phones] == [p.name for p in session.phones]
    assert damaged.phones[-1].end_s == pytest.approx(len(damaged.samples) / 16_000, abs=0.01)


def test_speed_moves_phones_with_the_sound() -> None:
    session = make_session(1)
    faster = augment.change_speed(session, 1.25)
    assert len(faster.samples) == pytest.approx(len(session.samples) / 1.25, abs=2)
    assert faster.phones[3].start_s == pytest.approx(session.phones[3].start_s / 1.25)
    assert faster.styles[1][0] == pytest.approx(session.styles[1][0] / 1.25)


def test_a_room_adds_a_tail_and_no_delay() -> None:
    click = np.zeros(8000, np.float32)
    click[1000] = 1
    echoed = augment.room(click, np.random.default_rng(0))
    assert np.argmax(np.abs(echoed)) == 1000
    assert np.abs(echoed[:999]).max() < 1e-5 and np.abs(echoed[1200:4000]).max() > 0


@pytest.mark.parametrize("seed", range(6))
def test_noise_has_unit_power(seed: int) -> None:
    made = augment.noise(32_000, np.random.default_rng(seed), [make_session(2)])
    assert np.sqrt((made**2).mean()) == pytest.approx(1, rel=0.01)


def test_a_quiet_session_has_nobody_in_it_and_stays_as_it_is() -> None:
    quiet = augment.quiet_session(np.random.default_rng(3), 2.0)
    assert [p.name for p in quiet.phones] == [SILENCE]
    assert augment.augment(quiet, np.random.default_rng(0), [], ALWAYS) is quiet


def test_eight_bits_lose_little() -> None:
    sine = np.sin(np.arange(1000) * 0.1).astype(np.float32) * 0.5
    assert np.abs(augment.mu_law(sine) - sine).max() < 0.02


def test_a_whisper_keeps_length_level_and_envelope_but_no_pitch() -> None:
    from audio2expr.features import PITCH_WINDOW, pitch

    session = make_session(1)
    made = augment.whisper(session.samples, np.random.default_rng(0))
    assert made.shape == session.samples.shape and made.dtype == np.float32
    assert made.std() == pytest.approx(session.samples.std(), rel=0.05)

    def pitched(sound: np.ndarray) -> float:
        windows = sound[: len(sound) // PITCH_WINDOW * PITCH_WINDOW].reshape(-1, PITCH_WINDOW)
        return float((pitch(np.ascontiguousarray(windows))[0] > 0).mean())

    assert pitched(made) < 0.35 * pitched(session.samples)


@pytest.mark.parametrize("make", [augment.breaths, augment.laughter])
def test_sounds_of_people_who_do_not_speak_fill_what_is_asked(make: object) -> None:
    sound = make(48_000, np.random.default_rng(2))  # type: ignore[operator]
    assert sound.shape == (48_000,) and np.isfinite(sound).all() and 0 < np.abs(sound).max() < 1


def test_loud_styles_open_wider_and_never_move_closures() -> None:
    from audio2expr.training import dataset, shapes
    from audio2expr.training.targets import LipModel, make_targets

    session = make_session(3)
    n = len(session.samples) // 640
    lips = LipModel.load()
    plain = make_targets(session.phones, n, lips, lips.shapes())
    loud = make_targets(session.phones, n, lips, lips.shapes(), dataset.openness(session, n))
    angry = slice(int(2.6 / 0.04), int(4.2 / 0.04))
    before, after = shapes.aperture(plain.weights), shapes.aperture(loud.weights)
    assert after[angry].max() > 1.05 * before[angry].max()
    assert np.allclose(after[plain.closed > 0], before[plain.closed > 0])
    assert np.allclose(after[: int(2.4 / 0.04)], before[: int(2.4 / 0.04)]), "neutral speech stays as it is"
