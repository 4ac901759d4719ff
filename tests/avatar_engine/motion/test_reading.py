from __future__ import annotations

import numpy as np
import pytest

from avatar_engine.motion.placement import phrases_of
from avatar_engine.motion.reading import TEXT_WEIGHT, Sentence, clauses_of, is_question, written_intensity
from avatar_engine.names import EMOTION_INDEX, EMOTION_NAMES

JOY, SAD = EMOTION_INDEX["joy"], EMOTION_INDEX["sadness"]


class Reader:
    """Finds the names of emotions."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> np.ndarray:
        self.texts.append(text)
        return np.array([0.9 if name in text else 0.05 for name in EMOTION_NAMES])


MIXED = "I was in such a joy this morning, but now there is only sadness in here."


def test_clauses_are_cut_at_commas_and_hold_the_whole_text() -> None:
    clauses = clauses_of(MIXED)
    assert [clause.text for clause in clauses] == [
        "I was in such a joy this morning,",
        " but now there is only sadness in here.",
    ]
    assert clauses[-1].ends_at == pytest.approx(sum(phrase.syllables for phrase in phrases_of(MIXED)))


@pytest.mark.parametrize(
    "text", ["Well, I think so.", "Oh no.", "...", "", "今天天气真好。", "No, no, no, no."]
)
def test_short_pieces_join_their_neighbours(text: str) -> None:
    clauses = clauses_of(text)
    assert len(clauses) >= 1
    assert "".join(clause.text for clause in clauses) == text
    assert all(b.ends_at >= a.ends_at for a, b in zip(clauses, clauses[1:], strict=False))


def test_an_emotion_shows_on_the_words_that_say_it() -> None:
    sentence = Sentence(MIXED, Reader())
    before, after = sentence.at(2.0), sentence.at(14.0)
    assert before[JOY] > 2 * before[SAD]
    assert after[SAD] > 2 * after[JOY]
    assert before.max() >= 0.4 * TEXT_WEIGHT


def test_a_sentence_is_read_once_and_a_clause_when_it_is_reached() -> None:
    reader = Reader()
    sentence = Sentence(MIXED, reader)
    assert reader.texts == [MIXED]
    for syllables in (0.0, 1.0, 2.0):
        sentence.at(syllables)
    assert len(reader.texts) == 2
    sentence.at(12.0)
    sentence.at(13.0)
    assert len(reader.texts) == 3
    single = Reader()
    Sentence("What a joy.", single).at(1.0)
    assert single.texts == ["What a joy."]


def test_what_a_clause_leaves_open_keeps_part_of_its_sentences_emotion() -> None:
    sentence = Sentence("When the door opened at last, there was nothing but joy.", Reader())
    assert 0.2 < sentence.at(1.0)[JOY] < sentence.at(11.0)[JOY]


def test_louder_writing_shows_more() -> None:
    assert written_intensity("what a joy.") == 1.0
    plain, loud = (Sentence(text, Reader()).at(0.0)[JOY] for text in ("What a joy.", "What a joy!"))
    assert loud > 1.1 * plain
    assert written_intensity("I am SO joyful.") == 1.0  # two capitals are a name or an abbreviation
    assert written_intensity("I am REALLY joyful.") > 1.0
    assert written_intensity("sooooo good") > 1.0
    assert written_intensity("你好！") > 1.0
    assert written_intensity("AAAA!!! BBBB!!!") <= 1.3


def test_questions_end_in_the_mark_of_any_script() -> None:
    assert all(map(is_question, ["Really?", "真的吗？", "حقا؟", 'He asked "Why?"', "Τι;"[:-1] + "\u037e"]))
    assert not any(map(is_question, ["Really.", "Why? I know.", ""]))
