"""Texts into spans: tags, emoji, and that nothing else is ever lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from text_emotion import TextSpan, emoji, split_text
from text_emotion.segments import TAGS, has_words


def shown(text: str) -> list[tuple[str, str | None]]:
    return [(span.text, span.tag) for span in split_text(text)]


def test_a_plain_text_is_its_sentences_without_a_tag() -> None:
    assert split_text("Hello there. How are you?") == [TextSpan("Hello there."), TextSpan("How are you?")]


def test_a_tag_sets_the_emotion_from_its_word_on_and_is_taken_out() -> None:
    assert split_text("I am [joy] so glad. Really! [sadness:0.6] But he left.") == [
        TextSpan("I am"),
        TextSpan("so glad.", "joy", 1.0, "tag"),
        TextSpan("Really!", "joy", 1.0, "tag"),
        TextSpan("But he left.", "sadness", 0.6, "tag"),
    ]


def test_neutral_ends_it() -> None:
    assert shown("[anger] Stop! [neutral] Thanks.") == [("Stop!", "anger"), ("Thanks.", "neutral")]


@pytest.mark.parametrize(("word", "emotion"), TAGS.items())
def test_synonyms_in_any_case(word: str, emotion: str) -> None:
    assert shown(f"[{word.upper()}] one [ {word.title()} : .5 ] two") == [("one", emotion), ("two", emotion)]
    assert [span.intensity for span in split_text(f"[{word}] one [{word}:.5] two")] == [1.0, 0.5]


@pytest.mark.parametrize("value", ["0", "1", "0.6", ".25", "1.0", "0."])
def test_intensities(value: str) -> None:
    assert split_text(f"[joy:{value}] yes")[0].intensity == float(value)


@pytest.mark.parametrize("value", ["7", "x", "", "-1", "1.01", "nan", "1e-1", "0,5", "٣", "." * 50])
def test_a_malformed_intensity_is_one_clear_line(value: str) -> None:
    with pytest.raises(ValueError, match=r"tag \[joy:.*expected a number from 0 to 1") as caught:
        split_text(f"well [joy:{value}] yes")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "text", ["[laugh] ok", "see [1]", "[NAME] said", "[joy", "joy] ok", "[sad: but true]", "a []", "[joy0] a"]
)
def test_other_brackets_stay_in_the_text(text: str) -> None:
    assert shown(text) == [(text, None)]


SYMBOLS = {
    "anger": "😡 >:(",
    "disgust": "🤢",
    "fear": "😱",
    "joy": "😀 ❤️ ❤️‍🔥 👍🏽 :)",
    "neutral": "😐",
    "sadness": "😭 😮‍💨 :'(",
    "surprise": "😲 :-O",
}


@pytest.mark.parametrize(
    ("symbol", "emotion"), [(symbol, emotion) for emotion, row in SYMBOLS.items() for symbol in row.split()]
)
def test_emoji_set_the_emotion_too(symbol: str, emotion: str) -> None:
    assert split_text(f"Well {symbol} you came. And stayed.") == [
        TextSpan("Well"),
        TextSpan("you came.", emotion, 1.0, "emoji"),
        TextSpan("And stayed.", emotion, 1.0, "emoji"),
    ]


def test_an_emoji_behind_the_last_word_colours_its_sentence() -> None:
    assert shown("It broke. I love it 😍") == [("It broke.", None), ("I love it", "joy")]
    assert shown("I love it 😍!") == [("I love it!", "joy")]
    assert shown("Thanks :) see you :(") == [("Thanks", None), ("see you", "sadness")]
    assert shown("[anger] No 😀") == [("No", "anger")], "what was said in words wins"
    assert shown("No [joy]") == [("No", None)], "a tag speaks of what follows"


@pytest.mark.parametrize(
    "text", ["👩‍❤️‍👨 and I", "🦄 and I", "it cost 5:30", "x:D", "http://a.b:8", "a<3", "(c) me"]
)
def test_what_only_looks_like_an_emotion_stays(text: str) -> None:
    assert shown(text) == [(text, None)]


@pytest.mark.parametrize("text", ["", " \n ", "😀", "[joy]", "...", "😀 [sadness] !!!", "🦄"])
def test_a_text_without_words_has_no_spans(text: str) -> None:
    assert split_text(text) == []


def test_what_has_no_word_joins_its_neighbour() -> None:
    assert shown("— ! Hello (...) there. ** [joy] !! Yes") == [
        ("— ! Hello (...) there. **!!", None),
        ("Yes", "joy"),
    ]


def plain(text: str) -> str:
    return "".join(text.split())


ANY = st.text(st.characters(), max_size=80)
PIECES = st.sampled_from(
    [
        "[joy] ",
        "[sadness:0.5]",
        "😀",
        "👍🏽",
        " :) ",
        "Dr. No. ",
        "3.14 ",
        "你好。",
        "Hi! ",
        "\n\n",
        "a" * 300,
        "(",
        "”",
    ]
)


@settings(max_examples=300, deadline=None)
@given(text=ANY)
@example("[" * 50)
@example("\ud800 lone surrogate.")
def test_any_text_splits_and_tells_the_same_letters(text: str) -> None:
    if re.search(r"\[\s*[A-Za-z]+\s*:", text):
        return  # malformed tags have their own test
    spans = split_text(text)
    letters = "".join(c for c in text if c.isalnum())
    # Emoticons such as xD and :P are the only letters that may go.
    kept = "".join(c for span in spans for c in span.text if c.isalnum())
    assert kept == letters or len(letters) - len(kept) <= 2 * len(
        re.findall(r"[xX:=;DTOo_-][DPOT_o]|</?3", text)
    )
    assert all(has_words(span.text) and span.text == " ".join(span.text.split()) for span in spans)


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(PIECES | st.text("abc XYZ.!?,;:'\"()[]…0123456789。！", max_size=20), max_size=12))
def test_only_tags_emoji_and_blanks_are_lost(pieces: list[str]) -> None:
    text = "".join(pieces)
    expected = plain(emoji.PATTERN.sub(" ", re.sub(r"\[joy\]|\[sadness:0\.5\]", "\n", text)))
    got = "".join(plain(span.text) for span in split_text(text))
    assert got == expected if any(c.isalnum() for c in expected) else got == ""


@settings(max_examples=100, deadline=None)
@given(pieces=st.lists(PIECES, max_size=10), more=PIECES)
def test_more_text_never_changes_the_spans_before_the_last(pieces: list[str], more: str) -> None:
    text = "".join(pieces)
    before, after = split_text(text), split_text(text + more)
    assert after[: max(0, len(before) - 1)] == before[:-1]


@pytest.mark.parametrize(
    "unit", ["a", "[joy] ", ". ", "😀", "[", "\n", "a.b.", "!(", "[joy", ":) ", "wörd, "]
)
def test_very_much_of_anything_splits(unit: str) -> None:
    spans = split_text(unit * (100_000 // len(unit)))
    assert all(len(span.text) <= 240 for span in spans) or unit == ". "
