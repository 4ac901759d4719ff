"""Where sentences end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from text_emotion.sentences import LONGEST, split_sentences


@pytest.mark.parametrize(
    "text",
    [
        "Hello there.| How are you?| I am fine!",
        "Dr. Smith paid $3.50 to Mrs. Jones, e.g. in cash.| Then he left.",
        "We met at 5 p.m. in St. Louis.| It rained.",
        "It ended at 5 p.m.| We went home.",
        "He lives in the U.S.| She does not.",
        "J. R. R. Tolkien wrote it.| So did I.| We laughed.",
        "Pi is 3.14 and v1.2.3 is at example.com/a.html now.| Yes.",
        "See No. 5 and Fig. 2 for more.| No.| Never.",
        "1. Open the app.| 2. Press start.",
        "It was in 1999.| Then came 2000.",
        "Well... maybe.| Wait…| What?!| No!!!",
        "“Are you sure?” he asked.| “Yes!”| She left.",
        "(He left.)| She stayed.",
        "Yahoo! is a company.| Really?",
        "Wow!|Great.| And then?|Yes",
        "你好！|今天天气很好。|“我们走吧。”|好",
        "すごい！|本当ですか？|はい。",
        "मैं ठीक हूँ।| आप कैसे हैं?",
        "مرحبا، كيف حالك؟| أنا بخير.",
        "¡Hola!| ¿Qué tal?| Bien.",
        "Das kostet z.B. 5 Euro bzw. mehr.| Gut.",
        "A headline\n\n|and a paragraph.| Done",
        "- one thing\n|- another thing\n|3) a third",
        "A line that was\nwrapped by hand.| Next.",
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str) -> None:
    assert split_sentences(text.replace("|", "")) == [" ".join(part.split()) for part in text.split("|")]


def test_a_long_sentence_is_cut_at_clauses() -> None:
    clause = "and when the rain came down on the roof of the house we sat by the fire, "
    pieces = split_sentences(clause * 12 + "until morning.")
    assert len(pieces) > 3
    assert all(len(piece) <= LONGEST and piece.endswith((",", ".")) for piece in pieces)


def test_without_clauses_between_words_and_without_words_anywhere() -> None:
    assert all(set(piece.split()) == {"word"} for piece in split_sentences("word " * 200))
    assert [len(piece) for piece in split_sentences("x" * 500)] == [LONGEST, LONGEST, 20]
    assert all(piece.endswith("，") for piece in split_sentences("我们走到河边看见一条船，" * 40)[:-1])


@settings(max_examples=300, deadline=None)
@given(text=st.text(st.sampled_from("ab AB.!?…,;:'\"()1。！\n\t—") | st.characters(), max_size=400))
def test_no_character_is_lost_and_no_piece_is_long(text: str) -> None:
    pieces = split_sentences(text)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(piece and len(piece) <= LONGEST for piece in pieces)
