"""Points -> what the generator is guided by: part masks, a thin-plate spline, affine maps, openings. numpy
and OpenCV.

One function per guide, all for one frame; training and every back end call exactly these, so that a picture
is the same function of its controls everywhere. Positions are pixels of the 512 x 512 picture, x right, y
down, pixel centres at .5. "Left" is the subject's left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from renderer.elimination import product, solve_symmetric
from renderer.folds import MASK_SIZE
from renderer.rig import Rig
from renderer.rigid import AffineFits, layer_box

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]

SIZE = 512
BOX_START, BOX_SIZE = 80, 352
"""The face box, on both axes: every landmark of the training poses lies inside it. Divisible by 16: whole
cells at 32 x 32."""
HAIR_REGION = (72, 0, 440, 432)
"x0, y0, x1, y1: where hair and the head's matte are; they reach no farther, and the CPU saves half the warp."
MATTE_GRID = (28, 24)
"Rows and columns of the grid over HAIR_REGION on which the head's outline is moved."
CELLS = BOX_SIZE // 4
"Cells a side of the face box at the generator's 128 x 128 level."
GRID = BOX_SIZE // 8
"Cells a side on which the spline is worked out."
MASKS = (
    "lips",
    "mouth",
    "eyes",
    "brows",
    "jaw",
    "nose",
    "lip line",
    "irises",
    "upper teeth",
    "lower teeth",
    "lids",
    "tongue",
)
LIDS_REGION = (152, 150, 360, 230)
"""x0, y0, x1, y1 on the neutral face: where the texture of closed lids lies. Their lashes hang where the open
eye has none, so one texture of the skin cannot hold both."""
RIGID_LAYERS = ("teeth_upper", "teeth_lower", "iris_left", "iris_right")
TEETH_POINTS = slice(6, 28)
"Of a row of teeth: the front eleven pairs of (biting edge, crown); the molars turn away."

MIDDLE_EDGE = 16
"Of a row of teeth: the biting edge in the middle."
TONGUE_FADE = 0.1
"Weight up to which the tongue's mask grows: it has left its place, or nearly not."
PARTED_PX = 3.0
"How far lips are apart through which a tongue is seen."
LIP_PX = 60.0
"How far below the lower lip a tongue may reach that is all the way out, over the weight it takes."
LIPS_OUTER, LIPS_INNER = slice(48, 60), slice(60, 68)
EYE_RIGHT, EYE_LEFT = slice(36, 42), slice(42, 48)
WIDEN = np.ones((9, 9), np.uint8)
"One pixel to each side, four times as large."
UPPER_LIDS = (slice(36, 40), slice(42, 46))


@dataclass(frozen=True)
class Guides:
    """What one frame's points say to the generator."""

    masks: UInt8
    "uint8 [12, 88, 88], 0..255, in the order of MASKS."
    warp: Float32
    "float32 [88, 88, 2]: where each cell of the face box lies on the neutral face, 0..1 of the picture."
    affines: Float32
    "float32 [4, 2, 3]: picture pixel (x, y, 1) -> -1..1 in the box of each of RIGID_LAYERS."
    openings: UInt8
    """uint8 [2, 352, 352], 0..255: mouth and eyes inside the face box; what lies behind shows through nothing
    else."""
    folds: Float32
    "float32 [128, 128] over the neutral picture: how far the skin is folded there, 0 for flat."


@dataclass(frozen=True)
class Outlines:
    """The guides of one frame but the spline's, which a GPU works out for many frames at once."""

    masks: UInt8
    affines: Float32
    openings: UInt8
    folds: Float32
    control: Float32
    "float32 [points, 2]: where the spline's control points lie in the picture."


