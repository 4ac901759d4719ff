from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from renderer.synthesis.assets import Workshop
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.face_model import SKIN_VERTICES, FaceModel
from renderer.synthesis.grooms import GroomLibrary, HeadSurface, load_torso
from renderer.synthesis.hair import (
    HairStyle,
    bind_lashes,
    grow,
    grow_brows,
    grow_hair,
    hairline,
    seat_on_skin,
)
from renderer.synthesis.recipe import Brows, Hair

HAIR = Hair("bob", "dark", density=0.01)
STYLE = HairStyle("Bob", 300, 0.3, 0.4, 0.05, 10, 0.05)


@pytest.fixture(scope="module")
def surface(workshop: Workshop) -> HeadSurface:
    return workshop.library.surface


@pytest.fixture(scope="module")
def guides() -> np.ndarray:
    """Twenty guides that fall straight down from above the made head's forehead."""
    x = np.linspace(-4, 4, 20)
    roots = np.stack([x, np.full(20, 9.0), np.full(20, 8.0)], 1)
    return roots[:, None] + np.linspace(0, 1, 10)[None, :, None] * [0, -6, 3]


def test_strands_are_as_many_as_asked_and_always_the_same(guides: np.ndarray, surface: HeadSurface) -> None:
    first = grow(guides, 300, STYLE, surface, np.random.default_rng(0))
    assert first.shape == (300, 10, 3)
    np.testing.assert_array_equal(first, grow(guides, 300, STYLE, surface, np.random.default_rng(0)))
    assert not np.array_equal(first, grow(guides, 300, STYLE, surface, np.random.default_rng(1)))


def test_no_strand_dips_into_the_head(guides: np.ndarray, surface: HeadSurface) -> None:
    strands = grow(guides, 300, STYLE, surface, np.random.default_rng(0)).reshape(-1, 3)
    distance, nearest = surface.tree.query(strands)
    height = surface.height(strands, nearest)
    assert (height[distance < 3] > -0.1).mean() > 0.98


def test_clumping_draws_the_tips_to_their_guides(guides: np.ndarray, surface: HeadSurface) -> None:
    def width(clump: float) -> float:
        style = HairStyle("", 300, 0.5, clump, 0.0, 10, 0.0)
        tips = grow(guides + [0, 0, 9], 300, style, surface, np.random.default_rng(0))[:, -1]
        return float(np.abs(tips[:, None] - guides[None, :, -1] - [0, 0, 9]).sum(2).min(1).mean())

    assert width(0.9) < 0.8 * width(0.0)


def test_guides_of_a_groom_arrive_on_this_head(workshop: Workshop, surface: HeadSurface) -> None:
    strands = workshop.library.guides("Bob")
    assert len(strands) == 80 and all(len(s) == 12 for s in strands)
    roots = np.array([s[0] for s in strands])
    assert surface.tree.query(roots)[0].max() < 2.5


def test_hair_and_brows_are_seeded(workshop: Workshop) -> None:
    np.testing.assert_array_equal(grow_hair(HAIR, workshop.library), grow_hair(HAIR, workshop.library))
    few, many = (grow_brows(Brows(11, keep), workshop.library) for keep in (0.3, 0.9))
    assert len(few) < len(many) and few.shape[1:] == (6, 3)


def test_the_hairline_is_dense_at_roots_and_bare_on_the_chin(workshop: Workshop) -> None:
    strands = grow_hair(HAIR, workshop.library)
    density = hairline(HAIR, strands)
    assert density(strands[:, 0]).max() <= 1 and density(strands[:, 0]).mean() > 0
    np.testing.assert_array_equal(density(np.array([[0, -8.0, 10], [0, -12, 6]], np.float32)), 0)


def test_lashes_follow_the_lids(model: FaceModel) -> None:
    lashes = bind_lashes(model)
    np.testing.assert_allclose(lashes.weights.sum(2), 1)
    assert len(lashes.weights) == 4 * 22
    vertices = model.vertices.astype(float)
    np.testing.assert_allclose(
        lashes.at(vertices + [0, 0.5, 0]), lashes.at(vertices) + [0, 0.5, 0], atol=1e-9
    )


def test_strands_are_seated_between_root_and_tip_height() -> None:
    x, z = np.meshgrid(np.linspace(-3, 3, 25), np.linspace(-3, 3, 25))
    flat = np.stack([x.ravel(), np.zeros(625), z.ravel()], 1)
    corner = (np.arange(24)[:, None] * 25 + np.arange(24)).ravel()
    quads = np.stack([corner, corner + 25, corner + 26, corner + 1], 1)
    sunk = np.random.default_rng(0).uniform([-2, -0.3, -2], [2, 0, 2], (40, 6, 3))
    seated = seat_on_skin(sunk, flat, quads)
    np.testing.assert_allclose(seated[..., 1], np.linspace(0.02, 0.16, 6)[None].repeat(40, 0), atol=1e-9)


def test_a_missing_groom_is_named(workshop: Workshop, head_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match=r"no groom at .*Eve.npz: copy it from CharMorph-Vitruvian"):
        workshop.library.guides("Eve")
    with pytest.raises(SynthesisError, match=r"no torso at"):
        load_torso(tmp_path)
    bad = tmp_path / "vitruvian_aligned.npz"
    bad.write_bytes(b"not an archive")
    with pytest.raises(SynthesisError, match=r"vitruvian_aligned.npz cannot be read"):
        GroomLibrary(tmp_path, workshop.library.surface)


def test_the_surface_covers_the_outer_skin(model: FaceModel, surface: HeadSurface) -> None:
    assert len(surface.points) > 4 * SKIN_VERTICES
    np.testing.assert_allclose(np.linalg.norm(surface.normals, axis=1)[:9000], 1, atol=1e-3)
