"""What the speech model makes of synthetic speech beside what it should have made: the smoother's real-life
examples.

    python -m avatar_engine.training.recordings --examples FOLDER --out recordings.npz [--shards 14]

FOLDER holds the example shards that `audio2expr.training.train` leaves in its work folder. Each
session is run through the trained net as a stream would run it. The npz has `heard` and `clean`, float16
[frames, names], `lengths` of the sessions and `names`. Train the smoother on it with `--recordings
recordings.npz`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from audio2expr import Audio2Expr
from audio2expr.features import BLOCK, ROWS, Block
from audio2expr.mouth import CLEAN_DB
from audio2expr.stream import LOOKAHEAD_BLOCKS

BASE = Path(__file__).parents[2] / "audio2expr" / "weights" / "base"


class FrontEndReplay:
    """A front end that gives rows which were worked out before, whatever it hears."""

    def __init__(self, features: np.ndarray) -> None:
        """features: float [blocks * ROWS, N_FEATURES]."""
        self._blocks = iter(features.astype(np.float32).reshape(-1, ROWS, features.shape[1]))

    def push(self, samples: np.ndarray) -> Block:
        nothing = np.zeros(ROWS, np.float32)
        return Block(next(self._blocks), nothing - 40, nothing, nothing, -40.0, CLEAN_DB)


def hear(model: Audio2Expr, features: np.ndarray) -> np.ndarray:
    """The model's mouth of one session, float32 [frames, names], by its own stream.

    features: float [(frames + LOOKAHEAD_BLOCKS) * ROWS, N_FEATURES]: the front end's rows, silence behind.
    """
    stream = model.stream()
    stream._front_end = FrontEndReplay(features)
    return stream.push(np.zeros(len(features) // ROWS * BLOCK, np.float32)).weights


def record(examples: Path, weights: Path, shards: int) -> dict[str, np.ndarray]:
    """The arrays of the npz; the shards are the first by name."""
    model = Audio2Expr.load(weights)
    channel_of = list(model._config["mouth"]["channel_of"])
    heard, clean, lengths = [], [], []
    for path in sorted(examples.glob("*.npz"))[:shards]:
        with np.load(path) as data:
            at, row = 0, 0
            for frames in data["frames"].tolist():
                rows = (frames + LOOKAHEAD_BLOCKS) * ROWS
                features = data["features"][row : row + rows]
                heard.append(hear(model, features))
                clean.append(data["weights"][at : at + frames][:, channel_of])
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
    parser.add_argument("--shards", type=int, default=14)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    np.savez_compressed(options.out, **record(options.examples, options.weights, options.shards))


if __name__ == "__main__":
    main()
