from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from renderer.synthesis.clip import read_clip
from renderer.synthesis.controls import LipGap
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.job import RenderJob
from renderer.synthesis.names import ARKIT_NAMES


def motion(frames: int = 5, **changed: Any) -> dict[str, Any]:
    names = list(reversed(ARKIT_NAMES))
    rows = [
        {
            "time": k / 25,
            "weights": [k / 10 if name == "jawOpen" else 0.0 for name in names],
            "head_deg": [k, 0, 0],
            "gaze_deg": [0, -k],
        }
        for k in range(frames)
    ]
    return {"fps": 25, "names": names, "frames": rows} | changed


def write(folder: Path, content: Any) -> Path:
    path = folder / "motion.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_a_clip_is_the_motion_from_its_first_frame(tmp_path: Path, lip_gap: LipGap) -> None:
    path = write(tmp_path, motion())
    clip = read_clip(path, 2, 3)
    assert [c.weights["jawOpen"] for c in clip.controls] == [0.2, 0.3, 0.4]
    assert [c.head_deg[0] for c in clip.controls] == [2, 3, 4]
    assert [c.gaze_deg[1] for c in clip.controls] == [-2, -3, -4]
    assert tuple(clip.controls[0].weights) == ARKIT_NAMES
    assert clip.digest != read_clip(path, 1, 3).digest
    job = RenderJob(1, 3, clip=clip)
    assert job.controls(1, lip_gap) == (clip.controls[1], False)
    assert job.origin["clip"] == clip.digest
    assert "clip" not in RenderJob(1, 3).origin


def test_a_face_at_rest_is_a_whole_picture_of_nothing_felt(lip_gap: LipGap) -> None:
    job = RenderJob(1, 2, 0.0, at_rest=True)
    for index in (0, 1):
        controls, is_full = job.controls(index, lip_gap)
        assert is_full and not any(controls.weights.values()) and len(controls.weights) == 52
        assert controls.head_deg == (0, 0, 0) and controls.gaze_deg == (0, 0)
    assert job.origin != RenderJob(1, 2, 0.0).origin


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "is no motion JSON"),
        ([], "is no motion JSON"),
        (motion(names=["jawOpen"]), "names are not the 52 of ARKit"),
        (motion(frames=2), "has 2 frames: expected at least 3"),
        (motion() | {"frames": [{"weights": [0.0], "head_deg": [0, 0, 0], "gaze_deg": [0, 0]}]}, "no motion"),
        (motion() | {"frames": [7]}, "is no motion JSON"),
    ],
)
def test_what_is_no_motion_is_said_in_one_line(tmp_path: Path, content: Any, says: str) -> None:
    with pytest.raises(SynthesisError, match=says) as caught:
        read_clip(write(tmp_path, content), 0, 3)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match="cannot read the motion file"):
        read_clip(tmp_path / "none.json", 0, 1)
