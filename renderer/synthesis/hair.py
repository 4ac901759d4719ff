"""Grows strands from guide curves: hair, eyebrows, lashes, the hairline. Knows no material and no pose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from renderer.synthesis.face_model import FACE_VERTICES, FaceModel
from renderer.synthesis.geometry import Array, resample_polylines, unit
from renderer.synthesis.grooms import GroomLibrary, HeadSurface
from renderer.synthesis.recipe import Brows, Hair

Rows = NDArray[np.intp]
Hairline = Callable[
    [NDArray[np.float32]], NDArray[np.float32]
]  # points of the skin -> density of roots, 0..1


@dataclass(frozen=True)
class HairStyle:
    """How the guides of a groom become a head of hair."""

    groom: str
    "file name in CharMorph-Vitruvian's hairstyles/"
    strands: int
    spread_cm: float
    "how far a strand may stand from its guide"
    clump: float
    "0 parallel to the guide .. 1 all tips meet it"
    frizz: float
    points: int
    "per strand"
    length_jitter: float


STYLES = {
    "short": HairStyle("Combover_zoro_d", 60000, 0.16, 0.2, 0.08, 9, 0.06),
    "bob": HairStyle("Bob", 30000, 0.62, 0.45, 0.05, 16, 0.07),
    "long": HairStyle("Eve", 30000, 0.45, 0.55, 0.05, 20, 0.10),
    "slick": HairStyle("SlickedBack", 24000, 0.34, 0.40, 0.03, 12, 0.06),
    "ponytail": HairStyle("Back1", 26000, 0.30, 0.55, 0.035, 20, 0.05),
    "shag": HairStyle("SceneHair_1_O4saken", 26000, 0.30, 0.45, 0.06, 14, 0.10),
}


def grow_hair(hair: Hair, library: GroomLibrary) -> NDArray[np.float32]:
    """The strands of a hair style, [n, points, 3] cm on the mean head, roots first.

    Seeded: always the same.
    """
    style = STYLES[hair.style]
    guides = resample_polylines(library.guides(style.groom), style.points)
    strands = grow(
        guides, int(style.strands * hair.density), style, library.surface, np.random.default_rng(0)
    )
    return strands.astype(np.float32)


def grow(
    guides: Array, total: int, style: HairStyle, surface: HeadSurface, rng: np.random.Generator
) -> Array:
    """`total` strands around guides [g, k, 3], rooted on the skin; at least one per guide."""
    owner = _share_out(len(guides), total, rng)
    roots = guides[owner, 0]
    normals = surface.normals[surface.tree.query(roots)[1]]
    offset = rng.normal(size=(len(owner), 3)) * style.spread_cm * 0.6
    offset -= (offset * normals).sum(1, keepdims=True) * normals  # along the skin
    shape = _blend_with_neighbour(guides, owner, roots + offset, rng)
    along = np.linspace(0, 1, guides.shape[1])[None, :, None]
    strands = _rooted(roots + offset, surface)[:, None] + shape - offset[:, None] * (style.clump * along)
    length = np.linalg.norm(np.diff(strands, axis=1), axis=2).sum(1)
    strands = _trimmed(strands, 1 - np.abs(rng.normal(size=len(owner))) * style.length_jitter)
    return surface.push_out(strands + _frizz(style.frizz, length, guides.shape[1], rng))


def _share_out(guides: int, total: int, rng: np.random.Generator) -> Rows:
    """The guide of each strand: all guides equally often, the surplus dropped at random."""
    each = max(1, int(np.ceil(total / guides)))
    owner = np.repeat(np.arange(guides), each)
    rng.shuffle(owner)
    return owner[:total] if total > guides else np.arange(guides)


def _blend_with_neighbour(guides: Array, owner: Rows, roots: Array, rng: np.random.Generator) -> Array:
    """Each strand's shape relative to its root: its guide mixed with a nearby one that ends close enough."""
    neighbours = cKDTree(guides[:, 0]).query(roots, k=min(4, len(guides)))[1]
    other = owner
    if len(guides) > 4:
        other = neighbours[np.arange(len(owner)), rng.integers(0, neighbours.shape[1], len(owner))]
    apart = np.linalg.norm(guides[other][:, -1] - guides[owner][:, -1], axis=1) > 4.0  # across a parting
    share = rng.uniform(0, 0.5, len(owner))
    share[apart] = 0
    share = share[:, None, None]
    own, others = guides[owner], guides[other]
    return (1 - share) * (own - own[:, :1]) + share * (others - others[:, :1])


