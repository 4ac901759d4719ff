"""One avatar as moving geometry: where every vertex, strand and eyeball is for given controls.

Knows no renderer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from renderer.synthesis.controls import EYE_LOOK_SIDE_DEG, EYE_LOOK_UP_DEG
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.eyes import IRIS_RADIUS, Patch, iris_patch, sclera_patch
from renderer.synthesis.face_model import (
    EYEBALL_FRONTS,
    FACE_VERTICES,
    SKIN_FACES,
    SKIN_VERTICES,
    FaceModel,
)
from renderer.synthesis.garment import Neckline
from renderer.synthesis.geometry import Array, fit_sphere, smoothstep
from renderer.synthesis.hair import LashBinding, bind_lashes, seat_on_skin
from renderer.synthesis.names import shape_weights
from renderer.synthesis.pose import Eye, gaze_rotation, pose_head, push_lids_off_eye
from renderer.synthesis.recipe import Recipe
from renderer.synthesis.tongue import Tongue
from renderer.synthesis.wrinkles import fold_amounts

BROW_RADIUS_CM = 0.0042
LASH_RADII_CM = (0.011, 0.0025)  # root, tip
HEAD_SLOTS = ("face", "back", "socket", "gum", "teeth", "wet", "premolars", "molars")
"""Materials of the head mesh, in the order of its slots."""
FRONT_TEETH_CM, PREMOLARS_CM = 8.8, 7.6
"Teeth whose middle lies farther back are premolars, and molars: the shadow of the cheeks is on them."


@dataclass(frozen=True, eq=False)
class HeadMesh:
    """The polygons of the head that are shown, over the head model's own vertices."""

    polygons: list[list[int]]
    slots: list[int]
    "index into HEAD_SLOTS, per polygon"
    uv: list[Array]
    "texture coordinates, per corner of each polygon in turn, tile offset taken off"


@dataclass(frozen=True, eq=False)
class StrandSet:
    """Strands that ride on the skin under their roots."""

    name: str
    rest: Array
    "[n, points, 3] cm on this identity"
    radius_cm: Array
    "[points]"
    anchors: NDArray[np.intp]
    "[n, k] skin vertices that carry each strand"
    weights: Array
    "[n, k], sum 1"
    rigid: bool
    "True: turns with the skull as a whole; False: hangs to the shoulders, which stay"


@dataclass(frozen=True, eq=False)
class Posed:
    """The whole figure for one frame; all points in centimetres."""

    head: Array
    "[26719, 3]"
    eyeballs: list[tuple[Array, Array]]
    "(sclera, iris) of the left and the right eye, points of their patches"
    lashes: Array
    "[n, points, 3]"
    strands: list[Array]
    "one [n, points, 3] per strand set"
    fold_amounts: Array
    "as wrinkles.fold_amounts"


