"""Training goes on from what was kept, and a net comes back out of its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from audio2expr.training import export, loop
from audio2expr.training.batches import Material
from audio2expr.training.dataset import make_example
from audio2expr.training.net import MouthNet, NetConfig
from audio2expr.training.phones import PHONE_INDEX
from audio2expr.training.targets import LipModel

from .made_data import make_session


def test_a_run_that_was_cut_off_goes_on(tmp_path: Path) -> None:
    lips = LipModel.load()
    front_end = {"prior_mean": [0.0] * 24, "scale": [10.0] * 24}
    examples = [make_example(make_session(i, seconds=2.0), front_end, lips, lips.shapes()) for i in range(2)]
    material = Material(examples, np.ones(2), examples[:1], front_end["scale"])
    schedule = loop.Schedule(steps=4, batch=2, crop_frames=16)
    closed = lips.shapes()[PHONE_INDEX["b"]]
    torch.manual_seed(0)
    start = MouthNet(NetConfig.tiny())
    loop.train_mouth(material, start, schedule, closed, tmp_path / "log.jsonl")
    assert len((tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()) == 4
    again = loop.train_mouth(material, start, schedule, closed, tmp_path / "log.jsonl")
    assert len((tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()) == 4, "it was done"
    other = loop.train_mouth(
        material, start, replace(schedule, lookahead_blocks=1), closed, tmp_path / "b.jsonl"
    )
    assert not torch.equal(again.rows.weight, start.rows.weight)
    assert not torch.equal(again.rows.weight, other.rows.weight)


def test_a_net_comes_back_out_of_its_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = NetConfig.tiny()
    net = export._as_kept(MouthNet(config))
    export.export_mouth(net, tmp_path / "mouth.onnx", [np.eye(53, dtype=np.float32)] * 2)
    back = export.import_mouth(tmp_path / "mouth.onnx", config).eval()
    rows = torch.randn(1, config.window_rows, 53)
    for a, b in zip(net(rows)[:2], back(rows)[:2], strict=True):
        assert torch.allclose(a, b, atol=1e-6)
