"""The weights that ship: whole, small enough, and sensible about sentences nobody trained on."""

from __future__ import annotations

import numpy as np
import pytest

from avatar_engine.names import EMOTION_NAMES
from avatar_engine.weights import verify
from text_emotion import TextEmotion
from text_emotion.training.cases import CASES
from text_emotion.training.evaluate import SHIPPED, look


@pytest.fixture(scope="module")
def shipped() -> TextEmotion:
    return TextEmotion.load(SHIPPED)


def test_the_folder_is_whole_and_within_its_size(shipped: TextEmotion) -> None:
    files = verify(SHIPPED).content["files"]
    assert all(facts["bytes"] <= 25_000_000 for facts in files.values())
    assert sum(facts["bytes"] for facts in files.values()) <= 30_000_000
    assert shipped.names == EMOTION_NAMES


def test_its_manifest_records_the_promised_quality() -> None:
    assert verify(SHIPPED).content["metrics"]["goemotions_dev"]["macro_f1"] >= 0.63


def test_most_cases_are_heard_as_people_hear_them(shipped: TextEmotion) -> None:
    right = sum(ok for _, _, ok in look(shipped))
    assert right >= 0.75 * len(CASES)


@pytest.mark.parametrize(
    ("text", "emotion"),
    [
        ("I'm so sorry to hear that.", "sadness"),
        ("Great news! Your order has arrived.", "joy"),
        ("It smells rotten, yuck.", "disgust"),
        ("The meeting starts at ten in room four.", "neutral"),
        ("I'm terrified of flying.", "fear"),
        ("I hate this stupid printer.", "anger"),
        ("Wow, I never expected to see you here!", "surprise"),
    ],
)
def test_plain_cases_are_decided(shipped: TextEmotion, text: str, emotion: str) -> None:
    row = shipped.read([text])[0]
    assert shipped.names[int(row.argmax())] == emotion and row.max() > 0.5


def test_other_scripts_and_nothing_are_neutral(shipped: TextEmotion) -> None:
    rows = shipped.read(["我今天很高兴", "Мне очень грустно", "मैं बहुत खुश हूँ", "", "🦄", "\x00"])
    np.testing.assert_array_equal(rows.argmax(1), [EMOTION_NAMES.index("neutral")] * 6)
    assert shipped.coverage("我今天很高兴") == 0 and shipped.coverage("Мне очень грустно") == 0
    assert shipped.coverage("I am glad, lol") == 1
