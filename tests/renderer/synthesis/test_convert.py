from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from renderer.synthesis.convert import (
    VITRUVIAN_TO_ICT,
    convert,
    read_ict_facekit,
    read_obj,
    read_obj_vertices,
)
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.face_model import load_face_model
from renderer.synthesis.names import SHAPE_NAMES
from tests.renderer.synthesis.made_head import write_grooms

VERTICES = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.5], [2, 0, -1.25]])
BODY = """
vt 0 0
vt 1 0
vt 1 1
vt 0.25 1
vt 2 0.5
usemtl M_Teeth
f 1/1 2/2 3/3 4/4
usemtl M_Face
f 2/2 5/5 3/3
f 5/5 2/2 1/1 3
"""


def write_obj(path: Path, vertices: np.ndarray, body: str = BODY) -> None:
    lines = "".join(f"v {x:.6f} {y:.6f} {z:.6f}\n" for x, y, z in vertices)
    path.write_text("# made\nmtllib none.mtl\n" + lines + body.lstrip(), encoding="utf-8")


@pytest.fixture
def sources(tmp_path: Path) -> tuple[Path, Path]:
    """A tiny ICT-FaceKit of five vertices and a made CharMorph-Vitruvian."""
    ict, grooms = tmp_path / "ict", tmp_path / "grooms"
    ict.mkdir()
    write_obj(ict / "generic_neutral_mesh.obj", VERTICES)
    for k, name in enumerate(SHAPE_NAMES):
        write_obj(ict / f"{name}.obj", VERTICES + [0, 0.125 * k, 0])
    for k in range(3):
        write_obj(ict / f"identity{k:03d}.obj", VERTICES + [0.5 * k, 0, 0])
    write_grooms(grooms)
    return ict, grooms


def test_a_set_of_objs_becomes_arrays_and_is_read_back(sources: tuple[Path, Path], tmp_path: Path) -> None:
    ict, grooms = sources
    out = tmp_path / "out"
    convert(ict, grooms, out)
    with np.load(out / "ict_facekit.npz") as stored:
        np.testing.assert_allclose(stored["V"], VERTICES)
        assert stored["V"].dtype == np.float32 and stored["E"].dtype == np.float16
        np.testing.assert_array_equal(stored["F"], [[0, 1, 2, 3], [1, 4, 2, -1], [4, 1, 0, 2]])
        np.testing.assert_array_equal(stored["FT"], [[0, 1, 2, 3], [1, 4, 2, -1], [4, 1, 0, -1]])
        assert [str(stored["mats"][m]) for m in stored["M"]] == ["M_Teeth", "M_Face", "M_Face"]
        assert [str(name) for name in stored["Enames"]] == list(SHAPE_NAMES)
        np.testing.assert_array_equal(stored["E"][:, 0, 1], 0.125 * np.arange(57))
        np.testing.assert_array_equal(stored["I"][:, 4, 0], [0, 0.5, 1])
        np.testing.assert_allclose(stored["VT"][3], [0.25, 1])
    with np.load(out / "vitruvian_aligned.npz") as aligned:
        assert float(aligned["s"]) == VITRUVIAN_TO_ICT.scale
        assert aligned["P"].shape == (64 * 48, 3)
    assert (out / "grooms/hairstyles/Bob.npz").read_bytes() == (grooms / "hairstyles/Bob.npz").read_bytes()


def test_the_similarity_of_the_heads_is_a_rotation() -> None:
    np.testing.assert_allclose(VITRUVIAN_TO_ICT.rotation @ VITRUVIAN_TO_ICT.rotation.T, np.eye(3), atol=1e-12)


def test_refitting_lays_the_body_on_the_head(sources: tuple[Path, Path], tmp_path: Path) -> None:
    ict, grooms = sources
    cloud = np.random.default_rng(0).normal(size=(600, 3))
    head = 8 * cloud / np.linalg.norm(cloud, axis=1, keepdims=True) * [1, 1.3, 1.1]
    write_obj(ict / "generic_neutral_mesh.obj", head)
    for name in [*SHAPE_NAMES, "identity000", "identity001", "identity002"]:
        write_obj(ict / f"{name}.obj", head)
    convert(ict, grooms, tmp_path / "fixed")
    convert(ict, grooms, tmp_path / "refit", refit=True)
    kept = np.load(tmp_path / "fixed" / "vitruvian_aligned.npz")["T"]
    fitted = np.load(tmp_path / "refit" / "vitruvian_aligned.npz")["T"]
    assert not np.allclose(kept, fitted)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"no archive at all"])
def test_a_damaged_head_model_says_how_to_make_it_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ict_facekit.npz").write_bytes(content)
    with pytest.raises(SynthesisError, match=r"cannot be read .* renderer.synthesis convert"):
        load_face_model(tmp_path)


def test_a_model_of_another_topology_is_refused_by_name(sources: tuple[Path, Path], tmp_path: Path) -> None:
    convert(*sources, tmp_path / "out")
    with pytest.raises(SynthesisError, match=r"ict_facekit.npz has 5 vertices, expected ICT-FaceKit's 26719"):
        load_face_model(tmp_path / "out")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda ict, grooms: (ict / "jawOpen.obj").unlink(), r"cannot read .*jawOpen.obj"),
        (
            lambda ict, grooms: write_obj(ict / "jawOpen.obj", VERTICES[:4]),
            r"jawOpen.obj has 4 vertices, .* 5",
        ),
        (lambda ict, grooms: [p.unlink() for p in ict.glob("identity*")], r"no identity000.obj"),
        (lambda ict, grooms: (grooms / "faces.npy").unlink(), r"has no faces.npy"),
        (lambda ict, grooms: (grooms / "faces.npy").write_bytes(b"x"), r"faces.npy cannot be read"),
        (lambda ict, grooms: [p.unlink() for p in (grooms / "hairstyles").iterdir()], r"has no hairstyles"),
    ],
    ids=["missing shape", "short shape", "no identities", "no torso", "damaged torso", "no hair"],
)
def test_incomplete_sources_get_one_clear_line_and_leave_nothing(
    sources: tuple[Path, Path], tmp_path: Path, spoil, message: str
) -> None:
    spoil(*sources)
    with pytest.raises(SynthesisError, match=message) as caught:
        convert(*sources, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 0 0 0\nf 1 1 1 1 1\n", r"line 2: a polygon of 5 corners"),
        ("v 0 0 0\nf 1 2 3\n", r"names a vertex outside 1..1"),
        ("v 0 0 zero\n", r"line 1: could not convert"),
        ("v 0 0\n", r"no vertices of three coordinates"),
        ("", r"no vertices"),
    ],
)
def test_damaged_objs_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.obj"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SynthesisError, match=message):
        read_obj(path)


def test_ragged_vertices_of_a_shape_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.obj").write_text("v 1 2 3\nv 1 2\n", encoding="utf-8")
    with pytest.raises(SynthesisError, match="a vertex is not three numbers"):
        read_obj_vertices(tmp_path / "x.obj")


def test_reading_needs_the_neutral_mesh(tmp_path: Path) -> None:
    with pytest.raises(SynthesisError, match=r"generic_neutral_mesh.obj.*ICT-FaceKit"):
        read_ict_facekit(tmp_path)
