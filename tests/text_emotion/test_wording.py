"""What the tokenizer gets."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from text_emotion.wording import LONGEST_CHARACTERS, both_ends, clean


def test_emoji_become_words_and_quotes_become_straight() -> None:
    assert clean("I’m “here” 😭\u200d\n\tnow\x00!") == 'I\'m "here" sadness now !'


def test_of_a_long_text_both_ends_are_kept() -> None:
    text = "start " + "x" * 10**6 + " end"
    assert both_ends(text).startswith("start x") and both_ends(text).endswith("x end")
    assert len(both_ends(text)) == LONGEST_CHARACTERS + 1
    assert both_ends("short") == "short"


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.characters(), max_size=300))
def test_any_text_comes_out_encodable_and_single_spaced(text: str) -> None:
    result = clean(text)
    assert result == " ".join(result.split())
    assert result.encode("utf-8").decode("utf-8") == result
