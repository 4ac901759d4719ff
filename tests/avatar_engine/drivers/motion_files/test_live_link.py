from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avatar_engine.drivers.motion_files.files import read_motion
from avatar_engine.drivers.motion_files.live_link import HEADER, LIVE_LINK_NAMES
from avatar_engine.errors import MotionFileError
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES
from avatar_engine.types import ExpressionFrame
from tests.support.motion_fakes import arrays, moving_frames, stacked, write_motion

FUZZ = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def table(path: Path, rows: list[dict[str, object]], header: tuple[str, ...] = HEADER) -> Path:
    """Rows at 60 a second; what a row does not name is 0."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number, row in enumerate(rows):
            whole, frame = divmod(number, 60)
            known = {"Timecode": f"10:00:{whole:02}:{frame:02}.000", "BlendShapeCount": 61, **row}
            writer.writerow([known.get(name, 0) for name in header])
    return path


def complaint(path: Path) -> str:
    with pytest.raises(MotionFileError) as caught:
        read_motion(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text


def test_the_names_are_the_52_in_the_order_of_the_app() -> None:
    assert sorted(name.lower() for name in LIVE_LINK_NAMES) == sorted(name.lower() for name in ARKIT_NAMES)
    # Its odd corners: right before left for jaw and mouth, left before right elsewhere.
    assert LIVE_LINK_NAMES[14:24:1][:4] == ("JawForward", "JawRight", "JawLeft", "JawOpen")
    assert LIVE_LINK_NAMES[21:23] == ("MouthRight", "MouthLeft")
    assert HEADER[:3] == ("Timecode", "BlendShapeCount", "EyeBlinkLeft") and len(HEADER) == 63


@pytest.mark.parametrize("count", [1, 7, 25, 100])
def test_what_is_read_is_what_was_written(tmp_path: Path, count: int) -> None:
    frames = moving_frames(count)
    clip = read_motion(write_motion(tmp_path / "a.csv", frames))
    assert clip.warnings == ()
    for read, written in zip(arrays(clip), stacked(frames), strict=True):
        np.testing.assert_allclose(read, written, atol=1e-9)


def test_written_and_read_again_nothing_changes(tmp_path: Path) -> None:
    first = write_motion(tmp_path / "a.csv", moving_frames(40))
    again = write_motion(tmp_path / "b.csv", list(read_motion(first).frames()))
    assert first.read_bytes() == again.read_bytes()


def test_angles_count_the_other_way_round(tmp_path: Path) -> None:
    frame = ExpressionFrame(
        0, np.zeros(52, np.float32), np.float32([0.1, 0.2, 0.3]), np.float32([0.05, -0.04])
    )
    with write_motion(tmp_path / "a.csv", [frame]).open() as file:
        (row,) = csv.DictReader(file)
    assert [float(row[f"Head{axis}"]) for axis in ("Yaw", "Pitch", "Roll")] == pytest.approx(
        [-0.1, -0.2, -0.3]
    )
    for eye in ("Left", "Right"):
        assert float(row[f"{eye}EyeYaw"]) == pytest.approx(-0.05)
        assert float(row[f"{eye}EyePitch"]) == pytest.approx(0.04)
        assert float(row[f"{eye}EyeRoll"]) == 0
    assert row["BlendShapeCount"] == "61" and row["Timecode"] == "00:00:00:00.000"


def test_a_capture_at_60_is_resampled(tmp_path: Path) -> None:
    rows = [{"JawOpen": number / 120, "LeftEyeYaw": -0.1, "RightEyeYaw": -0.3} for number in range(121)]
    clip = read_motion(table(tmp_path / "a.csv", rows))
    assert len(clip) == 51
    np.testing.assert_allclose(clip.weights[:, ARKIT_INDEX["jawOpen"]], np.arange(51) / 50, atol=1e-6)
    np.testing.assert_allclose(clip.gaze_rad, [[0.2, 0]] * 51, atol=1e-6)


def test_rows_without_a_face_are_bridged(tmp_path: Path) -> None:
    """The app writes the time and a count of 0, and nothing else."""
    path = table(tmp_path / "a.csv", [{"JawOpen": 0.2}] * 60 + [{"JawOpen": 0.8}] * 61)
    lines = path.read_text().splitlines()
    for number in [*range(1, 7), *range(50, 71)]:
        lines[number] = ",".join([lines[number].split(",")[0], "0"])
    path.write_text("\n".join(lines) + "\n")
    clip = read_motion(path)
    jaw = clip.weights[:, ARKIT_INDEX["jawOpen"]]
    assert len(clip) == 51 and "27 frames without a face" in clip.warnings[0]
    assert jaw[0] == np.float32(0.2) and jaw[-1] == np.float32(0.8) and 0.4 < jaw[25] < 0.6


def test_without_time_codes_60_is_taken_with_a_warning(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", [{}] * 61, HEADER[1:])
    clip = read_motion(path)
    assert len(clip) == 26 and "no time codes; taken as 60" in clip.warnings[0]
    clip = read_motion(path, rate=30)
    assert len(clip) == 51 and clip.warnings == ()


def test_without_eye_angles_the_weights_tell(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", [{"EyeLookUpLeft": 0.4, "EyeLookUpRight": 0.4}] * 3, HEADER[:54])
    np.testing.assert_allclose(np.degrees(read_motion(path).gaze_rad), [[0, 10]], atol=1e-4)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{}, {"JawOpen": "nan"}], "frame 1: JawOpen is 'nan', expected a number in 0..1"),
        ([{}, {"JawOpen": ""}], "frame 1: JawOpen is 'empty'"),
        ([{}, {}, {"HeadYaw": 30}], "frame 2: HeadYaw is '30', expected radians"),
        ([{}, {"Timecode": "later"}], "frame 1: time code 'later' is not"),
        ([{}, {"Timecode": ""}], "frame 1: has no time code"),
        ([{"Timecode": "10:00:09:00"}, {}], "frame 1: time code '10:00:00:01.000' comes before"),
        ([{"BlendShapeCount": 0}] * 2, "no frame in which a face was seen"),
        ([], "no frames"),
    ],
)
def test_wrong_rows_name_their_frame(tmp_path: Path, rows: list[dict[str, object]], words: str) -> None:
    assert words in complaint(table(tmp_path / "a.csv", rows))


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            ("Timecode", "BlendShapeCount", "JawOpne", *LIVE_LINK_NAMES),
            "unknown column 'JawOpne' (did you mean 'JawOpen'?)",
        ),
        (HEADER[:20], "lacks the column"),
        ((*HEADER, "JawOpen"), "the column 'JawOpen' is there twice"),
        (("a", "b"), "no Live Link Face header"),
    ],
)
def test_wrong_headers_are_told(tmp_path: Path, header: tuple[str, ...], words: str) -> None:
    assert words in complaint(table(tmp_path / "a.csv", [{}], header))


def test_a_row_that_is_too_short_is_told(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv", [{}, {}])
    path.write_text(path.read_text()[:-8])
    assert "frame 1: has" in complaint(path) or "frame 1" in complaint(path)


@FUZZ
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_an_error_of_one_line(tmp_path: Path, made: bytes, headed: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes((",".join(HEADER) + "\n").encode() * headed + made)
    complaint(path)


cells = st.text(max_size=6) | st.floats().map(str) | st.sampled_from(["0", "", "0.5", "1e400", "10:00:00:00"])


@FUZZ
@given(st.dictionaries(st.sampled_from(HEADER), cells, max_size=4), st.integers(0, 3))
def test_any_cells_are_motion_or_an_error_of_one_line(
    tmp_path: Path, row: dict[str, str], place: int
) -> None:
    rows: list[dict[str, object]] = [{}, {}, {}]
    rows.insert(place, dict(row))
    path = table(tmp_path / "a.csv", rows)
    try:
        clip = read_motion(path)
    except MotionFileError as error:
        assert "\n" not in str(error)
    else:
        assert all(np.isfinite(array).all() for array in arrays(clip))
