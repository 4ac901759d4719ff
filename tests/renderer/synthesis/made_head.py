"""A head made of ellipsoids and arcs with ICT-FaceKit's topology counts: what the tests use for a head model.

It has no likeness; it has the same numbers of vertices, materials, tiles, teeth, lash strips and landmarks in
plausible places, so that everything that reads the real model runs on it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from renderer.synthesis.face_model import (
    EYEBALL_FRONTS,
    FACE_VERTICES,
    LANDMARK_VERTICES,
    SKIN_FACES,
    SKIN_VERTICES,
    VERTEX_COUNT,
)
from renderer.synthesis.names import SHAPE_NAMES

FACE_GRID = 97  # 97 * 97 vertices are exactly the 9409 of the full face area
BACK_GRID = (43, 42)
EYE_CENTRES = ((3.1, 3.6, 9.0), (-3.1, 3.6, 9.0))
EYE_RADIUS = 1.2
MATERIALS = ["M_BackHead", "M_EyeLashes", "M_Face", "M_GumsTongue", "M_LacrimalFluid", "M_Teeth"]
FACE_COUNTS = {
    "M_Face": 9230,
    "M_BackHead": 4804,
    "M_GumsTongue": 2972,
    "M_Teeth": 4490,
    "M_LacrimalFluid": 326,
}


def grid_quads(rows: int, columns: int, first: int = 0) -> np.ndarray:
    """Quads [rows - 1 * columns - 1, 4] of a grid of vertices, row by row."""
    corner = first + (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    return np.stack([corner, corner + 1, corner + columns + 1, corner + columns], 1)


def fill_up(quads: np.ndarray, count: int) -> np.ndarray:
    """Quads repeated from the front to a given number."""
    return quads[np.arange(count) % len(quads)]


def made_landmarks() -> np.ndarray:
    """68 points [68, 3] where a face has them, cm."""
    jaw = np.stack([np.linspace(-7, 7, 17), -8 * np.sin(np.linspace(0, np.pi, 17)) + 2, np.full(17, 6.0)], 1)
    brow = [
        np.stack([np.linspace(a, b, 5), np.full(5, 5.4), np.full(5, 10.2)], 1)
        for a, b in ((-5, -1.2), (1.2, 5))
    ]
    bridge = np.stack([np.zeros(4), np.linspace(3.5, 0.5, 4), np.linspace(11, 13, 4)], 1)
    nostrils = np.stack([np.linspace(-1.2, 1.2, 5), np.full(5, -0.6), np.full(5, 12.0)], 1)
    angle = np.arange(6) * np.pi / 3
    lids = [
        np.stack([x + 1.3 * np.cos(np.pi - angle), 3.6 + 0.5 * np.sin(angle), np.full(6, 10.3)], 1)
        for x in (-3.1, 3.1)
    ]

    def ring(count: int, width: float, height: float) -> np.ndarray:
        turn = np.pi - np.arange(count) * 2 * np.pi / count
        return np.stack([width * np.cos(turn), -3.9 + height * np.sin(turn), np.full(count, 11.2)], 1)

    return np.concatenate([jaw, *brow, bridge, nostrils, *lids, ring(12, 2.4, 0.8), ring(8, 2.0, 0.06)])


def made_vertices(rng: np.random.Generator) -> np.ndarray:
    """[26719, 3] cm; rng places what needs no order."""
    vertices = np.tile([0.0, 0.0, 2.0], (VERTEX_COUNT, 1))
    u, v = np.meshgrid(np.linspace(-1, 1, FACE_GRID), np.linspace(1, -1, FACE_GRID))
    azimuth, height = u * np.pi / 2, v * np.pi / 2.2
    front = np.stack(
        [
            7.5 * np.cos(height) * np.sin(azimuth),
            11 * np.sin(height),
            1 + 10.5 * np.cos(height) * np.cos(azimuth),
        ],
        -1,
    )
    vertices[:FACE_VERTICES] = front.reshape(-1, 3)
    rows, columns = BACK_GRID
    u, v = np.meshgrid(np.linspace(1, -1, columns), np.linspace(1, -1, rows))
    azimuth = np.pi + u * np.pi / 2
    radius = np.where(v > -0.2, np.cos(np.clip(v, 0, 1) * np.pi / 2.2), 0.8)
    y = np.where(v > 0, 11 * np.sin(v * np.pi / 2.2), v * 19)
    back = np.stack([7.5 * radius * np.sin(azimuth), y, 1 + 9 * radius * np.cos(azimuth)], -1).reshape(-1, 3)
    vertices[FACE_VERTICES : FACE_VERTICES + len(back)] = back
    vertices[FACE_VERTICES + len(back) : SKIN_VERTICES] = back[0]
    vertices[14062:17039] = rng.uniform([-2.5, -5.5, 5], [2.5, -4, 9.5], (17039 - 14062, 3))
    for first, last, low, high in ((17039, 19247, -3.9, -2.9), (19247, 21451, -5.2, -4.2)):
        across = rng.uniform(-3, 3, last - first)
        vertices[first:last] = np.stack(
            [across, rng.uniform(low, high, last - first), 9.8 - 0.3 * across**2], 1
        )
    for centre, (first, last) in zip(EYE_CENTRES, EYEBALL_FRONTS, strict=True):
        direction = rng.normal(size=(last - first, 3))
        direction[:, 2] = np.abs(direction[:, 2])
        vertices[first:last] = np.array(centre) + EYE_RADIUS * direction / np.linalg.norm(
            direction, axis=1, keepdims=True
        )
    vertices[list(LANDMARK_VERTICES)] = made_landmarks()
    return vertices


def lash_strips(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places four strips of 10 x 31 lash vertices; returns their quads and texture coordinates."""
    quads, uv = [], {}
    for strip in range(4):
        first = 25351 + strip * 310
        centre, up = np.array(EYE_CENTRES[strip % 2]), 1 if strip < 2 else -1
        turn = np.linspace(-1, 1, 31)
        for row in range(10):
            out = row * 0.1
            place = np.stack(
                [1.3 * turn, up * (0.5 + 0.3 * out - 0.2 * turn**2), 1.3 + out - 0.3 * turn**2], 1
            )
            ids = first + row * 31 + np.arange(31)
            vertices[ids] = centre + place
            uv |= {int(i): (0.1 + 0.8 * k / 30, 0.1 + 0.08 * row) for k, i in enumerate(ids)}
        quads.append(grid_quads(10, 31, first))
    return np.concatenate(quads), np.array([uv[i] for i in range(25351, 25351 + 4 * 310)])


