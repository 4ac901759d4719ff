"""Paints skin: albedo, roughness and height for both tiles of the head.

Knows the texels, no mesh, no renderer.

No photograph is used. Color is a base tone under two pigments, melanin and haemoglobin, whose amounts vary
by region and by noise and absorb as in Beer-Lambert's law (the two-layer view of skin in Tsumura et al.,
"Image-based skin color and texture analysis/synthesis by extracting hemoglobin and melanin information in
the skin", SIGGRAPH 2003). Noise is value noise on the head's own centimetres, so it has no seams.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import splev, splprep
from scipy.ndimage import map_coordinates
from scipy.spatial import cKDTree

from renderer.synthesis.face_model import FACE_VERTICES, FaceModel
from renderer.synthesis.geometry import smoothstep
from renderer.synthesis.hair import Hairline
from renderer.synthesis.recipe import HAIR_COLORS, SKIN_TONES, Recipe, Skin
from renderer.synthesis.texels import TexelPositions

Plane = NDArray[np.floating]

MELANIN = np.array([-1.0, -1.5, -2.0])  # log absorbance of red, green, blue
HAEMOGLOBIN = np.array([-0.25, -1.0, -0.75])
NOISE_CELLS = 64


@dataclass(frozen=True, eq=False)
class SkinMaps:
    """One tile as painted."""

    albedo: Plane
    "[size, size, 3] sRGB 0..1"
    roughness: Plane
    "[size, size] 0..1"
    height: Plane
    "[size, size] about -1..1 in units of the bump distance"


@dataclass(frozen=True, eq=False)
class _Tile:
    """What every painting step of one tile sees."""

    points: NDArray[np.float32]
    "[size, size, 3] cm"
    mirrored: NDArray[np.float32]
    "the same with |x|: marks that both sides share"
    rng: np.random.Generator
    landmarks: NDArray[np.float32]
    "[68, 3] of the neutral head"
    skin: Skin
    hair_root: NDArray[np.float32]
    "linear RGB of hair on skin"

    @property
    def xyz(self) -> tuple[Plane, Plane, Plane]:
        return self.points[..., 0], self.points[..., 1], self.points[..., 2]

    def noise(self, cell_cm: float, stretch: ArrayLike = 1.0) -> Plane:
        """Value noise, standard deviation 1, one cell = cell_cm; each call is new noise."""
        return value_noise(self.points * np.asarray(stretch, np.float32), cell_cm, self.rng)

    def layered_noise(self, cells_cm: list[float], amplitudes: list[float]) -> Plane:
        return sum(a * self.noise(cell) for cell, a in zip(cells_cm, amplitudes, strict=True))  # type: ignore[return-value]

    def spot(self, centre: ArrayLike, radii: ArrayLike) -> Plane:
        """A soft ellipsoid on both sides of the face: 1 at the centre, 1/e at one radius."""
        return gaussian_blob(self.mirrored, centre, radii)


def paint_skin(
    recipe: Recipe, model: FaceModel, texels: TexelPositions, hairline: Hairline
) -> dict[str, SkinMaps]:
    """The maps of the tiles "face" and "back". A pure function of the recipe and the head model.

    hairline: density 0..1 of hair roots near points [n, 3].
    """
    hair_root = srgb_to_linear(linear_to_srgb(np.array(HAIR_COLORS[recipe.hair.color].root)))
    noise_seed = np.random.default_rng(recipe.seed).integers(1 << 30)
    maps = {}
    for name, positions in (("face", texels.face), ("back", texels.back)):
        points = positions.astype(np.float32)
        mirrored = np.stack([np.abs(points[..., 0]), points[..., 1], points[..., 2]], -1)
        rng = np.random.default_rng(noise_seed)  # the same noise field on both tiles: no seam
        tile = _Tile(points, mirrored, rng, model.landmarks, recipe.skin, hair_root)
        moles = _mole_pigment(tile, model, np.random.default_rng(noise_seed + 1))
        maps[name] = _paint_tile(tile, moles, hairline, is_face=name == "face")
    return maps


def _paint_tile(
    tile: _Tile, moles: Callable[[Plane], Plane], hairline: Hairline, *, is_face: bool
) -> SkinMaps:
    """The order of the steps is the order of the noise draws: part of the look."""
    melanin, haemoglobin = _pigments(tile)
    melanin = moles(melanin)
    base = srgb_to_linear(np.array(SKIN_TONES[tile.skin.tone]))
    color = base * np.exp(
        0.9 * melanin[..., None] * MELANIN * 0.9 + 0.8 * haemoglobin[..., None] * HAEMOGLOBIN
    )
    if tile.skin.stubble > 0:
        color = _grow_stubble(tile, color)
    maps = SkinMaps(color, _roughness(tile, base), _height(tile))
    if is_face:
        maps = _paint_lips(tile, maps, base)
        maps = replace(maps, albedo=_tint_brows(tile, _paint_eyes(tile, maps.albedo)))
    if tile.skin.scalp > 0:
        maps = _tint_scalp(tile, maps, hairline)
    return replace(maps, albedo=linear_to_srgb(maps.albedo))


def _pigments(tile: _Tile) -> tuple[Plane, Plane]:
    """Melanin and haemoglobin above the base tone: noise, and what each region of a face has more of."""
    x, y, z = tile.xyz
    across, spot, blush = np.abs(x), tile.spot, tile.skin.blush
    melanin = 0.022 * tile.layered_noise([3.0, 1.2, 0.5], [1, 0.8, 0.7]) + 0.024 * tile.noise(0.16)
    melanin = melanin + 0.02 * tile.noise(0.07)
    haemoglobin = 0.034 * tile.layered_noise([2.2, 0.9, 0.35], [1, 0.9, 0.9]) + 0.035 * tile.noise(0.12)
    haemoglobin += blush * (
        0.38 * spot((4.3, 0.2, 9.5), (2.3, 1.7, 3.2))  # cheeks
        + 0.42 * spot((0, 0.3, 12.8), (1.5, 1.3, 1.8))  # tip of the nose
        + 0.30 * spot((1.4, -0.3, 11.2), (0.8, 0.8, 1.2))  # wings of the nose
        + 0.22 * spot((0, -6.3, 10.5), (1.6, 1.2, 2.0))  # chin
        + 0.30 * smoothstep(across, 7.8, 9.0) * smoothstep(y, -3, 0) * smoothstep(-y, -7, -5)  # ears
    )
    haemoglobin += 0.16 * spot((3.0, 5.0, 9.5), (2.0, 0.8, 2)) + 0.14 * spot(
        (3.1, 2.4, 9.5), (1.9, 0.7, 2)
    )  # lids
    melanin += (
        0.10 * spot((2.9, 1.9, 9.5), (1.7, 0.75, 2))  # under the eye
        + 0.06 * spot((1.6, 3.4, 9.8), (0.6, 0.9, 1.5))  # its inner corner
        + 0.04 * smoothstep(y, 6, 10) * smoothstep(z, 3, 7)  # forehead
    )
    melanin += 0.06 * smoothstep(-y, 9, 12)  # the neck is a touch darker
    if tile.skin.freckles > 0:
        where = spot((3.5, 0.8, 10), (3.2, 2.2, 4)) + spot((0, 1.0, 12), (1.6, 1.6, 3)) + 0.25
        melanin += 0.45 * tile.skin.freckles * (smoothstep(tile.noise(0.22), 1.15, 1.9) * where)
    return melanin, haemoglobin


def _mole_pigment(tile: _Tile, model: FaceModel, rng: np.random.Generator) -> Callable[[Plane], Plane]:
    """Adds the moles to a melanin plane: the same moles on both tiles."""

    def add(melanin: Plane) -> Plane:
        for _ in range(tile.skin.moles):
            centre = model.vertices[rng.integers(0, FACE_VERTICES)]
            radius, amount = rng.uniform(0.05, 0.13), rng.uniform(0.3, 0.9)
            distance = np.linalg.norm(tile.points - centre, axis=-1)
            melanin += amount * smoothstep(-distance, -radius, -radius * 0.5)
        return melanin

    return add


def _grow_stubble(tile: _Tile, color: Plane) -> Plane:
    x, y, z = tile.xyz
    zone = smoothstep(-y, 2.4, 4.4) * (1 - smoothstep(-y, 10.5, 12.5)) * smoothstep(z, 1.5, 4.5)
    zone = zone * smoothstep((x / 3.6) ** 2 + ((y + 3.9) / 1.15) ** 2, 0.8, 1.6)  # none on the lips
    zone = zone * (1 - 0.85 * tile.spot((4.2, -2.2, 9.6), (1.6, 1.5, 3)))  # less on the cheeks
    dots = 0.5 + 0.5 * smoothstep(tile.noise(0.055), -0.3, 0.9)
    amount = 0.62 * (np.clip(zone, 0, 1) * tile.skin.stubble * dots)[..., None]
    return color * (1 - amount) + (tile.hair_root * 1.3 + 0.01) * amount


def _roughness(tile: _Tile, base: Plane) -> Plane:
    is_dark = float(base @ [0.3, 0.6, 0.1]) < 0.25
    rough = np.full(tile.points.shape[:2], 0.47 + 0.06 * is_dark, np.float32)
    rough = rough + 0.05 * tile.layered_noise([1.5, 0.3], [1, 0.8])
    rough = (
        rough - 0.06 * tile.spot((0, 6, 11), (4, 3, 4)) - 0.08 * tile.spot((0, 1, 12.5), (1.6, 2.6, 2.5))
    )  # oily
    return rough + 0.05 * tile.spot((5, -3, 8), (2, 3, 4))


def _height(tile: _Tile) -> Plane:
    """Pores and fine relief, coarser on cheeks, nose and forehead, and the forehead's lines."""
    height = 0.55 * tile.noise(0.13) + 0.45 * tile.noise(0.075) + 0.5 * tile.noise(0.3)
    coarse = tile.spot((3, 0, 10.5), (3, 3, 3)) + tile.spot((0, 0.3, 12.5), (1.6, 1.8, 2.5))
    coarse = coarse + 0.5 * tile.spot((0, 8, 10), (5, 3, 4))
    height *= 0.55 + 0.45 * np.clip(coarse, 0, 1)
    if tile.skin.age > 0:
        wobble = tile.noise(2.5) * 0.15
        lines = np.sin((tile.points[..., 1] + wobble) * 2 * np.pi / 1.05)
        forehead = gaussian_blob(tile.points, (0, 8.3, 11.5), (3.6, 1.9, 3))
        height += tile.skin.age * 2.2 * (-np.clip(lines - 0.72, 0, 1) / 0.28 * forehead)
    return height


