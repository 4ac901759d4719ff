import numpy as np

from renderer.rig import Rig, load_rig
from renderer.training.rig import errors, save
from tests.renderer.conftest import made_labels


def test_rig_follows_points_it_has_not_seen(rig: Rig) -> None:
    controls, points, group = made_labels(200, seed=9)
    assert errors(rig, controls, points, group)["p95_px"] < 0.1


def test_rig_of_neutral_controls_is_the_neutral_face(rig: Rig) -> None:
    still = rig.points(np.zeros(52, np.float32), np.zeros(3, np.float32), np.zeros(2, np.float32))
    assert abs(rig.group(still, "iris_left")[0] - [302, 215]).max() < 0.2


def test_saved_rig_gives_the_same_points(rig: Rig, tmp_path) -> None:
    save(rig, tmp_path / "rig.safetensors")
    again = load_rig(tmp_path / "rig.safetensors")
    weights = np.full(52, 0.3, np.float32)
    head, gaze = np.array([0.1, -0.05, 0.02], np.float32), np.array([0.05, 0.1], np.float32)
    assert np.array_equal(rig.points(weights, head, gaze), again.points(weights, head, gaze))
    assert again.spans == rig.spans
