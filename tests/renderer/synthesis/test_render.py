"""Renders a 64-pixel piece of the made head where Blender's module is there (GPL, Python 3.11, an option)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip(
    "bpy", reason="Blender's module (pip install 'avatar-engine[synthesis]') is not here"
)

import cv2  # noqa: E402

from renderer.synthesis import studio  # noqa: E402
from renderer.synthesis.assets import Workshop  # noqa: E402
from renderer.synthesis.frames import read_records, record_file  # noqa: E402
from renderer.synthesis.job import RenderJob  # noqa: E402
from renderer.synthesis.render import Stage, render_frames  # noqa: E402


@pytest.fixture(scope="module")
def stage(workshop: Workshop) -> Stage:
    return Stage(workshop)


def test_a_piece_of_the_face_is_drawn_and_drawn_the_same_again(stage: Stage, tmp_path: Path) -> None:
    box = (224, 224, 64, 64)
    pictures = []
    for name in ("a.bmp", "b.bmp"):
        studio.render_box(box, 2, tmp_path / name)
        pictures.append(cv2.imread(str(tmp_path / name)))
    assert pictures[0].shape == (64, 64, 3)
    assert pictures[0].std() > 2 and pictures[0].mean() > 20, "a lit face, not a blank"
    np.testing.assert_array_equal(*pictures)


def test_the_camera_of_the_labels_is_the_camera_of_the_pictures(stage: Stage) -> None:
    from bpy_extras.object_utils import world_to_camera_view
    from mathutils import Vector

    from renderer.synthesis.blender import to_blender
    from renderer.synthesis.camera import CAMERA

    scene = bpy.context.scene
    for point in np.random.default_rng(0).uniform([-8, -12, -5], [8, 10, 12], (20, 3)):
        x, y, _ = world_to_camera_view(scene, scene.camera, Vector(to_blender(point)))
        np.testing.assert_allclose(CAMERA.project(point), [512 * x, 512 * (1 - y)], atol=0.01)


def test_a_run_that_was_stopped_goes_on(workshop: Workshop, tmp_path: Path) -> None:
    assert render_frames(workshop, RenderJob(3, 1, 0.0, 1), tmp_path) == 1
    first = (tmp_path / "3_00000.webp").read_bytes()
    assert render_frames(workshop, RenderJob(3, 2, 0.0, 1), tmp_path) == 1
    assert (tmp_path / "3_00000.webp").read_bytes() == first
    records = read_records(record_file(tmp_path, 3))
    assert [r.image for r in records] == ["3_00000.webp", "3_00001.webp"]
    assert cv2.imread(str(tmp_path / "3_00001.webp")).shape == (240, 240, 3)


def test_every_full_frame_gets_a_matte_afterwards_too(workshop: Workshop, tmp_path: Path) -> None:
    job = RenderJob(3, 1, 1.0, samples=1)
    assert render_frames(workshop, job, tmp_path) == 1
    matte = tmp_path / "3_00000.matte.png"
    first = cv2.imread(str(matte), cv2.IMREAD_UNCHANGED)
    assert first.shape == (512, 512) and first[256, 256] == 255 and first[:8, :8].max() == 0
    matte.unlink()
    assert render_frames(workshop, job, tmp_path) == 0
    np.testing.assert_array_equal(cv2.imread(str(matte), cv2.IMREAD_UNCHANGED), first)
