"""Cutting speech without text, and spelling words the aligner does not know."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from audio2expr.training import read_speech


def test_pieces_are_cut_where_it_is_quiet_and_lose_nothing() -> None:
    random = np.random.default_rng(0)
    sound = random.normal(size=16_000 * 14).astype(np.float32) * 0.1
    pauses = [4.0, 9.0]
    for pause_s in pauses:
        sound[int((pause_s - 0.15) * 16_000) : int((pause_s + 0.15) * 16_000)] = 0
    pieces = read_speech.cut_at_pauses(sound)
    ends = np.cumsum([len(p) for p in pieces])[:-1] / 16_000
    assert sum(len(p) for p in pieces) == len(sound)
    for pause_s in pauses:
        assert np.abs(ends - pause_s).min() < 0.1
    assert all(len(p) <= read_speech.PIECE_S[1] * 16_000 + 160 for p in pieces)


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_unknown_words_are_spelled() -> None:
    assert read_speech.spell("papa").split() == ["P", "AA", "P", "AH"]