class Figure:
    """An avatar at rest, and `pose` to move it. Immutable once made; as large as the head model."""

    def __init__(
        self, recipe: Recipe, model: FaceModel, hair: Array, brows: Array, neckline: Neckline
    ) -> None:
        """hair, brows: strands on the mean head, as grown by `hair.py`."""
        self.model = model
        if len(recipe.identity) > len(model.identities):
            raise SynthesisError(
                f"recipe: identity has {len(recipe.identity)} numbers, "
                f"the head model {len(model.identities)} shapes."
            )
        neutral = model.vertices.astype(np.float64)
        for shape, weight in recipe.rest.items():
            neutral += weight * model.expressions[shape]
        on_head = smoothstep(neutral[:, 1] + 0.25 * np.clip(neutral[:, 2] - 4, 0, None), -14.5, -9.5)
        identity = np.tensordot(np.array(recipe.identity), model.identities[: len(recipe.identity)], 1)
        self.vertices: Array = neutral + identity * on_head[:, None]
        "[26719, 3] this identity at rest; the bust keeps the mean shape, so the garment fits everybody"
        self.eyes = tuple(Eye(*fit_sphere(self.vertices[first:last])) for first, last in EYEBALL_FRONTS)
        self.patches: list[tuple[Patch, Patch]] = [
            (sclera_patch(e.radius), iris_patch(e.radius)) for e in self.eyes
        ]
        self.head_mesh = _shown_polygons(model, neutral, neckline)
        self.lashes: LashBinding = bind_lashes(model)
        self.lash_radius_cm = np.linspace(*LASH_RADII_CM, self.lashes.weights.shape[1])
        self.tongue = Tongue(model)
        self._inside = (np.arange(len(neutral)) >= SKIN_VERTICES).astype(float)
        self.strand_sets = self._bind_strands(recipe, neutral, hair, brows)

    def _bind_strands(self, recipe: Recipe, neutral: Array, hair: Array, brows: Array) -> list[StrandSet]:
        skin_tree = cKDTree(neutral[:SKIN_VERTICES])
        identity_shift = (self.vertices - neutral)[:SKIN_VERTICES]

        def bind(
            name: str, strands: Array, k: int, width_cm: float, radius_cm: float, tip: float
        ) -> StrandSet:
            distance, anchors = skin_tree.query(strands[:, 0], k=k)
            weights = np.exp(-(((distance - distance[:, :1]) / width_cm) ** 2))
            weights = weights / weights.sum(1, keepdims=True)
            strands = strands + (identity_shift[anchors] * weights[..., None]).sum(1)[:, None]
            radius = radius_cm * np.interp(np.linspace(0, 1, strands.shape[1]), [0, 0.6, 1], [1, 0.85, tip])
            if name == "brow":
                strands = seat_on_skin(strands, self.vertices[:SKIN_VERTICES], self._skin_quads())
            return StrandSet(name, strands, radius, anchors, weights, rigid=name == "brow")

        return [
            bind("hair", hair, 60, 1.5, recipe.hair.strand_radius_cm, 0.25),
            bind("brow", brows, 6, 0.3, BROW_RADIUS_CM, 0.15),
        ]

    def _skin_quads(self) -> NDArray[np.int32]:
        faces = self.model.faces
        return faces[(faces < SKIN_VERTICES).all(1) & (faces[:, 3] >= 0)]

    def deform(
        self, weights: Mapping[str, float], gaze_deg: ArrayLike, ids: NDArray[np.integer] | None = None
    ) -> Array:
        """Vertices [n, 3] under an expression, head unturned; only those of `ids` if given.

        weights: ARKit names; eyeLook weights are ignored, the gaze makes its own. Lids stay off the eyeballs.
        """
        ids = np.arange(len(self.vertices)) if ids is None else ids
        vertices = self.vertices[ids].copy()
        asked = {name: value for name, value in weights.items() if not name.startswith("eyeLook")}
        shapes = shape_weights(asked) | _eye_look_shapes(gaze_deg)
        for shape, weight in shapes.items():
            if weight and shape in self.model.expressions:
                vertices += weight * self.model.expressions[shape][ids]
        if tongue_out := weights.get("tongueOut", 0.0):
            vertices += self.tongue.shift(tongue_out, self.vertices, shapes, ids)
        face = ids < FACE_VERTICES
        for eye in self.eyes:
            vertices[face] = push_lids_off_eye(vertices[face], eye, gaze_deg)
        return vertices

    def vertices_at(
        self,
        weights: Mapping[str, float],
        head_deg: ArrayLike,
        gaze_deg: ArrayLike,
        ids: NDArray[np.integer] | None = None,
    ) -> Array:
        """Vertices [n, 3] with the head turned; only those of `ids` if given (then far cheaper)."""
        inside = self._inside if ids is None else self._inside[ids]
        return pose_head(self.deform(weights, gaze_deg, ids), head_deg, inside)

    def tongue_way(self, weights: Mapping[str, float], head_deg: ArrayLike) -> Array:
        """The three places on the way of the tongue's tip, [3, 3] cm, with the head turned."""
        places, _ = self.tongue.way(self.vertices, shape_weights(weights))
        return pose_head(places[1:], head_deg, True)

    def iris_rims(self, head_deg: ArrayLike, gaze_deg: ArrayLike) -> Array:
        """Centre and eight rim points of both irises, [2, 9, 3]: from the subject's left upwards round."""
        angles = np.arange(8) * np.pi / 4
        disc = np.r_[[[0, 0]], np.c_[np.cos(angles), np.sin(angles)]] * IRIS_RADIUS
        rims = []
        for eye in self.eyes:
            ahead = np.full(9, (eye.radius**2 - IRIS_RADIUS**2) ** 0.5)
            rims.append(
                pose_head(np.c_[disc, ahead] @ gaze_rotation(gaze_deg).T + eye.centre, head_deg, True)
            )
        return np.array(rims)

    def pose(self, weights: Mapping[str, float], head_deg: ArrayLike, gaze_deg: ArrayLike) -> Posed:
        """Everything that moves, for one frame. The garment stays where it is."""
        vertices = self.deform(weights, gaze_deg)
        shift = vertices - self.vertices
        turn = gaze_rotation(gaze_deg).T
        eyeballs = [
            tuple(pose_head(patch.points @ turn + eye.centre, head_deg, True) for patch in patches)
            for eye, patches in zip(self.eyes, self.patches, strict=True)
        ]
        strands = []
        for each in self.strand_sets:  # roots ride on scalp and forehead: raised brows take the hair along
            carried = each.rest + (shift[each.anchors] * each.weights[..., None]).sum(1)[:, None]
            strands.append(pose_head(carried, head_deg, each.rigid))
        return Posed(
            head=pose_head(vertices, head_deg, self._inside),
            eyeballs=eyeballs,  # type: ignore[arg-type]
            lashes=pose_head(self.lashes.at(vertices), head_deg, True),
            strands=strands,
            fold_amounts=fold_amounts(weights),
        )


