from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.motion.syllables import count_syllables


@pytest.mark.parametrize(
    ("text", "syllables"),
    [
        ("She had your dark suit in greasy wash water all year.", 13),
        ("The table is made of apples", 8),
        ("Guten Tag, meine Damen und Herren", 10),
        ("cafe\u0301", 2),
        ("I don't know", 3),
        ("TV", 2),
        ("你好，世界！", 4),
        ("こんにちは、きょうは", 8),
        ("ラーメン", 4),
        ("안녕하세요", 5),
        ("नमस्ते दुनिया", 6),
        ("Привет, мир", 3),
        ("Καλημέρα κόσμε", 6),
        ("AI技术", 3),
        ("", 0),
        ("… !? 🙂", 0),
    ],
)
def test_syllables_are_counted_in_any_script(text: str, syllables: float) -> None:
    assert count_syllables(text) == syllables


def test_numbers_and_consonant_scripts_count_roughly() -> None:
    assert 4 <= count_syllables("2024") <= 8
    assert 4 <= count_syllables("السلام عليكم") <= 7


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_breaks_the_count(one: str, other: str) -> None:
    apart = count_syllables(one) + count_syllables(other)
    assert apart >= 0
    # English silent letters are judged by the words around them, nothing else depends on the rest of the text
    assert abs(count_syllables(f"{one}\n{other}") - apart) <= len((one + other).split()) * 2
