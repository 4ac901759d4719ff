"""Makes the head model's folder from the user's own copies of ICT-FaceKit and CharMorph-Vitruvian.

Knows file formats.

    OUT/ict_facekit.npz          V [n, 3] float32 neutral · Enames, E [57, n, 3] float16 expressions and
                                 I [100, n, 3] float16 identities, both as displacements · F, FT [m, 4] int32
                                 polygons and their texture corners (-1: triangle) · VT [t, 2] float32 ·
                                 M [m] int8 material of each polygon · mats names
    OUT/vitruvian_aligned.npz    P [n, 3] the body on ICT axes, laid on the ICT head · F its polygons ·
                                 s, R, T the similarity that did it
    OUT/grooms/                  hairstyles/*.npz (data, cnt), morphs/L1/Default.npy, faces.npy as they come
"""

from __future__ import annotations

import logging
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderer.synthesis.alignment import Similarity, iterative_closest_points, vitruvian_axes
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.face_model import MODEL_FILE, SKIN_VERTICES
from renderer.synthesis.geometry import Array
from renderer.synthesis.grooms import ALIGNED_FILE, GROOMS_FOLDER, read_array
from renderer.synthesis.names import SHAPE_NAMES

log = logging.getLogger(__name__)

NEUTRAL = "generic_neutral_mesh.obj"
GROOM_FILES = ("faces.npy", "morphs/L1/Default.npy")
ICT_SOURCE = "the FaceXModel folder of ICT-FaceKit (github.com/ICT-VGL/ICT-FaceKit)"
GROOM_SOURCE = "a copy of CharMorph-Vitruvian (github.com/Upliner/CharMorph-Vitruvian)"

VITRUVIAN_TO_ICT = Similarity(
    scale=0.9838006758491401,
    rotation=np.array(
        [
            [0.9999999823112811, 0.00014391808277261666, 0.00012109922591841734],
            [-0.00015233794015465216, 0.9973559698787315, 0.07267080665856078],
            [-0.00011032039274958627, -0.07267082382111324, 0.9973559741609668],
        ]
    ),
    shift=np.array([0.0006473987000646871, -0.42815004871781276, 4.194638994341938]),
)
"""Lays Vitruvian on ICT-FaceKit's neutral head: found once by trimmed ICP of the heads and kept, because
every hair of every picture hangs on it. `fit_heads` finds one within 0.2 cm of it (ICP's answer depends on
where the neck is cut)."""


@dataclass(frozen=True, eq=False)
class ObjMesh:
    """What a Wavefront OBJ of polygons holds."""

    vertices: NDArray[np.float64]
    "[n, 3]"
    texture_coordinates: NDArray[np.float64]
    "[t, 2]"
    faces: NDArray[np.int32]
    "[m, 4] from 0, -1 as the fourth of a triangle"
    texture_faces: NDArray[np.int32]
    "[m, 4], -1 where a corner has none"
    materials: list[str]
    "per face, as `usemtl` said"


def read_obj(path: Path) -> ObjMesh:
    """Read v, vt, f and usemtl lines; SynthesisError names the line that cannot be read."""
    vertices, texture, faces, texture_faces, materials = [], [], [], [], []
    material = ""
    for number, line in enumerate(_lines(path), 1):
        kind, _, rest = line.partition(" ")
        try:
            if kind == "v":
                vertices.append([float(x) for x in rest.split()[:3]])
            elif kind == "vt":
                texture.append([float(x) for x in rest.split()[:2]])
            elif kind == "usemtl":
                material = rest.strip()
            elif kind == "f":
                corners, texture_corners = _corners(rest)
                faces.append(corners)
                texture_faces.append(texture_corners)
                materials.append(material)
        except ValueError as error:
            raise SynthesisError(f"{path}, line {number}: {error}: '{line.strip()}'.") from error
    if not vertices or any(len(v) != 3 for v in vertices):
        raise SynthesisError(
            f"{path}: no vertices of three coordinates; expected an OBJ file of {ICT_SOURCE}."
        )
    faces_array = np.array(faces, np.int32).reshape(-1, 4)
    if faces_array.size and (faces_array.max() >= len(vertices) or faces_array.min() < -1):
        raise SynthesisError(
            f"{path}: a polygon names a vertex outside 1..{len(vertices)}; the file is damaged."
        )
    return ObjMesh(
        vertices=np.array(vertices),
        texture_coordinates=np.array(texture).reshape(-1, 2),
        faces=faces_array,
        texture_faces=np.array(texture_faces, np.int32).reshape(-1, 4),
        materials=materials,
    )