class Geometry:
    """The rig with its neutral face, ready to make guides."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._tongue_out = rig.names.index("tongueOut")
        self._flat = np.zeros((MASK_SIZE, MASK_SIZE), np.float32)
        zeros = np.zeros(len(rig.names), np.float32)
        self.neutral = rig.points(zeros, np.zeros(3, np.float32), np.zeros(2, np.float32))
        self.spline = Spline(self._control(self.neutral), soft_points(self._control(self.neutral)))
        parts = [np.arange(len(self.neutral))[self._layer(name)] for name in RIGID_LAYERS]
        boxes = [layer_box(self.neutral[part], name) for part, name in zip(parts, RIGID_LAYERS, strict=True)]
        self._rigid = AffineFits(parts, boxes)

    def guides(self, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> Guides:
        """weights [52] 0..1, head_rad [3], gaze_rad [2] -> Guides."""
        return self.guides_of(self.rig.points(weights, head_rad, gaze_rad), weights)

    def guides_of(self, points: Float32, weights: Float32) -> Guides:
        """The guides of points [points, 2] in the rig's order, of a face of those weights."""
        made = self.outlines_of(points, weights)
        return Guides(made.masks, self.spline.warp(made.control), made.affines, made.openings, made.folds)

    def outlines(self, weights: Float32, head_rad: Float32, gaze_rad: Float32) -> Outlines:
        """As `guides`."""
        return self.outlines_of(self.rig.points(weights, head_rad, gaze_rad), weights)

    def outlines_of(self, points: Float32, weights: Float32) -> Outlines:
        """As `guides_of`."""
        cells = to_fixed(points, BOX_START, 4)
        masks = part_masks({name: cells[start:end] for name, (start, end) in self.rig.spans.items()})
        if self.rig.tongue and weights[self._tongue_out] > 0:
            self._fill_tongue(masks[-1], points, float(weights[self._tongue_out]))
        return Outlines(
            masks=masks,
            affines=self._rigid.fit(points),
            openings=openings(self.rig.group(points, "landmark")),
            folds=self.rig.folds.opening(weights) if self.rig.folds else self._flat,
            control=self._control(points),
        )

    def _fill_tongue(self, mask: UInt8, points: Float32, weight: float) -> None:
        """Draw a tongue that has left its place, [88, 88], inside the mouth or before the lower lip."""
        rig = self.rig
        assert rig.tongue is not None
        upper, lower = (rig.group(points, name)[MIDDLE_EDGE] for name in ("teeth_upper", "teeth_lower"))
        weight = rig.tongue.limited(weight, float(lower[1] - upper[1]))
        moved = rig.tongue.moved(weight, rig.group(points, "blade"), rig.group(points, "tongue_way"))
        lips = rig.group(points, "landmark")[LIPS_INNER].copy()
        parted = float((lips[5:] - lips[3:0:-1])[:, 1].mean()) / PARTED_PX
        strength = min(1.0, weight / TONGUE_FADE) * min(max(parted, 0.0), 1.0)
        hull = cv2.convexHull(to_fixed(rig.tongue.seen(weight, moved), BOX_START, 4))
        cv2.fillConvexPoly(mask, hull, round(255 * strength), cv2.LINE_AA, 8)
        lips[5:, 1] += LIP_PX * max(0.0, weight - rig.tongue.steps[1])
        open_to = np.zeros_like(mask)
        cv2.fillPoly(open_to, [to_fixed(lips, BOX_START, 4)], 255, cv2.LINE_AA, 8)
        np.minimum(mask, open_to, out=mask)

    def _control(self, points: Float32) -> Float32:
        """Points that the spline goes through."""
        return np.concatenate([self.rig.group(points, n) for n in ("landmark", "face", "eyes")])

    def _layer(self, name: str) -> slice:
        """Where the points lie that say where a rigid layer is."""
        start, end = self.rig.spans[name]
        points = range(start, end)[TEETH_POINTS] if name.startswith("teeth") else range(start, end)
        return slice(points.start, points.stop)


def soft_points(neutral: Float32) -> Float32:
    """How far each control point may give way when it turns from the camera; lids and lips never: that blurs
    them."""
    soft = np.full(len(neutral), 0.03, np.float32)
    soft[17:68] = 0
    soft[68:] *= np.linalg.norm(neutral[68:, None] - neutral[None, 36:68], axis=2).min(1) > 12
    return soft


