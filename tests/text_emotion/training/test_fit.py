"""The training loop: batches, losses, that it learns, and that it learns the same twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from text_emotion.tokens import Tokens
from text_emotion.training.corpus import Sentences, read_goemotions
from text_emotion.training.fit import Encoded, Options, batches, fit, predict
from text_emotion.training.network import load_pretrained

QUICK = Options(epochs=1, batch=32, precision="float32", max_tokens=16, lr=1e-3)


@pytest.fixture
def few(data_folder: Path) -> Sentences:
    sentences, _ = read_goemotions(data_folder / "goemotions_ekman", "train")
    return sentences.pick(np.arange(96))


@pytest.fixture
def encoded(few: Sentences, encoder_folder: Path) -> Encoded:
    return Encoded(few, Tokens.load(encoder_folder / "tokenizer.json", 16), "cpu", names_seed=0)


def trained(
    encoder_folder: Path, encoded: Encoded, o: Options, teacher: np.ndarray | None = None
) -> np.ndarray:
    torch.manual_seed(o.seed)
    model = load_pretrained(encoder_folder, 7)
    fit(model, encoded, o, device="cpu", teacher=teacher, log=lambda line: None)
    return predict(model, encoded, device="cpu", precision=o.precision)


def test_every_sentence_is_in_one_batch_of_like_lengths() -> None:
    lengths = np.random.default_rng(0).integers(3, 60, 1000)
    groups = list(batches(lengths, 16, np.random.default_rng(1)))
    assert sorted(np.concatenate(groups)) == list(range(1000))
    assert np.mean([np.ptp(lengths[group]) for group in groups]) < 5


def test_the_same_seed_gives_the_same_weights(encoder_folder: Path, encoded: Encoded) -> None:
    first, second = (trained(encoder_folder, encoded, QUICK) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (trained(encoder_folder, encoded, replace(QUICK, seed=1)) != first).any()


@pytest.mark.parametrize(
    "changes",
    [
        {"smoothing": 0.1},
        {"focal": 1.5},
        {"rare_weight": 0.3},
        {"r_drop": 1.0},
        {"average": 0.9},
        {"precision": "bfloat16"},
        {"dropout": 0.0},
    ],
)
def test_each_option_does_something_sane(
    encoder_folder: Path, encoded: Encoded, changes: dict[str, float]
) -> None:
    plain = trained(encoder_folder, encoded, QUICK)
    if "dropout" in changes:
        torch.manual_seed(0)
        model = load_pretrained(encoder_folder, 7, 0.0)
        fit(model, encoded, QUICK, device="cpu", log=lambda line: None)
        other = predict(model, encoded, device="cpu", precision="float32")
    else:
        other = trained(encoder_folder, encoded, replace(QUICK, **changes))
    assert np.isfinite(other).all() and (other != plain).any()


def test_a_student_follows_its_teacher_and_not_the_labels(encoder_folder: Path, encoded: Encoded) -> None:
    teacher = np.full((len(encoded), 7), 0.05, np.float32)
    teacher[:, 2] = 0.95
    o = replace(QUICK, epochs=6, teach=1.0, head_lr=1e-2)
    said = trained(encoder_folder, encoded, o, teacher)
    assert (said.argmax(1) == 2).all()
    with pytest.raises(ValueError, match="there is no teacher"):
        trained(encoder_folder, encoded, o)


def test_classes_that_a_source_says_nothing_about_are_not_learned(
    encoder_folder: Path, few: Sentences
) -> None:
    tokens = Tokens.load(encoder_folder / "tokenizer.json", 16)
    known = few.known.copy()
    known[:, 3] = 0
    outcomes = []
    for value in (0, 1):  # whatever stands in the labels of that class
        labels = few.labels.copy()
        labels[:, 3] = value
        outcomes.append(
            trained(encoder_folder, Encoded(Sentences(few.texts, labels, known), tokens, "cpu"), QUICK)
        )
    np.testing.assert_array_equal(*outcomes)


def test_precision_is_one_of_two(encoder_folder: Path, encoded: Encoded) -> None:
    with pytest.raises(ValueError, match="expected bfloat16 or float32"):
        trained(encoder_folder, encoded, replace(QUICK, precision="float16"))
