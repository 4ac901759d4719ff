"""The head model as arrays: loads a converted copy and names its parts.

Knows no pose, no picture, no avatar.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.names import SHAPE_NAMES

MODEL_FILE = "ict_facekit.npz"
CONVERT_HINT = "make it with 'python -m renderer.synthesis convert --ict FOLDER --grooms FOLDER --out FOLDER'"

# Ranges of ICT-FaceKit's topology, from the table in its README ("Geometries").
VERTEX_COUNT = 26719
FACE_VERTICES = 9409  # 0..9408: the full face area
SKIN_VERTICES = 11248  # 0..11247: face, head and neck; what follows lies inside the head
SKIN_FACES = 11144  # 0..11143: their polygons; back-of-head polygons after these are mouth and eye sockets
BACK_OF_HEAD_FACES = (9230, 11143)
EYEBALL_FRONTS = ((21451, 22221), (23021, 23791))  # sclera vertices, left and right eye
LANDMARK_VERTICES: tuple[int, ...] = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443,  # jaw
    268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509,  # brows
    978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360,  # nose
    1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,  # lids
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841,  # outer lips
    5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966,  # inner lips
)  # fmt: skip
"""Vertices of the 68 Multi-PIE landmarks (ICT-FaceKit's vertex_indices.json), in the usual order."""


@dataclass(frozen=True, eq=False)
class FaceModel:
    """ICT-FaceKit: a neutral head, expression shapes and identity shapes over one topology. Centimetres."""

    vertices: NDArray[np.float32]
    "[26719, 3] the generic neutral head"
    expressions: dict[str, NDArray[np.float32]]
    "name -> [26719, 3] displacement at weight 1"
    identities: NDArray[np.float32]
    "[100, 26719, 3] displacement of one standard deviation"
    faces: NDArray[np.int32]
    "[m, 4] vertices of each polygon, -1 as the fourth of a triangle"
    texture_faces: NDArray[np.int32]
    "[m, 4] texture coordinates of each polygon's corners"
    texture_coordinates: NDArray[np.float32]
    "[t, 2]; the integer part of u is the tile (0 face, 1 back of head, 2 gums, 3 teeth, 4 tear film)"
    face_materials: NDArray[np.int8]
    "[m] index into material_names"
    material_names: tuple[str, ...]
    digest: str
    "first 12 hex digits of the file's SHA-256: textures and grooms baked for it are cached under this name"

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """The 68 landmarks of the neutral head, [68, 3]."""
        return self.vertices[list(LANDMARK_VERTICES)]

    def faces_of(self, material: str) -> NDArray[np.intp]:
        """Indices of the polygons that wear a material, ascending."""
        return np.flatnonzero(self.face_materials == self.material_names.index(material))

    def vertices_of(self, material: str) -> NDArray[np.int32]:
        """Vertices of those polygons, ascending, each once."""
        used = np.unique(self.faces[self.faces_of(material)])
        return used[used >= 0]


def load_face_model(folder: Path) -> FaceModel:
    """Read a converted copy (see `convert`).

    SynthesisError if it is missing, unreadable or of another topology.
    """
    path = folder / MODEL_FILE
    if not path.is_file():
        raise SynthesisError(
            f"no head model at {path}: expected the folder written by 'convert'; {CONVERT_HINT}."
        )
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            stored = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise SynthesisError(f"{path} cannot be read ({error}); {CONVERT_HINT}.") from error
    missing = {"V", "E", "Enames", "I", "F", "FT", "VT", "M", "mats"} - stored.keys()
    if missing:
        raise SynthesisError(f"{path} has no {', '.join(sorted(missing))}; {CONVERT_HINT}.")
    if len(stored["V"]) != VERTEX_COUNT:
        raise SynthesisError(
            f"{path} has {len(stored['V'])} vertices, expected ICT-FaceKit's {VERTEX_COUNT}; {CONVERT_HINT}."
        )
    expressions = dict(zip(map(str, stored["Enames"]), stored["E"].astype(np.float32), strict=True))
    absent = [name for name in SHAPE_NAMES if name not in expressions]
    if absent:
        raise SynthesisError(f"{path} lacks the expression shapes {', '.join(absent)}; {CONVERT_HINT}.")
    return FaceModel(
        vertices=stored["V"],
        expressions=expressions,
        identities=stored["I"].astype(np.float32),
        faces=stored["F"],
        texture_faces=stored["FT"],
        texture_coordinates=stored["VT"],
        face_materials=stored["M"],
        material_names=tuple(map(str, stored["mats"])),
        digest=hashlib.sha256(path.read_bytes()).hexdigest()[:12],
    )
