"""Phones in time -> how the lips move: coarticulation by dominance curves, fitted on real lips. Knows no
sound.

After Cohen and Massaro, "Modeling coarticulation in synthetic visual speech" (1993): every phone pulls the
mouth towards its own shape with a dominance that is full during the phone and falls off exponentially before
and behind it; the mouth is the mean of all shapes weighted by dominance. Since the gap between the lips is
linear in the weights, and each phone's shape has exactly the fitted gap, the gap of the blended shape is the
fitted curve.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audio2expr.training import shapes
from audio2expr.training.phones import (
    BILABIAL,
    PHONE_INDEX,
    PHONES,
    SILENCE,
    VOWELS,
    Phone,
    from_arpabet,
    split_diphthongs,
)

FRAME_S = 0.04
LIPS_FILE = Path(__file__).with_name("lips.json")
"The fitted levels and times that are part of the repository."
OPENNESS = 1.15
"""The wanted gaps over the measured ones: one modest speaker set the levels, a face on a screen reads better
a little more open."""
CLOSED_GAP = -0.007
"Lips that press; smoothing later on takes some of it back."
LEAST_GAP = {
    "f": 0.010,
    "v": 0.012,
    "w": 0.012,
    "r": 0.015,
    "uw": 0.022,
    "uh": 0.028,
    "ow": 0.028,
    "ue": 0.026,
    "th": 0.024,
    "dh": 0.024,
    "hh": 0.035,
}
"Lips that nearly meet but are not to be taken for a closure (.02), where the fit goes lower."
OTHERS_LEAST_GAP = 0.04

LIPS_BEFORE_S, LIPS_AFTER_S = 0.24, 0.28
"Lips move at most this long before and after a sound; half of it is the way to rest."

PRIOR_GAP: dict[str, float] = {
    "sil": 0.003, "p": 0.002, "b": 0.002, "m": 0.002, "f": 0.018, "v": 0.018, "th": 0.06, "dh": 0.06,
    "t": 0.075, "d": 0.075, "n": 0.075, "l": 0.075,
    "s": 0.075, "z": 0.075, "sh": 0.07, "zh": 0.07, "ch": 0.07, "jh": 0.07, "k": 0.09, "g": 0.09, "ng": 0.09,
    "hh": 0.08, "r": 0.04, "w": 0.02,
    "y": 0.085, "aa": 0.108, "ae": 0.106, "ah": 0.085, "ao": 0.075, "eh": 0.105, "er": 0.07, "ey": 0.10,
    "ih": 0.08, "iy": 0.085, "ow": 0.05,
    "uh": 0.05, "uw": 0.032, "ue": 0.032, "oe": 0.045, "ix": 0.065,
}  # fmt: skip
"Where a phone's gap begins, and stays if the real lips never say it."


@dataclass(frozen=True)
class LipModel:
    """The dominance curves; arrays are float64 [len(PHONES)]."""

    gap: np.ndarray
    "Aperture towards which a phone pulls."
    log_dominance: np.ndarray
    before_s: np.ndarray
    "Time constant of the rise before a phone."
    after_s: np.ndarray
    "Time constant of the fall behind it."
    shift_s: float
    "How much later the lips are than the sound."

    def dominance(self, phones: list[Phone], times_s: np.ndarray) -> np.ndarray:
        """Shares of the phones at times; float64 [len(times_s), len(phones)], rows add up to 1."""
        index = np.array([PHONE_INDEX[p.name] for p in phones])
        start_s, end_s = np.array([p.start_s for p in phones]), np.array([p.end_s for p in phones])
        times = times_s[:, None] - self.shift_s
        before, after = np.maximum(start_s - times, 0), np.maximum(times - end_s, 0)
        log = self.log_dominance[index] - before / self.before_s[index] - after / self.after_s[index]
        share = np.exp(log - log.max(axis=1, keepdims=True))
        return np.asarray(share / share.sum(axis=1, keepdims=True))

    def raw_gap(self, phones: list[Phone], times_s: np.ndarray) -> np.ndarray:
        """The fitted curve itself, before any least gap: what is compared with real lips; float64
        [len(times_s)]."""
        return np.asarray(self.dominance(phones, times_s) @ self.gap[[PHONE_INDEX[p.name] for p in phones]])

    def shapes(self) -> np.ndarray:
        """The mouth of each phone; float32 [len(PHONES), len(CHANNELS)]."""
        out = []
        for name, gap in zip(PHONES, self.gap, strict=True):
            wanted = (
                CLOSED_GAP if name in BILABIAL else max(gap * OPENNESS, LEAST_GAP.get(name, OTHERS_LEAST_GAP))
            )
            out.append(shapes.shape(name, float(wanted)))
        return np.stack(out)

    def to_json(self) -> dict[str, Any]:
        rows = {}
        for i, name in enumerate(PHONES):
            values = (self.gap[i], self.log_dominance[i], self.before_s[i], self.after_s[i])
            rows[name] = [round(float(v), 5) for v in values]
        return {
            "columns": ["gap", "log_dominance", "before_s", "after_s"],
            "shift_s": round(self.shift_s, 5),
            "phones": rows,
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> LipModel:
        table = np.array([content["phones"][name] for name in PHONES], float)
        return cls(table[:, 0], table[:, 1], table[:, 2], table[:, 3], float(content["shift_s"]))

    @classmethod
    def load(cls, path: Path = LIPS_FILE) -> LipModel:
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Targets:
    """What the net is to say about each picture frame of some speech."""

    weights: np.ndarray
    "float32 [frames, len(CHANNELS)]."
    closed: np.ndarray
    "float32 [frames]: 1 where the lips meet for p, b, m."
    speech: np.ndarray
    "float32 [frames]: 1 where somebody speaks."
    voiced: np.ndarray
    "float32 [frames]: share of vowel time."
    phone: np.ndarray
    "int64 [frames]: index of the phone at the frame's middle."


def make_targets(
    phones: list[Phone],
    n_frames: int,
    lips: LipModel,
    phone_shapes: np.ndarray,
    openness: np.ndarray | None = None,
) -> Targets:
    """The targets of `n_frames` frames; `phone_shapes` are lips.shapes().

    openness: float [frames], how much wider than usual an open mouth is (loud speech), 1 if None. Fast speech
    undershoots by itself: shorter phones overlap more.
    """
    index = np.array([PHONE_INDEX[p.name] for p in phones])
    starts, ends = np.array([p.start_s for p in phones]), np.array([p.end_s for p in phones])
    middles = (np.arange(n_frames) + 0.5) * FRAME_S
    share = lips.dominance(phones, middles)
    overlap = np.minimum(ends, middles[:, None] + FRAME_S / 2) - np.maximum(
        starts, middles[:, None] - FRAME_S / 2
    )
    overlap = np.maximum(overlap, 0) / FRAME_S  # [frames, phones], rows add up to 1 inside the speech
    closed = _closed_frames(phones, overlap)
    shut = index[:, None] == np.array([PHONE_INDEX[p] for p in sorted(BILABIAL)])
    weights = share @ phone_shapes[index]
    lips_shut = phone_shapes[PHONE_INDEX["b"]]
    weights += closed[:, None] * (lips_shut - weights)
    weights = _without_false_closures(
        weights,
        1 - closed,
        share[:, shut.any(axis=1)].sum(axis=1),
        overlap[:, [p.name in VOWELS for p in phones]].sum(axis=1),
    )
    if openness is not None:
        weights = _opened(weights, np.where(closed > 0, 1.0, openness))
    silent = np.array([p.name == SILENCE for p in phones])
    weights *= _near_speech(starts[~silent], ends[~silent], middles)[:, None]
    speech = np.clip(1 - overlap[:, silent].sum(axis=1), 0, 1)
    voiced = overlap[:, [p.name in VOWELS for p in phones]].sum(axis=1)
    phone = index[np.clip(np.searchsorted(ends, middles, side="right"), 0, len(phones) - 1)]
    after_end = middles > ends[-1]
    speech[after_end], weights[after_end] = 0, 0
    return Targets(
        weights.astype(np.float32),
        closed,
        speech.astype(np.float32),
        voiced.astype(np.float32),
        phone.astype(np.int64),
    )


HALF_OPEN = 0.03
"Apertures below this are lips that close or round: effort leaves them alone."


def _opened(weights: np.ndarray, openness: np.ndarray) -> np.ndarray:
    """The jaw further down, or up, so that what is open beyond HALF_OPEN is `openness` times as wide."""
    more = (openness - 1) * np.maximum(shapes.aperture(weights) - HALF_OPEN, 0)
    jaw = shapes.CHANNELS.index("jawOpen")
    weights[:, jaw] = np.clip(weights[:, jaw] + more / shapes.GAP["jawOpen"], 0, shapes.MOST_JAW)
    return weights


def _near_speech(starts: np.ndarray, ends: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """1 in and next to speech, 0 from LIPS_BEFORE_S before it and LIPS_AFTER_S behind it: silence is still;
    float64 [frames]."""
    if not len(starts):
        return np.zeros(len(middles))
    before = np.clip(2 * (1 - (starts - middles[:, None]) / LIPS_BEFORE_S), 0, 1)
    after = np.clip(2 * (1 - (middles[:, None] - ends) / LIPS_AFTER_S), 0, 1)
    return np.asarray(np.minimum(before, after).max(axis=1))


def _closed_frames(phones: list[Phone], overlap: np.ndarray) -> np.ndarray:
    """1 for frames of which p, b or m fills half, and at least one frame for each of them; float32
    [frames]."""
    closed = np.zeros(len(overlap), np.float32)
    shut = [j for j, p in enumerate(phones) if p.name in BILABIAL]
    if shut and len(overlap):
        closed[overlap[:, shut].sum(axis=1) >= 0.5] = 1
        best = overlap[:, shut].argmax(axis=0)
        closed[best[overlap[:, shut].max(axis=0) > 0]] = 1
    return closed


def _without_false_closures(
    weights: np.ndarray, may_open: np.ndarray, pull: np.ndarray, vowel: np.ndarray
) -> np.ndarray:
    """Open the jaw in frames that are mostly vowel where the pull of a neighbour would shut the lips."""
    gap = shapes.aperture(weights)
    wanted = np.where((vowel >= 0.5) & (may_open > 0), 0.028, -1.0)
    lacking = np.maximum(wanted - gap, 0)
    close = shapes.CHANNELS.index("mouthClose")
    relief = np.minimum(weights[:, close], lacking / -shapes.GAP["mouthClose"])
    weights[:, close] -= relief
    weights[:, shapes.CHANNELS.index("jawOpen")] += (
        lacking + relief * shapes.GAP["mouthClose"]
    ) / shapes.GAP["jawOpen"]
    return weights


@dataclass(frozen=True)
class RealClip:
    """Speech of which the lips were filmed."""

    name: str
    samples_path: Path
    phones: list[Phone]
    gap: np.ndarray
    "float64 [frames], lip aperture 25 times a second."


def load_grid(folder: Path, parity: int | None) -> list[RealClip]:
    """Clips of a folder with lips.json, phones.json and NAME.flac, sorted by name; every second one from
    `parity` (0 even, 1 odd, None all)."""
    lips = json.loads((folder / "lips.json").read_text(encoding="utf-8"))
    phones = json.loads((folder / "phones.json").read_text(encoding="utf-8"))
    column = lips["columns"].index("lip_aperture")
    names = sorted(lips["clips"])
    clips = []
    for name in names if parity is None else names[parity::2]:
        timed = split_diphthongs([Phone(a, b, from_arpabet(p)) for a, b, p in phones[name]])
        clips.append(
            RealClip(name, folder / f"{name}.flac", timed, np.array(lips["clips"][name], float)[:, column])
        )
    return clips


def fit(clips: list[RealClip], steps: int = 400, seed: int = 0) -> LipModel:
    """The lip model that follows the real lips of `clips` best, held near its prior; gradient descent, about
    10 s for 40 clips."""
    import torch

    torch.manual_seed(seed)
    n_phones, n_frames = max(len(c.phones) for c in clips), max(len(c.gap) for c in clips)
    start, end, there = (torch.zeros(len(clips), n_phones) for _ in range(3))
    index = torch.zeros(len(clips), n_phones, dtype=torch.long)
    truth, known = torch.zeros(len(clips), n_frames), torch.zeros(len(clips), n_frames)
    for i, clip in enumerate(clips):
        for j, phone in enumerate(clip.phones):
            start[i, j], end[i, j], there[i, j], index[i, j] = (
                phone.start_s,
                phone.end_s,
                1,
                PHONE_INDEX[phone.name],
            )
        truth[i, : len(clip.gap)] = torch.tensor(clip.gap, dtype=torch.float32)
        known[i, : len(clip.gap)] = 1
    gap_prior = torch.tensor([PRIOR_GAP[p] for p in PHONES])
    strong = torch.tensor([1.5 if p in BILABIAL else 0.0 for p in PHONES])
    slow = torch.full((len(PHONES),), float(np.log(0.05)))
    gap, log, before, after = (p.clone().requires_grad_() for p in (gap_prior, strong, slow, slow))
    shift = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.Adam(
        [
            {"params": [gap], "lr": 0.002},
            {"params": [log, before, after], "lr": 0.03},
            {"params": [shift], "lr": 0.001},
        ]
    )
    times = ((torch.arange(n_frames) + 0.5) * FRAME_S)[None, :, None]
    for _ in range(steps):
        moved = times - shift
        rise = torch.relu(start[:, None] - moved) / before.exp()[index][:, None]
        fall = torch.relu(moved - end[:, None]) / after.exp()[index][:, None]
        share = torch.exp(log[index][:, None] - rise - fall) * there[:, None]
        curve = ((share / share.sum(-1, keepdim=True)) * gap[index][:, None]).sum(-1)
        error = 1e3 * ((curve - truth) ** 2 * known).sum() / known.sum()
        away = ((log - strong) ** 2).mean() + ((before - slow) ** 2).mean() + ((after - slow) ** 2).mean()
        loss = error + 0.02 * away + GAP_STIFFNESS * ((gap - gap_prior) ** 2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    numbers = [p.detach().double().numpy() for p in (gap, log, before.exp(), after.exp())]
    numbers[2:] = [np.clip(n, 0.012, 0.12) for n in numbers[2:]]
    return LipModel(*numbers, float(shift.detach()))


GAP_STIFFNESS = 2.0
"Cost of a squared distance of a phone's gap from its prior: rare phones stay, common ones move."
