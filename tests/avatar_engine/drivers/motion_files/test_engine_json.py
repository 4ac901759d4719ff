from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatar_engine.drivers.motion_files.files import read_motion
from avatar_engine.errors import MotionFileError, UsageError
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES
from avatar_engine.types import EmotionScores
from tests.support.motion_fakes import arrays, moving_frames, stacked, write_motion

FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def content(count: int = 3) -> dict[str, Any]:
    def still() -> dict[str, Any]:
        return {"weights": [0.0] * 52, "head_deg": [0.0] * 3, "gaze_deg": [0.0] * 2}

    return {
        "fps": 25,
        "names": list(ARKIT_NAMES),
        "frames": [{"time": i / 25, **still()} for i in range(count)],
    }


def saved(folder: Path, made: Any) -> Path:
    path = folder / "motion.json"
    path.write_text(made if isinstance(made, str) else json.dumps(made), encoding="utf-8")
    return path


def complaint(folder: Path, made: Any) -> str:
    path = saved(folder, made)
    with pytest.raises(MotionFileError) as caught:
        read_motion(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text and len(text) < len(str(path)) + 260
    return text


def test_what_is_read_is_bit_for_bit_what_was_written(tmp_path: Path) -> None:
    frames = moving_frames(200)
    emotions = [EmotionScores(0, 32_000, np.linspace(0, 1, 7, dtype=np.float32), 0.75, "tag")]
    clip = read_motion(write_motion(tmp_path / "a.json", frames, emotions))
    for read, written in zip(arrays(clip), stacked(frames), strict=True):
        assert read.tobytes() == written.tobytes()
    assert clip.meta == {"seed": 3}
    (scores,) = clip.emotions
    assert (scores.start, scores.end, scores.source, scores.intensity) == (0, 32_000, "tag", 0.75)
    np.testing.assert_allclose(scores.probs, emotions[0].probs, atol=1e-6)


def test_the_file_is_what_the_contract_says(tmp_path: Path) -> None:
    made = json.loads(write_motion(tmp_path / "a.json", moving_frames(3)).read_text())
    assert made["fps"] == 25 and made["names"] == list(ARKIT_NAMES)
    assert [frame["time"] for frame in made["frames"]] == [0, 0.04, 0.08]
    frame = made["frames"][1]
    assert (len(frame["weights"]), len(frame["head_deg"]), len(frame["gaze_deg"])) == (52, 3, 2)
    assert np.radians(frame["head_deg"][0]) == pytest.approx(moving_frames(3)[1].head_rad[0])
    assert made["emotions"] == [] and made["meta"] == {"seed": 3}


def test_names_may_come_in_any_order(tmp_path: Path) -> None:
    made = content(1)
    made["names"].reverse()
    made["frames"][0]["weights"][0] = 0.7
    assert read_motion(saved(tmp_path, made)).weights[0, ARKIT_INDEX["tongueOut"]] == np.float32(0.7)


def test_other_rates_are_resampled(tmp_path: Path) -> None:
    made = content(31)
    for index, frame in enumerate(made["frames"]):
        del frame["time"]
        frame["weights"][ARKIT_INDEX["jawOpen"]] = index / 30
    made["fps"] = 30
    clip = read_motion(saved(tmp_path, made))
    assert len(clip) == 26
    np.testing.assert_allclose(clip.weights[:, ARKIT_INDEX["jawOpen"]], np.arange(26) / 25, atol=1e-6)


def test_without_gaze_the_eye_look_weights_tell(tmp_path: Path) -> None:
    made = content(2)
    for frame in made["frames"]:
        del frame["gaze_deg"]
        del frame["head_deg"]
        for name in ("eyeLookOutLeft", "eyeLookInRight"):
            frame["weights"][ARKIT_INDEX[name]] = 0.5
    clip = read_motion(saved(tmp_path, made))
    np.testing.assert_allclose(np.degrees(clip.gaze_rad), [[15, 0]] * 2, atol=1e-4)
    assert (clip.head_rad == 0).all()


def changed(path: list[Any], value: Any) -> dict[str, Any]:
    made = content()
    place: Any = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return made


JAW = ARKIT_INDEX["jawOpen"]


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ("", "not valid JSON"),
        ('{"fps": 25, "frames": [', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "expected an object"),
        (changed(["names", 3], "jawOpne"), "unknown name 'jawOpne' (did you mean 'jawOpen'?)"),
        (changed(["names", 3], "browDownLeft"), "lacks browOuterUpLeft"),
        (changed(["names"], [*ARKIT_NAMES, "jawOpen"]), "'jawOpen' twice"),
        (changed(["names"], None), "52 ARKit names"),
        (changed(["fps"], 0), "'fps' must be a number in 1..1000, not 0"),
        (changed(["fps"], "25"), "'fps'"),
        (changed(["frames"], []), "no frames"),
        (changed(["frames"], {}), "'frames' must be a list"),
        (changed(["frames", 1], 5), "frame 1: expected an object"),
        (changed(["frames", 2, "weights"], [0.0] * 51), "frame 2: 'weights' holds 51 numbers, expected 52"),
        (changed(["frames", 1, "weights", JAW], float("nan")), "frame 1: jawOpen is nan"),
        (changed(["frames", 1, "weights", JAW], float("inf")), "frame 1: jawOpen is inf"),
        (changed(["frames", 1, "weights", JAW], "0.5"), "frame 1: 'weights' must be a list of 52 numbers"),
        (changed(["frames", 1, "weights", JAW], True), "frame 1: 'weights'"),
        (changed(["frames", 1, "weights", JAW], 10**400), "frame 1: 'weights'"),
        (changed(["frames", 2, "head_deg"], [0, 0]), "frame 2: 'head_deg' must be a list of 3 numbers"),
        (changed(["frames", 2, "head_deg", 1], float("nan")), "frame 2: 'head_deg'"),
        (changed(["frames", 2, "gaze_deg"], None), "frame 2: 'gaze_deg'"),
        (changed(["frames", 2, "time"], 0.04), "frame 2: time 0.04 s does not come after 0.04 s"),
        (changed(["frames", 2, "time"], None), "frame 2: 'time'"),
        (changed(["frames", 2, "time"], 1e9), "frame 2: time 1e+09 s is more than"),
        (changed(["emotions"], [{"start": 0}]), "emotion 0: expected 'start'"),
        (changed(["meta"], 3), "'meta' must be an object"),
    ],
)
def test_a_malformed_file_gets_one_clear_line(tmp_path: Path, made: Any, words: str) -> None:
    assert words in complaint(tmp_path, made)


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MotionFileError, match="not UTF-8"):
        read_motion(tmp_path / "a.json")


