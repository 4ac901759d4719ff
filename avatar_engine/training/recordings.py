"""What the speech model makes of synthetic speech beside what it should have made: the smoother's real-life
examples.

    python -m avatar_engine.training.recordings --examples FOLDER --out recordings.npz [--shards 4]

FOLDER holds the example shards of `python -m audio2expr.training.dataset` (features, target curves). Each
session is run through the trained net as a stream would run it. The npz has `heard` and `clean`, float16
[frames, names], `lengths` of the sessions and `names`. Train the smoother on it with `--recordings
recordings.npz`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from audio2expr import Audio2Expr
from audio2expr.features import ROWS
from audio2expr.stream import LOOKAHEAD_BLOCKS, Lips, MouthConfig

BASE = Path(__file__).parents[2] / "audio2expr" / "weights" / "base"


def hear(model: Audio2Expr, config: MouthConfig, features: np.ndarray, frames: int) -> np.ndarray:
    """The model's mouth of one session, float32 [frames, names], as its stream gives it.

    features: float [(frames + LOOKAHEAD_BLOCKS) * ROWS, n]: the front end's rows, with silence behind.
    """
    lips = Lips(config)
    empty = np.zeros((config.window_rows, features.shape[1]), np.float32)
    rows = np.concatenate([empty, features.astype(np.float32)])
    channel_of, heard = np.array(config.channel_of), []
    for frame in range(frames):
        end = len(empty) + (frame + 1 + LOOKAHEAD_BLOCKS) * ROWS
        mouth, opinions = model._read_mouth(rows[None, end - config.window_rows : end])
        heard.append(lips.push(mouth[0], float(opinions[0, 0]), float(opinions[0, 1]))[channel_of])
    return np.array(heard)


def record(examples: Path, weights: Path, shards: int) -> dict[str, np.ndarray]:
    """The arrays of the npz; the shards are the first by name."""
    model = Audio2Expr.load(weights)
    config = MouthConfig.from_config(model._config["mouth"])
    heard, clean, lengths = [], [], []
    for path in sorted(examples.glob("*.npz"))[:shards]:
        with np.load(path) as data:
            at, row = 0, 0
            for frames in data["frames"].tolist():
                rows = (frames + LOOKAHEAD_BLOCKS) * ROWS
                features = data["features"][row : row + rows]
                heard.append(hear(model, config, features, frames))
                clean.append(data["weights"][at : at + frames][:, list(config.channel_of)])
                lengths.append(frames)
                at, row = at + frames, row + rows
        print(f"{path.name}: {sum(lengths)} frames", flush=True)
    return {
        "heard": np.concatenate(heard).astype(np.float16),
        "clean": np.concatenate(clean).astype(np.float16),
        "lengths": np.array(lengths),
        "names": np.array(model.names),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=Path, required=True, help="folder of example shards")
    parser.add_argument("--weights", type=Path, default=BASE, help="weights folder of audio2expr")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    np.savez_compressed(options.out, **record(options.examples, options.weights, options.shards))


if __name__ == "__main__":
    main()
