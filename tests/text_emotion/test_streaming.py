"""Sentences of a text that comes in pieces, and what of a text is said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from text_emotion.sentences import split_sentences
from text_emotion.streaming import SentenceStream, spoken_text

ALPHABET = "aB1 .,!?\n[]:-\"'…。你*😀"
TEXTS = st.text(st.sampled_from(ALPHABET), max_size=120) | st.lists(
    st.sampled_from(
        [
            "Hello. ",
            "Dr. Who ",
            "3.14 ",
            "[joy] ",
            "[sad:0.5]",
            "e.g. this ",
            "你好。",
            "\n- an item",
            "J. S. ",
        ]
    )
).map("".join)


def pieces_of(text: str, cuts: list[int], longest: int = 160) -> list[str]:
    stream, done, start = SentenceStream(longest), [], 0
    for cut in sorted({min(cut, len(text)) for cut in cuts}):
        done += stream.push(text[start:cut])
        start = cut
    return [*done, *stream.push(text[start:]), *stream.finish()]


@given(TEXTS, st.lists(st.integers(0, 120), max_size=20), st.integers(8, 60))
def test_nothing_depends_on_how_the_text_is_cut(text: str, cuts: list[int], longest: int) -> None:
    whole = pieces_of(text, [], longest)
    assert pieces_of(text, cuts, longest) == whole
    said = "".join(whole)
    assert text.startswith(said) and not text[len(said) :].strip()
    assert all(sentence.strip() for sentence in whole)


@pytest.mark.parametrize(
    "text",
    [
        'He said "Yes!" and left. "No." It is 3.14, not 3. Really?! Well... Yes. Mr. X met J. Smith.',
        "你好！今天天气很好。我们去公园吧",
        "One thing\n\n- item one\n- item two. Fine.\n\nNext",
        "Wow!Great. See www.a.b/c.html now. Fig. 3 shows No. 5. He is in the U.S. Then he left.",
    ],
)
def test_as_the_whole_text_would_be_split(text: str) -> None:
    assert [" ".join(s.split()) for s in pieces_of(text, list(range(200)))] == split_sentences(text)


def test_a_sentence_is_given_as_soon_as_it_is_certain() -> None:
    stream = SentenceStream()
    assert stream.push("It is 3.") == [] and stream.push("14.") == [] and stream.push(" ") == []
    assert stream.push("N") == ["It is 3.14."]
    assert stream.push("ow [jo") == [] and stream.push("y] or never! [s") == [] and stream.push("ad] ") == []
    assert stream.push("B") == [" Now [joy] or never!"]
    assert stream.finish() == [" [sad] B"]


def test_a_tag_is_never_cut() -> None:
    for sentence in pieces_of("word " * 31 + "[joy:0.5] more words [sadness] " * 20, [], 160):
        assert sentence.count("[") == sentence.count("]")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[joy] Hello [sadness:0.5]world[JOY]!", "Hello world !"), ("[joy:9] Hi", "Hi"),
        ("see [1]", "see [1]"),
        ("**Bold** and `code` # x", "Bold and code x"), ("[docs](http://x.y/z) here", "docs here"),
        ("at https://www.example.org/a?b=c now", "at example.org now"), ("Yes 😀 ☀️!", "Yes !"),
        ("😀 ...", ""), ("", ""),
    ],
)  # fmt: skip
def test_what_is_said(text: str, said: str) -> None:
    assert spoken_text(text) == said


@given(TEXTS)
def test_what_is_said_has_words_or_is_empty(text: str) -> None:
    said = spoken_text(text)
    assert said == "" or any(c.isalnum() for c in said)
    assert "\n" not in said
