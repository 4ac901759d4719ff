"""Choosing the device: the reason against CUDA in words, and found without importing PyTorch."""

import ctypes
import importlib.util
import subprocess
import sys
from pathlib import Path

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
