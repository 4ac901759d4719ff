"""Reading texts with a weights folder, and what a broken folder says."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text_emotion.conftest import WORDS, made_sentence
from text_emotion import TextEmotion

NEUTRAL_ROW = [0, 0, 0, 0, 1, 0, 0]


def test_a_telling_word_is_found(model: TextEmotion) -> None:
    rng = random.Random(7)
    texts = [made_sentence(name, rng) for name in model.names for _ in range(5)]
    said = model.read(texts).argmax(1)
    right = np.repeat(np.arange(len(model.names)), 5)
    assert (said == right).mean() > 0.9


def test_reads_float32_probabilities_in_the_order_of_the_names(model: TextEmotion) -> None:
    assert model.names == tuple(WORDS)
    result = model.read(["i love it", "it is gross"])
    assert result.dtype == np.float32 and result.shape == (2, 7)
    assert ((result >= 0) & (result <= 1)).all()
    assert model.read([]).shape == (0, 7)


def test_a_text_is_read_the_same_in_any_company(model: TextEmotion) -> None:
    texts = ["i love it", "wow " * 60, "so sad", "the table"]
    together = model.read(texts)
    apart = np.concatenate([model.read([text]) for text in texts])
    np.testing.assert_array_equal(together, apart)
    np.testing.assert_array_equal(together[::-1], model.read(texts[::-1]))


@pytest.mark.parametrize(
    "text", ["", "  \n\t ", "\x00\x07", "...!?", "12345", "🦄🚀", "我很高兴", "Привет мир", "नमस्ते"]
)
def test_what_cannot_be_read_is_neutral(model: TextEmotion, text: str) -> None:
    assert model.read([text])[0].tolist() == NEUTRAL_ROW


@pytest.mark.parametrize("text", ["", "...!?", "42", "🦄"])
def test_nothing_is_unknown_in_a_text_without_letters(model: TextEmotion, text: str) -> None:
    assert model.coverage(text) == 1


def test_coverage_is_the_share_of_known_letters(model: TextEmotion) -> None:
    assert model.coverage("I love it, xyzzy") == 1
    assert model.coverage("我很高兴") == 0
    assert model.coverage("б") == 0, "the vocabulary holds this letter, yet not its script"
    assert model.coverage("love любв") == pytest.approx(0.5)


def test_a_known_emoji_is_read_as_its_emotion(model: TextEmotion) -> None:
    np.testing.assert_array_equal(model.read(["😂"]), model.read(["joy"]))


def test_both_ends_of_a_very_long_text_count(model: TextEmotion) -> None:
    filler = "the table is open " * 60_000
    at_the_end, at_the_start = model.read([filler + "i love it so happy", "wow so strange " + filler])
    in_the_middle, plain = model.read([filler + "i love it so happy " + filler, filler])
    assert at_the_end[3] > plain[3] and at_the_start[6] > plain[6]
    np.testing.assert_array_equal(in_the_middle, plain)


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.characters(), max_size=200))
def test_any_text_gives_finite_probabilities(model: TextEmotion, text: str) -> None:
    result = model.read([text])
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1
    assert 0 <= model.coverage(text) <= 1


@pytest.fixture
def broken(weights_folder: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(weights_folder, tmp_path / "base"))


@pytest.mark.parametrize("name", ["manifest.json", "text_emotion.onnx", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["missing", "garbage", "truncated"])
def test_a_damaged_folder_is_one_line_that_names_the_file(broken: Path, name: str, damage: str) -> None:
    path = broken / name
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(b"\xff\x00garbage" if damage == "garbage" else content[: len(content) // 2])
    with pytest.raises(ValueError) as caught:
        TextEmotion.load(broken)
    message = str(caught.value)
    assert name in message and "\n" not in message


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("names", ["joy", "neutral"], "the manifest names 2 emotions"),
        ("names", ["joy"] * 7, "expected 'neutral' among them"),
        ("max_tokens", 2, "expected at least 4"),
        ("max_tokens", "many", "expected int"),
        ("model", None, "expected str"),
    ],
)
def test_a_manifest_that_does_not_fit_says_why(broken: Path, key: str, value: object, complaint: str) -> None:
    path = broken / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["config"][key] = value
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=complaint):
        TextEmotion.load(broken)
