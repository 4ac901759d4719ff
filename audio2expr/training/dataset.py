"""Sessions -> what the net learns from: feature rows and targets, kept as one .npz a shard. Knows the front
end and the lip model.

Training uses the runtime's own front end, block by block, so there is no second one to drift from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio2expr.features import BLOCK, N_FEATURES, N_MFCC, ROWS, Block, FrontEnd
from audio2expr.stream import LOOKAHEAD_BLOCKS
from audio2expr.training import corpus
from audio2expr.training.augment import augment
from audio2expr.training.corpus import Session
from audio2expr.training.targets import FRAME_S, LipModel, make_targets
from audio2expr.training.voices import STYLES


@dataclass(frozen=True)
class Example:
    """One session as the net sees it."""

    features: np.ndarray
    "float16 [(frames + LOOKAHEAD_BLOCKS) * ROWS, N_FEATURES]."
    weights: np.ndarray
    closed: np.ndarray
    speech: np.ndarray
    voiced: np.ndarray
    phone: np.ndarray
    "As in targets.Targets, [frames, ...]."


FIELDS = ("features", "weights", "closed", "speech", "voiced", "phone")


def run_front_end(
    samples: np.ndarray, front_end: FrontEnd, more_blocks: int = LOOKAHEAD_BLOCKS
) -> np.ndarray:
    """Features of a whole sound, with silence behind it; float32 [rows, N_FEATURES]."""
    return np.concatenate([block.features for block in blocks_of(samples, front_end, more_blocks)])


def blocks_of(samples: np.ndarray, front_end: FrontEnd, more_blocks: int = LOOKAHEAD_BLOCKS) -> list[Block]:
    """All that the front end says of a whole sound and of `more_blocks` of silence behind it."""
    n_blocks = -(-len(samples) // BLOCK) + more_blocks
    padded = np.zeros(n_blocks * BLOCK, np.float32)
    padded[: len(samples)] = samples
    return [front_end.push(block) for block in padded.reshape(n_blocks, BLOCK)]


def normalisation(sessions: list[Session]) -> dict[str, list[float]]:
    """`prior_mean` and `scale` of the front end: mean and deviation of the cepstra of loud rows."""
    means, scales = [], []
    for session in sessions:
        front_end = FrontEnd(np.zeros(N_MFCC, np.float32), np.ones(N_MFCC, np.float32))
        front_end.mean_rows = 0.0
        features = run_front_end(session.samples, front_end)
        loud = features[:, N_MFCC] > 0
        means.append(front_end.mean)
        scales.append(features[loud][:, :N_MFCC].std(axis=0) if loud.sum() > 10 else np.full(N_MFCC, np.nan))
    return {
        "prior_mean": [round(float(v), 3) for v in np.mean(means, axis=0)],
        "scale": [round(float(v), 3) for v in np.nanmean(scales, axis=0)],
    }


def make_example(
    session: Session, config: dict[str, list[float]], lips: LipModel, phone_shapes: np.ndarray
) -> Example:
    n_frames = -(-len(session.samples) // BLOCK)
    features = run_front_end(session.samples, FrontEnd.from_config(config))
    t = make_targets(session.phones, n_frames, lips, phone_shapes, openness(session, n_frames))
    return Example(features.astype(np.float16), t.weights, t.closed, t.speech, t.voiced, t.phone)


def openness(session: Session, n_frames: int) -> np.ndarray:
    """How much wider the mouth opens in each frame for the effort of its style; float64 [n_frames]."""
    wide = np.ones(n_frames)
    for start_s, end_s, style in session.styles:
        wide[int(start_s / FRAME_S) : int(np.ceil(end_s / FRAME_S))] = STYLES[style].openness
    return wide


def save(examples: list[Example], path: Path) -> None:
    arrays = {name: np.concatenate([getattr(e, name) for e in examples]) for name in FIELDS}
    np.savez(path, frames=np.array([len(e.closed) for e in examples]), **arrays)


def load(path: Path) -> list[Example]:
    with np.load(path) as z:
        data = {name: z[name] for name in (*FIELDS, "frames")}
    examples, frame, row = [], 0, 0
    for n in map(int, data["frames"]):
        rows = (n + LOOKAHEAD_BLOCKS) * ROWS
        parts = {name: data[name][frame : frame + n] for name in FIELDS if name != "features"}
        examples.append(Example(features=data["features"][row : row + rows], **parts))
        frame, row = frame + n, row + rows
    assert row == len(data["features"]) and data["features"].shape[1] == N_FEATURES
    return examples


def make(
    shards: list[Path], folder: Path, config: dict[str, list[float]], lips: LipModel, variants: int, seed: int
) -> list[Path]:
    """One file of examples a shard and variant; variant 0 of a shard named held_out stays clean. What is
    there already is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    phone_shapes = lips.shapes()
    paths = []
    for shard in shards:
        sessions: list[Session] = []
        clean = shard.stem.startswith("held_out")
        for variant in range(1 if clean else variants):
            path = folder / f"{shard.stem}_{variant}.npz"
            paths.append(path)
            if path.is_file():
                continue
            sessions = sessions or corpus.load(shard)
            random = np.random.default_rng((seed, variant, sum(shard.stem.encode())))
            damaged = sessions if clean else [augment(s, random, sessions) for s in sessions]
            save([make_example(s, config, lips, phone_shapes) for s in damaged], path)
    return paths
