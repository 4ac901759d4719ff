"""The optimisation of the mouth net: steps, moving average, checkpoints. Knows tensors and files, neither
corpora nor lips."""

from __future__ import annotations

import copy
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audio2expr.features import ROWS
from audio2expr.stream import LOOKAHEAD_BLOCKS
from audio2expr.training.batches import Crops, Material
from audio2expr.training.dataset import Example
from audio2expr.training.net import LossWeights, MouthNet, mouth_loss
from audio2expr.training.phones import PHONE_INDEX


@dataclass(frozen=True)
class Schedule:
    """How long and how fast."""

    steps: int = 4000
    batch: int = 24
    crop_frames: int = 96
    learning_rate: float = 2.5e-3
    weight_decay: float = 0.01
    seed: int = 7
    lookahead_blocks: int = LOOKAHEAD_BLOCKS
    "Blocks of 40 ms behind a frame that the net hears; other than the engine's only to compare."
    bfloat16: bool = False
    "Half the time where the processor has it, more than double where it has not."


def train_mouth(
    material: Material, start: MouthNet, schedule: Schedule, closed_shape: np.ndarray, log: Path
) -> MouthNet:
    """Train on from `start` with AdamW and a one-cycle rate; returns the moving average of the weights.

    log: a file of JSON lines; beside it <log's stem>.pt keeps the state, from which a run that was cut off
    goes on.
    """
    torch.manual_seed(schedule.seed)
    net = copy.deepcopy(start).train()
    average = torch.optim.swa_utils.AveragedModel(net, avg_fn=_moving_average)
    optimizer = torch.optim.AdamW(
        net.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    rate = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.learning_rate, schedule.steps, pct_start=0.1
    )
    kept = {"net": net, "average": average, "optimizer": optimizer, "rate": rate}
    state = log.with_suffix(".pt")
    done = _resume(kept, state)
    random = np.random.default_rng((schedule.seed, done))
    crops = Crops(material, net.config.window_rows, random, schedule.lookahead_blocks)
    shape = torch.from_numpy(closed_shape)
    sums: dict[str, float] = {}
    began, every = time.monotonic(), max(1, min(200, schedule.steps // 4))
    for step in range(done + 1, schedule.steps + 1):
        rows, target = crops.batch(schedule.batch, schedule.crop_frames)
        with torch.autocast("cpu", torch.bfloat16, enabled=schedule.bfloat16):
            outputs = net(rows)
        mouth, opinions, phones = (o.float() for o in outputs)
        loss, parts = mouth_loss((mouth, opinions, phones), target, shape, LossWeights())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        rate.step()
        average.update_parameters(net)
        for key, value in {"loss": float(loss.detach()), **parts}.items():
            sums[key] = sums.get(key, 0.0) + value / every
        if step % every == 0:
            line = {"step": step, "seconds": round(time.monotonic() - began)}
            line |= {k: round(v, 4) for k, v in sums.items()}
            line |= held_out_accuracy(average.module, material.held_out, schedule.lookahead_blocks)
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(line, flush=True)
            sums = {}
            _keep(kept, step, state)
    return average.module.eval()


def _keep(kept: dict[str, Any], step: int, path: Path) -> None:
    new = path.with_suffix(".new")
    torch.save({"step": step, **{name: part.state_dict() for name, part in kept.items()}}, new)
    new.replace(path)


def _resume(kept: dict[str, Any], path: Path) -> int:
    """Load what _keep() wrote, if it is there; the number of steps done."""
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    for name, part in kept.items():
        part.load_state_dict(state[name])
    return int(state["step"])


def _moving_average(average: torch.Tensor, new: torch.Tensor, count: torch.Tensor | int) -> torch.Tensor:
    """Exponential over about 500 steps, shorter at first."""
    n = float(count)
    return average + (new - average) * (1 - min(0.998, (1 + n) / (10 + n)))


def whole_session(net: MouthNet, rows: np.ndarray, n_frames: int, lookahead_blocks: int) -> torch.Tensor:
    """What the net reads to say something of each of `n_frames`: rows [rows, N_FEATURES] with zeros before
    them and, where they end too early, behind; float32 [1, padded rows, N_FEATURES]."""
    past = net.config.window_rows - (1 + lookahead_blocks) * ROWS
    rows = rows.astype(np.float32)[: (n_frames + lookahead_blocks) * ROWS]
    missing = max(0, (n_frames + lookahead_blocks) * ROWS - len(rows))
    return torch.from_numpy(np.pad(rows, [(past, missing), (0, 0)]))[None]


@torch.no_grad()
def held_out_accuracy(net: MouthNet, examples: list[Example], lookahead_blocks: int) -> dict[str, float]:
    """Phones named right, and closed frames found and falsely seen, on voices never trained on."""
    if not examples:
        return {}
    net.eval()
    right = frames = found = shut = false = 0.0
    for example in examples[:: max(1, len(examples) // 10)]:
        n = len(example.closed)
        _, opinions, phones = net(whole_session(net, example.features, n, lookahead_blocks))
        spoken = torch.from_numpy(example.phone) != PHONE_INDEX["sil"]
        right += float((phones[0].argmax(-1) == torch.from_numpy(example.phone))[spoken].sum())
        frames += float(spoken.sum())
        closed, truth = opinions[0, :, 0] > 0, torch.from_numpy(example.closed) > 0.5
        found += float((closed & truth).sum())
        shut += float(truth.sum())
        false += float((closed & ~truth).sum())
    net.train()
    return {
        "phones_right": round(right / frames, 3),
        "closed_found": round(found / max(shut, 1), 3),
        "closed_false": round(false / max(found + false, 1), 3),
    }
