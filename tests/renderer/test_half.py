"""The network for pictures of 256: distilled out of tiny weights, exported, drawn."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from avatar_engine.weights import verify
from renderer import Portrait
from renderer.rig import Rig
from renderer.torch_generator import BODY, MATTE, Generator, GeneratorConfig
from renderer.training import export, floats, half, regraph
from renderer.training.dataset import face_controls, load, read_labels
from renderer.training.half_network import HalfConfig, HalfGenerator, start_of
from renderer.training.rig import save

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def tiny_weights(frames_folder: Path, rig: Rig, tmp_path_factory) -> Path:
    """Weights of an untrained network with some texture."""
    run, out = tmp_path_factory.mktemp("run"), tmp_path_factory.mktemp("tiny") / "weights"
    torch.manual_seed(0)
    net = Generator(GeneratorConfig.tiny())
    state = {k: v.half().contiguous() for k, v in net.state_dict().items()}
    state |= {k: torch.randn_like(v) * 0.2 for k, v in state.items() if k.startswith("textures.")}
    state |= {f"textures.{k}": torch.rand_like(state[f"textures.{k}"]) for k in (MATTE, BODY)}
    save_file(state, run / "generator.safetensors")
    facts = {"config": dataclasses.asdict(net.config)}
    (run / "options.json").write_text(json.dumps(facts), encoding="utf-8")
    save(rig, run / "rig.safetensors")
    arguments = ["--run", run, "--rig", run / "rig.safetensors", "--frames", frames_folder, "--out", out]
    export.main([str(a) for a in [*arguments, "--name", "tiny"]])
    return out


@pytest.fixture(scope="module")
def distilled(tiny_weights: Path, frames_folder: Path, tmp_path_factory) -> tuple[Path, Path]:
    """Weights with a graph for 256, and the student's run."""
    weights, run = tmp_path_factory.mktemp("half") / "weights", tmp_path_factory.mktemp("half") / "run"
    shutil.copytree(tiny_weights, weights)
    common = ["--weights", weights, "--frames", frames_folder, "--run", run, "--network", "tiny"]
    half.main([str(a) for a in [*common, "--minutes", "0.01", "--faces", "4"]])
    half.main([str(a) for a in [*common, "--export", "--report", frames_folder]])
    return weights, run


def test_the_graph_draws_what_the_student_draws(distilled: tuple[Path, Path], frames_folder: Path) -> None:
    """Through the shipped code, against the student's own composition in PyTorch."""
    weights, run = distilled
    rows = read_labels([frames_folder])
    net = half.load_student(HalfConfig.tiny(), weights, run, rows).eval()
    teacher = half.Teacher(weights)
    portrait = Portrait.load(weights, size=256)
    for row in rows[:3]:
        face = face_controls(row)
        shown = half.Shown(teacher, [face]).batch(np.array([0]))
        with torch.no_grad():
            drawn = half.Canvas(teacher).draw(net, shown).clamp(-1, 1)[0]
        wanted = ((drawn + 1) * 127.5).permute(1, 2, 0).numpy()[:, :, ::-1]
        error = np.square(portrait.draw(*face)[:, :, :3] - wanted).mean()
        assert 10 * np.log10(255**2 / error) > 36  # int8 against fp32


def test_sizes_have_their_networks(distilled: tuple[Path, Path], tiny_weights: Path) -> None:
    weights, _ = distilled
    manifest = verify(weights)
    assert manifest.config["half_graph"] == "half.int8.onnx" and "half" in manifest.content["metrics"]
    face = np.full(52, 0.1, np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32)
    large = Portrait.load(weights)
    small = large.at(256)
    assert np.array_equal(large.draw(*face), Portrait.load(tiny_weights).draw(*face))
    assert np.array_equal(small.draw(*face), Portrait.load(weights, size=256).draw(*face))
    assert not np.array_equal(small.draw(*face), Portrait.load(tiny_weights, size=256).draw(*face))
    assert "generator.int8.onnx, half.int8.onnx at 256" in small.device


def test_a_graph_written_again_keeps_the_half(
    distilled: tuple[Path, Path], frames_folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "weights"
    shutil.copytree(distilled[0], copy)
    regraph.main(["--weights", str(copy), "--frames", str(frames_folder)])
    assert "half.int8.onnx" in verify(copy).content["files"]
    assert json.loads((copy / "manifest.json").read_text())["metrics"]["half"]


def test_a_copy_in_floats_draws_nearly_the_same(distilled: tuple[Path, Path], tmp_path: Path) -> None:
    weights, run = distilled
    copy = tmp_path / "floats"
    floats.main(["--weights", str(weights), "--half-run", str(run), "--out", str(copy), "--network", "tiny"])
    assert verify(copy).config["graph"] == "generator.fp32.onnx"
    face = np.full(52, 0.1, np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32)
    for size in (256, 512):
        ours, plain = (Portrait.load(folder, size).draw(*face).astype(float) for folder in (weights, copy))
        assert 10 * np.log10(255**2 / max(np.square(ours - plain).mean(), 1e-9)) > 30


def test_a_student_begins_as_its_teacher_at_coarse_levels(frames_folder: Path, rig: Rig) -> None:
    torch.manual_seed(0)
    teacher = Generator(GeneratorConfig.tiny()).eval().requires_grad_(False)
    rows = [row for row in read_labels([frames_folder]) if row["kind"] == "face"][:2]
    student = start_of(teacher, HalfConfig.tiny(), load(rows, rig, "face").geometry(torch.arange(2)))
    assert isinstance(student, HalfGenerator)
    assert torch.equal(student.const, teacher.const)  # equal widths: nothing is cut
    assert torch.equal(student.second[2].weight, teacher.second[2].weight)
    assert torch.equal(student.first[4].weight, teacher.second[3].weight)


def test_faces_between_stay_within_what_is_known() -> None:
    random = np.random.default_rng(0)
    known = [tuple(random.random(n).astype(np.float32) for n in (52, 3, 2)) for _ in range(3)]
    made = half.faces_between(known, 50, random)
    stack = [np.stack([face[k] for face in known]) for k in range(3)]
    for face in made:
        for part, all_known in zip(face, stack, strict=True):
            assert (part >= np.minimum(all_known.min(0), 0) - 1e-6).all()
            assert (part <= np.maximum(all_known.max(0), 0) + 1e-6).all()


def test_eyes_and_mouth_count_most() -> None:
    marks = np.random.default_rng(0).uniform(60, 200, (68, 2))
    marks[36:48], marks[48:68] = [100.0, 90.0], [128.0, 160.0]
    weights = half.part_weights(marks)
    assert weights[160, 128] == half.MOUTH and weights[90, 100] == half.EYES and weights[5, 5] == 1
