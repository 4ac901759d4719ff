"""Which language a text is taken for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.drivers.voice.languages import parts


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello, how are you today?", "en-us"), ("OK", "en-us"), ("42", "en-us"), ("", None),
        ("Guten Tag, wie geht es Ihnen?", "de"), ("Straße", "de"), ("Bonjour, comment ça va ?", "fr"),
        ("¿Cómo estás?", "es"), ("Ciao, come stai? Questo è bello.", "it"), ("Não, você está bem?", "pt"),
        ("Ik ben niet thuis", "nl"), ("Cześć, jak się masz?", "pl"), ("Hej, vad är det?", "sv"),
        ("你好", "cmn"), ("これは日本語です", "ja"), ("안녕하세요", "ko"), ("Привет", "ru"),
        ("Привіт, її", "uk"),
        ("مرحبا", "ar"), ("سلام، چطوری؟ پدر", "fa"), ("שלום", "he"), ("Γειά σου", "el"), ("नमस्ते", "hi"),
    ],
)  # fmt: skip
def test_one_language(text: str, language: str | None) -> None:
    assert [name for name, _ in parts(text)] == ([] if language is None else [language])


def test_two_scripts() -> None:
    assert parts("1. Say 你好, 世界! Now.") == [
        ("en-us", "1. Say "),
        ("cmn", "你好, 世界! "),
        ("en-us", "Now."),
    ]


@given(st.text())
def test_nothing_is_lost(text: str) -> None:
    assert "".join(part for _, part in parts(text)) == text
