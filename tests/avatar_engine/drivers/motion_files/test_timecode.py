from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.drivers.motion_files.timecode import TimecodeError, seconds


def label(number: int, rate: int, separator: str = ":") -> str:
    whole, frame = divmod(number, rate)
    return f"{whole // 3600 % 24:02}:{whole // 60 % 60:02}:{whole % 60:02}{separator}{frame:02}"


@pytest.mark.parametrize("rate", [24, 25, 30, 50, 60])
def test_the_largest_frame_number_tells_the_rate(rate: int) -> None:
    labels = [label(1000 + number, rate) for number in range(2 * rate)]
    np.testing.assert_allclose(seconds(labels), np.arange(2 * rate) / rate, atol=1e-9)


def test_fractions_of_frames_as_the_app_writes_them() -> None:
    labels = ["11:54:29:19.804", "11:54:29:20.805", "11:54:29:59.844", "11:54:30:00.845"]
    np.testing.assert_allclose(seconds(labels), np.array([0, 1.001, 40.04, 41.041]) / 60, atol=1e-9)


def test_within_one_second_a_phone_is_assumed() -> None:
    np.testing.assert_allclose(seconds(["00:00:00:00", "00:00:00:06"]), [0, 0.1])


def drop_frame_labels(nominal: int, count: int) -> list[str]:
    """By the definition: number the frames, skip the first labels of each minute that is not a tenth."""
    labels, number = [], 0
    while len(labels) < count:
        minute, frame_in_second = number // (60 * nominal), number % nominal
        is_dropped = (
            minute % 10 and number % (60 * nominal) < nominal // 15 and frame_in_second < nominal // 15
        )
        if not is_dropped:
            labels.append(label(number, nominal, ";"))
        number += 1
    return labels


@pytest.mark.parametrize("nominal", [30, 60])
def test_drop_frame_counting_keeps_real_time(nominal: int) -> None:
    count = 21 * 60 * nominal
    times = seconds(drop_frame_labels(nominal, count))
    np.testing.assert_allclose(times, np.arange(count) * 1.001 / nominal, atol=1e-6)


def test_a_rate_that_only_the_user_knows() -> None:
    labels = [label(number, 60) for number in range(7200)]
    np.testing.assert_allclose(seconds(labels, 59.94), np.arange(7200) / 59.94, atol=1e-9)


def test_decimal_seconds_are_understood() -> None:
    np.testing.assert_allclose(seconds(["00:00:01.000", "00:00:01.040", "00:01:00.500"]), [0, 0.04, 59.5])


def test_midnight_passes() -> None:
    np.testing.assert_allclose(seconds(["23:59:59:30", "23:59:59:59", "00:00:00:30"]), [0, 29 / 60, 1])


@pytest.mark.parametrize(
    ("labels", "row", "words"),
    [
        (["00:00:00:00", "nonsense"], 1, "is not HH:MM:SS:FF"),
        (["00:00:00:00", "00:61:00:00"], 1, "61 minutes"),
        (["00:00:05:00", "00:00:04:00"], 1, "comes before"),
        (["00:00:00:00", "00:00:01"], 1, "is not"),
    ],
)
def test_wrong_labels_name_their_row(labels: list[str], row: int, words: str) -> None:
    with pytest.raises(TimecodeError, match=words) as caught:
        seconds(labels)
    assert caught.value.row == row


def test_a_frame_number_beyond_the_given_rate() -> None:
    with pytest.raises(TimecodeError, match="frame 45 at 30"):
        seconds(["00:00:00:00", "00:00:00:45"], 30)


@given(st.lists(st.text("0123456789:;. a", max_size=14), min_size=1, max_size=5))
def test_any_labels_are_times_or_a_timecode_error(labels: list[str]) -> None:
    try:
        times = seconds(labels)
    except TimecodeError as error:
        assert 0 <= error.row < len(labels)
    else:
        assert times[0] == 0 and (np.diff(times) >= 0).all()