def _lip_mask(tile: _Tile) -> Plane:
    """1 on the lips: the outer-lip landmarks as a smooth closed curve, seen from the front."""
    pixels_per_cm, half_width_cm = 64, 12
    outer = tile.landmarks[48:60, :2]
    spline, _ = splprep(np.r_[outer, outer[:1]].T, s=0.002, per=1)
    outline = np.stack(splev(np.linspace(0, 1, 300), spline), 1)
    size = 2 * half_width_cm * pixels_per_cm
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [((outline + half_width_cm) * pixels_per_cm).astype(np.int32)], 255)
    soft = cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), pixels_per_cm * 0.10)
    x, y, z = tile.xyz
    rows = np.clip((y + half_width_cm) * pixels_per_cm, 0, size - 1)
    columns = np.clip((x + half_width_cm) * pixels_per_cm, 0, size - 1)
    return map_coordinates(soft, [rows, columns], order=1) * smoothstep(z, 8.6, 9.6)


def _paint_lips(tile: _Tile, maps: SkinMaps, base: Plane) -> SkinMaps:
    x, y, _ = tile.xyz
    mask = _lip_mask(tile)
    on_light = srgb_to_linear(np.array(SKIN_TONES["light"]))
    tint = srgb_to_linear(np.array(tile.skin.lip_color)) * np.clip(base / on_light, 0.05, 1.1) ** 0.72
    vertical_lines = tile.noise(0.10, stretch=[1, 0.25, 0.25])
    lips = tint * np.exp(0.12 * vertical_lines + 0.10 * tile.noise(0.5))[..., None]
    inner = tile.landmarks[60:68]
    across = np.argsort(inner[:, 0])
    knots = np.linspace(-3, 3, 7)
    seam_y = np.interp(x, knots, np.interp(knots, inner[across, 0], inner[across, 1]))
    lips = lips * (1 - 0.28 * np.exp(-(((y - seam_y) / 0.28) ** 2)))[..., None]
    opacity = (mask * tile.skin.lip_opacity)[..., None]
    roughness = maps.roughness * (1 - mask) + (0.36 + 0.05 * tile.noise(0.2)) * mask
    height = maps.height * (1 - mask) + mask * (1.1 * tile.noise(0.11, stretch=[1, 0.2, 0.2]))
    return SkinMaps(maps.albedo * (1 - opacity) + lips * opacity, roughness, height)