def test_missing_files_and_other_names(tmp_path: Path) -> None:
    with pytest.raises(MotionFileError, match="no such file"):
        read_motion(tmp_path / "a.json")
    with pytest.raises(UsageError, match=r"must end in .json"):
        read_motion(tmp_path / "a.bvh")


KEYS = [
    "fps",
    "names",
    "frames",
    "time",
    "weights",
    "head_deg",
    "gaze_deg",
    "emotions",
    "meta",
    "scores",
    "start",
    "source",
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=20,
)


@FUZZ
@given(anything)
def test_any_json_is_motion_or_an_error_of_one_line(tmp_path: Path, made: Any) -> None:
    complaint(tmp_path, made)


@FUZZ
@given(st.binary(max_size=300))
def test_any_bytes_are_an_error_of_one_line(tmp_path: Path, made: bytes) -> None:
    (tmp_path / "a.json").write_bytes(made)
    with pytest.raises(MotionFileError):
        read_motion(tmp_path / "a.json")


@FUZZ
@given(
    st.lists(
        st.sampled_from(["frames", 0, 1, "weights", "names", "time", "head_deg", 3, "fps"]),
        min_size=1,
        max_size=4,
    ),
    anything,
)
def test_a_good_file_with_anything_anywhere_is_motion_or_an_error(
    tmp_path: Path, path: list[Any], value: Any
) -> None:
    try:
        made = changed(path, value)
    except (KeyError, IndexError, TypeError):
        return
    try:
        clip = read_motion(saved(tmp_path, made))
    except MotionFileError as error:
        assert "\n" not in str(error)
    else:
        assert all(np.isfinite(array).all() for array in arrays(clip))
