from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from avatar_engine.motion.lips import aperture
from avatar_engine.motion.smoother import SmootherModel
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES
from avatar_engine.training.curves import SMOOTHED_NAMES, make_sequence
from avatar_engine.training.smoother import (
    SmootherNet,
    TrainingOptions,
    best_offset,
    export,
    lip_aperture,
    loss,
    main,
    write_folder,
)
from avatar_engine.weights import verify


def test_the_command_trains_a_tiny_net_and_writes_a_whole_folder(tmp_path: Path) -> None:
    folder = tmp_path / "smoother"
    tiny = "--sequences 4 --frames 40 --steps 3 --batch 2 --hidden 8 --held-out 2 --threads 1"
    main(["--out", str(folder), *tiny.split()])
    manifest = verify(folder)
    assert manifest.config["names"] == list(SMOOTHED_NAMES)
    assert manifest.content["command"].startswith("python -m avatar_engine.training.smoother")
    assert "--hidden 8" in manifest.content["command"]
    assert {"raw_aperture_jitter", "smooth_aperture_jitter", "smooth_closure_depth"} <= set(
        manifest.content["metrics"]
    )
    smooth, _ = SmootherModel.load(folder).open().step(np.zeros(len(ARKIT_NAMES)), 0.009, True)
    assert np.isfinite(smooth).all()


def test_the_exported_steps_are_the_nets_sequence(tmp_path: Path) -> None:
    torch.manual_seed(1)
    net = SmootherNet(len(SMOOTHED_NAMES), 12)
    torch.nn.init.normal_(net.out.weight, std=0.4)
    write_folder(net, tmp_path, TrainingOptions(hidden=12), {})
    sequence = make_sequence(9, 30)
    x = np.concatenate([sequence.noisy, sequence.valid[:, None]], axis=1)
    with torch.no_grad():
        whole = net(torch.from_numpy(x)[None])[0].numpy()
    model = SmootherModel.load(tmp_path)
    hidden = cell = np.zeros((1, 12), np.float32)
    for row, want in zip(x, whole, strict=True):
        got, hidden, cell = model.run(row[None], hidden, cell)
        assert np.abs(got[0] - want).max() < 1e-5  # other order of the same float32 sums


def test_the_net_cannot_see_the_future() -> None:
    net = SmootherNet(len(SMOOTHED_NAMES), 6)
    x = torch.rand(1, 30, len(SMOOTHED_NAMES) + 2, requires_grad=True)
    net(x)[0, 12].sum().backward()
    assert x.grad is not None
    assert x.grad[0, 13:].abs().max() == 0
    assert x.grad[0, 12].abs().max() > 0


def test_a_leaking_closure_costs_more_than_a_wide_vowel() -> None:
    def cost(truth: float) -> float:
        clean = torch.zeros(1, 20, len(SMOOTHED_NAMES) + 1)
        clean[..., SMOOTHED_NAMES.index("jawOpen")] = truth
        clean[..., -1] = lip_aperture(clean)
        wider = clean.clone()
        wider[..., SMOOTHED_NAMES.index("jawOpen")] += 0.1
        return float(loss(wider, clean, torch.ones(1, 20)))

    assert cost(0.0) > 1.5 * cost(0.4)


def test_the_aperture_in_the_loss_is_the_engines() -> None:
    weights = np.random.default_rng(0).random((5, len(SMOOTHED_NAMES) + 1)).astype(np.float32)
    full = np.zeros((5, len(ARKIT_NAMES)))
    full[:, [ARKIT_INDEX[name] for name in SMOOTHED_NAMES]] = weights[:, :-1]
    assert np.abs(lip_aperture(torch.from_numpy(weights)).numpy() - aperture(full)).max() < 1e-5


def test_the_offset_of_a_late_curve_is_found() -> None:
    truth = np.random.default_rng(1).standard_normal((2, 80)).cumsum(1)
    assert best_offset(truth, truth) == 0
    assert best_offset(np.roll(truth, 2, axis=1), truth) == 2


def test_the_folder_and_the_graph_are_small(tmp_path: Path) -> None:
    export(SmootherNet(len(SMOOTHED_NAMES), TrainingOptions().hidden), tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").stat().st_size < 1_000_000
    assert json.dumps(list(SMOOTHED_NAMES))
