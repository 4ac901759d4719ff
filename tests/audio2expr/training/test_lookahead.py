"""The comparison of lookaheads, tiny: every net hears just as far as it may."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from audio2expr.features import ROWS
from audio2expr.training import corpus, dataset, lookahead
from audio2expr.training.net import MouthNet, NetConfig
from audio2expr.training.targets import LipModel

from .made_data import make_grid, make_session

N_FEATURES = 53


@pytest.mark.parametrize("ahead", lookahead.BLOCKS)
def test_a_frame_hears_its_lookahead_and_no_more(ahead: int) -> None:
    torch.manual_seed(2)
    net = MouthNet(NetConfig.tiny()).eval()
    rows = np.random.default_rng(1).normal(size=(20 * ROWS, N_FEATURES)).astype(np.float32)
    gap, evidence = lookahead.heard(net, rows, 12, ahead)
    changed = rows.copy()
    changed[(5 + ahead + 1) * ROWS :] = 0  # all that frame 5 may not hear
    later_gap, later_evidence = lookahead.heard(net, changed, 12, ahead)
    assert np.array_equal(gap[:6], later_gap[:6]) and np.array_equal(evidence[:6], later_evidence[:6])
    assert gap[6] != later_gap[6]


@pytest.mark.slow
def test_the_command_makes_a_table_and_a_plot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work = tmp_path / "work"
    (work / "corpus").mkdir(parents=True)
    shards = [work / "corpus" / "train_000.npz", work / "corpus" / "held_out.npz"]
    for i, shard in enumerate(shards):
        corpus.save([make_session(i)], shard)
    config = dataset.normalisation(corpus.load(shards[0]))
    (work / "front_end.json").write_text(json.dumps(config), encoding="utf-8")
    dataset.make(shards, work / "examples", config, LipModel.load(), 1, 7)
    monkeypatch.setattr(lookahead, "NetConfig", NetConfig.tiny)
    plot = tmp_path / "plot.png"
    arguments = ["--work", work, "--grid", make_grid(tmp_path / "grid"), "--steps", 4, "--plot", plot]
    monkeypatch.setattr("sys.argv", ["lookahead", *map(str, arguments)])
    lookahead.main()
    table = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [line["ms"] for line in table] == [0, 40, 80, 120]
    assert all({"r", "closures", "phones"} <= line.keys() for line in table)
    assert plot.read_bytes().startswith(b"\x89PNG")
