"""Choosing the device: the reason against CUDA in words, and found without importing PyTorch."""

import ctypes
import importlib.util
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from renderer import Portrait
from renderer import portrait as module

AVA = Path(module.__file__).parent / "weights" / "ava"


def no_driver(name: str) -> None:
    raise OSError(name)


def test_cuda_without_a_driver_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", no_driver)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    with pytest.raises(RuntimeError, match="no NVIDIA driver; use --device cpu"):
        Portrait.load(AVA, device="cuda")


def test_cuda_without_pytorch_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r"pip install 'avatar-engine\[gpu\]'"):
        Portrait.load(AVA, device="cuda")


def test_auto_without_a_driver_leaves_pytorch_alone() -> None:
    program = (
        "import ctypes, sys; from renderer import Portrait\n"
        "def none(*a, **k): raise OSError\n"
        "ctypes.CDLL = none\n"
        f"print(Portrait.load({str(AVA)!r}, device='auto').device, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=AVA.parents[2])
    assert done.stdout.startswith("cpu") and done.stdout.strip().endswith("False"), done.stderr


def test_half_the_size_is_the_large_picture_averaged() -> None:
    large = Portrait.load(AVA, 512, threads=1)
    half = large.at(256)
    assert half.size == 256 and np.array_equal(draw(Portrait.load(AVA, 256, threads=1), 5), draw(half, 5))
    for k in range(6):
        averaged = cv2.resize(draw(large, k), (256, 256), interpolation=cv2.INTER_AREA)
        error = np.square(averaged.astype(float) - draw(half, k)).mean()
        assert 10 * np.log10(255**2 / error) > 39, k  # by a network of its own
    with pytest.raises(ValueError, match="size 300 is not one of 256, 384, 512"):
        large.at(300)


def draw(portrait: Portrait, seed: int) -> np.ndarray:
    """A face at random: half-open lids, a turned head, some expression."""
    chance = np.random.default_rng(seed)
    weights = np.where(chance.random(52) < 0.15, chance.random(52) * 0.5, 0).astype(np.float32)
    head, gaze = (chance.standard_normal(k).astype(np.float32) * 0.1 for k in (3, 2))
    return portrait.draw(weights, head, gaze)
