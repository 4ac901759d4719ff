"""What users import and how light it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import avatar_engine

ROOT = Path(__file__).parents[1]
HEAVY = ("numpy", "onnxruntime", "cv2", "av", "torch", "transformers", "soundfile", "soxr", "tokenizers")


def loaded_after(code: str) -> list[str]:
    """Which heavy libraries a fresh interpreter has loaded after `code`."""
    tail = f"\nimport sys; print(*[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", code + tail], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stderr.split()


def test_the_package_is_light() -> None:
    assert loaded_after("import avatar_engine") == []


@pytest.mark.parametrize("arguments", ["--help", "--version", "render --help", "batch --help"])
def test_help_loads_no_heavy_library(arguments: str) -> None:
    code = f"""
from avatar_engine.drivers.cli import main
try:
    main({arguments.split()!r})
except SystemExit as done:
    assert done.code == 0
"""
    assert loaded_after(code) == []


def test_wrong_usage_loads_no_heavy_library() -> None:
    code = """
from avatar_engine.drivers.cli import main
try:
    main(["rendr"])
except SystemExit as done:
    assert done.code == 2
"""
    assert [name for name in loaded_after(code) if name in HEAVY] == []


def test_public_names_are_there() -> None:
    for name in avatar_engine.__all__:
        assert getattr(avatar_engine, name) is not None
    assert sorted(avatar_engine.__all__) == dir(avatar_engine)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'rendr'"):
        _ = avatar_engine.rendr


def test_the_function_motion_is_not_covered_up_by_the_folder_motion() -> None:
    import avatar_engine.motion.mood
    from avatar_engine.drivers.api import motion

    assert avatar_engine.motion is motion


def test_render_and_motion_tell_their_options() -> None:
    import inspect

    options = set(inspect.signature(avatar_engine.render).parameters)
    assert {
        "speech",
        "text",
        "output",
        "avatar",
        "size",
        "seed",
        "emotion",
        "motion",
        "device",
        "background",
    } <= options
    assert {"speech", "text", "output", "seed", "emotion"} <= set(
        inspect.signature(avatar_engine.motion).parameters
    )
    assert avatar_engine.render.__doc__ and avatar_engine.motion.__doc__
