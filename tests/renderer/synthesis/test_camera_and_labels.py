from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from renderer.synthesis.camera import CAMERA, CROP_SIZE, PICTURE_SIZE, face_crop
from renderer.synthesis.controls import LipGap, frame_controls
from renderer.synthesis.face_model import LANDMARK_VERTICES, FaceModel
from renderer.synthesis.figure import Figure
from renderer.synthesis.frames import FrameRecord, RecordWriter, image_name
from renderer.synthesis.labels import choose_points, farthest_points, project_points, write_points
from renderer.synthesis.rig_labels import rig_labels

LANDMARKS = np.array(LANDMARK_VERTICES)


def record_of(figure: Figure, lip_gap: LipGap, seed: int, index: int) -> FrameRecord:
    controls, _ = frame_controls(seed, index, 0.0, lip_gap)
    landmarks = CAMERA.project(
        figure.vertices_at(controls.weights, controls.head_deg, controls.gaze_deg, LANDMARKS)
    )
    return FrameRecord.of(image_name(seed, index), "face", face_crop(landmarks), controls, landmarks)


def test_the_camera_sees_its_height_in_the_plane_of_the_origin() -> None:
    half = CAMERA.view_height_cm / 2
    corners = np.array([[0, -0.5, 0], [0, half - 0.5, 0], [half, -0.5, 0]])
    np.testing.assert_allclose(CAMERA.project(corners), [[256, 256], [256, 0], [512, 256]], atol=1e-9)


def test_the_subjects_left_is_on_the_right_and_what_is_nearer_is_larger() -> None:
    far, near = CAMERA.project(np.array([[3.0, -0.5, 0], [3.0, -0.5, 10]]))
    assert near[0] > far[0] > 256


def test_a_crop_stays_inside_the_picture_wherever_the_face_is() -> None:
    for shift in (-400, -90, 0, 77.5, 300):
        left, top, width, height = face_crop(np.array([[200.0, 180], [300, 330]]) + shift)
        assert width == height == CROP_SIZE
        assert 0 <= left <= PICTURE_SIZE - CROP_SIZE and 0 <= top <= PICTURE_SIZE - CROP_SIZE


def test_farthest_points_spread_out() -> None:
    line = np.stack([np.arange(101.0), np.zeros(101), np.zeros(101)], 1)
    assert farthest_points(line, np.arange(101), 5)[:3] == [0, 100, 50]
    assert sorted(farthest_points(line, np.array([3, 9]), 5)) == [3, 9]


def test_points_are_where_the_parts_are(figure: Figure, model: FaceModel) -> None:
    points = choose_points(figure)
    counts = {name: points.groups.count(name) for name in points.groups}
    assert counts == {
        "landmark": 68, "face": 90, "lips": 60, "eyes": 48, "teeth_upper": 34, "teeth_lower": 34,
        "tongue": 16, "iris_left": 9, "iris_right": 9,
    }  # fmt: skip
    assert points.vertex_column.tolist()[-18:] == [-1] * 18
    groups = np.array(points.groups[:-18])
    drops = -model.expressions["jawOpen"][points.vertices, 1]
    assert (drops[groups == "teeth_lower"] > 1).all() and (drops[groups == "teeth_upper"] == 0).all()
    assert (drops[groups == "tongue"] > 1).all()


def test_a_part_of_the_head_is_posed_as_in_the_whole(figure: Figure, lip_gap: LipGap) -> None:
    controls, _ = frame_controls(3, 4, 0.0, lip_gap)
    arguments = (controls.weights, controls.head_deg, controls.gaze_deg)
    ids = choose_points(figure).vertices
    whole = figure.vertices_at(*arguments)
    np.testing.assert_allclose(figure.vertices_at(*arguments, ids), whole[ids], atol=1e-10)
    np.testing.assert_allclose(figure.pose(*arguments).head, whole, atol=1e-12)


def test_irises_follow_the_gaze_and_ride_on_the_head(figure: Figure) -> None:
    straight = figure.iris_rims((0, 0, 0), (0, 0))
    aside = figure.iris_rims((0, 0, 0), (10, 0))
    assert (aside[:, 0, 0] > straight[:, 0, 0]).all(), "gaze x > 0 is the subject's left"
    turned = figure.iris_rims((10, 0, 0), (10, 0))
    for rims in (straight, aside, turned):
        radius = np.linalg.norm(rims[:, 1:] - rims[:, :1], axis=2)
        np.testing.assert_allclose(radius, 0.60, atol=1e-9)
    assert straight[0, 1, 0] > straight[0, 0, 0], "the first rim point lies to the subject's left"
    assert straight[0, 3, 1] > straight[0, 0, 1], "the third lies above"


def test_written_points_agree_with_the_records(figure: Figure, lip_gap: LipGap, tmp_path: Path) -> None:
    writer = RecordWriter(tmp_path, 3)
    for index in range(6):
        (tmp_path / image_name(3, index)).write_bytes(b"")
        writer.append(record_of(figure, lip_gap, 3, index))
    ((path, frames, difference),) = write_points(figure, tmp_path)
    assert frames == 6 and 0 < difference < 0.05, "only what rounding the labels costs"
    with np.load(path) as stored:
        assert stored["xy"].shape == (6, 368, 2) and stored["xy"].dtype == np.int16
        assert stored["image"].tolist() == [image_name(3, i) for i in range(6)]
        exact = project_points(figure, choose_points(figure), record_of(figure, lip_gap, 3, 5))
        np.testing.assert_allclose(stored["xy"][5] / 32, exact, atol=1 / 64 + 1e-9)
    assert [p.name for p in tmp_path.glob(".*")] == [], "no temporary file is left"


def test_labels_without_pictures_are_those_of_the_frames(figure: Figure, lip_gap: LipGap) -> None:
    labels = rig_labels(figure, seed=3, count=4)
    blade = len(labels["tongue_share"])
    assert labels["controls"].shape == (4, 57) and labels["xy"].shape == (4, 368 + blade + 3, 2)
    assert labels["group"].tolist()[368:] == ["blade"] * blade + ["tongue_way"] * 3
    assert labels["tongue_share"][0] == 1 and 5 < labels["tongue_wide_px"] < 20
    record = record_of(figure, lip_gap, 3, 2)
    expected = [*record.weights, *record.head_deg, *record.gaze_deg]
    np.testing.assert_allclose(labels["controls"][2], expected, rtol=1e-6)
    np.testing.assert_allclose(labels["xy"][2, :68], record.landmarks68, atol=0.05)


def test_labels_of_another_head_are_noticed(figure: Figure, lip_gap: LipGap, tmp_path: Path) -> None:
    (tmp_path / image_name(3, 0)).write_bytes(b"")
    record = record_of(figure, lip_gap, 3, 0)
    record.landmarks68[8][0] += 7.0
    RecordWriter(tmp_path, 3).append(record)
    ((_, _, difference),) = write_points(figure, tmp_path)
    assert difference == pytest.approx(7, abs=0.05)
