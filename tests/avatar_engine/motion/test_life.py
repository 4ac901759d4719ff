"""Blinks, gaze, head and noise: the statistics of a living face over minutes."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_engine.clock import FRAME_RATE
from avatar_engine.motion.blinks import Blinks
from avatar_engine.motion.frames import HeardFrame
from avatar_engine.motion.gaze import Gaze
from avatar_engine.motion.head import Head, Stress
from avatar_engine.motion.noise import Drift, Spring, generator
from avatar_engine.names import ARKIT_NAMES

TEN_MINUTES = 600 * FRAME_RATE


@pytest.fixture(scope="module")
def lids() -> np.ndarray:
    blinks = Blinks(generator(5, "blinks"))
    rng = np.random.default_rng(0)
    phrase_end = rng.random(TEN_MINUTES) < 1 / (3 * FRAME_RATE)
    return np.array([blinks.step(phrase_ended=bool(end), gaze_shifted=False) for end in phrase_end])


def onsets(lid: np.ndarray) -> np.ndarray:
    down = lid > 0.3
    return np.flatnonzero(down[1:] & ~down[:-1])


def test_people_blink_fifteen_to_twenty_four_times_a_minute(lids: np.ndarray) -> None:
    assert 15 <= len(onsets(lids[:, 0])) / 10 <= 24


def test_intervals_between_blinks_vary_like_those_of_people(lids: np.ndarray) -> None:
    intervals = np.diff(onsets(lids[:, 0])) / FRAME_RATE
    assert 0.4 < intervals.std() / intervals.mean() < 1.0
    assert np.median(intervals) < intervals.mean()


def test_lids_close_faster_than_they_open_and_shut_for_a_frame_or_two(lids: np.ndarray) -> None:
    lid = lids[:, 0]
    closing, opening, shut = [], [], []
    for start in onsets(lid):
        part = lid[max(0, start - 4) : start + 14]
        peak = int(np.argmax(part))
        closing.append(np.sum(part[:peak] > 0.02))
        opening.append(np.sum(part[peak:] > 0.02))
        shut.append(np.sum(part > 0.9 * part.max()))
    assert np.mean(closing) < 0.6 * np.mean(opening)
    assert 1 <= np.mean(shut) <= 3
    assert np.mean(closing) <= 3


def test_most_blinks_are_complete_and_some_are_not(lids: np.ndarray) -> None:
    lid = lids[:, 0]
    depth = np.array([lid[start : start + 6].max() for start in onsets(lid)])
    assert 0.7 < np.mean(depth > 0.9) < 0.97


def test_both_lids_move_together(lids: np.ndarray) -> None:
    assert np.abs(lids[:, 0] - lids[:, 1]).max() < 0.25
    assert (lids[:, 0] != lids[:, 1]).any()


def test_phrase_ends_and_gaze_shifts_call_for_blinks() -> None:
    def count(every: int | None) -> int:
        blinks = Blinks(generator(1, "blinks"))
        called = [every is not None and i % every == 0 for i in range(TEN_MINUTES // 2)]
        return len(onsets(np.array([blinks.step(phrase_ended=c, gaze_shifted=False)[0] for c in called])))

    assert count(50) > 1.15 * count(None)


def test_the_gaze_rests_on_the_viewer_jumps_and_comes_back() -> None:
    gaze = Gaze(generator(2, "gaze"), liveliness=1.0)
    look = np.array([gaze.step(speaking=1.0, downcast=0.0) for _ in range(TEN_MINUTES)])
    size = np.linalg.norm(look, axis=1)
    assert 0.7 < np.mean(size < 3.0) < 0.98
    assert size.max() < 12
    moving = np.abs(np.diff(look, axis=0)).max(1) > 1e-9
    assert 0.02 < moving.mean() < 0.12  # fixations last many frames, saccades one or two


def test_a_still_person_looks_straight() -> None:
    gaze = Gaze(generator(2, "gaze"), liveliness=0.0)
    assert np.abs([gaze.step(speaking=1.0, downcast=0.0) for _ in range(500)]).max() == 0


def head_motion(stress: float, seed: int = 3, liveliness: float = 1.0, frames: int = 3000) -> np.ndarray:
    head = Head(generator(seed, "head"), liveliness)
    return np.degrees(
        [
            head.step(
                stress=stress * (i % 25 < 4),
                speaking=1.0,
                arousal=0.5,
                posture_rad=np.zeros(3),
                gaze_degrees=np.zeros(2),
            )
            for i in range(frames)
        ]
    )


def test_the_head_sways_by_a_few_degrees_and_smoothly() -> None:
    motion = head_motion(0.0)
    assert (motion.std(0) > 0.5).all()
    assert (np.abs(motion).max(0) < [12, 7, 7]).all()
    assert np.abs(np.diff(motion, axis=0)).max() < 1.0
    assert np.abs(np.diff(motion, n=2, axis=0)).max() < 0.3


def test_stress_nods_the_head() -> None:
    plain, stressed = head_motion(0.0), head_motion(1.5)
    nod = (stressed - plain)[:, 1]
    assert -4.0 < nod.min() < -0.8
    assert nod[20 * 25 : 21 * 25].argmin() < 10


def test_the_head_stays_in_the_renderers_range_whatever_comes() -> None:
    head = Head(generator(0, "head"), liveliness=2.0)
    for i in range(500):
        angles = head.step(
            stress=2.0,
            speaking=1.0,
            arousal=1.0,
            posture_rad=np.radians([30.0, -30.0, 30.0]),
            gaze_degrees=np.array([40.0, 40.0 * (i % 2)]),
        )
        assert (np.abs(np.degrees(angles)) <= [20, 12, 9]).all()


def heard(loudness_db: float, pitch_hz: float = 120.0, voiced: float = 1.0) -> HeardFrame:
    return HeardFrame(np.zeros(len(ARKIT_NAMES)), voiced, loudness_db, pitch_hz, np.zeros(7), 0.5)


def test_stress_is_what_stands_out_of_this_voice() -> None:
    stress = Stress()
    even = [stress.step(heard(-30 + (i % 3))) for i in range(200)]
    assert max(even[50:]) < 0.5
    assert stress.step(heard(-18, 160)) > 0.9
    assert stress.step(heard(-10, 300, voiced=0.0)) == 0


def test_noise_has_unit_variance_and_no_corners() -> None:
    drift = Drift(generator(0, "x"), 4, (0.4, 2.0), (0.7, 0.7))
    noise = np.array([drift.step() for _ in range(40_000)])
    assert noise[2000:].std(0) == pytest.approx(1.0, abs=0.15)
    assert np.abs(np.diff(noise, n=2, axis=0)).max() < 0.2


def test_each_purpose_has_its_own_noise() -> None:
    draws = {purpose: generator(1, purpose).random() for purpose in ("head", "gaze", "blinks")}
    assert len(set(draws.values())) == 3
    assert generator(1, "head").random() == draws["head"]


def test_a_spring_arrives_without_overshoot() -> None:
    spring = Spring(1, 0.1)
    path = np.array([spring.step(np.ones(1))[0] for _ in range(60)])
    assert (np.diff(path) >= 0).all()
    assert path[-1] == pytest.approx(1.0, abs=1e-3)
