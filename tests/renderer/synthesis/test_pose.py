from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from renderer.synthesis.pose import (
    CORNEA_BULGE,
    LID_CLEARANCE,
    Eye,
    gaze_rotation,
    head_share,
    neck_share,
    pose_head,
    push_lids_off_eye,
)

degrees = st.floats(-20, 20)
POINTS = np.random.default_rng(0).uniform([-8, -19, -8], [8, 11, 12], (400, 3))


def distances(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[1:] - points[:-1], axis=1)


@given(degrees, degrees, degrees)
def test_what_rides_on_the_skull_moves_rigidly(yaw: float, pitch: float, roll: float) -> None:
    moved = pose_head(POINTS, (yaw, pitch, roll), rigid=True)
    np.testing.assert_allclose(distances(moved), distances(POINTS), atol=1e-9)


def test_an_unturned_head_stays_where_it_is() -> None:
    np.testing.assert_allclose(pose_head(POINTS, (0, 0, 0)), POINTS, atol=1e-12)


def test_the_face_moves_rigidly_and_the_shoulders_stay() -> None:
    turned = pose_head(POINTS, (15, -8, 6))
    whole = (head_share(POINTS) == 1) & (neck_share(POINTS) == 1)
    still = (head_share(POINTS) == 0) & (neck_share(POINTS) == 0)
    assert whole.sum() > 50 and still.sum() > 10
    np.testing.assert_allclose(distances(turned[whole]), distances(POINTS[whole]), atol=1e-9)
    np.testing.assert_allclose(turned[still], POINTS[still], atol=1e-12)


def test_whole_shares_take_the_same_turn_as_parts_of_one() -> None:
    above = POINTS[head_share(POINTS) == 1]
    nearly = np.full(len(above), 1 - 1e-12)
    turned = pose_head(above, (12, 5, -4), rigid=True)
    np.testing.assert_allclose(pose_head(above, (12, 5, -4), rigid=nearly), turned, atol=1e-9)


def test_the_throat_bends_without_tearing() -> None:
    """Neighbours half a millimetre apart stay neighbours, from the chin to the collar."""
    throat = np.stack([np.zeros(400), np.linspace(-4, -18, 400), np.full(400, 4.0)], 1)
    for turn in ((20, 0, 0), (0, -12, 0), (0, 0, 9), (20, 12, 9)):
        assert distances(pose_head(throat, turn)).max() < 2.5 * distances(throat).max()


def test_shape_of_strands_is_kept() -> None:
    strands = POINTS.reshape(100, 4, 3)
    moved = pose_head(strands, (5, 5, 5))
    assert moved.shape == strands.shape
    np.testing.assert_array_equal(moved.reshape(-1, 3), pose_head(POINTS, (5, 5, 5)))


@given(degrees, degrees)
def test_gaze_looks_where_it_is_sent(x: float, y: float) -> None:
    ahead = gaze_rotation((x, y)) @ [0, 0, 1]
    np.testing.assert_allclose(np.degrees(np.arcsin(ahead[1])), y, atol=1e-9)
    np.testing.assert_allclose(np.degrees(np.arctan2(ahead[0], ahead[2])), x, atol=1e-9)


@given(degrees, degrees)
def test_no_lid_stays_inside_the_front_of_the_eye(x: float, y: float) -> None:
    eye = Eye(np.array([3.0, 3.5, 9.0]), 1.2)
    around = eye.centre + np.random.default_rng(1).normal(size=(500, 3)) * 0.9
    pushed = push_lids_off_eye(around, eye, (x, y))
    offset = pushed - eye.centre
    distance = np.linalg.norm(offset, axis=1)
    front = (offset[:, 2] > 0) & (np.linalg.norm(around - eye.centre, axis=1) > 0.75 * eye.radius)
    assert distance[front].min() >= eye.radius + LID_CLEARANCE - 1e-9
    np.testing.assert_array_equal(pushed[~front], around[~front])


def test_a_lid_over_the_cornea_is_lifted_by_its_bulge_and_no_further() -> None:
    eye = Eye(np.zeros(3), 1.2)
    (lid,) = push_lids_off_eye(np.array([[0, 0, 1.2]]), eye, (0, 0))
    np.testing.assert_allclose(lid, [0, 0, 1.2 + LID_CLEARANCE + CORNEA_BULGE])
    (aside,) = push_lids_off_eye(np.array([[0, 0, 1.2]]), eye, (0, 60))
    np.testing.assert_allclose(aside, [0, 0, 1.2 + LID_CLEARANCE])
