"""Trains the small net that hears arousal and coarse emotions in the manner of speaking. Knows styles and
statistics, no mouth.

It can only learn what the synthesisers vary (pace, pitch and its range) and what augment.py adds (loudness,
brightness), so it is weak evidence about people; `train` measures it on voices it never heard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F

from audio2expr.features import Float32, FrontEnd
from audio2expr.mouth import MouthConfig
from audio2expr.prosody import N_PROSODY
from audio2expr.stream import Audio2ExprStream
from audio2expr.training import corpus
from audio2expr.training.augment import augment
from audio2expr.training.corpus import Session
from audio2expr.training.net import MannerNet
from audio2expr.training.targets import FRAME_S
from audio2expr.training.voices import EMOTIONS, STYLES

MANNERS = (*EMOTIONS, *(name for name in STYLES if name not in EMOTIONS))
"The emotions first; of the rest (shouting, whispering ...) only the arousal is known."
SETTLE_S = 0.8
"What the manner was before still rings in the statistics for this long."


def statistics(
    session: Session, mouth: onnxruntime.InferenceSession, config: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Prosody of the frames whose manner is known, float32 [k, N_PROSODY], and index into MANNERS, int64
    [k]."""
    heard: list[np.ndarray] = []

    def listen(prosody: Float32) -> Float32:
        heard.append(prosody[0])
        return np.zeros((1, len(EMOTIONS) + 1), np.float32)

    def read(rows: Float32) -> tuple[Float32, Float32]:
        weights, opinions = mouth.run(None, {"rows": rows})
        return weights, opinions

    stream = Audio2ExprStream(
        MouthConfig.from_config(config["mouth"]), FrontEnd.from_config(config), read, listen, len(EMOTIONS)
    )
    voiced = np.concatenate([stream.push(session.samples).voiced, stream.flush().voiced])
    label = np.full(len(voiced), -1)
    for start_s, end_s, style in session.styles:
        label[int((start_s + SETTLE_S) / FRAME_S) : int(end_s / FRAME_S)] = MANNERS.index(style)
    known = label >= 0
    return np.stack(heard)[known][::3], label[known][::3]


def train(
    shards: list[Path], mouth_path: Path, config: dict[str, Any], seed: int, most_sessions: int = 110
) -> tuple[MannerNet, dict[str, float]]:
    """The net, and its unweighted recall over EMOTIONS and correlation of arousal, in and outside the
    training voices."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    mouth = onnxruntime.InferenceSession(str(mouth_path), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(seed)
    seen = [s for path in shards if path.stem != "held_out" for s in corpus.load(path)]
    new = [s for path in shards if path.stem == "held_out" for s in corpus.load(path)]
    picked = [seen[i] for i in random.permutation(len(seen))[:most_sessions]]
    train_x, train_y = _collect([augment(s, random, seen) for s in picked], mouth, config)
    test_x, test_y = _collect([augment(s, random, seen) for s in new], mouth, config)
    net = _fit(train_x, train_y, seed)
    return net, {
        **_measure(net, train_x, train_y, "trained_voices"),
        **_measure(net, test_x, test_y, "new_voices"),
    }


def _collect(
    sessions: list[Session], mouth: onnxruntime.InferenceSession, config: dict[str, Any]
) -> tuple[torch.Tensor, torch.Tensor]:
    parts = [statistics(s, mouth, config) for s in sessions]
    return torch.from_numpy(np.concatenate([x for x, _ in parts])), torch.from_numpy(
        np.concatenate([y for _, y in parts])
    )


def _targets(labels: torch.Tensor) -> torch.Tensor:
    """Emotions one-hot, all 0 in manners that are none, and arousal; float32 [k, emotions + 1]."""
    arousal = torch.tensor([STYLES[name].arousal for name in MANNERS])
    emotions = F.one_hot(labels, len(MANNERS))[:, : len(EMOTIONS)].float()
    return torch.cat([emotions, arousal[labels][:, None]], dim=1)


def _known(labels: torch.Tensor) -> torch.Tensor:
    """Which of the targets are known, 0 or 1, float32 [k, emotions + 1]."""
    emotion = (labels < len(EMOTIONS)).float()[:, None]
    return torch.cat([emotion.expand(-1, len(EMOTIONS)), torch.ones_like(emotion)], dim=1)


def _fit(x: torch.Tensor, y: torch.Tensor, seed: int, steps: int = 800) -> MannerNet:
    torch.manual_seed(seed)
    net = MannerNet(len(EMOTIONS))
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.1)
    counts = torch.bincount(y, minlength=len(MANNERS)).clamp(min=1)
    share = (1 / counts.float())[y]
    for _ in range(steps):
        picked = torch.multinomial(share, 512, replacement=True)
        noisy = x[picked] + 0.3 * torch.randn(512, N_PROSODY)
        loss = F.binary_cross_entropy_with_logits(net(noisy), _targets(y[picked]), _known(y[picked]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


@torch.no_grad()
def _measure(net: MannerNet, x: torch.Tensor, y: torch.Tensor, name: str) -> dict[str, float]:
    out = torch.sigmoid(net(x))
    best = out[:, :-1].argmax(1)
    recalls = [
        float((best[y == i] == i).float().mean()) for i in range(len(EMOTIONS)) if bool((y == i).any())
    ]
    pairs = torch.stack([out[:, -1], _targets(y)[:, -1]])
    r = float(torch.corrcoef(pairs)[0, 1]) if len(y) > 2 else float("nan")
    return {f"unweighted_recall_{name}": round(float(np.mean(recalls)), 3), f"arousal_r_{name}": round(r, 3)}