class Spline:
    """Backward thin-plate spline (Bookstein 1989): picture position -> neutral position, on a grid of 8
    pixels.

    Not for two threads at once: it works in memory of its own, for fresh pages cost more than the arithmetic.
    """

    def __init__(self, neutral: Float32, soft: Float32) -> None:
        n = len(neutral)
        self.neutral = neutral
        self.soft = soft
        self.line = ((BOX_START + 8 * np.arange(GRID) + 4) / SIZE).astype(np.float32)
        self._scratch = np.empty((2, GRID * GRID, n), np.float32)
        self._kernel = np.empty((2, n, n))
        # the plane's three rows first: each leading block is a spline's own
        self._table, self._work = np.zeros((2, n + 3, n + 5))
        self._target = neutral.astype(np.float64) / SIZE

    def warp(self, points: Float32) -> Float32:
        """points [n, 2] in the picture -> float32 [88, 88, 2], 0..1 of the neutral picture."""
        source = points.astype(np.float64) / SIZE
        table = self._table
        table[0, 3:-2] = table[3:, 0] = 1
        table[1:3, 3:-2] = source.T
        table[3:, 1:3] = source
        table[:3, -2:] = 0
        table[3:, -2:] = self._target
        kernel = self._twice_radial_of_points(source)
        kernel.reshape(-1)[:: len(points) + 1] += 2 * (1e-5 + self._giving_way(points))
        table[3:, 3:-2] = kernel
        columns = solve_symmetric(table, self._work).T.astype(np.float32, order="C")
        radii = self._twice_radial_of_grid(source.astype(np.float32))
        # vecdot, no matrix product: BLAS threads would wake for it, and spin
        field = np.vecdot(radii[:, None], columns[:, 3:]).reshape(GRID, GRID, 2)
        field += self.line[:, None] * columns[:, 1] + columns[:, 0]
        field += (self.line[:, None] * columns[:, 2])[:, None]
        # linear: OpenCV's cubic bends straight lines by a third of a pixel
        return np.asarray(cv2.resize(field, (CELLS, CELLS)), np.float32)

    def _twice_radial_of_points(self, source: NDArray[np.float64]) -> NDArray[np.float64]:
        """r^2 log r^2 between all of source [n, 2], float64 [n, n] in scratch memory."""
        squared, logarithm = self._kernel
        square = np.square(source).sum(1)
        ones = np.ones_like(square)
        left = np.column_stack([source, square + 1e-9, ones])  # 1e-9: the logarithm's floor
        product(left, np.stack([*(-2 * source.T), ones, square]), squared)
        cv2.log(squared, logarithm)
        return np.multiply(squared, logarithm, out=squared)

    def _twice_radial_of_grid(self, source: Float32) -> Float32:
        """r^2 log r^2 from each cell of the grid to source [n, 2], float32 [cells, n] in scratch memory.

        The grid's squares are sums of those of its lines.
        """
        squared, other = self._scratch
        across, down = (np.square(self.line[:, None] - source[None, :, axis]) for axis in (0, 1))
        across += np.float32(1e-9)  # the logarithm's floor, cheaper to add than to compare
        np.add(down[:, None], across[None], out=squared.reshape(GRID, GRID, -1))
        cv2.log(squared, other)
        other *= squared
        return other

    @cached_property
    def triangles(self) -> tuple[NDArray[np.int64], Float32, NDArray[np.float64]]:
        """Triangles of the neutral face that have some size, that size (signed, doubled), and its sum round
        each point."""
        triangles = delaunay(self.neutral)
        area = signed_areas(self.neutral, triangles)
        keep = np.abs(area) > 40
        triangles, area = triangles[keep], area[keep]
        around = np.bincount(triangles.ravel(), np.repeat(np.abs(area), 3), len(self.neutral))
        return triangles, area, around.astype(np.float64)

    @cached_property
    def _soft_triangles(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Float32]:
        """Points that may give way and have triangles; the triangles round any of them; those' sizes."""
        triangles, area, around = self.triangles
        soft = (self.soft > 0) & (around > 0)
        keep = soft[triangles].any(1)
        return np.flatnonzero(soft), triangles[keep], area[keep]

    def _giving_way(self, points: Float32) -> NDArray[np.float64]:
        """How far each point gives way: its softness where the triangles round it are flipped or squeezed
        (there the far cheek would fold), 0 where they are not."""
        soft, triangles, rest = self._soft_triangles
        ratio = np.minimum(np.maximum(signed_areas(points, triangles) / rest, -1), 1.5)
        total = np.bincount(triangles.ravel(), np.repeat(ratio * np.abs(rest), 3), len(points))
        given = np.zeros(len(points))
        mean = total[soft] / self.triangles[2][soft]
        given[soft] = self.soft[soft] / (1 + np.exp((mean - 0.25) / 0.06))
        return given


def signed_areas(points: Float32, triangles: NDArray[np.int64]) -> Float32:
    """Twice the signed area of each triangle."""
    corner = points[triangles]
    a, b = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def delaunay(points: Float32) -> NDArray[np.int64]:
    """Delaunay triangles of points [n, 2], int64 [k, 3], by OpenCV's subdivision."""
    low, high = points.min(0) - 8, points.max(0) + 8
    width, height = np.ceil(high - low).astype(int)
    plane = cv2.Subdiv2D((int(np.floor(low[0])), int(np.floor(low[1])), int(width) + 2, int(height) + 2))
    plane.insert([(float(x), float(y)) for x, y in points])
    corners = np.asarray(plane.getTriangleList()).reshape(-1, 3, 2)
    distance = np.linalg.norm(corners[:, :, None] - points[None, None], axis=3)
    inside = distance.min(2).max(1) < 1e-2  # the rest touch the frame that OpenCV puts round everything
    return np.asarray(distance.argmin(2)[inside], np.int64)


