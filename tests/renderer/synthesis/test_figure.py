from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from renderer.synthesis.assets import Workshop
from renderer.synthesis.controls import LipGap, frame_controls
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.face_model import SKIN_VERTICES, FaceModel
from renderer.synthesis.figure import HEAD_SLOTS, Figure
from renderer.synthesis.garment import Neckline
from renderer.synthesis.pose import CORNEA_RADIUS, LID_CLEARANCE
from renderer.synthesis.recipe import Recipe

STILL = ((0, 0, 0), (0, 0))


def test_rest_is_the_recipe_and_nothing_moves_without_controls(figure: Figure) -> None:
    head = figure.vertices_at({}, *STILL)
    nearest_eye = [np.linalg.norm(figure.vertices - eye.centre, axis=1) for eye in figure.eyes]
    clear_of_lids = np.min(nearest_eye, axis=0) > 2.0
    assert clear_of_lids.mean() > 0.8
    np.testing.assert_allclose(head[clear_of_lids], figure.vertices[clear_of_lids], atol=1e-12)


def test_identity_shapes_the_head_but_not_the_bust(
    recipe: Recipe, model: FaceModel, workshop: Workshop, figure: Figure
) -> None:
    other = Figure(
        dataclasses.replace(recipe, identity=(3.0,)),
        model,
        figure.strand_sets[0].rest,
        figure.strand_sets[1].rest,
        Neckline(),
    )
    moved = np.linalg.norm(other.vertices - figure.vertices, axis=1)
    assert moved[figure.vertices[:, 1] > 0].max() > 0.1
    assert moved[figure.vertices[:, 1] < -16].max() == 0


def test_eye_look_weights_are_ignored_the_gaze_makes_its_own(figure: Figure) -> None:
    looking = {"eyeLookOutLeft": 1.0, "eyeLookUpRight": 1.0}
    np.testing.assert_array_equal(figure.deform(looking, (5, -3)), figure.deform({}, (5, -3)))
    assert not np.array_equal(figure.deform({}, (5, -3)), figure.deform({}, (0, 0)))


def test_closed_lids_lie_on_the_eyeball(figure: Figure) -> None:
    shut = figure.deform({"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, (0, 0))[:SKIN_VERTICES]
    for eye in figure.eyes:
        offset = shut - eye.centre
        distance = np.linalg.norm(offset, axis=1)
        over_the_cornea = np.linalg.norm(offset[:, :2], axis=1) < CORNEA_RADIUS
        lids = (offset[:, 2] > 0) & over_the_cornea & (distance > 0.75 * eye.radius)
        assert lids.sum() > 5
        assert distance[lids].min() > eye.radius + LID_CLEARANCE - 1e-9


def test_all_parts_of_a_pose_are_finite_and_follow_the_head(figure: Figure, lip_gap: LipGap) -> None:
    controls, _ = frame_controls(1, 2, 0.0, lip_gap)
    posed = figure.pose(controls.weights, (18, 0, 0), controls.gaze_deg)
    straight = figure.pose(controls.weights, (0, 0, 0), controls.gaze_deg)
    hair, brows = zip(posed.strands, straight.strands, strict=True)
    assert np.isfinite(hair[0]).all() and not np.array_equal(*hair)
    eyeballs = [(a[0], b[0]) for a, b in zip(posed.eyeballs, straight.eyeballs, strict=True)]
    for turned, before in [(posed.lashes, straight.lashes), brows, *eyeballs]:
        assert np.isfinite(turned).all()
        assert turned[..., 0].mean() > before[..., 0].mean() + 0.1, "yaw > 0: to the subject's left"


def test_raised_brows_take_their_hairs_along(figure: Figure) -> None:
    brow = next(k for k, each in enumerate(figure.strand_sets) if each.name == "brow")
    up = dict.fromkeys(("browInnerUp", "browOuterUpLeft", "browOuterUpRight"), 1.0)
    moved = figure.pose(up, *STILL).strands[brow] - figure.pose({}, *STILL).strands[brow]
    assert moved[..., 1].max() > 0.2
    np.testing.assert_allclose(moved, moved[:, :1].repeat(moved.shape[1], 1), atol=1e-9)


def test_the_head_mesh_shows_skin_above_the_shirt_with_texture_coordinates_in_its_tile(
    figure: Figure, model: FaceModel
) -> None:
    mesh = figure.head_mesh
    assert len(mesh.polygons) == len(mesh.slots)
    assert len(mesh.uv) == sum(map(len, mesh.polygons))
    assert {HEAD_SLOTS[slot] for slot in mesh.slots} == set(HEAD_SLOTS)
    skin = [uv for polygon, slot in zip(mesh.polygons, mesh.slots, strict=True) if slot < 2 for uv in polygon]
    assert model.vertices[skin][:, 1].min() < -11, "the neck is there"
    first_face = np.array(mesh.uv[: 4 * mesh.slots.count(0)])
    assert first_face.min() >= 0 and first_face.max() <= 1


def test_more_identity_than_the_head_has_is_refused(recipe: Recipe, model: FaceModel, figure: Figure) -> None:
    strands = (figure.strand_sets[0].rest, figure.strand_sets[1].rest)
    with pytest.raises(SynthesisError, match="identity has 9 numbers, the head model 5 shapes"):
        Figure(dataclasses.replace(recipe, identity=(0.1,) * 9), model, *strands, Neckline())


@pytest.mark.parametrize("name", ["hair", "brow"])
def test_strands_taper_and_lean_on_skin_with_weights_that_sum_to_one(figure: Figure, name: str) -> None:
    strands = next(each for each in figure.strand_sets if each.name == name)
    np.testing.assert_allclose(strands.weights.sum(1), 1)
    assert strands.anchors.max() < SKIN_VERTICES
    assert (np.diff(strands.radius_cm) < 0).all() and strands.radius_cm[-1] > 0
