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


def test_prompts_are_split_once_and_for_all() -> None:
    names = [f"vm-{i}" for i in range(400)]
    held_out = [read_speech.is_held_out(n) for n in names]
    assert held_out == [read_speech.is_held_out(n) for n in names]
    assert 0.15 < np.mean(held_out) < 0.35


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("espeak-ng") is None or shutil.which("flite") is None, reason="no synthesiser is installed"
)
def test_speech_is_aligned_by_what_espeak_spells() -> None:
    pytest.importorskip("pocketsphinx")
    from audio2expr.training.synth import Voice, speak

    text = "Please press 2 to mute the big map."
    (spoken,) = speak(Voice("flite", "slt", "eng"), [text])
    sound = np.pad(spoken.samples * np.float32(0.5 / np.abs(spoken.samples).max()), 8000)
    phones = read_speech.align_any(sound, text, "en-us")
    found = np.array([p.start_s for p in phones if p.name in "pbm"])
    truth = np.array([p.start_s + 0.5 for p in spoken.phones if p.name in "pbm"])
    assert len(found) == len(truth) and np.abs(found - truth).max() < 0.05
