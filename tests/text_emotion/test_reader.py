"""Texts in many languages through the shipped weights: the right model reads them, or nobody does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_engine.names import EMOTION_NAMES
from avatar_engine.weights import verify
from text_emotion import Reader, TextEmotion
from text_emotion.linear import IDF_STEP, LanguageEmotion, grouped
from text_emotion.training.evaluate import SHIPPED as ENGLISH
from text_emotion.training.languages import SHIPPED as LANGUAGES


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load(ENGLISH, LANGUAGES)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("eng", "I am so happy to see you."),
        ("eng", "Oh no!"),
        ("eng", "Thank you, Señor Müller!"),
        ("eng", "🎉 42"),
        ("chn", "我今天很高兴见到你"),
        ("chn", "这个 app 真恶心"),
        ("deu", "Ich habe Angst vor der Dunkelheit."),
        ("esp", "Estoy muy triste porque te vas."),
        ("ptbr", "Estou muito feliz hoje!"),
        ("ron", "Mi-e foarte frică de întuneric."),
        ("swe", "Jag är så glad att se dig!"),
        ("rus", "Мне сегодня очень грустно."),
        ("ukr", "Мені сьогодні дуже сумно, їй теж."),
        ("hin", "मैं आज बहुत खुश हूँ"),
        (None, "Je suis très content de te voir aujourd'hui."),
        (None, "Sono molto felice di rivederti, grazie mille!"),
        (None, "Ik ben heel boos op jou, waarom doe je dat?"),
        (None, "Jestem bardzo smutny, bo odszedł mój przyjaciel."),
        (None, "今日はとても嬉しいです"),
        (None, "오늘 정말 행복해요"),
        (None, "أنا سعيد جدا اليوم"),
        (None, "Љубав је лепа"),
    ],
)
def test_a_text_goes_to_the_model_of_its_language(reader: Reader, language: str | None, text: str) -> None:
    assert reader.language(text) == language
    assert (reader.coverage(text) >= 0.5) == (language is not None)
    if language is None:
        assert reader.read([text])[0].argmax() == EMOTION_NAMES.index("neutral")


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("我今天非常高兴，太开心了！", "joy"),
        ("Ich bin so wütend auf diese Idioten!", "anger"),
        ("Estoy muy triste, la extraño mucho.", "sadness"),
        ("Мне так страшно, я боюсь.", "fear"),
        ("Que alegria, amei muito, parabéns!", "joy"),
        ("मुझे बहुत डर लग रहा है", "fear"),
    ],
)
def test_plain_sentences_are_understood(reader: Reader, text: str, emotion: str) -> None:
    assert EMOTION_NAMES[int(reader.read([text])[0].argmax())] == emotion


def test_english_is_read_by_the_english_model_alone(reader: Reader) -> None:
    texts = ["I hate this stupid printer.", "The meeting starts at ten."]
    np.testing.assert_array_equal(reader.read(texts), TextEmotion.load(ENGLISH).read(texts))


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=80))
def test_whatever_comes_in_gives_probabilities(text: str) -> None:
    reader = _shared()
    row = reader.read([text])[0]
    assert row.shape == (7,) and np.isfinite(row).all() and (row >= 0).all() and (row <= 1).all()
    assert 0 <= reader.coverage(text) <= 1


_READERS: list[Reader] = []


def _shared() -> Reader:
    if not _READERS:
        _READERS.append(Reader.load(ENGLISH, LANGUAGES))
    return _READERS[0]


def test_the_sum_is_that_of_the_plain_formula() -> None:
    """Beside the table look-up the slow way: n-gram by n-gram."""
    model = LanguageEmotion.load(LANGUAGES)
    facts = json.loads((LANGUAGES / "manifest.json").read_text(encoding="utf-8"))["config"]["languages"]
    rows = slice(*facts["deu"]["rows"])
    keys = np.load(LANGUAGES / "keys.npy")[rows].tolist()
    table = dict(zip(keys, np.load(LANGUAGES / "emotions.npy")[rows], strict=True))
    text = "Das ist ja wunderbar, wirklich wunderbar!"
    total = np.array(facts["deu"]["bias"])
    for hashes, values, share in grouped(text):
        known = {h: v for h, v in zip(hashes.tolist(), values.tolist(), strict=True) if h in table}
        size = sum((v * table[h][-1] * IDF_STEP) ** 2 for h, v in known.items()) ** 0.5
        for number, value in known.items():
            weight = value * table[number][-1] * IDF_STEP * share / size
            total += weight * table[number][:-1] * np.array(facts["deu"]["step"])
    np.testing.assert_allclose(model.read(text, "deu"), 1 / (1 + np.exp(-total)), atol=1e-4)


def test_the_folder_is_whole_and_within_its_size() -> None:
    manifest = verify(LANGUAGES)
    assert sum(facts["bytes"] for facts in manifest.content["files"].values()) <= 7_000_000
    assert set(manifest.config["languages"]) >= {"chn", "deu", "esp", "rus", "ptbr", "hin"}
    assert manifest.content["metrics"]["misrouted"]["eng, GoEmotions dev"] <= 0.005


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("emotions.npy", "missing"),
        ("keys.npy", "missing"),
        ("latin.npy", "missing"),
        ("manifest.json", "missing"),
    ],
)
def test_a_damaged_folder_is_told_in_one_line(tmp_path: Path, broken: str, told: str) -> None:
    folder = shutil.copytree(LANGUAGES, tmp_path / "languages")
    (folder / broken).unlink()
    with pytest.raises(ValueError, match=told) as error:
        LanguageEmotion.load(folder)
    assert "\n" not in str(error.value)
