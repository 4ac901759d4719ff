"""SMPTE time codes of a column of a capture file as seconds. Knows no file.

Labels are HH:MM:SS:FF, HH:MM:SS:FF.sub (sub: a fraction of a frame, in thousandths) or HH:MM:SS.fraction; a
semicolon before FF marks drop-frame counting (29.97 and 59.94 fps). The rate is not in the labels: the
largest FF tells it.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

NOMINAL_RATES = (24, 25, 30, 48, 50, 60, 72, 90, 96, 100, 120, 240)
ASSUMED_RATE = 60
"What a capture app on a phone counts in; taken where the labels cannot tell."
DAY_S = 86_400.0

_LABEL = re.compile(
    r"(\d{1,2})[:;](\d{1,2})[:;](\d{1,2})(?:([:;])(\d{1,3})(\.\d{1,9})?|(\.\d{1,9}))", re.ASCII
)


class TimecodeError(ValueError):
    """A label that is none, or that runs backwards; `row` counts from 0."""

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row


def seconds(labels: list[str], rate: float | None = None) -> NDArray[np.float64]:
    """Seconds after the first label, one per label; equal labels give equal times.

    rate: frames a second, where the user knows better than the labels (29.97 and 59.94 counted without drop
    frames look like 30 and 60). Midnight may pass. TimecodeError for what is no label or goes backwards.
    """
    fields = [_parse(label, row) for row, label in enumerate(labels)]
    largest = max((frame for _, frame, _, _ in fields), default=0)
    nominal = round(rate) if rate is not None else _nominal_rate(fields, int(largest))
    if largest >= nominal + 1:
        row = next(row for row, field in enumerate(fields) if field[1] >= nominal + 1)
        raise TimecodeError(
            row, f"time code {labels[row]!r} has frame {int(fields[row][1])} at {nominal} frames a second"
        )
    times = np.array([_seconds_of(field, nominal, rate) for field in fields])
    return _ascending(times, labels)


def _parse(label: str, row: int) -> tuple[int, float, float, bool]:
    """Whole seconds, frames with their fraction, further seconds, drop-frame."""
    match = _LABEL.fullmatch(label.strip())
    if match is None:
        raise TimecodeError(row, f"time code {label!r} is not HH:MM:SS:FF")
    hours, minutes, whole = (int(match[group]) for group in (1, 2, 3))
    if minutes >= 60 or whole >= 60:
        raise TimecodeError(row, f"time code {label!r} has {minutes} minutes and {whole} seconds")
    frame = float((match[5] or "0") + (match[6] or ""))
    return (hours * 60 + minutes) * 60 + whole, frame, float(match[7] or 0), match[4] == ";"


def _nominal_rate(fields: list[tuple[int, float, float, bool]], largest: int) -> int:
    """The rate whose last frame number is `largest`, if a second's end was seen; else the rate that capture
    apps use."""
    if fields[0][0] == fields[-1][0] and largest < ASSUMED_RATE:
        return ASSUMED_RATE
    return next((rate for rate in NOMINAL_RATES if rate > largest), largest + 1)


def _seconds_of(field: tuple[int, float, float, bool], nominal: int, rate: float | None) -> float:
    whole, frame, fraction, drops = field
    if not drops and rate is None:
        return whole + frame / nominal + fraction
    number = whole * nominal + frame
    if drops and nominal % 30 == 0:
        # Two labels (at 30) are skipped each minute, but not each tenth, so that the labels keep up with the
        # clock.
        minutes = whole // 60
        number -= nominal // 15 * (minutes - minutes // 10)
    return number / (rate if rate is not None else nominal / 1.001) + fraction


def _ascending(times: NDArray[np.float64], labels: list[str]) -> NDArray[np.float64]:
    midnights = np.cumsum(np.diff(times, prepend=times[:1]) < -DAY_S / 2)
    times = times + midnights * DAY_S
    backwards = np.flatnonzero(np.diff(times) < 0)
    if backwards.size:
        row = int(backwards[0]) + 1
        raise TimecodeError(row, f"time code {labels[row]!r} comes before {labels[row - 1]!r}")
    shifted: NDArray[np.float64] = times - times[0]
    return shifted
