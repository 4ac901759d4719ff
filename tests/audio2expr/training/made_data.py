"""A corpus, filmed clips and a face model small enough for tests, in the layouts of the real ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from audio2expr.training import shapes
from audio2expr.training.corpus import Session
from audio2expr.training.phones import Phone

SAMPLE_RATE = 16_000


def make_session(seed: int, key: str = "flite:made", seconds: float = 5.0) -> Session:
    """Buzzes, hums and hisses, named as the phones they resemble; the second half is louder and higher."""
    random = np.random.default_rng(seed)
    phones: list[Phone] = [Phone(0.0, 0.3, "sil")]
    sound = [np.zeros(int(0.3 * SAMPLE_RATE))]
    while phones[-1].end_s < seconds - 0.6:
        start_s = phones[-1].end_s
        excited = start_s > seconds / 2
        for name in ("b", str(random.choice(["aa", "iy", "uw"])), "s"):
            length = int(random.uniform(0.06, 0.16) * SAMPLE_RATE)
            times = np.arange(length) / SAMPLE_RATE
            hz = (170 if excited else 110) * random.uniform(0.95, 1.05)
            slope = {"b": 4.0, "aa": 0.7, "iy": 1.0, "uw": 1.8, "s": 0.0}[name]
            buzz = sum(np.sin(2 * np.pi * hz * k * times) / k**slope for k in range(1, 15)) * 0.04
            part = random.normal(size=length) * 0.03 if name == "s" else buzz * (0.3 if name == "b" else 1)
            sound.append(part * (2.0 if excited else 1.0))
            end_s = phones[-1].end_s + length / SAMPLE_RATE
            phones.append(Phone(phones[-1].end_s, end_s, name))
    sound.append(np.zeros(int(0.5 * SAMPLE_RATE)))
    phones.append(Phone(phones[-1].end_s, phones[-1].end_s + 0.5, "sil"))
    end_s = phones[-1].end_s
    styles = [(0.3, seconds / 2, "neutral"), (seconds / 2, end_s - 0.5, "anger")]
    return Session(key, np.concatenate(sound).astype(np.float32), phones, styles)


def real_gap(phones: list[Phone], n_frames: int) -> np.ndarray:
    """Lips of somebody who articulates like a machine: shut for b, wide for aa."""
    wide = {"sil": 0.002, "b": 0.002, "aa": 0.11, "iy": 0.08, "uw": 0.03, "s": 0.06}
    middles = (np.arange(n_frames) + 0.5) * 0.04
    return np.array(
        [next((wide[p.name] for p in phones if p.start_s <= t < p.end_s), 0.002) for t in middles]
    )


def make_grid(folder: Path, clips: int = 4) -> Path:
    """lips.json, phones.json and NAME.flac, as of filmed speech."""
    folder.mkdir(parents=True)
    lips, phones = {}, {}
    for i in range(clips):
        session = make_session(100 + i, seconds=2.5)
        name = f"clip{i}"
        soundfile.write(folder / f"{name}.flac", session.samples, SAMPLE_RATE)
        n_frames = len(session.samples) // 640
        lips[name] = [[float(g), 0.5, 0.5] for g in real_gap(session.phones, n_frames)]
        phones[name] = [list(p) for p in session.phones]
    columns = ["lip_aperture", "mouth_width", "jaw"]
    (folder / "lips.json").write_text(
        json.dumps({"fps": 25, "columns": columns, "clips": lips}), encoding="utf-8"
    )
    (folder / "phones.json").write_text(json.dumps(phones), encoding="utf-8")
    return folder


def make_face_model(path: Path, error: float = 0.0) -> Path:
    """A head of loose points whose lip gaps are those of shapes.py (`error` more for each)."""
    n_points = 1 + max(*shapes._EYES, *shapes._UPPER, *shapes._LOWER)
    points = np.zeros((n_points, 3))
    points[shapes._EYES[1], 0] = 10.0
    points[list(shapes._UPPER), 1] = 10 * shapes.GAP_AT_REST
    names, moves = [], []
    for channel in shapes.CHANNELS:
        sides = [f"{channel}_L", f"{channel}_R"] if channel in shapes.PAIRED else [channel]
        for side in sides:
            move = np.zeros((n_points, 3))
            move[list(shapes._UPPER), 1] = 10 * (shapes.GAP[channel] + error) / len(sides)
            names.append(side)
            moves.append(move)
    np.savez(path, V=points, E=np.stack(moves), Enames=np.array(names))
    return path