def read_obj_vertices(path: Path) -> NDArray[np.float64]:
    """Only the vertices of an OBJ, [n, 3]: all that a shape of the same topology adds."""
    rows = [line[2:].split()[:3] for line in _lines(path) if line.startswith("v ")]
    try:
        return np.array(rows, float).reshape(-1, 3)
    except ValueError as error:
        raise SynthesisError(f"{path}: a vertex is not three numbers ({error}).") from error


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise SynthesisError(
            f"cannot read {path}: {error.strerror}; expected a file of {ICT_SOURCE}."
        ) from error


def _corners(text: str) -> tuple[list[int], list[int]]:
    """`1/4 2/5 3/6` -> vertex and texture indices from 0, padded to four with -1."""
    fields = [corner.split("/") for corner in text.split()]
    if len(fields) not in (3, 4):
        raise ValueError(f"a polygon of {len(fields)} corners, expected 3 or 4")
    padding = [-1] * (4 - len(fields))
    vertex = [int(field[0]) - 1 for field in fields]
    texture = [int(field[1]) - 1 if len(field) > 1 and field[1] else -1 for field in fields]
    return vertex + padding, texture + padding


def read_ict_facekit(folder: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of ict_facekit.npz from a folder of OBJ files; displacements in half precision."""
    neutral = read_obj(folder / NEUTRAL)
    expressions = [_displacement(folder / f"{name}.obj", neutral) for name in SHAPE_NAMES]
    identity_files = sorted(
        path for path in folder.glob("identity*.obj") if re.fullmatch(r"identity\d{3}", path.stem)
    )
    if not identity_files:
        raise SynthesisError(f"no identity000.obj … in {folder}; expected {ICT_SOURCE}.")
    names, material_of_face = np.unique(neutral.materials, return_inverse=True)
    return {
        "V": neutral.vertices.astype(np.float32),
        "VT": neutral.texture_coordinates.astype(np.float32),
        "F": neutral.faces,
        "FT": neutral.texture_faces,
        "M": material_of_face.astype(np.int8),
        "mats": names,
        "E": np.array(expressions),
        "Enames": np.array(SHAPE_NAMES),
        "I": np.array([_displacement(path, neutral) for path in identity_files]),
    }


def _displacement(path: Path, neutral: ObjMesh) -> NDArray[np.float16]:
    vertices = read_obj_vertices(path)
    if vertices.shape != neutral.vertices.shape:
        raise SynthesisError(
            f"{path} has {len(vertices)} vertices, expected the {len(neutral.vertices)} of {NEUTRAL}."
        )
    return (vertices.astype(np.float32) - neutral.vertices.astype(np.float32)).astype(np.float16)


def fit_heads(body: Array, head: Array) -> Similarity:
    """The similarity that lays a body on ICT axes [n, 3] on the skin of a head [m, 3] (cm), by trimmed ICP.

    Takes what is above the shoulders; the answer moves by a few tenths of a centimetre with where that cut is
    made.
    """
    return iterative_closest_points(body[body[:, 1] > -13], head)


def align_vitruvian(
    grooms: Path, similarity: Similarity = VITRUVIAN_TO_ICT
) -> dict[str, NDArray[np.generic]]:
    """The arrays of vitruvian_aligned.npz from a folder of grooms."""
    body = vitruvian_axes(read_array(grooms / "morphs/L1/Default.npy"))
    return {
        "P": similarity.apply(body),
        "F": read_array(grooms / "faces.npy"),
        "s": np.array(similarity.scale),
        "R": similarity.rotation,
        "T": similarity.shift,
    }


def convert(ict: Path, grooms: Path, out: Path, *, refit: bool = False) -> None:
    """Write the head model's folder. Nothing is written before every source file has been found and read.

    refit: fit Vitruvian to the head anew instead of using VITRUVIAN_TO_ICT (for other releases of either).
    """
    missing = [name for name in GROOM_FILES if not (grooms / name).is_file()]
    hairstyles = sorted((grooms / "hairstyles").glob("*.npz"))
    if missing or not hairstyles:
        raise SynthesisError(
            f"{grooms} has no {', '.join(missing) or 'hairstyles/*.npz'}; expected {GROOM_SOURCE}."
        )
    model = read_ict_facekit(ict)
    similarity = VITRUVIAN_TO_ICT
    if refit:
        body = vitruvian_axes(read_array(grooms / "morphs/L1/Default.npy"))
        similarity = fit_heads(body, model["V"][:SKIN_VERTICES].astype(np.float64))
        log.info("fitted: scale %.5f, shift %s cm", similarity.scale, np.round(similarity.shift, 3))
    aligned = align_vitruvian(grooms, similarity)
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / MODEL_FILE, **model)
    np.savez_compressed(out / ALIGNED_FILE, **aligned)
    for source in [grooms / name for name in GROOM_FILES] + hairstyles:
        target = out / GROOMS_FOLDER / source.relative_to(grooms)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