def _rooted(roots: Array, surface: HeadSurface) -> Array:
    """Roots near the skin, laid onto it."""
    distance, nearest = surface.tree.query(roots)
    on = distance < 1.2
    at, normal = surface.points[nearest], surface.normals[nearest]
    along_skin = (roots - at) - ((roots - at) * normal).sum(1, keepdims=True) * normal
    roots = roots.copy()
    roots[on] = at[on] + along_skin[on]
    return roots


def _trimmed(strands: Array, keep: Array) -> Array:
    """Strands cut to a share of their length, with the same number of points."""
    count, points, _ = strands.shape
    keep = np.clip(keep, 0.5, 1.03)
    at = np.clip(np.linspace(0, 1, points)[None] * keep[:, None] * (points - 1), 0, points - 1)
    below = np.minimum(at.astype(int), points - 2)
    part = (at - below)[..., None]
    row = np.arange(count)[:, None]
    return strands[row, below] * (1 - part) + strands[row, below + 1] * part


def _frizz(amount: float, length: Array, points: int, rng: np.random.Generator) -> Array:
    """Four random bends per strand that grow towards the tip, [n, points, 3]."""
    phase = np.linspace(0, 1, points)
    bends = np.stack([np.sin(np.pi * (q + 1) * phase * 1.5) * phase**0.7 / (q + 1) for q in range(4)], 0)
    directions = rng.normal(size=(len(length), 4, 3))
    return amount * np.minimum(length, 8)[:, None, None] * 0.25 * np.einsum("mqk,qn->mnk", directions, bends)


def grow_brows(brows: Brows, library: GroomLibrary) -> Array:
    """Eyebrow hairs [n, 6, 3] on the mean head's skin: one groom, thinned. Seeded: always the same."""
    name = f"mind_eyebrows_{brows.design:02d}" + ("_Default" if brows.design == 11 else "")
    hairs = resample_polylines(library.guides(name), 6)
    rng = np.random.default_rng(0)
    hairs = _thin_inner_end(hairs[rng.random(len(hairs)) < brows.keep], rng)
    surface = library.surface
    nearest = surface.tree.query(hairs[:, 0])[1]
    height = surface.height(hairs[:, 0], nearest)
    lower = (height * np.linspace(1, 0.6, 6)[:, None]).T[..., None]
    return surface.push_out(hairs - lower * surface.normals[nearest][:, None], 0.05)


def _thin_inner_end(hairs: Array, rng: np.random.Generator) -> Array:
    """As in people the inner end has fewer and shorter hairs that lean outward."""
    across = np.abs(hairs[:, 0, 0])
    inside = np.quantile(across, 0.01)
    outward = np.clip((across - inside) / 0.9, 0, 1)
    kept = rng.random(len(hairs)) < 0.30 + 0.70 * outward
    hairs, outward = hairs[kept], outward[kept]
    length = (0.55 + 0.45 * outward) * (1 + 0.18 * rng.standard_normal(len(hairs)))
    hairs = hairs[:, :1] + (hairs - hairs[:, :1]) * np.clip(length, 0.3, 1.2)[:, None, None]
    lean = np.linspace(0, 1, hairs.shape[1])[None] * (1 - outward)[:, None]
    lean = lean * (0.16 + 0.10 * rng.random(len(hairs)))[:, None]
    hairs[:, :, 0] += np.sign(hairs[:, :1, 0]) * lean
    return hairs


