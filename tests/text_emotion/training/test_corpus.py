"""Files into sentences, own sentences, and the split that choices are made on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from text_emotion.training import phrases
from text_emotion.training.cases import CASES
from text_emotion.training.corpus import (
    NAMES,
    own_phrases,
    read_brighter,
    read_goemotions,
    split_held_out,
    with_names,
)


def test_goemotions_rows_become_labels(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(NAMES), encoding="utf-8")
    (tmp_path / "dev.tsv").write_text("It’s “ok” 😭\t4,5\tid1\nhi\t3\tid2\n", encoding="utf-8")
    sentences, ids = read_goemotions(tmp_path, "dev")
    assert sentences.texts == ["It’s “ok” 😭", "hi"] and ids == ["id1", "id2"]
    assert sentences.labels.tolist() == [[0, 0, 0, 0, 1, 1, 0], [0, 0, 0, 1, 0, 0, 0]]
    assert sentences.known.all()


def test_other_labels_or_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("joy\nanger", encoding="utf-8")
    with pytest.raises(ValueError, match="labels.txt lists"):
        read_goemotions(tmp_path, "dev")
    (tmp_path / "labels.txt").write_text("\n".join(NAMES), encoding="utf-8")
    (tmp_path / "dev.tsv").write_text("fine\t3\tid\nno label\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"dev.tsv:2: 1 columns"):
        read_goemotions(tmp_path, "dev")


def test_brighter_says_nothing_about_classes_it_lacks(data_folder: Path) -> None:
    sentences = read_brighter(data_folder / "brighter" / "train" / "eng.csv")
    disgust, neutral = NAMES.index("disgust"), NAMES.index("neutral")
    assert sentences.texts[0] == "happy, so happy"
    assert sentences.known[:, disgust].tolist() == [0, 0]
    assert sentences.labels[:, neutral].tolist() == [0, 1]


def test_the_held_out_slice_depends_on_ids_alone(data_folder: Path) -> None:
    everything, ids = read_goemotions(data_folder / "goemotions_ekman", "train")
    train, held_out = split_held_out(everything, ids)
    assert len(train) + len(held_out) == len(everything) and 0.05 < len(held_out) / len(everything) < 0.15
    order = np.random.default_rng(0).permutation(len(ids))
    _, again = split_held_out(everything.pick(order), [ids[i] for i in order])
    assert sorted(again.texts) == sorted(held_out.texts)


def test_hidden_names_become_names() -> None:
    (text,) = with_names(["[NAME] and [NAME] left"], seed=0)
    assert "[" not in text and text.endswith(" left")
    assert with_names(["[NAME]"], 3) == with_names(["[NAME]"], 3)


@pytest.mark.parametrize("held_out", [False, True])
def test_own_sentences_cover_all_classes_and_read_well(held_out: bool) -> None:
    sentences = own_phrases(seed=1, held_out=held_out)
    assert (sentences.labels.sum(0) >= 10).all()
    assert len(set(sentences.texts)) == len(sentences)
    for text in sentences.texts:
        assert not set("{}|") & set(text) and "  " not in text and " ." not in text and " ," not in text


def test_templates_held_out_and_cases_to_look_at_are_never_trained_on() -> None:
    trained = {text for seed in range(5) for text, _ in phrases.make(seed, per_template=20)}
    held_out = {text for seed in range(5) for text, _ in phrases.make(seed, per_template=20, held_out=True)}
    assert not trained & held_out
    assert not trained & {text for text, _ in CASES}
    assert len(CASES) >= 40 and {name for _, fair in CASES for name in fair[:1]} == set(NAMES)
