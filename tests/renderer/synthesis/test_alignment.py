from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from renderer.synthesis.alignment import (
    Similarity,
    fit_similarity,
    iterative_closest_points,
    vitruvian_axes,
)
from renderer.synthesis.geometry import head_rotation

CLOUD = np.random.default_rng(0).normal(size=(300, 3)) * [3, 5, 4]


@given(st.floats(0.2, 5), st.tuples(*[st.floats(-60, 60)] * 3), st.tuples(*[st.floats(-9, 9)] * 3))
def test_a_similarity_is_found_again(scale: float, turn: tuple, shift: tuple) -> None:
    true = Similarity(scale, head_rotation(*turn), np.array(shift))
    found = fit_similarity(CLOUD, true.apply(CLOUD))
    np.testing.assert_allclose(found.apply(CLOUD), true.apply(CLOUD), atol=1e-8)
    assert np.linalg.det(found.rotation) > 0


def test_icp_finds_a_small_move_though_a_fifth_of_the_points_has_no_partner() -> None:
    true = Similarity(1.02, head_rotation(3, -2, 1), np.array([0.3, -0.2, 0.1]))
    stray = np.random.default_rng(1).uniform(30, 40, (60, 3))
    source = np.concatenate([CLOUD, stray])
    found = iterative_closest_points(source, true.apply(CLOUD), iterations=60, keep=0.8)
    np.testing.assert_allclose(found.apply(CLOUD), true.apply(CLOUD), atol=1e-6)


def test_axes_are_turned_and_metres_made_centimetres() -> None:
    face_front_at_eye_height = vitruvian_axes([0.03, -0.1, 1.6])
    np.testing.assert_allclose(face_front_at_eye_height, [3, 0, 10], atol=1e-9)
