"""Fits the read-out of a trained net, its last layer, to real lips. Knows the net's inside, not its training.

Only the layer that turns what was heard into weights moves; the layers that hear stay as made speech taught
them. Made examples hold the shapes in place while the filmed clips move how far the lips go apart.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor

from audio2expr.features import ROWS, Block, FrontEnd
from audio2expr.mouth import Sound
from audio2expr.stream import LOOKAHEAD_BLOCKS
from audio2expr.training.augment import Strength, augment
from audio2expr.training.corpus import Session
from audio2expr.training.dataset import Example, blocks_of, run_front_end
from audio2expr.training.evaluate import speech_span
from audio2expr.training.filmed import TOUCHING, wanted_gap
from audio2expr.training.net import (
    GAP_UNIT,
    IS_BITTEN,
    IS_PURSED,
    OPINIONS,
    LossWeights,
    MouthNet,
    mouth_loss,
)
from audio2expr.training.shapes import GAP_AT_REST, GAP_ROW
from audio2expr.training.targets import LipModel, RealClip, make_targets

KEYS = ("weights", "closed", "speech", "voiced", "phone")
NOISY = Strength(speed=0.0, noise=1.0)
"Of the second copy of each clip: a read-out fitted on clean clips alone forgets closures in noise."


@dataclass(frozen=True)
class ReadoutSchedule:
    """How far the read-out may move."""

    steps: int = 200
    learning_rate: float = 5e-3
    real: float = 3.0
    "What the real lips count against the made examples."
    found: float = 2.0
    "What the closures of the clips count beside their apertures."
    pursed: float = 1.5
    "The same for the frames of w and u."
    bitten: float = 1.5
    "The same for the frames of f and v."
    false: float = 2.0
    "How much more a closure costs that is heard in a vowel."
    stiffness: float = 0.1
    "Cost of moving a unit away from the trained read-out."


def _hidden(net: MouthNet, rows: np.ndarray) -> Tensor:
    """What the last layers read, for each frame of a whole session; [frames, wide]."""
    past = net.config.window_rows - (1 + LOOKAHEAD_BLOCKS) * ROWS
    with torch.no_grad():
        return net.hear(torch.from_numpy(np.pad(rows.astype(np.float32), [(past, 0), (0, 0)]))[None])[0]


def fit_readout(
    net: MouthNet,
    clips: list[RealClip],
    examples: list[Example],
    config: dict[str, list[float]],
    closed_shape: np.ndarray,
    schedule: ReadoutSchedule | None = None,
) -> MouthNet:
    """A copy of the net whose read-out follows the lips of `clips`. config: the front end's constants."""
    schedule = schedule or ReadoutSchedule()
    torch.manual_seed(0)
    net = copy.deepcopy(net).eval()
    filmed = _filmed(net, clips, config)
    made = torch.cat([_hidden(net, e.features) for e in examples])[None]
    target = {k: torch.from_numpy(np.concatenate([getattr(e, k) for e in examples]))[None] for k in KEYS}
    target["known"] = torch.ones(made.shape[:2])
    moved = [*net.mouth.parameters(), *net.opinions.parameters()]
    first = [p.detach().clone() for p in moved]
    optimizer = torch.optim.Adam(moved, schedule.learning_rate)
    shape = torch.from_numpy(closed_shape)
    for _ in range(schedule.steps):
        loss, _parts = mouth_loss(net.read_out(made), target, shape, LossWeights(phones=0.0))
        real = _real_loss(net.read_out(filmed.heard), filmed, shape, schedule)
        away = sum(((p - q) ** 2).sum() for p, q in zip(moved, first, strict=True))
        optimizer.zero_grad()
        (loss + schedule.real * real + schedule.stiffness * away).backward()
        optimizer.step()
    return net


@dataclass(frozen=True)
class _Filmed:
    """All clips one after the other, as a batch of one; each as it is, and once more in noise."""

    heard: Tensor
    "[1, n, wide]."
    gap: Tensor
    "[1, n], wanted aperture."
    known: Tensor
    "[1, n]: 1 inside speech."
    closed: Tensor
    "[1, n]: 1 where p, b, m shut the lips."
    pursed: Tensor
    "[1, n]: 1 in w and u."
    bitten: Tensor
    "[1, n]: 1 in f and v."
    vowel: Tensor
    "[1, n], share of vowel time."


