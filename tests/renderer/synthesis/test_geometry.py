from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderer.synthesis.geometry import (
    fit_sphere,
    head_rotation,
    resample_polylines,
    smoothstep,
    vertex_normals,
)

angles = st.floats(-80, 80)


@given(angles, angles, angles)
def test_a_head_rotation_keeps_lengths_and_handedness(yaw: float, pitch: float, roll: float) -> None:
    rotation = head_rotation(yaw, pitch, roll)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


@given(angles)
def test_a_single_turn_is_undone_by_its_opposite(angle: float) -> None:
    for axis in range(3):
        there, back = np.zeros(3), np.zeros(3)
        there[axis], back[axis] = angle, -angle
        np.testing.assert_allclose(head_rotation(*there) @ head_rotation(*back), np.eye(3), atol=1e-12)


def test_the_signs_are_those_of_the_contract() -> None:
    nose, left_ear = np.array([0, 0, 1.0]), np.array([1.0, 0, 0])
    assert (head_rotation(10, 0, 0) @ nose)[0] > 0, "yaw > 0 turns the face to the subject's left"
    assert (head_rotation(0, 10, 0) @ nose)[1] > 0, "pitch > 0 looks up"
    assert (head_rotation(0, 0, 10) @ left_ear)[1] > 0, "roll > 0 raises the subject's left ear"


def test_shares_turn_by_parts_of_the_angle() -> None:
    whole, half, none = head_rotation(20, 0, 0, share=np.array([1, 0.5, 0]))
    np.testing.assert_allclose(half @ half, whole, atol=1e-12)
    np.testing.assert_array_equal(none, np.eye(3))


def test_smoothstep_is_flat_outside_and_falls_when_turned_round() -> None:
    np.testing.assert_array_equal(smoothstep([-1, 0, 0.5, 1, 2], 0, 1), [0, 0, 0.5, 1, 1])
    np.testing.assert_array_equal(smoothstep([0, 1], 1, 0), [1, 0])


def test_a_sphere_is_found_again() -> None:
    direction = np.random.default_rng(0).normal(size=(50, 3))
    centre = np.array([3.0, -1, 7])
    found, radius = fit_sphere(centre + 1.3 * direction / np.linalg.norm(direction, axis=1, keepdims=True))
    np.testing.assert_allclose(found, centre, atol=1e-9)
    assert radius == pytest.approx(1.3)


def test_normals_of_a_flat_mesh_of_a_quad_and_a_triangle_point_up() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [2, 0, 0], [9, 9, 9.0]])
    normals = vertex_normals(vertices, np.array([[0, 1, 2, 3], [1, 4, 2, -1]]))
    np.testing.assert_allclose(normals[:5], np.tile([0, 0, 1], (5, 1)), atol=1e-8)
    np.testing.assert_array_equal(normals[5], 0)


def test_a_polyline_is_cut_into_even_steps_with_its_ends_kept() -> None:
    line = np.array([[0, 0, 0], [1, 0, 0], [1, 3, 0.0]])
    (points,) = resample_polylines([line], 5)
    np.testing.assert_allclose(points[[0, -1]], line[[0, -1]])
    np.testing.assert_allclose(points[1], [1, 0, 0], atol=1e-12)
    np.testing.assert_array_equal(resample_polylines([line[:1].repeat(2, 0)], 3), np.zeros((1, 3, 3)))
