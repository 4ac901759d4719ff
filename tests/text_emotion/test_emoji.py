"""The table of emoji."""

from __future__ import annotations

import pytest

from text_emotion.emoji import EMOJI, EMOTICONS, PATTERN, emotion_of
from text_emotion.training.corpus import NAMES


def test_the_tables_hold_single_symbols_of_the_seven_emotions() -> None:
    assert set(EMOJI.values()) == set(NAMES)
    assert set(EMOTICONS.values()) <= set(NAMES)
    assert all(len(symbol) == 1 and not symbol.isalnum() for symbol in EMOJI)


@pytest.mark.parametrize(("symbol", "emotion"), [*EMOJI.items(), *EMOTICONS.items()])
def test_every_entry_is_found_whole(symbol: str, emotion: str) -> None:
    found = PATTERN.search(f"so {symbol} there")
    assert found is not None and found.group() == symbol
    assert emotion_of(found) == emotion


@pytest.mark.parametrize(
    ("sequence", "emotion"),
    [
        ("👍🏿", "joy"),
        ("❤️", "joy"),
        ("❤️‍🩹", "joy"),
        ("😮‍💨", "sadness"),
        ("😶‍🌫️", "neutral"),
        ("🙌🏻", "joy"),
        ("☹️", "sadness"),
    ],
)
def test_a_joined_or_coloured_sequence_is_one_symbol(sequence: str, emotion: str) -> None:
    matches = list(PATTERN.finditer(sequence))
    assert [found.group() for found in matches] == [sequence]
    assert emotion_of(matches[0]) == emotion


@pytest.mark.parametrize(
    "text", ["👩‍❤️‍👨", "(:", "10:00", "C:D", "a:)b", "x<3y", "http://o_O.com", "🇫🇷", "Box D:"]
)
def test_what_means_something_else_is_left_alone(text: str) -> None:
    assert PATTERN.search(text) is None
