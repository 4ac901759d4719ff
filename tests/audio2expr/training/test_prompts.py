"""Prompts: which lines of a transcript are speech, how they are spelled, and what is kept of them."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

pytest.importorskip("torch")


from audio2expr.training.aligner import Aligner
from audio2expr.training.corpus import padded
from audio2expr.training.phones import SILENCE, Phone
from audio2expr.training.prompts import is_held_out, load_prompts, read_g722, read_prompts, words_of

RATE = 16_000
needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def _write_g722(path: Path, seconds: float, hertz: float = 300.0) -> None:
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="g722") as file:
        stream = file.add_stream("g722", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray((tone * 32767).astype(np.int16)[None], "s16", "mono")
        frame.sample_rate = RATE
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)


def test_a_recording_keeps_its_length_and_level(tmp_path: Path) -> None:
    _write_g722(tmp_path / "a.g722", 1.0)
    samples = read_g722(tmp_path / "a.g722")
    assert samples.dtype == np.float32 and abs(len(samples) - RATE) < 400
    assert np.abs(samples).max() == pytest.approx(0.3, abs=0.05)


@needs_espeak
def test_only_speech_of_a_usual_length_is_read(tmp_path: Path) -> None:
    for name, seconds in (("yes", 1.0), ("digits/2", 1.0), ("beep", 1.0), ("short", 0.3)):
        _write_g722(tmp_path / f"{name}.g722", seconds)
    transcript = "; a heading: no prompt\n\nyes: Yes.\ndigits/2: 2\nbeep: [a beep]\nshort: a\nabsent: gone\n"
    found = list(read_prompts(tmp_path, transcript, "en-us"))
    assert [p.name for p in found] == ["yes", "digits/2"]
    assert [p.words for p in found] == [[["y", "eh", "s"]], [["t", "uw"]]]


@needs_espeak
def test_marks_of_other_languages_are_no_sounds() -> None:
    words = words_of("Installez windows", "fr-fr")  # espeak-ng writes "(en)wɪndəʊz(fr)"
    assert len(words) == 2
    assert words[1][:2] == ["w", "ih"] and "eh" not in words[1]


def test_prompts_are_split_once_and_for_all() -> None:
    names = [f"vm-{i}" for i in range(400)]
    held_out = [is_held_out(n) for n in names]
    assert held_out == [is_held_out(n) for n in names]
    assert 0.15 < np.mean(held_out) < 0.35


def test_padding_moves_the_phones_with_the_sound() -> None:
    sound = np.full(RATE, 0.2, np.float32)
    session = padded("k", sound, [Phone(0, 0.4, SILENCE), Phone(0.4, 1.0, "m")])
    assert len(session.samples) == 2 * RATE and session.samples.max() == pytest.approx(0.5)
    assert session.phones[-2] == Phone(0.9, 1.5, "m")
    edges = [session.phones[0].start_s, *(p.end_s for p in session.phones)]
    assert edges == sorted(edges) and edges[0] == 0 and edges[-1] == 2.0


class _FakeAligner:
    """Hears that words which begin with m were not said."""

    def adapted(self, made: Any, recordings: list[Any]) -> _FakeAligner:
        return self

    def align(self, samples: np.ndarray, words: list[list[str]]) -> list[Phone]:
        return [Phone(0.0, len(samples) / RATE, words[0][0])] if words else []

    def misfit(self, samples: np.ndarray, phones: list[Phone]) -> float:
        return 9.0 if phones[0].name == "m" else 0.1


@needs_espeak
def test_what_was_not_said_is_left_out_and_a_quarter_is_kept_apart(tmp_path: Path) -> None:
    sounds, documents = tmp_path / "sounds", tmp_path / "doc"
    names = [f"n{i}" for i in range(12)]
    for name in names:
        _write_g722(sounds / "it_IT_m_Nobody" / f"{name}.g722", 0.8)
    (sounds / "it").symlink_to(sounds / "it_IT_m_Nobody")
    (sounds / "custom").mkdir()
    lines = "\n".join(f"{n}: {'mamma' if n == 'n3' else 'ora'}" for n in names)
    (documents / "asterisk-core-sounds-it").mkdir(parents=True)
    packed = gzip.compress(("\ufeff; heading\n" + lines).encode())
    (documents / "asterisk-core-sounds-it" / "core-sounds-it.txt.gz").write_bytes(packed)
    taught, kept = load_prompts(cast(Aligner, _FakeAligner()), [], sounds, documents)
    assert {s.key for s in taught + kept} == {"prompts:it_IT_m_Nobody"}
    assert len(taught) + len(kept) == 11
    assert len(kept) == sum(is_held_out(n) for n in names if n != "n3") > 0