def _near_line(tile: _Tile, where: NDArray[np.bool_], line: Plane, width_cm: float) -> Plane:
    """Gaussian of the distance to a line of points, computed only where asked."""
    out = np.zeros(tile.points.shape[:2], np.float32)
    distance = cKDTree(line).query(tile.points[where])[0]
    out[where] = np.exp(-((distance / width_cm) ** 2))
    return out


def _between(points: Plane, pairs: list[tuple[int, int]], steps: int, *, endpoint: bool) -> Plane:
    return np.concatenate([np.linspace(points[a], points[b], steps, endpoint=endpoint) for a, b in pairs])


def _paint_eyes(tile: _Tile, color: Plane) -> Plane:
    """Lash line and water line, and a little eye shadow."""
    _, y, z = tile.xyz
    makeup = tile.skin.makeup
    near_eyes = (np.abs(y - 3.6) < 2) & (z > 7)
    for lids in (tile.landmarks[36:42], tile.landmarks[42:48]):
        rim = _between(lids, [(k, (k + 1) % 6) for k in range(6)], 12, endpoint=False)
        edge = _near_line(tile, near_eyes, rim, 0.16)
        color = (
            color
            * (1 - (0.28 + 0.5 * makeup) * edge)[..., None]
            * (1 - np.array([0, 0.18, 0.14]) * edge[..., None])
        )
    if makeup > 0:
        shadow = tile.spot((3.2, 4.7, 9.6), (1.7, 0.75, 2))
        color = color * (1 - 0.45 * makeup * shadow[..., None] * np.array([0.7, 1, 0.9]))
    return color