def _eye_look_shapes(gaze_deg: ArrayLike) -> dict[str, float]:
    """The head model's eyeLook shapes (they move the lids) for a gaze."""
    x, y = (float(angle) for angle in np.asarray(gaze_deg))
    out: dict[str, float] = {}
    for side, sign in (("L", 1), ("R", -1)):
        outward = x * sign
        out[f"eyeLookOut_{side}"] = max(outward, 0) / EYE_LOOK_SIDE_DEG
        out[f"eyeLookIn_{side}"] = max(-outward, 0) / EYE_LOOK_SIDE_DEG
        out[f"eyeLookUp_{side}"] = max(y, 0) / EYE_LOOK_UP_DEG
        out[f"eyeLookDown_{side}"] = max(-y, 0) / EYE_LOOK_UP_DEG
    return out


def _shown_polygons(model: FaceModel, neutral: Array, neckline: Neckline) -> HeadMesh:
    """All but the head model's own eyeballs, lashes and occlusion meshes, and the skin under the garment."""
    slot_and_tile = {"M_Face": (0, 0), "M_BackHead": (1, 1), "M_GumsTongue": (3, 2), "M_Teeth": (4, 3)}
    slot_and_tile["M_LacrimalFluid"] = (5, 4)
    above, depth = neckline.above(neutral), _tooth_depths(model)
    polygons, slots, uv = [], [], []
    for i, material in enumerate(model.face_materials):
        name = model.material_names[material]
        if name not in slot_and_tile:
            continue
        slot, tile = slot_and_tile[name]
        if name == "M_BackHead" and i >= SKIN_FACES:
            slot = 2  # mouth and eye sockets
        if name == "M_Teeth":
            slot += 2 * (depth[model.faces[i, 0]] < FRONT_TEETH_CM) + (
                depth[model.faces[i, 0]] < PREMOLARS_CM
            )
        polygon = [int(v) for v in model.faces[i] if v >= 0]
        if slot < 2 and above[polygon].max() < -1.6 and neutral[polygon][:, 1].max() < -11:
            continue
        polygons.append(polygon)
        slots.append(slot)
        uv += [model.texture_coordinates[t] - [tile, 0] for t in model.texture_faces[i] if t >= 0]
    return HeadMesh(polygons, slots, uv)


def _tooth_depths(model: FaceModel) -> Array:
    """[26719]: how far in front the middle of the tooth lies that each vertex belongs to, cm."""
    faces = model.faces[model.faces_of("M_Teeth")]
    pairs = np.concatenate([faces[:, [0, k]] for k in (1, 2, 3)])
    pairs = pairs[(pairs >= 0).all(1)]
    count = len(model.vertices)
    edges = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(count, count))
    _, tooth = connected_components(edges, directed=False)
    return np.asarray((np.bincount(tooth, model.vertices[:, 2]) / np.bincount(tooth))[tooth])
