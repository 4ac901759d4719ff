from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from avatar_engine.drivers.live.script import Line, Script
from avatar_engine.motion.said import Place, said, syllables_of


def split(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.])\s+", text.strip()) if part]


def test_reports_move_the_place_at_the_sound_of_their_slot() -> None:
    script = Script(10, split)
    script.add("One two. Three four.")
    assert script.heard() == ""
    script.report(9, Place(0, 0.0))
    script.report(12, Place(1, 2.0))
    (first,) = script.left(10, 640)
    assert (first.text, first.start_s) == ("One two.", 0.0)
    assert script.left(11, 1280) == [] and script.heard() == ""
    (second,) = script.left(12, 1920)
    assert (second.text, second.start_s) == ("Three four.", 0.08) and script.heard() == "One two."
    assert script.end() == []


def test_a_late_report_tells_where_in_the_sound_it_was_and_corrects_the_guess() -> None:
    script = Script(0, split)
    script.add("One two three four. Five six seven eight. Nine.")
    told: list[Line] = []
    for slot in range(60):  # 2.4 s, no report: careful guesses
        told += script.left(slot, 640 * (slot + 1))
    assert [line.text for line in told] == ["One two three four.", "Five six seven eight."]
    guessed = script.heard()
    script.report(50, Place(0, 3.0))
    assert script.left(60, 640 * 61) == []
    assert len(script.heard()) < len(guessed)
    script.report(61, Place(3, 11.0))
    (last,) = script.left(61, 640 * 62)
    assert last.text == "Nine." and script.heard() == "One two three four. Five six seven eight. Nine."


def test_nothing_is_guessed_while_the_sound_of_an_utterance_is_missing() -> None:
    script = Script(0, split)
    script.add("One two three. Four five six.")
    for slot in range(100):
        script.left(slot, 640)
    assert script.heard() == ""


@given(
    st.lists(st.text("ab c. ", min_size=1, max_size=20), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 80), st.integers(0, 4), st.floats(0, 40)), max_size=12),
    st.integers(1, 80),
)
def test_every_sentence_is_told_once_in_order_whatever_is_reported(
    pieces: list[str], reports: list[tuple[int, int, float]], slots: int
) -> None:
    script, told = Script(0, split), []
    ordered = sorted(reports)
    for slot in range(slots):
        if slot < len(pieces):
            script.add(pieces[slot] if slots > len(pieces) else "".join(pieces) if slot == 0 else "")
        if slot < len(ordered):
            script.report(ordered[slot][0], Place(ordered[slot][1], ordered[slot][2]))
        told += script.left(slot, 640 * (slot + 1))
    count = len(told)
    told += script.end()
    sentences = split(script.text)
    assert len(told) == len(sentences)
    assert [line.text for line in told[count:]] == sentences[count:]
    starts = [line.start_s for line in told]
    assert starts == sorted(starts) and all(line.start_s <= line.end_s for line in told)
    assert all(start <= slots / 25 + 1e-9 for start in starts)


def test_said_counts_words_by_syllables_and_characters_where_there_are_no_blanks() -> None:
    assert said(["One two.", "Three four."], Place(2, 0.0)) == "One two. Three four."
    assert said(["One two.", "Three four."], Place(1, syllables_of("One two. Three"))) == "One two. Three"
    assert said([], Place(0, 5.0)) == ""
    assert said(["今天天气"], Place(0, 2.0)) == "今天"
    assert said(["One two."], Place(0, 0.0)) == ""