def _tint_brows(tile: _Tile, color: Plane) -> Plane:
    """The skin under the eyebrows takes some of their color."""
    _, y, z = tile.xyz
    pairs = [(k, k + 1) for k in (0, 1, 2, 3, 5, 6, 7, 8)]
    line = _between(tile.landmarks[17:27], pairs, 14, endpoint=True) + [0, -0.12, 0]
    amount = (
        tile.skin.brow_shadow
        * 0.55
        * _near_line(tile, (z > 5) & (np.abs(y - 5.3) < 3), line, 0.38)[..., None]
    )
    return color * (1 - amount) + tile.hair_root * amount


def _tint_scalp(tile: _Tile, maps: SkinMaps, hairline: Hairline) -> SkinMaps:
    density = hairline(tile.points).reshape(tile.points.shape[:2])
    amount = (tile.skin.scalp * density * (0.62 + 0.10 * tile.noise(0.1)))[..., None]
    amount = np.clip(amount, 0, 0.95)
    color = maps.albedo * (1 - amount) + tile.hair_root * 0.8 * amount
    return replace(maps, albedo=color, roughness=maps.roughness * (1 - 0.5 * density) + 0.7 * 0.5 * density)


def value_noise(points: NDArray[np.float32], cell_cm: float, rng: np.random.Generator) -> Plane:
    """Trilinear value noise at points [..., 3], standard deviation 1; repeats every 64 cells."""
    grid = rng.standard_normal((NOISE_CELLS,) * 3).astype(np.float32)
    at = (points.reshape(-1, 3).astype(np.float32) / cell_cm + 1000.0) % NOISE_CELLS
    noise = map_coordinates(grid, at.T, order=1, mode="grid-wrap").reshape(points.shape[:-1])
    return noise / (noise.std() + 1e-6)


def gaussian_blob(points: NDArray[np.float32], centre: ArrayLike, radii: ArrayLike) -> Plane:
    """exp(-d²) of the distance to a centre in units of three radii, at points [..., 3]."""
    offset = (points - np.asarray(centre, np.float32)) / np.asarray(radii, np.float32)
    return np.exp(-(offset**2).sum(-1))


def srgb_to_linear(color: ArrayLike) -> NDArray[np.float32]:
    """IEC 61966-2-1."""
    color = np.asarray(color, np.float32)
    return np.where(color < 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(color: Plane) -> Plane:
    """IEC 61966-2-1; what is out of range is clipped."""
    color = np.clip(color, 0, 1)
    return np.where(color < 0.0031308, color * 12.92, 1.055 * color ** (1 / 2.4) - 0.055)
