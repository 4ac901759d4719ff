"""Made speech and a tiny trained-for-nothing model: the whole runtime path without a corpus."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio2expr import Audio2Expr
from audio2expr.features import N_MFCC
from avatar_engine.weights import write_manifest


def make_speech(seconds: float = 1.5, seed: int = 0) -> np.ndarray:
    """Buzzing vowels with gaps and hiss: not words, but voiced, unvoiced and silent in turn; float32 [n] at
    16 kHz."""
    random = np.random.default_rng(seed)
    times = np.arange(int(seconds * 16_000)) / 16_000
    hz = 120 + 30 * np.sin(2 * np.pi * 0.7 * times)
    phase = 2 * np.pi * np.cumsum(hz) / 16_000
    buzz = sum(np.sin(k * phase) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3 * times), 0, 1)
    hiss = random.normal(size=len(times)) * np.clip(np.sin(2 * np.pi * 3 * times + 3.5), 0, 1) * 0.1
    return (0.15 * (buzz * syllables + hiss)).astype(np.float32)


@pytest.fixture(scope="session")
def speech() -> np.ndarray:
    return make_speech()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights folder with seeded random nets whose opinions really vary."""
    import torch

    from audio2expr.training.export import export_manner, export_mouth
    from audio2expr.training.manner import EMOTIONS
    from audio2expr.training.net import MannerNet, MouthNet, NetConfig
    from audio2expr.training.shapes import CHANNELS
    from audio2expr.training.train import base_config

    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(3)
    net_config = NetConfig.tiny()
    net = MouthNet(net_config)
    with torch.no_grad():
        net.opinions.weight *= 8
        net.mouth.weight *= 4
    export_mouth(net.eval(), folder / "mouth.onnx")
    export_manner(MannerNet(len(EMOTIONS)).eval(), folder / "manner.onnx")
    front_end = {"prior_mean": [-150.0] + [0.0] * (N_MFCC - 1), "scale": [40.0] + [12.0] * (N_MFCC - 1)}
    closed_shape = np.full(len(CHANNELS), 0.05, np.float32)
    config = base_config(front_end, net_config, closed_shape)
    # a random net is never sure: its opinions shall move the mouth without deciding it
    config["mouth"] |= {"speech_on": 0.4, "speech_off": 0.2, "pursed_full": 2.0, "closed_full": 3.0}
    config["mouth"] |= {"bitten_full": 2.0}
    files = ["mouth.onnx", "manner.onnx"]
    write_manifest(
        folder, files, name="tiny", version="0", config=config, data=[], metrics={}, command="pytest"
    )
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_folder: Path) -> Audio2Expr:
    return Audio2Expr.load(tiny_folder)
