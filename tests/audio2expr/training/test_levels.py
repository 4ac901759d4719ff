"""The read-out moves towards real lips and leaves what hears alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from audio2expr.training import levels
from audio2expr.training.dataset import make_example
from audio2expr.training.levels import ReadoutSchedule, cross_fitted, fit_readout
from audio2expr.training.net import OPINIONS, MouthNet, NetConfig
from audio2expr.training.phones import PHONE_INDEX
from audio2expr.training.targets import LipModel, load_grid

from .made_data import make_grid, make_session

CONFIG = {"prior_mean": [-150.0] + [0.0] * 23, "scale": [40.0] + [12.0] * 23}


def test_fitting_comes_nearer_to_the_filmed_lips_and_moves_only_the_read_out(tmp_path: Path) -> None:
    torch.manual_seed(1)
    lips = LipModel.load()
    shapes = lips.shapes()
    closed_shape = shapes[PHONE_INDEX["b"]]
    examples = [make_example(make_session(3), CONFIG, lips, shapes)]
    clips = load_grid(make_grid(tmp_path / "grid"), None)
    net = MouthNet(NetConfig.tiny()).eval()
    schedule = ReadoutSchedule(steps=80, real=5.0, stiffness=0.0)
    fitted = fit_readout(net, clips, examples, CONFIG, closed_shape, schedule)

    @torch.no_grad()
    def error(of: MouthNet) -> float:
        filmed = levels._filmed(of, clips, CONFIG)
        return float(
            levels._real_loss(of.read_out(filmed.heard), filmed, torch.from_numpy(closed_shape), schedule)
        )

    assert error(fitted) < 0.8 * error(net)
    moved = {n for n, p in fitted.named_parameters() if not torch.equal(p, dict(net.named_parameters())[n])}
    assert moved and all(name.startswith(("mouth.", "opinions.")) for name in moved)


def test_thresholds_are_chosen_on_clips_the_read_out_never_saw(tmp_path: Path) -> None:
    lips = LipModel.load()
    shapes = lips.shapes()
    examples = [make_example(make_session(3), CONFIG, lips, shapes)]
    clips = load_grid(make_grid(tmp_path / "grid"), None)
    net = MouthNet(NetConfig.tiny()).eval()
    view = np.eye(53, dtype=np.float32)
    clean, noisy = cross_fitted(net, clips, examples, CONFIG, shapes[PHONE_INDEX["b"]], [view])
    assert len(clean) == len(noisy) == len(clips)
    for said, hushed in zip(clean, noisy, strict=True):
        assert not np.array_equal(said.opinions, hushed.opinions[: len(said.opinions)])
    for said in clean + noisy:
        assert said.opinions.shape == (len(said.weights), len(OPINIONS))
        assert len(said.sounds) == len(said.weights)
        assert (said.opinions >= 0).all() and (said.opinions <= 1).all()
