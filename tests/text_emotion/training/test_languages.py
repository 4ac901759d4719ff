"""The languages' training on made texts: learned, judged on other texts, and the same when written."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from text_emotion.linear import LanguageEmotion
from text_emotion.training import baseline, languages

TELLING = {
    "anger": "wut zorn", "disgust": "ekel igitt", "fear": "angst furcht",
    "joy": "freude glück", "sadness": "trauer leid", "surprise": "huch nanu",
}  # fmt: skip
COLUMNS = tuple(TELLING)


def _rows(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    lines = ["id,text,anger,disgust,fear,joy,sadness,surprise"]
    for i in range(count):
        chosen = rng.choice([*COLUMNS, None])
        words = rng.sample(["haus", "baum", "tisch", "weg", "stadt", "jahr"], 3)
        if chosen:
            words.insert(rng.randrange(4), rng.choice(TELLING[chosen].split()))
        lines.append(f"{i},{' '.join(words)}," + ",".join(str(int(name == chosen)) for name in COLUMNS))
    return lines


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("languages")
    (folder / "goemotions_ekman").mkdir()
    (folder / "goemotions_ekman" / "labels.txt").write_text("\n".join(languages.NAMES), encoding="utf-8")
    for split in ("train", "dev"):
        lines = [f"the house and the tree are here {i}\t4\t{split}{i}\n" for i in range(40)]
        (folder / "goemotions_ekman" / f"{split}.tsv").write_text("".join(lines), encoding="utf-8")
    for part, count in (("train", 160), ("dev", 40)):
        (folder / "brighter" / part).mkdir(parents=True)
        for language in {*languages.LANGUAGES, *languages.LATIN}:
            path = folder / "brighter" / part / f"{language}.csv"
            path.write_text("\n".join(_rows(count, len(part))) + "\n", encoding="utf-8")
    return folder


def test_it_learns_and_is_judged_on_texts_of_other_folds(made: Path) -> None:
    result = languages.cross_validate(made, "deu")
    assert result["macro_f1"] > 0.9 and result["baseline_tuned"] > 0.9
    parts = languages.folds(23)
    assert sorted(np.concatenate(parts).tolist()) == list(range(23))


def test_what_is_written_reads_as_what_was_fitted(made: Path, tmp_path: Path) -> None:
    languages.export(made, tmp_path / "out", version="0", command="test")
    model = LanguageEmotion.load(tmp_path / "out")
    sentences = languages.read(made, "deu")
    counted = languages.Counted.of(sentences.texts)
    exact = languages.fit(counted, sentences.labels).probabilities(counted)
    rounded = np.stack([model.read(text, "deu") for text in sentences.texts])
    np.testing.assert_allclose(rounded, exact, atol=0.03)


def test_the_baseline_knows_no_test_label() -> None:
    texts = [line.split(",")[1] for line in _rows(120, 3)[1:]]
    labels = np.array([[int(cell) for cell in line.split(",")[2:]] for line in _rows(120, 3)[1:]])
    plain, tuned = baseline.decide(texts[:90], labels[:90], texts[90:])
    assert plain.shape == tuned.shape == (30, 6)
    assert (tuned == labels[90:]).mean() > 0.9
