"""Numbers for the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from tests.text_emotion.conftest import tiny_tokenizer, tiny_vocabulary
from text_emotion.tokens import Tokens


@pytest.fixture
def tokens() -> Tokens:
    return Tokens(tiny_tokenizer(), 16)


def pieces(ids: np.ndarray) -> list[str]:
    return [tiny_vocabulary()[i] for i in ids]


def test_a_text_begins_and_ends_with_its_marks_and_has_no_padding(tokens: Tokens) -> None:
    encoded = tokens.read("I love it")
    assert pieces(encoded.ids) == ["[CLS]", "i", "love", "it", "[SEP]"]
    assert encoded.ids.dtype == np.int64 and encoded.letters == 7


def test_of_too_many_words_the_first_and_the_last_are_kept(tokens: Tokens) -> None:
    ids = tokens.read("wow " + "the " * 50 + "love").ids
    assert len(ids) == 16
    assert pieces(ids) == ["[CLS]", "wow", *["the"] * 12, "love", "[SEP]"]


def test_many_texts_are_encoded_as_each_by_itself(tokens: Tokens) -> None:
    texts = ["I love it", "", "the " * 40, "so 😭", "б б"]
    for together, text in zip(tokens.encode_all(texts), texts, strict=True):
        np.testing.assert_array_equal(together, tokens.read(text).ids)


def test_a_file_that_is_no_bert_tokenizer_says_so(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with pytest.raises(ValueError, match="no tokenizer there"):
        Tokens.load(path, 16)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="not a tokenizer file"):
        Tokens.load(path, 16)
    Tokenizer(WordLevel({"a": 0}, unk_token="a")).save(str(path))
    with pytest.raises(ValueError, match=r"no \[UNK\]"):
        Tokens.load(path, 16)
