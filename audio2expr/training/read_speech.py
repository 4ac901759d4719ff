"""Read speech with its text -> phones in time, by forced alignment. Knows LJSpeech's layout and pocketsphinx.

The folder holds `metadata.csv` (`NAME|text|text to be read`) and `wavs/NAME.wav`, as LJSpeech does. Words
that pocketsphinx's dictionary lacks are spelled by flite. An utterance whose alignment fails is left out.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from audio2expr.training.corpus import Session
from audio2expr.training.phones import SILENCE, Phone, from_arpabet, from_ipa, split_diphthongs
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
            sessions.append(_padded(f"read:{folder.name}", samples, phones))
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
                sessions.append(_padded(f"read:{path.stem}", piece, phones))
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


def _padded(key: str, samples: np.ndarray, phones: list[Phone]) -> Session:
    margin = SAMPLE_RATE // 2
    moved = [Phone(p.start_s + 0.5, p.end_s + 0.5, p.name) for p in phones]
    end_s = moved[-1].end_s
    phones = [Phone(0, moved[0].start_s, SILENCE), *moved, Phone(end_s, end_s + 0.5, SILENCE)]
    return Session(key, np.pad(samples * np.float32(0.5 / np.abs(samples).max()), margin), phones, [])


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


# pocketsphinx hears English: what English lacks is aligned as its nearest sound and keeps its own name
_NEAREST = {"ue": "UW", "oe": "ER", "ix": "IH"}


def align_any(samples: np.ndarray, text: str, espeak_voice: str) -> list[Phone]:
    """Canonical phones of 16 kHz speech in any language that espeak-ng spells; empty where the aligner gives
    up.

    The acoustic model is English: it gives up on most of a synthetic or a distant language and on two in
    three Russian prompts; what it does align, it aligns well enough for closures. Numbers and
    abbreviations are read as espeak-ng reads them.
    """
    from pocketsphinx import Decoder  # a training dependency

    done = subprocess.run(
        ["espeak-ng", "-q", "--ipa", "-v", espeak_voice, "--", text],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = [names for names in map(from_ipa, done.stdout.split()) if names]
    decoder = Decoder(lm=None, loglevel="FATAL")
    spelled = ["".join(names) for names in words]
    for word, names in dict(zip(spelled, words, strict=True)).items():
        pronounced = " ".join(_NEAREST.get(name, name.upper()) for name in names)
        decoder.add_word(f"{word}_", pronounced, True)
    phones = _align_words(decoder, samples, [f"{word}_" for word in spelled])
    own = [name for names in words for name in names]
    heard = [i for i, p in enumerate(phones) if p.name != SILENCE]
    if len(heard) == len(own):  # the names that the alphabet of the aligner lacks
        for i, name in zip(heard, own, strict=True):
            phones[i] = phones[i]._replace(name=name)
    return phones


PROMPT_S = (0.9, 14.0)
"Recorded prompts shorter or longer than this are left out: single letters, and what the aligner loses."
HELD_OUT_PERCENT = 25


def is_held_out(name: str) -> bool:
    """A quarter of the prompts, by the hash of their names, is only measured with."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 100 < HELD_OUT_PERCENT


def load_prompts(
    sounds: Path, transcript: Path, espeak_voice: str, held_out: bool | None, key: str
) -> list[Session]:
    """Recorded telephone prompts as Debian's asterisk-core-sounds packages have them, aligned.

    sounds: folder of NAME.g722; transcript: lines `NAME: text`. held_out: which part, None for all. Prompts
    that are no speech (in brackets) or cannot be aligned are left out.
    """
    sessions = []
    for line in transcript.read_text(encoding="utf-8").splitlines():
        name, _, text = line.partition(":")
        path, text = sounds / f"{name.removesuffix('.wav')}.g722", text.replace("...", " ").strip()
        if line.startswith(";") or not text or text[0] in "[(<" or not path.is_file():
            continue
        if held_out is not None and is_held_out(name) is not held_out:
            continue
        samples = read_g722(path)
        if PROMPT_S[0] <= len(samples) / SAMPLE_RATE <= PROMPT_S[1]:
            phones = align_any(samples, text, espeak_voice)
            if phones:
                sessions.append(_padded(key, samples, phones))
    return sessions


def read_g722(path: Path) -> np.ndarray:
    """A raw G.722 file, which is 16 kHz mono; float32 [n]."""
    import av

    with av.open(str(path), format="g722") as file:
        frames = [frame.to_ndarray().ravel() for frame in file.decode(audio=0)]
    return np.concatenate(frames).astype(np.float32) / 32768
