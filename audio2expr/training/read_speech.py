"""Read speech with its text -> phones in time, by forced alignment. Knows LJSpeech's layout and pocketsphinx.

The folder holds `metadata.csv` (`NAME|text|text to be read`) and `wavs/NAME.wav`, as LJSpeech does. Words
that pocketsphinx's dictionary lacks are spelled by flite. An utterance whose alignment fails is left out.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from audio2expr.training.corpus import Session, padded
from audio2expr.training.phones import SILENCE, Phone, from_arpabet, split_diphthongs
from audio2expr.training.synth import SAMPLE_RATE

ALIGNMENT_STEP_S = 0.01


def load_read_speech(folder: Path) -> list[Session]:
    """The sessions of a folder, one an utterance, with half a second of silence on either side."""
    sessions = []
    for line in (folder / "metadata.csv").read_text(encoding="utf-8").splitlines():
        name, *texts = line.split("|")
        path = folder / "wavs" / f"{name}.wav"
        if not path.is_file() or not texts:
            continue
        samples, rate = soundfile.read(path, dtype="float32")
        samples = np.asarray(soxr.resample(samples, rate, SAMPLE_RATE), np.float32)
        phones = align(samples, texts[-1])
        if phones:
            sessions.append(padded(f"read:{folder.name}", samples, phones))
    return sessions


PIECE_S = (2.5, 6.2)
"Speech without text is cut where it is quietest between these lengths, for the recogniser and the aligner."


def load_untexted_speech(folder: Path) -> list[Session]:
    """Sessions of the .flac and .ogg files of a folder without texts: pocketsphinx guesses the words.

    Wrong words mostly sound alike, and lips follow sounds; a guess that cannot be aligned is left out.
    """
    from pocketsphinx import Decoder

    decoder = Decoder(loglevel="FATAL")
    sessions = []
    for path in sorted(p for p in folder.iterdir() if p.suffix in (".flac", ".ogg")):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = np.asarray(soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE), np.float32)
        for piece in cut_at_pauses(mono):
            _decode(decoder, _pcm(piece))
            guess = decoder.hyp()
            phones = align(piece, guess.hypstr) if guess else []
            if phones:
                sessions.append(padded(f"read:{path.stem}", piece, phones))
    return sessions


def cut_at_pauses(samples: np.ndarray) -> list[np.ndarray]:
    """Pieces of PIECE_S, cut at the quietest 150 ms; what is left may be shorter, but not below a second."""
    step = SAMPLE_RATE // 100
    loudness = np.sqrt((samples[: len(samples) // step * step].reshape(-1, step) ** 2).mean(axis=1))
    loudness = np.convolve(loudness, np.ones(15) / 15, "same")
    cuts = [0]
    while len(loudness) - cuts[-1] > 100 * PIECE_S[1]:
        first, last = (cuts[-1] + int(100 * s) for s in PIECE_S)
        cuts.append(first + int(np.argmin(loudness[first:last])))
    pieces = [samples[a * step : b * step] for a, b in zip(cuts, [*cuts[1:], len(loudness)], strict=True)]
    return [p for p in pieces if len(p) >= SAMPLE_RATE]


def _pcm(samples: np.ndarray) -> bytes:
    return np.clip(np.rint(samples * 32767), -32768, 32767).astype(np.int16).tobytes()


def align(samples: np.ndarray, text: str) -> list[Phone]:
    """Canonical phones from 0 to the end of 16 kHz speech; empty where the aligner gives up."""
    from pocketsphinx import Decoder  # a training dependency

    words = re.findall(r"[a-z']+", text.lower().replace("-", " "))
    decoder = Decoder(lm=None, loglevel="FATAL")
    for word in sorted(set(words)):
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, spell(word), True)
    return _align_words(decoder, samples, words)


def _align_words(decoder: Any, samples: np.ndarray, words: list[str]) -> list[Phone]:
    """align() for words that the decoder's dictionary has."""
    raw = _pcm(samples)
    try:
        decoder.set_align_text(" ".join(words))
        _decode(decoder, raw)
        decoder.set_alignment()
        _decode(decoder, raw)
        found = [(p.name, p.start, p.duration) for word in decoder.get_alignment() for p in word]
    except RuntimeError:
        return []
    phones = []
    for name, start, duration in found:
        start_s = start * ALIGNMENT_STEP_S
        canonical = SILENCE if not name.isalpha() or name == "SIL" else from_arpabet(name)
        phones.append(Phone(start_s, start_s + duration * ALIGNMENT_STEP_S, canonical))
    if not phones:
        return []
    end_s = len(samples) / SAMPLE_RATE
    phones[-1] = phones[-1]._replace(end_s=max(end_s, phones[-1].end_s))
    return split_diphthongs(phones)


def _decode(decoder: object, raw: bytes) -> None:
    decoder.start_utt()  # type: ignore[attr-defined]
    decoder.process_raw(raw, full_utt=True)  # type: ignore[attr-defined]
    decoder.end_utt()  # type: ignore[attr-defined]


def spell(word: str) -> str:
    """A word's phones in pocketsphinx's alphabet, by flite's letter-to-sound rules."""
    done = subprocess.run(
        ["flite", "-ps", "-t", word, "-o", "none"], capture_output=True, text=True, check=True
    )
    symbols = [s for s in done.stdout.split() if s not in ("pau", "ssil")]
    return " ".join("AH" if s == "ax" else s.upper().rstrip("012") for s in symbols)
