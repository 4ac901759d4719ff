"""Recorded telephone prompts of five languages, with their transcripts -> sessions. Knows how Debian lays out
its asterisk-core-sounds packages.

Each language is one professional voice, some 25 minutes (CC BY-SA 3.0). A quarter of the prompts, by name, is
never trained on.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audio2expr.training.aligner import Aligner, Heard
from audio2expr.training.corpus import Session, padded
from audio2expr.training.phones import from_ipa
from audio2expr.training.synth import SAMPLE_RATE

SPELLED_BY = {"en": "en-us", "es": "es-419", "fr": "fr-fr", "it": "it", "ru": "ru"}
"Language of a folder of sounds, by the first letters of its name -> espeak-ng's voice."
PROMPT_S = (0.7, 20.0)
"Shorter ones are letters and numerals cut close; longer ones stray from their transcripts."
HELD_OUT_PERCENT = 25
MISFIT = 2.0
"""Prompts that fit their transcript worse than this, in nats a row (see Aligner.misfit), to an aligner that
does not know the voice, are left out: 1 to 15 of 100, where the median is 1.0 to 1.4."""


class Prompt(NamedTuple):
    """One recording and what it says."""

    name: str
    samples: np.ndarray
    "float32 [n], 16 kHz mono."
    words: list[list[str]]
    "Canonical phones of each word."


def load_prompts(
    aligner: Aligner, made: Sequence[Session], sounds: Path, documents: Path
) -> tuple[list[Session], list[Session]]:
    """Aligned prompts of every voice in `sounds` (folders such as en_US_f_Allison), to train on and held out.

    documents: folder of asterisk-core-sounds-XX/core-sounds-XX.txt.gz. made: speech whose phones are known,
    for the aligner to hold on to while it learns a voice.
    """
    hold = Heard(made)
    taught: list[Session] = []
    kept: list[Session] = []
    for folder in sorted(p for p in sounds.iterdir() if p.is_dir() and not p.is_symlink()):
        language = folder.name[:2]
        if "_" not in folder.name or language not in SPELLED_BY:
            continue
        package = f"asterisk-core-sounds-{language}"
        text = gzip.decompress((documents / package / f"core-sounds-{language}.txt.gz").read_bytes())
        prompts = list(read_prompts(folder, text.decode("utf-8-sig"), SPELLED_BY[language]))
        own = aligner.adapted(hold, [(p.samples, p.words) for p in prompts])
        for prompt in prompts:
            first = aligner.align(prompt.samples, prompt.words)
            if first and aligner.misfit(prompt.samples, first) < MISFIT:
                phones = own.align(prompt.samples, prompt.words)
                session = padded(f"prompts:{folder.name}", prompt.samples, phones)
                (kept if is_held_out(prompt.name) else taught).append(session)
    return taught, kept


def is_held_out(name: str) -> bool:
    """A quarter of the prompts, by the hash of their names, is only measured with."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % 100 < HELD_OUT_PERCENT


def read_prompts(sounds: Path, transcript: str, espeak_voice: str) -> Iterable[Prompt]:
    """The prompts of one voice whose length is within PROMPT_S.

    sounds: folder of NAME.g722; transcript: lines `NAME: text`. What is no speech stands in brackets there.
    """
    for line in transcript.splitlines():
        name, _, text = line.partition(":")
        path, text = sounds / f"{name.removesuffix('.wav')}.g722", text.replace("...", " ").strip()
        if line.startswith(";") or not text or text[0] in "[(<" or not path.is_file():
            continue
        samples = read_g722(path)
        if PROMPT_S[0] <= len(samples) / SAMPLE_RATE <= PROMPT_S[1]:
            yield Prompt(name, samples, words_of(text, espeak_voice))


def words_of(text: str, espeak_voice: str) -> list[list[str]]:
    """Canonical phones of each word, with numbers and abbreviations as espeak-ng reads them."""
    done = subprocess.run(
        ["espeak-ng", "-q", "--ipa", "-v", espeak_voice, "--", text],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    plain = re.sub(r"\([a-z-]+\)", " ", done.stdout)  # "(en)" where it changes to another language's rules
    return [names for names in map(from_ipa, plain.split()) if names]


def read_g722(path: Path) -> np.ndarray:
    """A raw G.722 file, which is 16 kHz mono; float32 [n]."""
    import av

    with av.open(str(path), format="g722") as file:
        frames = [frame.to_ndarray().ravel() for frame in file.decode(audio=0)]
    return np.concatenate(frames).astype(np.float32) / 32768
