from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from avatar_engine.drivers.motion_files.clip import (
    Limits,
    MotionClip,
    fit,
    gaze_from_weights,
    resample,
    with_gaze_weights,
)
from avatar_engine.names import ARKIT_INDEX
from avatar_engine.types import ExpressionFrame

LIMITS = Limits(head_rad=(0.4, 0.3, 0.2), gaze_rad=(0.5, 0.4), weights=(1.0,) * 51 + (0.3,))
JAW, TONGUE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["tongueOut"]


def clip(count: int = 5) -> MotionClip:
    return MotionClip(
        np.zeros((count, 52), np.float32), np.zeros((count, 3), np.float32), np.zeros((count, 2), np.float32)
    )


def test_what_is_in_range_is_left_bit_for_bit() -> None:
    still = clip()
    still.weights[:, JAW] = np.linspace(0, 1, 5)
    still.head_rad[:, 0] = 0.4
    fitted, warning = fit(still, LIMITS)
    assert warning is None
    assert (
        fitted.weights.tobytes() == still.weights.tobytes()
        and fitted.head_rad.tobytes() == still.head_rad.tobytes()
    )


def test_what_is_beyond_is_clamped_with_one_warning() -> None:
    wild = clip()
    wild.weights[1, JAW] = 1.7
    wild.weights[2, TONGUE] = 0.9
    wild.weights[3, JAW] = -3
    wild.head_rad[4] = (2, -2, 1)
    fitted, warning = fit(wild, LIMITS)
    assert fitted.weights[1, JAW] == 1 and fitted.weights[3, JAW] == 0
    assert fitted.weights[2, TONGUE] == np.float32(0.3)
    np.testing.assert_allclose(fitted.head_rad[4], (0.4, -0.3, 0.2))
    assert (
        warning is not None
        and warning.startswith("4 of 5 frames")
        and "frame 3, jawOpen -3 became 0" in warning
    )
    assert "\n" not in warning
    assert [frame.index for frame in fitted.frames()] == [0, 1, 2, 3, 4]


def test_single_frames_are_clamped_too() -> None:
    wild = ExpressionFrame(3, np.ones(52, np.float32), np.float32([1, -1, 0.1]), np.float32([-1, 0.1]))
    shown = LIMITS.clamp(wild)
    assert shown.index == 3 and shown.weights[TONGUE] == np.float32(0.3) and shown.weights[JAW] == 1
    np.testing.assert_allclose(shown.head_rad, (0.4, -0.3, 0.1))
    np.testing.assert_allclose(shown.gaze_rad, (-0.5, 0.1))
    assert LIMITS.clamp(shown).weights.tobytes() == shown.weights.tobytes()


def test_rounding_beyond_the_range_is_no_news() -> None:
    nearly = clip()
    nearly.weights[0, JAW] = 1.00001
    fitted, warning = fit(nearly, LIMITS)
    assert warning is None and fitted.weights[0, JAW] == 1


def test_gaze_wins_over_eye_look_weights() -> None:
    both = clip(2)
    both.gaze_rad[:] = np.radians((15, -12.5))
    both.weights[:, ARKIT_INDEX["eyeLookUpLeft"]] = 0.9
    fitted, _ = fit(both, LIMITS)
    names = {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5, "eyeLookDownLeft": 0.5, "eyeLookDownRight": 0.5}
    for name in ("Up", "Down", "In", "Out"):
        for side in ("Left", "Right"):
            key = f"eyeLook{name}{side}"
            assert fitted.weights[0, ARKIT_INDEX[key]] == pytest.approx(names.get(key, 0.0), abs=1e-6)


@given(hnp.arrays(np.float32, (3, 2), elements=st.floats(-0.375, 0.375, width=32)))
def test_gaze_and_its_weights_tell_the_same(gaze: np.ndarray) -> None:
    weights = with_gaze_weights(np.zeros((3, 52), np.float32), gaze)
    np.testing.assert_allclose(gaze_from_weights(weights.astype(np.float64)), gaze, atol=2e-4)


def test_another_rate_is_resampled_linearly() -> None:
    fast = clip(61)
    times = np.arange(61) / 60
    fast.weights[:, JAW] = times
    fast.head_rad[:, 0] = np.sin(times)
    slow = resample(times, fast)
    assert len(slow) == 26
    np.testing.assert_allclose(slow.weights[:, JAW], np.arange(26) / 25, atol=1e-6)
    np.testing.assert_allclose(slow.head_rad[:, 0], np.sin(np.arange(26) / 25), atol=1e-3)


def test_angles_go_the_short_way_round() -> None:
    turning = clip(2)
    turning.head_rad[:, 0] = (3.1, -3.1)
    between = resample(np.array([0.0, 0.08]), turning)
    assert abs(abs(between.head_rad[1, 0]) - np.pi) < 0.01


def test_a_clip_on_the_grid_comes_back_as_it_is() -> None:
    still = clip(5)
    assert resample(np.arange(5) * 0.04 + 1e-4, still) is still


def test_limits_come_from_the_avatar() -> None:
    limits = Limits.of_avatar(
        {
            "head_deg": {"yaw": 20, "pitch": [-12, 15], "roll": 8},
            "gaze_deg": {"x": 25, "y": 18},
            "weights": {"tongueOut": 0.5},
        }
    )
    np.testing.assert_allclose(np.degrees(limits.head_rad), (20, 12, 8))
    assert limits.weights[TONGUE] == 0.5 and limits.weights[JAW] == 1


def test_shapes_are_checked() -> None:
    with pytest.raises(ValueError, match="head_rad must be float32 of shape"):
        MotionClip(np.zeros((2, 52), np.float32), np.zeros((3, 3), np.float32), np.zeros((2, 2), np.float32))