def hairline(hair: Hair, strands: NDArray[np.float32]) -> Hairline:
    """How densely hair grows at points of the skin, 0..1: by the distance to the k-th nearest root."""
    roots = strands[:, 0]
    k = max(4, int(len(roots) / 2500))
    tree = cKDTree(roots)
    full, none = hair.hairline_cm

    def density(points: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = points.reshape(-1, 3)
        out = np.zeros(len(flat), np.float32)
        near = (flat[:, 1] > -9) & (tree.query(flat, distance_upper_bound=1.0)[0] < 1.0)
        distance = tree.query(flat[near], k=[k])[0][:, 0]
        x = np.clip((none - distance) / (none - full), 0, 1)
        out[near] = x * x * (3 - 2 * x)
        return out

    return density


@dataclass(frozen=True, eq=False)
class LashBinding:
    """Lash points as weighted sums of the head model's lash-strip vertices: they follow any deformation."""

    vertices: NDArray[np.integer]
    "[lashes, points, 4]"
    weights: Array
    "[lashes, points, 4], sum 1"

    def at(self, vertices: Array) -> Array:
        """Lash points [lashes, points, 3] on a deformed head [n, 3]."""
        return (vertices[self.vertices] * self.weights[..., None]).sum(2)


def bind_lashes(model: FaceModel, per_strip: int = 22, points: int = 6) -> LashBinding:
    """Seeded lashes on each of the head model's lash strips, in the strip's own texture coordinates."""
    rng = np.random.default_rng(0)
    polygons = model.faces_of("M_EyeLashes")
    corners = model.faces[polygons]
    rows, columns = corners[:, [0, 1, 2]].ravel(), corners[:, [1, 2, 3]].ravel()
    size = len(model.vertices)
    strip_of = connected_components(coo_matrix((np.ones(len(rows)), (rows, columns)), (size, size)), False)[1]
    skin = cKDTree(model.vertices[:FACE_VERTICES].astype(np.float64))
    bound, weights = [], []
    for strip in np.unique(strip_of[corners[:, 0]]):
        vertices, place = _strip_coordinates(model, polygons[strip_of[corners[:, 0]] == strip], skin)
        tree = cKDTree(place)
        for _ in range(per_strip):
            at, length, drift = rng.uniform(0.02, 0.98), rng.uniform(0.65, 1.0), rng.normal() * 0.02
            up = np.linspace(0, length, points)
            distance, nearest = tree.query(np.stack([np.clip(at + drift * up, 0, 1), up], 1), k=4)
            weight = 1 / (distance + 1e-3) ** 2
            bound.append(vertices[nearest])
            weights.append(weight / weight.sum(1, keepdims=True))
    return LashBinding(np.array(bound), np.array(weights))


def _strip_coordinates(model: FaceModel, polygons: Rows, skin: cKDTree) -> tuple[NDArray[np.integer], Array]:
    """A strip's vertices and their (along the lid, root to tip) places in 0..1."""
    texture = {}
    for polygon in polygons:
        for vertex, corner in zip(model.faces[polygon], model.texture_faces[polygon], strict=True):
            texture[int(vertex)] = model.texture_coordinates[corner]
    vertices = np.array(list(texture))
    uv = np.array([texture[v] for v in vertices])
    best = None
    for axis in (0, 1):  # the root is the edge of the strip, in texture space, that lies nearest to the skin
        for sign in (1, -1):
            along = uv[:, axis] * sign
            edge = vertices[along <= along.min() + 1e-3]
            gap = skin.query(model.vertices[edge].astype(np.float64))[0].mean()
            if len(edge) >= 3 and (best is None or gap < best[0]):
                best = (gap, axis, sign)
    assert best is not None, "a lash strip without an edge: not ICT-FaceKit's topology"
    _, axis, sign = best
    up, across = uv[:, axis] * sign, uv[:, 1 - axis]
    return vertices, np.stack([(across - across.min()) / np.ptp(across), (up - up.min()) / np.ptp(up)], 1)


def seat_on_skin(strands: Array, vertices: Array, faces: NDArray[np.integer]) -> Array:
    """Strands [n, k, 3] laid onto an identity's own skin: roots 0.02 cm above it, tips at least 0.16 cm.

    vertices, faces: the outer skin, quads only. A point too deep is lifted; one too high comes down part of
    the way.
    """
    face_normals = np.cross(
        vertices[faces[:, 2]] - vertices[faces[:, 0]], vertices[faces[:, 3]] - vertices[faces[:, 1]]
    )
    normals = np.zeros_like(vertices)
    for k in range(4):
        np.add.at(normals, faces[:, k], face_normals)
    points = np.r_[vertices, vertices[faces].mean(1)]
    normals = np.r_[unit(normals, 1e-12), unit(face_normals, 1e-12)]
    flat = strands.reshape(-1, 3)
    _, nearest = cKDTree(points).query(flat)
    height = ((flat - points[nearest]) * normals[nearest]).sum(1)
    wanted = np.tile(np.linspace(0.02, 0.16, strands.shape[1]), len(strands))
    change = np.where(height < wanted, wanted - height, np.minimum(wanted - height, 0) * 0.6)
    return (flat + normals[nearest] * change[:, None]).reshape(strands.shape)
