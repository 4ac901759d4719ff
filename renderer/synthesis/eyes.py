"""The eyeballs: their geometry and their painted textures. Knows no head, no pose, no renderer.

An eye is a sclera with a clear cornea that stands above it, and an iris disc behind: the cornea's bulge
refracts no light (the shader is a thin mirror), but it catches the lamps where a real one does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from renderer.synthesis.geometry import Array, smoothstep
from renderer.synthesis.pose import CORNEA_BULGE, CORNEA_RADIUS
from renderer.synthesis.recipe import Eyes

IRIS_RADIUS = 0.60  # cm
TEXTURE_SIZE = 512
SEGMENTS = 40  # around the line of sight
SCLERA_EXTENT_DEG = 100.0  # from the front; the back of the eyeball is never seen


@dataclass(frozen=True, eq=False)
class Patch:
    """A mesh of quads with texture coordinates."""

    points: Array
    "[n, 3] cm, the eye's centre at the origin, looking along +z"
    faces: list[tuple[int, int, int, int]]
    uv: Array
    "[4 * len(faces), 2], one per corner"


def sclera_patch(radius: float) -> Patch:
    """The eyeball from the front to SCLERA_EXTENT_DEG with the cornea's bulge; a polar texture."""
    angles = np.r_[np.linspace(0, 30, 16)[:-1], np.linspace(30, SCLERA_EXTENT_DEG, 15)]
    points, uv = [], []
    for angle in angles:
        out, ahead = math.sin(math.radians(angle)), math.cos(math.radians(angle))
        bulge = CORNEA_BULGE * max(0, 1 - (radius * out / CORNEA_RADIUS) ** 2) ** 1.25
        raised = radius + bulge
        for cos, sin in _circle():
            points.append((raised * out * cos, raised * out * sin, raised * ahead))
            uv.append(
                (0.5 + 0.5 * angle / SCLERA_EXTENT_DEG * cos, 0.5 + 0.5 * angle / SCLERA_EXTENT_DEG * sin)
            )
    return _patch(points, uv, len(angles))


def iris_patch(radius: float) -> Patch:
    """The iris: a shallow cone inside the eyeball, its texture running to the rim."""
    depth = math.sqrt(radius * radius - IRIS_RADIUS * IRIS_RADIUS) - 0.02
    rings = np.linspace(0.001, 1.08, 12)
    points, uv = [], []
    for ring in rings:
        inside = min(ring, 1)
        for cos, sin in _circle():
            points.append((IRIS_RADIUS * ring * cos, IRIS_RADIUS * ring * sin, depth - 0.05 * (1 - inside)))
            uv.append((0.5 + 0.5 * inside * 0.995 * cos, 0.5 + 0.5 * inside * 0.995 * sin))
    return _patch(points, uv, len(rings))


def _circle() -> list[tuple[float, float]]:
    angles = [2 * math.pi * k / SEGMENTS for k in range(SEGMENTS)]
    return [(math.cos(angle), math.sin(angle)) for angle in angles]


def _patch(points: list[tuple[float, ...]], uv: list[tuple[float, float]], rings: int) -> Patch:
    faces = []
    for i in range(rings - 1):
        for k in range(SEGMENTS):
            a, b = i * SEGMENTS + k, i * SEGMENTS + (k + 1) % SEGMENTS
            faces.append((a, a + SEGMENTS, b + SEGMENTS, b))
    return Patch(np.array(points), faces, np.array(uv)[np.array(faces).ravel()])


@dataclass(frozen=True, eq=False)
class EyeTextures:
    """Both textures of a pair of eyes."""

    iris: NDArray[np.uint8]
    "[512, 512, 3] sRGB"
    sclera: NDArray[np.uint8]
    "[512, 512, 4] sRGB and opacity: clear over the iris"


def paint_eyes(eyes: Eyes, seed: int) -> EyeTextures:
    """Paint the iris, then the sclera; a pure function of its arguments."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:TEXTURE_SIZE, 0:TEXTURE_SIZE]
    x = (x + 0.5) / TEXTURE_SIZE * 2 - 1
    y = (y + 0.5) / TEXTURE_SIZE * 2 - 1
    radius = np.hypot(x, y)
    iris = _paint_iris(eyes, radius, np.arctan2(y, x), rng)
    return EyeTextures(iris, _paint_sclera(radius, rng))


def _paint_iris(eyes: Eyes, radius: Array, angle: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    def fibres(rings: int, spokes: int) -> Array:
        grid = rng.standard_normal((rings, spokes))
        at = [np.clip(radius * rings, 0, rings - 1.01), (angle / (2 * np.pi) % 1) * spokes]
        return map_coordinates(grid, at, order=1, mode="grid-wrap")

    texture = fibres(6, 180) * 0.5 + fibres(10, 90) * 0.45 + fibres(16, 320) * 0.3
    outward = np.clip((radius - eyes.pupil) / (1 - eyes.pupil), 0, 1)
    share = outward[..., None] ** 0.7
    color = np.array(eyes.inner) * (1 - share) + np.array(eyes.outer) * share
    color = color * np.exp(0.33 * texture)[..., None]
    color *= (1 + 0.35 * np.exp(-(((outward - 0.22) / 0.10) ** 2)))[..., None]  # the collarette
    color *= (1 - 0.80 * smoothstep(outward, 0.78, 1.0))[..., None]  # the dark rim
    color *= smoothstep(radius, eyes.pupil - 0.015, eyes.pupil + 0.02)[..., None]
    return (np.clip(color, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)


def _paint_sclera(radius: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
    degrees = radius * SCLERA_EXTENT_DEG
    color = np.ones((TEXTURE_SIZE, TEXTURE_SIZE, 3)) * np.array([0.74, 0.695, 0.66])
    color = color * (
        1 - smoothstep(degrees, 26, 62)[..., None] * np.array([0.06, 0.24, 0.25]) * 0.9
    )  # pink corners
    vessels = np.clip(_draw_vessels(rng), 0, 1.2)
    color *= np.exp(-vessels[..., None] * np.array([0.10, 0.62, 0.55]) * 0.9)
    color *= 1 - 0.35 * (1 - smoothstep(degrees, 23, 28))[..., None] * np.array(
        [0.75, 0.72, 0.62]
    )  # the limbus
    opacity = smoothstep(degrees, 21.0, 25.5)
    return (np.clip(np.dstack([color ** (1 / 2.2), opacity]), 0, 1) * 255).astype(np.uint8)


def _draw_vessels(rng: np.random.Generator) -> Array:
    """Forty-six thin random walks from the rim towards the iris, fading on the way."""
    size = TEXTURE_SIZE
    drawn = np.zeros((size, size))
    for _ in range(46):
        angle, radius, width = rng.uniform(0, 2 * np.pi), rng.uniform(0.55, 0.95), rng.uniform(0.3, 1.0)
        while radius > 0.30:
            i, j = (
                int((math.sin(angle) * radius + 1) / 2 * size),
                int((math.cos(angle) * radius + 1) / 2 * size),
            )
            if 0 <= i < size and 0 <= j < size:
                drawn[i, j] += width
            radius -= 0.004
            angle += rng.normal() * 0.022
            width *= 0.985
    return gaussian_filter(drawn, 0.9)
