"""Pruning keeps what matters: nothing changes where nothing is cut, or where only dead channels are."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from renderer.geometry import CELLS
from renderer.rig import Rig
from renderer.torch_generator import Generator, GeneratorConfig, build
from renderer.training import prune
from renderer.training.rig import save

WIDE = dataclasses.replace(GeneratorConfig.tiny(), channels=(10, 9, 10, 9, 10), guide_channels=(6, 7, 8))


def wide_net() -> Generator:
    torch.manual_seed(0)
    return Generator(WIDE).eval().requires_grad_(False)


def geometry(count: int = 2) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(1)
    make = lambda *shape: torch.rand(*shape, generator=random)  # noqa: E731
    return {
        "controls": make(count, WIDE.controls) - 0.5,
        "masks": make(count, WIDE.masks, CELLS, CELLS),
        "warp": make(count, CELLS, CELLS, 2),
    }


def features(net: Generator) -> list[torch.Tensor]:
    given = geometry()
    return list(net.features(given["controls"], given["masks"], given["warp"]))


def test_cutting_nothing_changes_nothing() -> None:
    net = wide_net()
    for before, after in zip(features(net), features(prune.pruned(net, WIDE, geometry())), strict=True):
        assert torch.equal(before, after)


def test_channels_that_nobody_reads_go_first() -> None:
    net, config = wide_net(), GeneratorConfig.tiny()
    for i, (wide, narrow) in enumerate(zip(WIDE.channels, config.channels, strict=True)):
        dead = slice(0, wide - narrow)
        net.second[i].weight[:, dead] = 0
        for reader in {3: [net.first[4], net.canvas_head], 4: [net.box_head]}.get(i) or [net.first[i + 1]]:
            reader.weight[:, dead] = 0
    net.first[0].weight[:, :2] = 0
    for j, (wide, narrow) in enumerate(zip(WIDE.guide_channels, config.guide_channels, strict=True)):
        for reader in [net.inject[j], *net.guide[j + 1 : j + 2]]:
            reader.weight[:, : wide - narrow] = 0
    small = prune.pruned(net, config, geometry())
    assert small.config == config
    for before, after in zip(features(net), features(small), strict=True):
        assert torch.allclose(before, after, atol=1e-5)


def test_a_new_face_keeps_how_faces_move() -> None:
    net = wide_net()
    before = features(net)
    net.textures["face"].data.fill_(0.5)
    other = prune.without_looks(net)
    assert all(torch.equal(a, b) for a, b in zip(before, features(other), strict=True))
    assert not any(other.textures[name].any() for name in prune.OWN_TEXTURES)


def test_only_widths_can_be_cut() -> None:
    with pytest.raises(ValueError, match="only the widths"):
        prune.pruned(wide_net(), dataclasses.replace(WIDE, styles=4), geometry())
    with pytest.raises(ValueError, match="cannot be cut out of"):
        wider = dataclasses.replace(WIDE, channels=(10, 9, 10, 9, 12))
        prune.pruned(wide_net(), wider, geometry())


def test_the_command_writes_a_run_to_go_on_from(frames_folder: Path, rig: Rig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    save(rig, run / "rig.safetensors")
    save_file(wide_net().state_dict(), run / "generator.safetensors")
    (run / "options.json").write_text(json.dumps({"config": dataclasses.asdict(WIDE)}))
    places = ["--run", run, "--frames", frames_folder, "--out", tmp_path / "slim"]
    places += ["--rig", run / "rig.safetensors", "--network", "tiny"]
    prune.main([str(p) for p in places])
    options = json.loads((tmp_path / "slim" / "options.json").read_text())
    net = build(options["config"])
    net.load_state_dict(load_file(tmp_path / "slim" / "generator.safetensors"))
    assert net.config == GeneratorConfig.tiny()
