"""Sessions: a few utterances of one voice with pauses between them, made once and kept in a folder. Knows no
features.

A session begins in the voice's neutral manner, so that what comes later can be heard as louder, faster or
higher than it.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audio2expr.training import texts
from audio2expr.training.phones import PHONE_INDEX, PHONES, SILENCE, Phone
from audio2expr.training.synth import SAMPLE_RATE, Utterance, Voice, speak
from audio2expr.training.voices import (
    HELD_OUT,
    KOKORO_HELD_OUT,
    KOKORO_LANGUAGES,
    KOKORO_VOICES,
    STYLES,
    draw_voices,
    voice_of,
)

PAD_S = 0.5
"Silence before and after a recording."
UTTERANCES = 5
"In a session."
STYLED_SHARE = 0.6
"Of the sessions; the others stay neutral to the end."


@dataclass(frozen=True)
class Session:
    """Speech of one voice with its phones and manners."""

    key: str
    "engine:voice."
    samples: np.ndarray
    "float32 [n], mono 16 kHz."
    phones: list[Phone]
    styles: list[tuple[float, float, str]]
    "(start_s, end_s, name of a style), one for each utterance."


def join(utterances: list[Utterance], random: np.random.Generator) -> Session:
    """Utterances one after the other, with .15 .. 1.2 s of digital silence before, between and behind."""
    parts: list[np.ndarray] = []
    phones: list[Phone] = []
    styles = []
    time_s = 0.0
    for utterance in [*utterances, None]:
        pause = np.zeros(int(random.uniform(0.15, 1.2) * SAMPLE_RATE), np.float32)
        parts.append(pause)
        phones.append(Phone(time_s, time_s + len(pause) / SAMPLE_RATE, SILENCE))
        time_s += len(pause) / SAMPLE_RATE
        if utterance is None:
            break
        peak = max(float(np.abs(utterance.samples).max()), 1e-3)
        parts.append(utterance.samples * np.float32(0.5 / peak))
        phones += [Phone(p.start_s + time_s, p.end_s + time_s, p.name) for p in utterance.phones]
        duration_s = len(utterance.samples) / SAMPLE_RATE
        styles.append((time_s, time_s + duration_s, utterance.voice.style))
        time_s += duration_s
    return Session(utterances[0].voice.key, np.concatenate(parts), phones, styles)


def padded(key: str, samples: np.ndarray, phones: list[Phone]) -> Session:
    """A recording, float32 [n] at 16 kHz, and its phones as a session: at an even level, with PAD_S of
    digital silence on either side."""
    moved = [Phone(p.start_s + PAD_S, p.end_s + PAD_S, p.name) for p in phones]
    end_s = moved[-1].end_s
    phones = [Phone(0, moved[0].start_s, SILENCE), *moved, Phone(end_s, end_s + PAD_S, SILENCE)]
    sound = np.pad(samples * np.float32(0.5 / np.abs(samples).max()), int(PAD_S * SAMPLE_RATE))
    return Session(key, sound, phones, [])


def make_session(
    key: str, language: str, sentences: list[str], random: np.random.Generator
) -> Session | None:
    """One session of a voice; None where its engine managed none of the sentences."""
    style = (
        str(random.choice([s for s in STYLES if s != "neutral"]))
        if random.random() < STYLED_SHARE
        else "neutral"
    )
    manners: list[tuple[Voice, int]] = [(voice_of(key, language, "neutral", random), 2)]
    manners.append((voice_of(key, language, style, random), UTTERANCES - 2))
    # one speaker is one speaker: the styled manner moves from this session's own neutral pitch and rate
    neutral, styled = manners[0][0], manners[1][0]
    if style != "neutral":
        styled = replace(styled, rate=styled.rate * neutral.rate, pitch=styled.pitch * neutral.pitch)
    said = [texts.draw(sentences, language, random) for _ in range(UTTERANCES)]
    utterances = speak(neutral, said[:2]) + speak(styled, said[2:])
    return join(utterances, random) if utterances else None


def save(sessions: list[Session], path: Path) -> None:
    """One .npz: the sound as int16, phones and styles as arrays."""
    np.savez(
        path,
        keys=np.array([s.key for s in sessions]),
        lengths=np.array([len(s.samples) for s in sessions]),
        samples=np.concatenate(
            [np.clip(np.rint(s.samples * 32767), -32768, 32767).astype(np.int16) for s in sessions]
        ),
        phone_counts=np.array([len(s.phones) for s in sessions]),
        phone_times=np.array([p[:2] for s in sessions for p in s.phones], np.float32),
        phone_names=np.array([PHONE_INDEX[p.name] for s in sessions for p in s.phones], np.int16),
        style_counts=np.array([len(s.styles) for s in sessions]),
        style_times=np.array([t[:2] for s in sessions for t in s.styles], np.float32).reshape(-1, 2),
        style_names=np.array([t[2] for s in sessions for t in s.styles], dtype="U16"),
    )


def load(path: Path) -> list[Session]:
    with np.load(path) as z:
        data = {name: z[name] for name in z.files}
    sessions = []
    sample = phone = style = 0
    for i, key in enumerate(data["keys"]):
        n, n_phones, n_styles = (int(data[c][i]) for c in ("lengths", "phone_counts", "style_counts"))
        times, names = (
            data["phone_times"][phone : phone + n_phones],
            data["phone_names"][phone : phone + n_phones],
        )
        phones = [Phone(float(a), float(b), PHONES[name]) for (a, b), name in zip(times, names, strict=True)]
        spans = zip(
            data["style_times"][style : style + n_styles],
            data["style_names"][style : style + n_styles],
            strict=True,
        )
        styles = [(float(a), float(b), str(name)) for (a, b), name in spans]
        samples = data["samples"][sample : sample + n].astype(np.float32) / 32768
        sessions.append(Session(str(key), samples, phones, styles))
        sample, phone, style = sample + n, phone + n_phones, style + n_styles
    return sessions


def make(
    folder: Path, hours: float, text_folder: Path | None, seed: int, shard_minutes: float = 10
) -> list[Path]:
    """Shards `train_000.npz` … and `held_out.npz` in `folder`; what is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    cache: dict[str, list[str]] = {}

    def sentences(language: str) -> list[str]:
        return cache.setdefault(language, texts.load_texts(text_folder, language))

    paths = []
    for shard in range(max(1, round(hours * 60 / shard_minutes))):
        path = folder / f"train_{shard:03d}.npz"
        paths.append(path)
        if path.is_file():
            continue
        random = np.random.default_rng((seed, shard))
        sessions: list[Session] = []
        began = time.monotonic()
        limit = min(shard_minutes, hours * 60) * 60 * SAMPLE_RATE
        while sum(len(s.samples) for s in sessions) < limit:
            ((key, language),) = draw_voices(1, random)
            session = make_session(key, language, sentences(language), random)
            if session:
                sessions.append(session)
        save(sessions, path)
        print(f"{path.name}: {len(sessions)} sessions, {time.monotonic() - began:.0f} s", flush=True)
    held_out = folder / "held_out.npz"
    paths.append(held_out)
    if not held_out.is_file():
        random = np.random.default_rng((seed, 1_000_000))
        made = [
            make_session(key, lang, sentences(lang), random)
            for key, lang in HELD_OUT.items()
            for _ in range(4)
        ]
        save([s for s in made if s], held_out)
    return paths