def made_shapes(vertices: np.ndarray) -> np.ndarray:
    """Displacements [57, n, 3]: a jaw that drops, lips that meet it, lids, and small bumps for the rest."""
    shapes = np.zeros((len(SHAPE_NAMES), VERTEX_COUNT, 3), np.float16)
    x, y, z = vertices.T
    lower_jaw = ((y < -3.91) & (z > 3) & (np.arange(len(y)) < 21451)).astype(float)
    lower_jaw[17039:19247] = 0  # the upper teeth stay
    lower_jaw[19247:21451] = 1
    for k, name in enumerate(SHAPE_NAMES):
        side = (
            {"L": x > 0, "R": x < 0}.get(name[-1], np.ones(len(x), bool))
            if name[-2:] in ("_L", "_R")
            else x == x
        )
        if name == "jawOpen":
            shapes[k, :, 1] = -3.0 * lower_jaw
        elif name == "mouthClose":
            shapes[k, :, 1] = 3.0 * lower_jaw * (z > 10.5)
        elif name.startswith("eyeBlink"):
            upper_lid = (np.abs(np.abs(x) - 3.1) < 1.6) & (np.abs(y - 4.1) < 0.6) & (z > 9)
            shapes[k, :, 1] = -1.0 * (upper_lid & side)
        elif name.startswith("brow"):
            raised = np.exp(-((y - 5.4) ** 2) - ((np.abs(x) - 3) / 2) ** 2) * (z > 5) * side
            shapes[k, :, 1] = raised * (-0.4 if "Down" in name else 0.6)
        else:
            centre = np.array([3.0 * np.cos(k), 3.0 * np.sin(k * 1.7), 11.0])
            bump = np.exp(-((vertices - centre) ** 2).sum(1) / 4) * side
            shapes[k] = 0.3 * bump[:, None] * [np.sin(k), np.cos(k), 0.3]
    return shapes


def to_vitruvian(points: np.ndarray) -> np.ndarray:
    """ICT centimetres as Vitruvian metres: the inverse of alignment.vitruvian_axes."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1] + 160], -1) / 100


def made_body() -> tuple[np.ndarray, np.ndarray]:
    """A lathe of a head, a neck and shoulders: vertices [n, 3] on ICT axes, quads [m, 4]."""
    heights = np.arange(12, -52, -1.0)
    radius = np.interp(heights, [-50, -24, -17, -13, -9, -5, 8, 12], [17, 17, 9, 6.2, 6.5, 8, 8, 2])
    turn = np.arange(48) * 2 * np.pi / 48
    ring = np.stack([np.sin(turn), np.zeros(48), np.cos(turn)], 1)
    vertices = np.concatenate([ring * r + [0, h, -1.5 - 4.2] for h, r in zip(heights, radius, strict=True)])
    index = np.arange(len(heights))[:, None] * 48 + np.arange(48)
    below, right = index[1:], np.roll(index, -1, axis=1)
    quads = np.stack([index[:-1], below, np.roll(below, -1, axis=1), right[:-1]], -1).reshape(-1, 4)
    return vertices, quads


def made_guides(
    rng: np.random.Generator, count: int, points: int, *, brows: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Guide curves (data, cnt) in Vitruvian metres: hair that falls from the crown, or brow hairs."""
    lines = []
    for k in range(count):
        if brows:
            side = 1 if k % 2 else -1
            root = np.array([side * rng.uniform(1.2, 5), 5.4 + rng.uniform(-0.2, 0.2), 10.6])
            lines.append(root + np.linspace(0, 1, points)[:, None] * [0.7 * side, 0.2, 0.1])
        else:
            azimuth = rng.uniform(0.25 * np.pi, 1.75 * np.pi)
            height = np.linspace(rng.uniform(0.5, 0.95), -0.6, points)
            radius = np.cos(np.arcsin(np.clip(height, 0, 1))) + 0.08
            lines.append(
                np.stack([7.6 * radius * np.sin(azimuth), 11 * height, 1 + 9.4 * radius * np.cos(azimuth)], 1)
            )
    return to_vitruvian(np.concatenate(lines)).astype(np.float32), np.full(count, points, np.uint8)


