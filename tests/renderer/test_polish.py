"""Teeth fitted anew: a checkerboard goes, what frames show comes back, all else stays."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
import torch

from renderer.rig import Rig
from renderer.torch_generator import Generator, GeneratorConfig
from renderer.training import polish as training
from renderer.training.dataset import Frames, load, read_labels
from renderer.training.layers import start_from
from renderer.training.polish import POLISHED, detail, fit_strands, polish, roughness
from renderer.training.train import cut, window_of
from tests.renderer.conftest import hair_labels, made_canvas


@pytest.fixture(scope="module")
def faces(frames_folder: Path, rig: Rig) -> Frames:
    return load(read_labels([frames_folder]), rig, "face")


def checkerboard(height: int, width: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (1.0 - 2 * ((x + y) % 2)).expand(1, 3, -1, -1)


def test_roughness_is_that_of_a_checkerboard_and_nothing_of_a_slope() -> None:
    assert roughness(0.1 * checkerboard(200, 200)).item() == pytest.approx(0.64, rel=0.02)
    slope = torch.linspace(0, 1, 50).expand(1, 3, 50, 50)
    assert roughness(slope) < roughness(slope + 0.05 * checkerboard(50, 50))


def test_teeth_lose_their_checkerboard_and_nothing_else_changes(
    faces: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "BATCH", 2)
    torch.manual_seed(0)
    net = Generator(GeneratorConfig.tiny()).eval()
    index = torch.arange(len(faces))
    window = window_of(faces, index)
    with torch.no_grad():
        for name in POLISHED:
            net.textures[name] += 0.3
        faces = copy.copy(faces)
        drawn = cut(net(faces.geometry(index), window), faces, index, window)
        faces.pictures = ((drawn + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        smooth = {name: net.textures[name].clone() for name in POLISHED}
        for name in POLISHED:
            net.textures[name] += 0.05 * checkerboard(*net.textures[name].shape[2:])
    before = copy.deepcopy(net.state_dict())
    rough = sum(roughness(net.textures[name]) for name in POLISHED)
    losses = polish(net, faces, 16)
    assert sum(losses[-3:]) < sum(losses[:3])
    assert sum(roughness(net.textures[name]) for name in POLISHED) < rough / 2
    for name in POLISHED:
        assert (net.textures[name] - smooth[name]).abs().mean() < 0.1
    polished = {f"textures.{name}" for name in POLISHED}
    for name, value in net.state_dict().items():
        assert name in polished or torch.equal(value, before[name])


def test_strands_of_a_picture_at_rest_go_into_the_hair_and_not_into_the_face(
    frames_folder: Path, rig: Rig
) -> None:
    torch.manual_seed(0)
    rows = [row for row in read_labels([frames_folder]) if row["kind"] == "full"][:1]
    rest = load(rows, rig, "full")
    config = GeneratorConfig.tiny()
    fine = dataclasses.replace(config, textures=config.textures | {"hair": (512, 512)})
    net = Generator(fine).eval()
    start_from(net, made_canvas())
    stripes = 0.2 * torch.sin(torch.arange(512) * 1.2).expand(1, 3, 512, 512)
    with torch.no_grad():
        drawn = net(rest.geometry(torch.arange(1)))
    rest.pictures = ((drawn + stripes + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    before = copy.deepcopy(net.state_dict())
    losses = fit_strands(net, rest, hair_labels()["hair_shown"], 16)
    assert losses[-1] < 0.7 * losses[0]
    hair = (net.textures["hair"].detach() - before["textures.hair"])[0]
    x, y = rest.landmarks[0, 30].int().tolist()
    assert hair[:, 100, 200:310].std() > 0.05 and hair[:, y - 8 : y + 8, x - 8 : x + 8].abs().max() < 0.02
    for name, value in net.state_dict().items():
        assert name == "textures.hair" or torch.equal(value, before[name])


def test_detail_is_what_a_gaussian_takes_away() -> None:
    wide, fine = (torch.sin(torch.arange(64) * w).expand(1, 3, 64, 64) for w in (0.05, 1.5))
    assert detail(wide)[..., 9:-9].abs().max() < 0.05 and (detail(fine) - fine)[..., 9:-9].abs().max() < 0.05