def _filmed(net: MouthNet, clips: list[RealClip], config: dict[str, list[float]]) -> _Filmed:
    names = ("heard", "gap", "known", "closed", "pursed", "bitten", "vowel")
    parts: dict[str, list[Tensor]] = {name: [] for name in names}
    lips = LipModel.load()
    phone_shapes = lips.shapes()
    for clip, samples in _sounds(clips):
        hidden = _hidden(net, run_front_end(samples, FrontEnd.from_config(config)))
        n = min(len(hidden), len(clip.gap))
        target = make_targets(clip.phones, n, lips, phone_shapes)
        touching = clip.gap[:n] < TOUCHING
        known = np.zeros(n, np.float32)
        known[speech_span(clip.phones, n)] = 1
        shut_vowel = touching & (target.voiced > 0.5) & (target.closed < 0.5)
        known[shut_vowel] = 0  # real lips do that; a viewer takes it for a mistake
        gap = wanted_gap(clip.gap[:n], target.closed, target.voiced).astype(np.float32)
        parts["heard"].append(hidden[:n])
        phone = torch.from_numpy(target.phone)
        parts["pursed"].append(IS_PURSED[phone])
        parts["bitten"].append(IS_BITTEN[phone])
        measured = {"gap": gap, "known": known, "closed": target.closed, "vowel": target.voiced}
        for name, values in measured.items():
            parts[name].append(torch.from_numpy(values))
    return _Filmed(**{name: torch.cat(values)[None] for name, values in parts.items()})


def _sounds(clips: list[RealClip]) -> Iterator[tuple[RealClip, np.ndarray]]:
    """Each clip with its sound, and with its sound in noise."""
    random = np.random.default_rng(11)
    read = [np.asarray(soundfile.read(c.samples_path, dtype="float32")[0], np.float32) for c in clips]
    sessions = [Session(c.name, sound, c.phones, []) for c, sound in zip(clips, read, strict=True)]
    for clip, session in zip(clips, sessions, strict=True):
        yield clip, session.samples
        yield clip, augment(session, random, sessions, NOISY).samples


def _real_loss(
    outputs: tuple[Tensor, Tensor, Tensor], filmed: _Filmed, closed_shape: Tensor, schedule: ReadoutSchedule
) -> Tensor:
    """Squared error of the aperture, and closures and pursed lips missed or wrongly seen, inside speech."""
    mouth, opinions, _ = outputs
    closed = torch.sigmoid(opinions[..., 0])[..., None].detach()
    gap = (mouth + closed * (closed_shape - mouth)) @ torch.as_tensor(GAP_ROW) + GAP_AT_REST
    each = ((gap - filmed.gap) / GAP_UNIT) ** 2
    asked = {
        "closed": (schedule.found * (1 + schedule.false * filmed.vowel * (1 - filmed.closed)), filmed.closed),
        "pursed": (schedule.pursed, filmed.pursed),
        "bitten": (schedule.bitten, filmed.bitten),
    }
    for name, (weight, truth) in asked.items():
        logits = opinions[..., OPINIONS.index(name)]
        each = each + weight * F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (each * filmed.known).sum() / filmed.known.sum()


@dataclass(frozen=True)
class Heard:
    """What a net says about a clip that it was not fitted on, and what is measured of the sound."""

    weights: np.ndarray
    "float32 [frames, channels]."
    opinions: np.ndarray
    "float32 [frames, len(OPINIONS)], probabilities."
    sounds: list[Sound]


def sounds_of(blocks: list[Block]) -> list[Sound]:
    """What is measured of each picture frame, of blocks that reach LOOKAHEAD_BLOCKS further."""
    loudness_db = [float(block.energy_db.max()) for block in blocks]
    pitched = [np.count_nonzero(block.pitch_hz) / ROWS for block in blocks]
    return [
        Sound(
            loudness_db[i],
            max(loudness_db[i : i + 2]),
            max(pitched[i : i + 1 + LOOKAHEAD_BLOCKS]),
            blocks[i + LOOKAHEAD_BLOCKS].snr_db,
        )
        for i in range(len(blocks) - LOOKAHEAD_BLOCKS)
    ]


def cross_fitted(
    net: MouthNet,
    clips: list[RealClip],
    examples: list[Example],
    config: dict[str, list[float]],
    closed_shape: np.ndarray,
    views: list[np.ndarray],
) -> tuple[list[Heard], list[Heard]]:
    """What a net fitted on every other clip says about each, as it was recorded and in noise.

    Thresholds are chosen on these, since a read-out is too sure of the clips it was fitted on.
    """
    clean: dict[str, Heard] = {}
    noisy: dict[str, Heard] = {}
    for half in (0, 1):
        fitted = fit_readout(net, clips[half::2], examples, config, closed_shape)
        for i, (clip, samples) in enumerate(_sounds(clips[1 - half :: 2])):
            (noisy if i % 2 else clean)[clip.name] = _hear(fitted, samples, config, views)
    return [clean[clip.name] for clip in clips], [noisy[clip.name] for clip in clips]


def _hear(
    net: MouthNet, samples: np.ndarray, config: dict[str, list[float]], views: list[np.ndarray]
) -> Heard:
    blocks = blocks_of(samples, FrontEnd.from_config(config))
    rows = np.concatenate([block.features for block in blocks])
    with torch.no_grad():
        said = [net.read_out(_hidden(net, rows @ view)[None]) for view in views]
    mouth = np.mean([weights[0].numpy() for weights, _, _ in said], axis=0)
    opinions = np.mean([torch.sigmoid(logits[0]).numpy() for _, logits, _ in said], axis=0)
    return Heard(mouth, opinions, sounds_of(blocks))
