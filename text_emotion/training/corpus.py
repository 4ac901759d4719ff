"""The sentences text_emotion learns from: files in, labelled sentences out. Knows formats and splits, not
the network.

GoEmotions with Ekman labels and BRIGHTER are CC BY 4.0; training/phrases.py is our own.
"""

from __future__ import annotations

import csv
import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from text_emotion.training import phrases

NAMES = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
HELD_OUT_PERCENT = 10
"""Of GoEmotions train: for thresholds, calibration and the choice of the model. By hash of the id: the same
for all seeds.
"""

FIRST_NAMES = (
    "Anna", "Ben", "Chen", "Diego", "Emma", "Fatima", "George", "Hannah", "Ivan", "John", "Kate", "Liam",
    "Maria", "Noah", "Olivia", "Peter", "Priya", "Sarah", "Tom", "Yuki",
)  # fmt: skip


@dataclass(frozen=True)
class Sentences:
    """Texts with what is felt in them."""

    texts: list[str]
    "As people wrote them; `Tokens` cleans."
    labels: np.ndarray
    "float32 [n, 7], 0 or 1."
    known: np.ndarray
    "float32 [n, 7]: 1 where the source says anything about that class (BRIGHTER English has no disgust)."

    def __len__(self) -> int:
        return len(self.texts)

    def __add__(self, other: Sentences) -> Sentences:
        return Sentences(
            self.texts + other.texts,
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.known, other.known]),
        )

    def pick(self, chosen: np.ndarray) -> Sentences:
        """Those at the indices `chosen`."""
        return Sentences([self.texts[i] for i in chosen], self.labels[chosen], self.known[chosen])


def _sentences(rows: list[tuple[str, tuple[int, ...]]]) -> Sentences:
    labels = np.zeros((len(rows), len(NAMES)), np.float32)
    for i, (_, chosen) in enumerate(rows):
        labels[i, list(chosen)] = 1
    return Sentences([text for text, _ in rows], labels, np.ones_like(labels))


def read_goemotions(folder: Path, split: str) -> tuple[Sentences, list[str]]:
    """`folder`/{train,dev}.tsv (text, comma-separated label numbers, id) and the ids. Checks labels.txt."""
    names = tuple((folder / "labels.txt").read_text(encoding="utf-8").split())
    if names != NAMES:
        raise ValueError(f"{folder / 'labels.txt'} lists {names}, expected {NAMES}")
    rows, ids = [], []
    with (folder / f"{split}.tsv").open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            fields = line.rstrip("\r\n").split("\t")
            if len(fields) != 3:
                raise ValueError(f"{file.name}:{number}: {len(fields)} columns, expected text, labels, id")
            rows.append((fields[0], tuple(int(label) for label in fields[1].split(","))))
            ids.append(fields[2])
    return _sentences(rows), ids


def read_brighter(path: Path) -> Sentences:
    """A BRIGHTER csv (id, text, then a column an emotion); no emotion marked means neutral."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    columns = [name for name in NAMES if name in rows[0]]
    labels = np.zeros((len(rows), len(NAMES)), np.float32)
    known = np.zeros_like(labels)
    for i, row in enumerate(rows):
        for name in columns:
            labels[i, NAMES.index(name)] = float(row[name])
            known[i, NAMES.index(name)] = 1
        labels[i, NAMES.index("neutral")] = not labels[i].any()
        known[i, NAMES.index("neutral")] = 1
    return Sentences([row["text"] for row in rows], labels, known)


def own_phrases(*, seed: int, held_out: bool) -> Sentences:
    """training/phrases.py, expanded."""
    made = phrases.make(seed, held_out=held_out)
    return _sentences([(text, tuple(NAMES.index(name) for name in names)) for text, names in made])


def split_held_out(sentences: Sentences, ids: list[str]) -> tuple[Sentences, Sentences]:
    """(to train on, held out)."""
    held = np.array(
        [int(hashlib.sha256(i.encode()).hexdigest()[:8], 16) % 100 < HELD_OUT_PERCENT for i in ids]
    )
    return sentences.pick(np.flatnonzero(~held)), sentences.pick(np.flatnonzero(held))


def with_names(texts: list[str], seed: int) -> list[str]:
    """GoEmotions hides names as [NAME]; people do not. The same texts with first names in their place."""
    rng = random.Random(seed)
    result = []
    for text in texts:
        while "[NAME]" in text:
            text = text.replace("[NAME]", rng.choice(FIRST_NAMES), 1)
        result.append(text)
    return result