def make_natural(folder: Path, minutes: float, text_folder: Path | None, seed: int) -> list[Path]:
    """Shards of the neural voices, `natural_000.npz` … of two minutes each and `held_out_natural.npz`;
    what is there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    cache: dict[str, list[str]] = {}

    def shard(path: Path, wanted: list[tuple[str, str]], utterances: int) -> Path:
        if path.is_file():
            return path
        random = np.random.default_rng((seed, sum(path.stem.encode())))
        sessions = []
        for key, language in wanted:
            texts_of = cache.setdefault(language, texts.load_texts(text_folder, language))
            voice = voice_of(key, language, "neutral", random)
            said = [texts.draw(texts_of, language, random) for _ in range(utterances)]
            session = join(speak(voice, said), random)
            sessions.append(replace(session, key=key))
        save(sessions, path)
        print(f"{path.name}: {sum(len(s.samples) for s in sessions) / SAMPLE_RATE:.0f} s", flush=True)
        return path

    paths = [shard(folder / "held_out_natural.npz", list(KOKORO_HELD_OUT.items()), 4)]
    random = np.random.default_rng((seed, 77))
    for index in range(round(minutes / 2)):
        wanted = [
            (f"kokoro:{random.choice(KOKORO_VOICES)}", str(random.choice(KOKORO_LANGUAGES)))
            for _ in range(10)
        ]
        paths.append(shard(folder / f"natural_{index:03d}.npz", wanted, 3))
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument(
        "--texts", type=Path, help="folder of <language>.csv with a column `text` (BRIGHTER's layout)"
    )
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    make(args.folder, args.hours, args.texts, args.seed)


if __name__ == "__main__":
    main()
