"""Many faces in one pass: the pictures of one after the other, and what happens where memory is short."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import renderer
from renderer import Portrait
from renderer.backend import DeviceFull, yuv420
from renderer.geometry import Geometry
from renderer.rig import Rig
from renderer.torch_backend import TorchBackend
from renderer.torch_device import BatchSpline, scaled, to_rgb, to_yuv420
from renderer.torch_generator import BODY, MATTE, Generator, GeneratorConfig

AVA = Path(renderer.__file__).parent / "weights" / "ava"
CONFIG = json.loads((AVA / "manifest.json").read_text(encoding="utf-8"))["config"]
MATRIX = np.float32([[0.257, 0.504, 0.098, 16], [-0.148, -0.291, 0.439, 128], [0.439, -0.368, -0.071, 128]])


def faces(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    weights = random.random((n, 52)) * (random.random((n, 52)) < 0.2)
    return (
        weights.astype(np.float32),
        random.normal(0, 0.08, (n, 3)).astype(np.float32),
        random.normal(0, 0.08, (n, 2)).astype(np.float32),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ava's rig with a network of a few thousand parameters."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    made = tmp_path_factory.mktemp("tiny")
    net = Generator(GeneratorConfig.tiny())
    for name, texture in net.textures.items():
        torch.nn.init.normal_(texture, std=0.3)
        if name in (MATTE, BODY):
            torch.nn.init.uniform_(texture)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, made / "generator.safetensors")
    (made / "rig.safetensors").write_bytes((AVA / "rig.safetensors").read_bytes())
    return made


def torch_backend(folder: Path) -> TorchBackend:
    return TorchBackend(folder, {"generator": dataclasses.asdict(GeneratorConfig.tiny())}, "cpu")


@pytest.fixture(scope="module")
def portrait(folder: Path) -> Portrait:
    return Portrait(torch_backend(folder), CONFIG, 512, "cpu (PyTorch)")


def difference(a: np.ndarray, b: np.ndarray) -> int:
    assert a.shape == b.shape and a.dtype == b.dtype == np.uint8
    return int(abs(a.astype(int) - b).max())


def test_a_batch_is_the_same_pictures_as_one_after_the_other(portrait: Portrait) -> None:
    many = faces(3)
    together = portrait.draw_batch(*many)
    alone = np.stack([portrait.draw(*face) for face in zip(*many, strict=True)])
    assert portrait.batches and together.shape == (3, 512, 512, 4)
    assert difference(together, alone) <= 1
    assert np.mean(together != alone) < 1e-3  # sums in another order round differently, seldom
    assert difference(together[:1], together[1:2]) > 50


def test_planes_are_those_of_the_drawn_picture_at_every_size(portrait: Portrait) -> None:
    many, sizes = faces(3, seed=1), [256, 512, 384]
    pictures = portrait.draw_batch(*many)
    planes = portrait.draw_yuv420(*many, sizes, MATRIX)
    for picture, plane, size in zip(pictures, planes, sizes, strict=True):
        small = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        assert difference(plane, yuv420(small, MATRIX)) <= 2  # each of two roundings by one


def test_before_another_background_on_the_device_too(portrait: Portrait) -> None:
    many = faces(2, seed=7)
    own, green = portrait.draw_batch(*many), np.full((64, 64, 3), (20, 200, 40), np.uint8)
    before, alone = portrait.before(green), portrait.before(None)
    drawn, person = before.draw_batch(*many), alone.draw_batch(*many)
    assert (drawn[..., 3] == own[..., 3]).all() and (person[..., 3] == own[..., 3]).all()
    alpha = own[..., 3:] / 255
    mixed = person[..., :3] * alpha + np.array([20, 200, 40]) * (1 - alpha)
    assert abs(drawn[..., :3] - mixed).max() <= 2
    assert difference(before.draw(*(array[0] for array in many)), drawn[0]) <= 1
    planes = before.at(256).draw_yuv420(*many, [256, 512], MATRIX)
    assert difference(planes[1], yuv420(drawn[1], MATRIX)) <= 2
    assert np.array_equal(portrait.draw_batch(*many), own), "the first one keeps its wall"


def test_a_face_that_falls_back_keeps_its_background(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = torch_backend(folder)
    on_cpu = Portrait.load(AVA, 256, threads=1)
    portrait = Portrait(backend, CONFIG, 256, "cuda", lambda shrink: (on_cpu._backend, "cpu"))
    green = portrait.before(np.full((64, 64, 3), (20, 200, 40), np.uint8))
    starve(green._backend, monkeypatch, 0)
    drawn = green.draw(*(array[0] for array in faces(1)))
    assert green.device == "cpu" and (drawn[2, 2, :3] == (20, 200, 40)).all()


@pytest.mark.parametrize("shape", [(8, 16, 3), (8, 8, 4), (8, 8)])
def test_a_background_of_another_shape_is_refused(portrait: Portrait, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"background must be uint8 \[h, h, 3\]"):
        portrait.before(np.zeros(shape, np.uint8))


def test_the_cpu_back_end_draws_a_batch_one_after_the_other() -> None:
    portrait, many = Portrait.load(AVA, 256, threads=1), faces(2, seed=2)
    together = portrait.draw_batch(*many)
    assert not portrait.batches
    for k, face in enumerate(zip(*many, strict=True)):
        assert np.array_equal(together[k], portrait.draw(*face))
    small, large = portrait.draw_yuv420(*many, [256, 512], MATRIX)
    assert np.array_equal(small, yuv420(together[0], MATRIX)) and large.shape == (768, 512)
    assert portrait.draw_batch(*(array[:0] for array in many)).shape == (0, 256, 256, 4)
    assert portrait.draw_yuv420(*(array[:0] for array in many), [], MATRIX) == []
    with pytest.raises(ValueError, match="head_rad must be 3 finite numbers"):
        portrait.draw_batch(many[0], many[1][:1], many[2])


def test_the_splines_of_many_frames_are_those_of_each(rig: Rig) -> None:
    geometry = Geometry(rig)
    points = np.stack([geometry.outlines(*face).control for face in zip(*faces(4, seed=3), strict=True)])
    points[3] = points[3] * np.float32([0.6, 1.0]) + np.float32([100, 0])  # turned away: cheeks fold
    warps = BatchSpline(geometry.spline)(torch.from_numpy(points)).numpy()
    for warp, control in zip(warps, points, strict=True):
        assert abs(warp - geometry.spline.warp(control)).max() * 512 < 0.05  # pixels


def test_sizes_and_planes_on_the_device_are_opencvs() -> None:
    random = np.random.default_rng(0)
    rgba = random.integers(0, 256, (48, 48, 4), dtype=np.uint8)
    rgb = torch.from_numpy(rgba[:, :, :3].astype(np.float32)).permute(2, 0, 1)[None]
    for size in (48, 36, 24):
        own = scaled(rgb, size)[0].permute(1, 2, 0).numpy().astype(np.uint8)
        theirs = cv2.resize(rgba, (size, size), interpolation=cv2.INTER_AREA)
        assert difference(own, theirs[:, :, :3]) <= 1
    assert difference(to_yuv420(rgb, torch.from_numpy(MATRIX))[0].numpy(), yuv420(rgba, MATRIX)) <= 1
    assert to_rgb(torch.tensor([-3.0, 0.0, 3.0]).view(1, 3, 1, 1)).flatten().tolist() == [255, 128, 0]


def starve(backend: TorchBackend, monkeypatch: pytest.MonkeyPatch, room: int) -> list[int]:
    """A device with memory for so many pictures; what was asked of it."""
    asked: list[int] = []
    geometry: Callable[[Any], dict[str, torch.Tensor]] = backend._geometry

    def starved(part: Any) -> dict[str, torch.Tensor]:
        asked.append(len(part))
        if len(part) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nand more lines")
        return geometry(part)

    monkeypatch.setattr(backend, "_geometry", starved)
    return asked


def test_short_memory_halves_the_batch_and_it_stays_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backend, many = torch_backend(folder), faces(5, seed=4)
    portrait = Portrait(backend, CONFIG, 512, "a small device")
    expected = portrait.draw_yuv420(*many, [256, 512, 256, 384, 256], MATRIX)
    asked = starve(backend, monkeypatch, 2)
    drawn = portrait.draw_yuv420(*many, [256, 512, 256, 384, 256], MATRIX)
    assert asked == [5, 2, 2, 1] and portrait.device == "a small device"
    for a, b in zip(drawn, expected, strict=True):
        assert difference(a, b) <= 2
    portrait.draw_batch(*many)
    assert asked[4:] == [2, 2, 1]
    assert "no memory for 5 pictures at once, 2 now: CUDA out of memory" in caplog.text


def test_no_memory_at_all_goes_on_on_the_cpu_with_a_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    backend, many = torch_backend(folder), faces(2, seed=5)
    asked = starve(backend, monkeypatch, 0)
    on_cpu = Portrait.load(AVA, 256, threads=1)
    portrait = Portrait(
        backend, CONFIG, 256, "cuda (PyTorch)", lambda shrink: (on_cpu._backend, "cpu (ONNX Runtime)")
    )
    with caplog.at_level(logging.WARNING):
        pictures = portrait.draw_batch(*many)
    assert asked == [2, 1] and portrait.device == "cpu (ONNX Runtime)" and not portrait.batches
    assert np.array_equal(pictures, on_cpu.draw_batch(*many))
    assert "drawing on the CPU from now on: CUDA out of memory. Tried to allocate 2.00 GiB." in caplog.text
    assert "more lines" not in caplog.text
    portrait.draw(*(array[0] for array in many))
    assert asked == [2, 1]


def test_a_full_device_without_another_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = torch_backend(folder)
    starve(backend, monkeypatch, 0)
    with pytest.raises(DeviceFull, match="CUDA out of memory"):
        Portrait(backend, CONFIG, 512, "a device").draw_batch(*faces(1))
