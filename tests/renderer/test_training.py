"""The whole way of the renderer's weights, tiny: frames -> training -> export -> Portrait."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from avatar_engine.names import ARKIT_NAMES
from avatar_engine.weights import verify
from renderer import Portrait
from renderer.backend import control_vector
from renderer.rig import Rig
from renderer.torch_backend import TorchBackend
from renderer.torch_generator import Generator, GeneratorConfig
from renderer.training import export, portrait, regraph
from renderer.training.dataset import Frames, is_validation, load, part_weights, read_labels
from renderer.training.discriminator import Discriminator
from renderer.training.evaluate import measure
from renderer.training.finish import with_crisp_eyes, with_even_folds
from renderer.training.layers import DEEPEST, Bounds, fit_canvas_layers, start_from
from renderer.training.losses import laplacian_loss
from renderer.training.rig import save
from renderer.training.train import Options, Trainer
from tests.renderer.conftest import hair_labels, made_canvas, made_labels

pytestmark = [
    # the legacy ONNX exporter, whose graphs ONNX Runtime quantises best, announces its retirement at every
    # call
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def data(frames_folder: Path, rig: Rig) -> dict[str, Frames]:
    rows = [row for row in read_labels([frames_folder]) if not is_validation(row)]
    return {kind: load(rows, rig, kind) for kind in ("face", "full")}


@pytest.fixture(scope="module")
def run_folder(data: dict[str, Frames], frames_folder: Path, rig: Rig, tmp_path_factory) -> Path:
    """A run of a few steps, the last ones adversarial."""
    torch.set_num_threads(2)
    out = tmp_path_factory.mktemp("run")
    held_out = {"face": load([r for r in read_labels([frames_folder]) if is_validation(r)], rig, "face")}
    config = GeneratorConfig.tiny()
    options = Options(steps=4, faces=2, fulls=1, report=2, warmup=2)
    first = Trainer(config, data, options, out)
    first.run(held_out)
    sharpen = dataclasses.replace(options, steps=3, adversarial=0.01, alone=1, texture=1.0)
    second = Trainer(config, data, sharpen, out)
    second.restart_from(load_file(out / "generator.safetensors"))
    second.run(held_out)
    facts = {"options": dataclasses.asdict(options), "config": dataclasses.asdict(config)}
    (out / "options.json").write_text(json.dumps(facts), encoding="utf-8")
    save(rig, out / "rig.safetensors")
    return out


@pytest.fixture(scope="module")
def weights_folder(run_folder: Path, frames_folder: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("weights")
    arguments = [
        "--run",
        run_folder,
        "--rig",
        run_folder / "rig.safetensors",
        "--frames",
        frames_folder,
        "--out",
        out,
    ]
    export.main([str(a) for a in [*arguments, "--name", "tiny", "--report", frames_folder]])
    return out


def test_one_command_makes_the_weights(frames_folder: Path, tmp_path: Path) -> None:
    controls, points, group = made_labels(800)
    faces = {"controls": controls, "xy": points, "group": group, "names": np.array(ARKIT_NAMES)}
    np.savez(tmp_path / "labels.npz", **faces, **hair_labels())
    common = ["--avatar", "made", "--labels", tmp_path / "labels.npz", "--frames", frames_folder]
    common += ["--network", "tiny", "--steps", "2"]
    first, second = tmp_path / "weights", tmp_path / "again"
    portrait.main([str(a) for a in [*common, "--work", tmp_path / "work", "--out", first]])
    manifest = verify(first)
    assert (
        manifest.name == "made" and "renderer.training.portrait --avatar made" in manifest.content["command"]
    )
    assert Portrait.load(first).size == 512
    more = ["--start", first, "--new-canvas", "--work", tmp_path / "more", "--out", second]
    portrait.main([str(a) for a in [*common, *more]])
    assert f"--start {first}" in verify(second).content["command"]


def test_training_learns(data: dict[str, Frames], tmp_path: Path) -> None:
    trainer = Trainer(GeneratorConfig.tiny(), data, Options(faces=2, fulls=1, warmup=1, rate=3e-3), tmp_path)
    frames, index = data["face"], torch.arange(4)

    def loss() -> float:
        with torch.no_grad():
            drawn = trainer.picture(frames, index)[0].float()
        return float(laplacian_loss(drawn, frames.truth(index), part_weights(frames, index)))

    before = loss()
    for step in range(12):
        trainer.step(step, 0.0)
    assert loss() < 0.7 * before


def test_shoulders_and_hair_are_fitted_before_the_network_learns(data: dict[str, Frames]) -> None:
    torch.manual_seed(0)
    net = Generator(GeneratorConfig.tiny())
    start_from(net, made_canvas())
    before = {name: value.clone() for name, value in net.state_dict().items()}
    losses = fit_canvas_layers(net, data["full"], 24)
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:4])
    assert not net.canvas_head.weight.any() and not net.canvas_head.bias.any()
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    fitted = {"textures.plate", "textures.hair", "hair_motion"}
    assert changed - {"canvas_head.weight", "canvas_head.bias"} == fitted
    assert all(p.requires_grad for p in net.parameters())


def test_textures_hold_nothing_where_it_is_never_seen(data: dict[str, Frames]) -> None:
    torch.manual_seed(0)
    net = Generator(GeneratorConfig.tiny())
    start_from(net, made_canvas())
    bounds = Bounds(net, data["full"])
    with torch.no_grad():
        for texture in net.textures.values():
            texture.copy_(torch.rand_like(texture) + 1)
    bounds.keep()
    plate, hair = (net.textures[name][0].detach() for name in ("plate", "hair"))
    assert plate[:, 8, 8].abs().max() < 0.1 and hair[:, 8, 8].abs().max() < 0.1  # behind the face
    assert plate[:, 0, 0].min() > 0.9  # beside the head
    assert net.textures["face"].max() > 1.5
    folds = net.textures["folds"][0]
    assert folds.max() <= DEEPEST and folds[:, 5, 7].min() > 0.5 * DEEPEST and not folds[:, 1].any()


def test_folds_lose_their_colour_noise_and_keep_their_shade() -> None:
    random = np.random.default_rng(0)
    groove = -0.1 * np.exp(-(((np.arange(64) - 32) / 3) ** 2))[None, None, :, None] * np.ones((1, 3, 1, 64))
    noise = random.normal(0, 0.05, (1, 3, 64, 64))
    noise -= noise.mean(1, keepdims=True)  # of colour only
    even = with_even_folds({"textures.folds": (groove + noise).astype(np.float32)})["textures.folds"]
    assert even.shape == groove.shape
    assert np.abs(even - groove).mean() < 0.15 * np.abs(noise).mean()
    assert even[0, :, 32].mean() < 0.85 * groove.min()


def test_eyes_become_sharper_and_nothing_else_does() -> None:
    random = np.random.default_rng(0)
    sizes = {
        "face": (512, 512),
        "lids": (80, 208),
        "iris_left": (48, 48),
        "iris_right": (48, 48),
        "hair": (64, 64),
    }
    tensors = {
        f"textures.{k}": random.normal(0, 0.1, (1, 3, *v)).astype(np.float32) for k, v in sizes.items()
    }
    made = with_crisp_eyes(tensors)
    assert made["textures.hair"] is tensors["textures.hair"]
    assert made["textures.lids"].std() > 1.05 * tensors["textures.lids"].std()
    before, after = (t["textures.face"][0] for t in (tensors, made))
    np.testing.assert_allclose(after[:, 300:], before[:, 300:], atol=1e-6)
    assert after[:, 180:210, 200:300].std() > 1.05 * before[:, 180:210, 200:300].std()


def test_the_judge_learns_what_is_blurred() -> None:
    torch.manual_seed(0)
    judge_net = Discriminator(1, channels=(8, 12, 16))
    optimizer = torch.optim.Adam(judge_net.parameters(), lr=2e-3, betas=(0.0, 0.99))

    def patches() -> tuple[torch.Tensor, torch.Tensor]:
        """Soft spots with fine grain, and the same without most of the grain."""
        coarse = F.interpolate(torch.randn(8, 3, 4, 4), size=(32, 32), mode="bilinear") * 0.3
        grain = torch.randn(8, 3, 32, 32) * 0.02
        return coarse + grain, coarse + 0.6 * grain

    masks = torch.zeros(8, 1, 32, 32)
    for _ in range(40):
        real, fake = patches()
        loss = F.softplus(-judge_net(real, masks)[0]).mean() + F.softplus(judge_net(fake, masks)[0]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    real, fake = patches()
    with torch.no_grad():
        right = (judge_net(real, masks)[0] > judge_net(fake, masks)[0]).float().mean()
    assert right > 0.9


def test_the_generator_hears_the_judge_only_after_a_while(data: dict[str, Frames], tmp_path: Path) -> None:
    options = Options(faces=2, fulls=0, adversarial=0.01, alone=2)
    trainer = Trainer(GeneratorConfig.tiny(), data, options, tmp_path)
    patches = [torch.rand(4, c, 32, 32) for c in (3, 3, GeneratorConfig.tiny().masks)]
    losses = [float(trainer.adversarial_loss(*patches, step, {})) for step in range(4)]
    assert losses[:2] == [0.0, 0.0] and losses[2] > 0 and losses[3] > 0


def test_a_run_leaves_evidence(run_folder: Path) -> None:
    lines = [json.loads(line) for line in (run_folder / "stats.jsonl").read_text().splitlines()]
    assert any("mouth dB" in line for line in lines)
    assert (run_folder / "sheet.png").stat().st_size > 1000


def test_exported_weights_verify_and_draw(weights_folder: Path) -> None:
    manifest = verify(weights_folder)
    assert manifest.content["metrics"]["int8 against fp32 dB"] > 30
    portrait = Portrait.load(weights_folder, size=256)
    zeros = np.zeros(52, np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32)
    picture = portrait.draw(*zeros)
    assert picture.shape == (256, 256, 4) and picture.dtype == np.uint8
    assert np.array_equal(picture, portrait.draw(*zeros))


def test_both_back_ends_draw_the_same_face(weights_folder: Path, data: dict[str, Frames]) -> None:
    config = verify(weights_folder).config
    cpu, torch_backend = Portrait.load(weights_folder), TorchBackend(weights_folder, config, "cpu")
    random = np.random.default_rng(0)
    weights = (random.random(52) * (random.random(52) < 0.2)).astype(np.float32)
    head, gaze = np.float32([0.05, -0.03, 0.02]), np.float32([0.1, 0.05])
    left = cpu.draw(weights, head, gaze).astype(float)
    right = torch_backend.draw(control_vector(weights, head, gaze), weights, head, gaze).astype(float)
    assert 10 * np.log10(255**2 / np.square(left - right).mean()) > 35  # int8 against fp32


def test_a_size_or_device_that_does_not_exist_is_refused(weights_folder: Path) -> None:
    with pytest.raises(ValueError, match="size 300 is not one of 256, 384, 512"):
        Portrait.load(weights_folder, size=300)
    with pytest.raises(ValueError, match="'tpu'"):
        Portrait.load(weights_folder, device="tpu")


def test_controls_of_the_wrong_kind_are_refused(weights_folder: Path) -> None:
    portrait = Portrait.load(weights_folder)
    good = np.zeros(52, np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32)
    with pytest.raises(ValueError, match="weights"):
        portrait.draw(np.zeros(51, np.float32), *good[1:])
    with pytest.raises(ValueError, match="head_rad"):
        portrait.draw(good[0], np.full(3, np.nan, np.float32), good[2])


def test_a_perfect_picture_has_sharpness_one() -> None:
    truth = np.random.default_rng(0).uniform(0, 255, (240, 240, 3)).astype(np.float32)
    landmarks = np.random.default_rng(1).uniform(40, 200, (68, 2)).astype(np.float32)
    figures = measure(truth, truth, landmarks)
    assert figures["mouth 1px"] == 1 and figures["face dB"] > 100


def test_blur_lowers_sharpness_more_than_psnr_says() -> None:
    import cv2

    truth = np.random.default_rng(0).uniform(100, 150, (240, 240, 3)).astype(np.float32)
    landmarks = np.random.default_rng(1).uniform(40, 200, (68, 2)).astype(np.float32)
    figures = measure(cv2.GaussianBlur(truth, (0, 0), 1.5), truth, landmarks)
    assert figures["mouth 1px"] < 0.3 < 15 < figures["mouth dB"]


def test_a_graph_written_again_draws_the_same(
    weights_folder: Path, frames_folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "weights"
    shutil.copytree(weights_folder, copy)
    arguments = ["--weights", copy, "--frames", frames_folder, "--report", frames_folder, "--version", "9.1"]
    regraph.main([str(a) for a in arguments])
    old, new = verify(weights_folder), verify(copy)
    assert new.content["version"] == "9.1" and new.content["data"] == old.content["data"]
    assert sorted(p.name for p in copy.iterdir()) == sorted(p.name for p in weights_folder.iterdir())
    face = np.full(52, 0.1, np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32)
    assert np.array_equal(Portrait.load(copy).draw(*face), Portrait.load(weights_folder).draw(*face))
