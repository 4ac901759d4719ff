from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderer.synthesis.controls import Controls, LipGap, move_tongue
from renderer.synthesis.face_model import SKIN_VERTICES, FaceModel
from renderer.synthesis.figure import FRONT_TEETH_CM, HEAD_SLOTS, PREMOLARS_CM, Figure, _tooth_depths
from renderer.synthesis.job import RenderJob
from renderer.synthesis.names import ARKIT_NAMES
from renderer.synthesis.tongue import (
    BEHIND_TEETH_CM,
    LOWER_EDGE,
    OVER_LOWER_CM,
    RAISED,
    TIP,
    UPPER_EDGE,
    WIDE_CM,
    Tongue,
)

AHEAD = (0, 0)


def tip(figure: Figure, **weights: float) -> np.ndarray:
    return figure.deform(weights, AHEAD)[TIP]


@pytest.mark.parametrize("jaw", [0.2, 0.5])
def test_a_raised_tongue_stays_at_the_upper_teeth_while_the_jaw_moves(figure: Figure, jaw: float) -> None:
    teeth = figure.vertices[UPPER_EDGE] * [0, 1, 1]
    np.testing.assert_allclose(tip(figure, jawOpen=jaw, tongueOut=RAISED), teeth + BEHIND_TEETH_CM)


def test_it_comes_out_as_far_as_the_teeth_are_apart(figure: Figure) -> None:
    upper, lower = figure.vertices[[UPPER_EDGE, LOWER_EDGE]]

    def out_at(gap_cm: float) -> float:
        """How far forward; the made head's jaw drops by 3 cm."""
        return float(tip(figure, jawOpen=(gap_cm - upper[1] + lower[1]) / 3, tongueOut=1.0)[2])

    assert out_at(0) == pytest.approx(upper[2] + BEHIND_TEETH_CM[2]), "closed teeth hold it back"
    assert out_at(0) < out_at(0.5 * WIDE_CM) < out_at(WIDE_CM) == pytest.approx(out_at(1.5))
    assert out_at(WIDE_CM) > upper[2] + 1


def test_it_lies_on_the_lower_teeth_of_an_open_mouth(figure: Figure) -> None:
    lower = figure.deform({"jawOpen": 0.9}, AHEAD)[LOWER_EDGE]
    assert tip(figure, jawOpen=0.9, tongueOut=1.0)[1] == pytest.approx(lower[1] + OVER_LOWER_CM)


@given(weight=st.floats(0, 1), jaw=st.floats(0, 0.6))
def test_it_moves_smoothly_and_nothing_else_does(figure: Figure, weight: float, jaw: float) -> None:
    here, near = (
        figure.deform({"jawOpen": jaw, "tongueOut": w}, AHEAD) for w in (weight, min(1, weight + 1e-3))
    )
    assert np.abs(here - near).max() < 0.02
    without = figure.deform({"jawOpen": jaw}, AHEAD)
    np.testing.assert_array_equal(here[:SKIN_VERTICES], without[:SKIN_VERTICES])


def test_a_part_of_the_head_is_the_part_of_the_whole(figure: Figure) -> None:
    weights, ids = {"jawOpen": 0.3, "tongueOut": 0.7}, np.array([TIP - 3, TIP, LOWER_EDGE, 5])
    np.testing.assert_array_equal(figure.deform(weights, AHEAD, ids), figure.deform(weights, AHEAD)[ids])


def test_its_root_does_not_move(model: FaceModel) -> None:
    share = Tongue(model).share
    assert share[TIP] == 1 and share.min() == 0 and share.max() == 1
    assert not share[model.vertices_of("M_Teeth")].any()


def test_only_open_lips_show_it(lip_gap: LipGap) -> None:
    moved = {}
    for jaw in (0.0, 0.5):
        controls = Controls(dict.fromkeys(ARKIT_NAMES, 0.0) | {"jawOpen": jaw}, (0, 0, 0), (0, 0))
        move_tongue(np.random.default_rng(1), controls, 1.0, lip_gap)
        moved[jaw] = controls.weights["tongueOut"]
    assert moved[0.0] == 0 and 0.05 <= moved[0.5] <= 1


def test_a_seeds_other_weights_do_not_depend_on_it(lip_gap: LipGap) -> None:
    still, moving = (RenderJob(11, 60, tongue_share=share) for share in (0.0, 0.5))
    out = 0
    for index in range(60):
        a, b = (job.controls(index, lip_gap)[0] for job in (still, moving))
        out += b.weights["tongueOut"] > 0
        assert a.weights["tongueOut"] == 0
        assert a.weights | {"tongueOut": 0.0} == b.weights | {"tongueOut": 0.0} and a.head_deg == b.head_deg
    assert 8 < out < 35
    assert still.origin != moving.origin and "tongue_share" not in still.origin


def test_a_tooth_is_of_one_material(figure: Figure) -> None:
    model = figure.model
    depth = _tooth_depths(model)
    teeth = model.faces[model.faces_of("M_Teeth")]
    assert (depth[teeth] == depth[teeth[:, :1]]).all()
    assert model.vertices[:, 2].min() <= depth.min() and depth.max() <= model.vertices[:, 2].max()
    limits = {
        "teeth": (FRONT_TEETH_CM, 99),
        "premolars": (PREMOLARS_CM, FRONT_TEETH_CM),
        "molars": (-99, PREMOLARS_CM),
    }
    seen = 0
    for polygon, slot in zip(figure.head_mesh.polygons, figure.head_mesh.slots, strict=True):
        if HEAD_SLOTS[slot] in limits:
            low, high = limits[HEAD_SLOTS[slot]]
            assert (low <= depth[polygon]).all() and (depth[polygon] < high).all()
            seen += 1
    assert seen == len(teeth)