def to_fixed(points: Float32, start: float, pixels_per_cell: float) -> NDArray[np.int32]:
    """Picture positions as OpenCV's fixed point (8 bits) of a grid whose cell 0 begins at `start`."""
    return np.round(((points - start) / pixels_per_cell - 0.5) * 256).astype(np.int32)


def part_masks(group: dict[str, NDArray[np.int32]]) -> UInt8:
    """uint8 [12, 88, 88]: soft-edged parts at the generator's 128 x 128 level inside the face box; group: the
    points of each group, in fixed point of these cells. The tongue is drawn by who knows its weight."""
    canvas = np.zeros((len(MASKS), CELLS, CELLS), np.uint8)
    face = group["landmark"]

    def fill(mask: int, outline: NDArray[np.int32]) -> None:
        cv2.fillPoly(canvas[mask], [outline], 255, cv2.LINE_AA, 8)

    def line(mask: int, path: NDArray[np.int32], *, closed: bool = False) -> None:
        cv2.polylines(canvas[mask], [path], closed, 255, 1, cv2.LINE_AA, 8)

    fill(0, face[LIPS_OUTER])
    fill(1, face[LIPS_INNER])
    for eye in (EYE_RIGHT, EYE_LEFT):
        fill(2, face[eye])
    for brow in (slice(17, 22), slice(22, 27)):
        line(3, face[brow])
    line(4, face[:17])
    for part in (slice(27, 31), slice(31, 36)):
        line(5, face[part])
    line(6, face[LIPS_INNER], closed=True)
    for side in ("iris_left", "iris_right"):
        fill(7, group[side][1:])
    for mask, row in ((8, group["teeth_upper"]), (9, group["teeth_lower"])):
        fill(mask, np.concatenate([row[0::2], row[1::2][::-1]]))
    for lid in UPPER_LIDS:
        line(10, face[lid])
    np.minimum(canvas[7], canvas[2], out=canvas[7])
    np.minimum(canvas[8:10], canvas[1], out=canvas[8:10])
    return canvas


def openings(landmarks: Float32) -> UInt8:
    """uint8 [2, 352, 352]: mouth and eyes at picture resolution, one pixel wider than their outlines.

    Drawn four times as large and averaged: OpenCV's own smooth edges jump when a corner crosses a pixel,
    which is seen as a flicker of lids and lips.
    """
    canvas = np.zeros((2, BOX_SIZE, BOX_SIZE), np.uint8)
    for layer, part in ((0, LIPS_INNER), (1, EYE_RIGHT), (1, EYE_LEFT)):
        outline = landmarks[part] - BOX_START
        x0, y0, x1, y1 = bounding_box(outline, 3, (0, 0, BOX_SIZE, BOX_SIZE))
        if x1 <= x0 or y1 <= y0:  # turned out of the picture
            continue
        large = np.zeros(((y1 - y0) * 4, (x1 - x0) * 4), np.uint8)
        drawn = to_fixed(outline - np.array([x0, y0], np.float32), 0, 0.25)
        cv2.fillPoly(large, [drawn], 255, cv2.LINE_8, 8)
        small = cv2.resize(cv2.dilate(large, WIDEN), (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA)
        region = canvas[layer, y0:y1, x0:x1]
        np.maximum(region, small, out=region)
    return canvas


def box_feather(margin: int = 32) -> Float32:
    """float32 [352, 352]: 0 at the edge of the face box, 1 from `margin` pixels inwards, smooth between."""
    v = np.arange(BOX_SIZE, dtype=np.float32) + 0.5
    ramp = np.clip(np.minimum(v, BOX_SIZE - v) / margin, 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return np.asarray(ramp[:, None] * ramp[None], np.float32)


def bounding_box(points: Float32, margin: float, limits: Sequence[float]) -> tuple[int, int, int, int]:
    """x0, y0, x1, y1 of points plus a margin, inside limits (x0, y0, x1, y1)."""
    # plain numbers: for a handful of points numpy's calls cost several times as much
    across, down = points.T.tolist()
    return (
        int(max(math.floor(min(across) - margin), limits[0])),
        int(max(math.floor(min(down) - margin), limits[1])),
        int(min(math.ceil(max(across) + margin), limits[2])),
        int(min(math.ceil(max(down) + margin), limits[3])),
    )