def write_grooms(folder: Path) -> np.ndarray:
    """A folder of grooms as CharMorph-Vitruvian has them; returns the body on ICT axes."""
    rng = np.random.default_rng(1)
    body, quads = made_body()
    (folder / "hairstyles").mkdir(parents=True)
    (folder / "morphs" / "L1").mkdir(parents=True)
    np.save(folder / "faces.npy", quads.astype(np.uint16))
    np.save(folder / "morphs" / "L1" / "Default.npy", to_vitruvian(body))
    for name, count, brows in (("Bob", 80, False), ("mind_eyebrows_11_Default", 60, True)):
        data, cnt = made_guides(rng, count, 12, brows=brows)
        np.savez(folder / "hairstyles" / f"{name}.npz", data=data, cnt=cnt)
    return body


def write_made_head(folder: Path) -> Path:
    """A --face-model folder as `convert` writes it; about a second."""
    rng = np.random.default_rng(0)
    vertices = made_vertices(rng)
    lash_quads, lash_uv = lash_strips(vertices)
    faces = {
        "M_Face": fill_up(grid_quads(FACE_GRID, FACE_GRID), FACE_COUNTS["M_Face"]),
        "M_BackHead": fill_up(grid_quads(*BACK_GRID, FACE_VERTICES), FACE_COUNTS["M_BackHead"]),
        "M_GumsTongue": fill_up(14062 + np.arange(2976).reshape(-1, 4), FACE_COUNTS["M_GumsTongue"]),
        "M_Teeth": fill_up(17039 + np.arange(4408).reshape(-1, 4), FACE_COUNTS["M_Teeth"]),
        "M_LacrimalFluid": fill_up(24591 + np.arange(408).reshape(-1, 4), FACE_COUNTS["M_LacrimalFluid"]),
        "M_EyeLashes": lash_quads,
    }
    all_faces = np.concatenate(list(faces.values())).astype(np.int32)
    assert (all_faces[SKIN_FACES - 1] < SKIN_VERTICES).all()
    uv = np.full((VERTEX_COUNT, 2), 0.5)
    place = (np.arange(FACE_VERTICES) % FACE_GRID, np.arange(FACE_VERTICES) // FACE_GRID)
    uv[:FACE_VERTICES] = 0.05 + 0.9 * np.stack([place[0], FACE_GRID - 1 - place[1]], 1) / (FACE_GRID - 1)
    rows, columns = BACK_GRID
    back = np.arange(rows * columns)
    uv[FACE_VERTICES : FACE_VERTICES + len(back)] = (
        0.05 + 0.9 * np.stack([back % columns / (columns - 1), 1 - back // columns / (rows - 1)], 1) + [1, 0]
    )
    uv[25351 : 25351 + len(lash_uv)] = lash_uv
    identities = np.zeros((5, VERTEX_COUNT, 3), np.float16)
    identities[0, :, 0] = 0.02 * vertices[:, 0]
    identities[1, :, 2] = 0.3 * np.exp(-((vertices - [0, -8, 9]) ** 2).sum(1) / 9)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / "ict_facekit.npz",
        V=vertices.astype(np.float32),
        VT=uv.astype(np.float32),
        F=all_faces,
        FT=all_faces,
        M=np.concatenate([np.full(len(f), MATERIALS.index(m), np.int8) for m, f in faces.items()]),
        mats=np.array(MATERIALS),
        E=made_shapes(vertices),
        Enames=np.array(SHAPE_NAMES),
        I=identities,
    )
    body = write_grooms(folder / "grooms")
    np.savez(
        folder / "vitruvian_aligned.npz",
        P=body + [0, 0, 4.2],
        F=np.load(folder / "grooms" / "faces.npy"),
        s=np.array(1.0),
        R=np.eye(3),
        T=np.zeros(3),
    )
    return folder
