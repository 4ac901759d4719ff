"""The aligner: the best path is the best of all paths, and phones lie where they sound."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from audio2expr.training.aligner import LEAST_ROWS, Aligner, Heard, best_path, labels_of
from audio2expr.training.corpus import Session
from audio2expr.training.phones import PHONE_INDEX, SILENCE, Phone

RATE = 16_000


def _segmentations(rows: int, parts: int) -> Iterator[list[int]]:
    """All ways to cut rows into parts of at least LEAST_ROWS."""
    if parts == 1:
        if rows >= LEAST_ROWS:
            yield [rows]
        return
    for first in range(LEAST_ROWS, rows + 1):
        for rest in _segmentations(rows - first, parts - 1):
            yield [first, *rest]


def _slow_best(scores: np.ndarray, phones: list[int], optional: list[bool]) -> float:
    best = -np.inf
    for kept in itertools.product(*[(True, False) if o else (True,) for o in optional]):
        positions = [i for i, k in enumerate(kept) if k]
        for lengths in _segmentations(len(scores), len(positions)) if positions else ():
            path = np.repeat(positions, lengths)
            best = max(best, float(scores[np.arange(len(scores)), np.array(phones)[path]].sum()))
    return best


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 9),
    st.lists(st.integers(1, 3), min_size=1, max_size=2),
    st.booleans(),
)
def test_the_best_path_is_the_best_of_all(seed: int, rows: int, words: list[int], outer: bool) -> None:
    random = np.random.default_rng(seed)
    phones, optional = ([0], [True]) if outer else ([], [])
    for size in words:
        phones += [*random.integers(1, 4, size).tolist(), 0]
        optional += [False] * size + [True]
    scores = random.normal(size=(rows, 4))
    path = best_path(scores, phones, optional)
    best = _slow_best(scores, phones, optional)
    if path is None:
        assert best == -np.inf
        return
    assert scores[np.arange(rows), np.array(phones)[path]].sum() == pytest.approx(best)
    steps = np.diff(path)
    assert (steps >= 0).all() and (np.bincount(path)[np.unique(path)] >= LEAST_ROWS).all()
    left_out = set(range(len(phones))) - set(path.tolist())
    assert all(optional[i] for i in left_out)


TONES = {SILENCE: 0.0, "aa": 700.0, "iy": 2600.0, "s": 5200.0, "m": 250.0}


def _said(names: list[str], random: np.random.Generator) -> Session:
    """Phones as tones, so that each is plainly heard."""
    parts, phones, at = [], [], 0
    for name in names:
        n = int(random.uniform(0.08, 0.2) * RATE)
        tone = np.sin(2 * np.pi * TONES[name] * np.arange(n) / RATE)
        parts.append(0.3 * tone + random.normal(size=n) * 1e-3)
        phones.append(Phone(at / RATE, (at + n) / RATE, name))
        at += n
    return Session("tones", np.concatenate(parts).astype(np.float32), phones, [])


def _sentence(random: np.random.Generator) -> list[str]:
    sounds = [n for n in TONES if n != SILENCE]
    names = [SILENCE]
    for _ in range(12):
        word = random.choice(sounds, random.integers(1, 4), replace=False).tolist()
        names += [*word, SILENCE] if random.random() < 0.6 else word
    return [n for i, n in enumerate(names) if i == 0 or n != names[i - 1]] + [SILENCE]


def _spoken(phones: list[Phone]) -> list[Phone]:
    return [p for p in phones if p.name != SILENCE]


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    random = np.random.default_rng(1)
    return Aligner.learn([_said(_sentence(random), random) for _ in range(12)], steps=80, width=24)


def _words(phones: list[Phone]) -> list[list[str]]:
    words: list[list[str]] = [[]]
    for phone in phones:
        if phone.name == SILENCE:
            words.append([])
        else:
            words[-1].append(phone.name)
    return [w for w in words if w]


def test_phones_are_found_where_they_sound(aligner: Aligner) -> None:
    random = np.random.default_rng(2)
    said = _said(_sentence(random), random)
    found = aligner.align(said.samples, _words(said.phones))
    assert [p.name for p in found] == [p.name for p in said.phones]
    assert max(abs(a.start_s - b.start_s) for a, b in zip(found, said.phones, strict=True)) < 0.03
    assert found[0].start_s == 0 and found[-1].end_s == pytest.approx(len(said.samples) / RATE)


def test_another_text_fits_worse(aligner: Aligner) -> None:
    random = np.random.default_rng(3)
    said = _said(_sentence(random), random)
    words = _words(said.phones)
    right = aligner.misfit(said.samples, aligner.align(said.samples, words))
    wrong = aligner.misfit(said.samples, aligner.align(said.samples, words[::-1]))
    assert right < 0.3 < wrong


def test_speech_too_short_for_its_words_is_not_aligned(aligner: Aligner) -> None:
    assert aligner.align(np.zeros(800, np.float32), [["m", "aa", "m", "aa"]]) == []


def test_a_voice_is_learned_without_forgetting(aligner: Aligner) -> None:
    random = np.random.default_rng(4)
    made = [_said(_sentence(random), random) for _ in range(6)]
    own = [_said(_sentence(random), random) for _ in range(3)]
    adapted = aligner.adapted(Heard(made), [(s.samples, _words(s.phones)) for s in own], steps=20)
    for said in (*own, *made):
        found = adapted.align(said.samples, _words(said.phones))
        pairs = zip(_spoken(found), _spoken(said.phones), strict=True)
        assert np.median([abs(a.start_s - b.start_s) for a, b in pairs]) < 0.02
    assert adapted.net is not aligner.net


def test_labels_are_of_the_middle_of_rows() -> None:
    labels = labels_of([Phone(0.02, 0.05, "m"), Phone(0.05, 0.2, "aa")], 8)
    silence, m, aa = (PHONE_INDEX[n] for n in (SILENCE, "m", "aa"))
    assert labels.tolist() == [silence, silence, m, m, m, aa, aa, aa]
