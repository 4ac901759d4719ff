from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from avatar_engine.errors import UsageError
from avatar_engine.names import ARKIT_NAMES
from avatar_engine.training.lip_rig import EYE_CORNERS, INNER_LIPS, MOUTH_CORNERS, lip_rig, main, shape_names

VERTICES = 7000


def toy_head() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A head of measured vertices alone: eyes 10 cm apart, mouth 5 cm wide, lips .1 cm apart."""
    neutral = np.zeros((VERTICES, 3))
    neutral[EYE_CORNERS[0], 0], neutral[EYE_CORNERS[1], 0] = -5, 5
    neutral[MOUTH_CORNERS[0], 0], neutral[MOUTH_CORNERS[1], 0] = -2.5, 2.5
    for upper, _ in INNER_LIPS:
        neutral[upper, 1] = 0.1
    jaw, smile = np.zeros_like(neutral), np.zeros_like(neutral)
    for _, lower in INNER_LIPS:
        jaw[lower, 1] = -2.0
    smile[MOUTH_CORNERS[1], 0] = 0.5
    return neutral, {"jawOpen": jaw, "mouthSmile_L": smile, "cheekPuff_L": jaw / 20, "cheekPuff_R": jaw / 20}


def test_the_table_measures_lips_over_the_eye_distance() -> None:
    table = lip_rig(*toy_head())
    assert table["aperture"]["rest"] == pytest.approx(0.01)
    assert table["aperture"]["weights"]["jawOpen"] == pytest.approx(0.2)
    assert table["aperture"]["weights"]["cheekPuff"] == pytest.approx(0.02)
    assert table["aperture"]["weights"]["tongueOut"] == 0
    assert table["width"]["rest"] == pytest.approx(0.5)
    assert table["width"]["weights"]["mouthSmileLeft"] == pytest.approx(0.05)


def test_arkit_names_find_their_shapes() -> None:
    assert shape_names("eyeBlinkRight") == ["eyeBlink_R"]
    assert shape_names("browInnerUp") == ["browInnerUp_L", "browInnerUp_R"]
    assert shape_names("mouthLeft") == ["mouthLeft"]
    assert shape_names("jawOpen") == ["jawOpen"]


def test_the_command_writes_the_table_with_its_source(tmp_path: Path) -> None:
    neutral, shapes = toy_head()
    model = tmp_path / "head.npz"
    np.savez(model, V=neutral, E=np.array(list(shapes.values())), Enames=np.array(list(shapes)))
    main(["--face-model", str(model), "--out", str(tmp_path / "rig.json")])
    table = json.loads((tmp_path / "rig.json").read_text())
    assert "ICT-FaceKit" in table["source"]
    assert tuple(table["aperture"]["weights"]) == ARKIT_NAMES


def test_a_file_that_is_no_head_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not a model")
    np.savez(
        tmp_path / "small.npz", V=np.zeros((3, 3)), E=np.zeros((0, 3, 3)), Enames=np.array([], dtype=str)
    )
    for name, said in (
        ("text.npz", "not an ICT-FaceKit"),
        ("small.npz", "3 vertices"),
        ("none.npz", "none.npz"),
    ):
        with pytest.raises(UsageError, match=said):
            main(["--face-model", str(tmp_path / name), "--out", str(tmp_path / "rig.json")])
