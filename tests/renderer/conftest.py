"""A made face for the renderer's tests: points that move a little with the controls, and pictures of
discs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from avatar_engine.names import ARKIT_NAMES
from renderer.folds import MASK_SIZE, FoldMap
from renderer.rig import Rig
from renderer.tongue import TongueMap
from renderer.training.matte import on_grid
from renderer.training.rig import fit


def ring(n: int, x: float, y: float, width: float, height: float) -> np.ndarray:
    angle = 2 * np.pi * np.arange(n) / n
    return np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], 1)


def neutral_points() -> tuple[np.ndarray, np.ndarray]:
    """Points [n, 2] of a schematic face in the 512 picture, and the group of each."""
    jaw = np.stack([np.linspace(150, 362, 17), 200 + 190 * np.sin(np.linspace(0, np.pi, 17))], 1)
    brow = lambda x: np.stack([np.linspace(x - 28, x + 28, 5), np.full(5, 185.0)], 1)  # noqa: E731
    nose = np.stack([np.full(4, 256.0), np.linspace(215, 262, 4)], 1)
    nostrils = np.stack([np.linspace(238, 274, 5), np.full(5, 272.0)], 1)
    eye = lambda x: ring(6, x, 215, 20, 8)[[3, 4, 5, 0, 1, 2]]  # noqa: E731
    lips = np.concatenate([ring(12, 256, 320, 42, 20), ring(8, 256, 320, 30, 8)[[4, 5, 6, 7, 0, 1, 2, 3]]])
    groups = {
        "landmark": np.concatenate([jaw, brow(210), brow(302), nose, nostrils, eye(210), eye(302), lips]),
        "face": ring(12, 256, 260, 90, 100),
        "eyes": np.concatenate([ring(6, 210, 215, 30, 16), ring(6, 302, 215, 30, 16)]),
        "teeth_upper": np.stack([np.repeat(np.linspace(222, 290, 17), 2), np.tile([322.0, 310.0], 17)], 1),
        "teeth_lower": np.stack([np.repeat(np.linspace(228, 284, 17), 2), np.tile([326.0, 336.0], 17)], 1),
        "iris_left": np.concatenate([[[302.0, 215.0]], ring(8, 302, 215, 8, 8)]),
        "iris_right": np.concatenate([[[210.0, 215.0]], ring(8, 210, 215, 8, 8)]),
        "blade": np.array([[256.0, 326], [246, 324], [266, 324], [240, 320], [272, 320], [256, 318]]),
        "tongue_way": np.array([[256.0, 320], [256, 325], [256, 340]]),
    }
    names = np.concatenate([[k] * len(v) for k, v in groups.items()])
    return np.concatenate(list(groups.values())), names


def made_labels(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """controls [n, 57] (degrees), points [n, points, 2], groups: weights shift points, yaw and pitch move
    all."""
    random = np.random.default_rng(seed)
    rest, group = neutral_points()
    controls = np.concatenate(
        [
            random.uniform(0, 1, (n, 52)) * (random.random((n, 52)) < 0.2),
            random.normal(0, 6, (n, 3)),
            random.normal(0, 5, (n, 2)),
        ],
        1,
    )
    push = np.random.default_rng(7).normal(0, 1.5, (52, len(rest), 2))
    push[:, np.char.startswith(group, "teeth")] = 0
    push[ARKIT_NAMES.index("jawOpen"), group == "teeth_lower", 1] = 30  # and nothing moves the upper ones
    head = np.radians(controls[:, 52:55])
    points = rest + np.einsum("nk,kpd->npd", controls[:, :52], push)
    points[:, :, 0] += 60 * np.sin(head[:, :1])
    points[:, :, 1] -= 60 * np.sin(head[:, 1:2])
    return controls.astype(np.float32), points.astype(np.float32), group


@pytest.fixture(scope="session")
def rig() -> Rig:
    controls, points, group = made_labels(1500)
    return replace(fit(controls, points, group, ARKIT_NAMES), folds=made_folds(), tongue=made_tongue())


def made_tongue() -> TongueMap:
    """Of the made face: its tip, then what goes less and less far with it."""
    return TongueMap(np.array([1, 0.9, 0.9, 0.7, 0.7, 0.6], np.float32), (0.0, 0.4, 0.6, 1.0), 10.0)


def made_folds() -> FoldMap:
    """Two folds on the made face, each opened by half of the weights."""
    masks = np.zeros((2, MASK_SIZE, MASK_SIZE), np.uint8)
    masks[0, 42:54, 50:80], masks[1, 70:95, 48:60] = 255, 200
    shares = np.zeros((2, 52), np.float32)
    shares[0, ::2], shares[1, 1::2] = 0.4, 0.3
    return FoldMap(masks, shares, onset=1.4, largest=1.15)


def hair_labels() -> dict[str, np.ndarray]:
    """What the scene's geometry would say of hair that goes half of the way with the head."""
    motion = np.zeros((9, 2, 6), np.float32)
    motion[[0, 1], [0, 1], 0] = -0.03, 0.03
    matte = cv2.circle(np.zeros((512, 512), np.uint8), (256, 240), 170, 255, -1)
    shown = cv2.circle(matte.copy(), (256, 290), 140, 0, -1)
    motions = {"hair_motion": motion.reshape(9, 12), "matte_motion": -motion.reshape(9, 12)}
    return motions | {"hair_matte": matte, "hair_shown": shown}


def made_canvas() -> dict[str, np.ndarray]:
    """What `renderer.training.matte` would find of it: a head over a body, a grey wall."""
    labels = hair_labels()
    labels["matte_motion"] = on_grid(torch.from_numpy(labels["matte_motion"])).numpy()
    body = np.zeros((512, 512), np.float32)
    body[400:, 60:450] = 1
    found = {"matte": labels.pop("hair_matte") / np.float32(255), "body": body}
    return labels | found | {"wall": np.full((64, 64, 3), -0.2, np.float32)}


@pytest.fixture(scope="session")
def frames_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """34 labelled pictures as renderer.synthesis writes them, two of three face crops."""
    folder = tmp_path_factory.mktemp("frames")
    controls, points, group = made_labels(34, seed=3)
    lines = []
    for i, (row, xy) in enumerate(zip(controls, points, strict=True)):
        landmarks = xy[group == "landmark"]
        picture = np.full((512, 512, 3), (90, 100, 110), np.uint8)
        cv2.fillPoly(picture, [landmarks[:17].astype(np.int32)], (150, 170, 210))
        cv2.fillPoly(picture, [landmarks[48:60].astype(np.int32)], (80, 80, 190))
        full = i % 3 == 2 or i == 14  # 14 is a held-out number
        kind = "full" if full and i != 14 else "face"
        box = [0, 0, 512, 512] if kind == "full" else [136, 140, 240, 240]
        x, y, w, h = box
        name = f"5_{i:05d}.png"
        cv2.imwrite(str(folder / name), picture[y : y + h, x : x + w])
        if kind == "full":
            matte = cv2.fillPoly(np.zeros((512, 512), np.uint8), [landmarks[:17].astype(np.int32)], 255)
            cv2.imwrite(str(folder / f"5_{i:05d}.matte.png"), matte)
        label = {
            "image": name, "kind": kind, "box": box, "weights": row[:52].tolist(), "head_deg":
            row[52:55].tolist(), "gaze_deg": row[55:].tolist(), "landmarks68": landmarks.tolist(),
        }  # fmt: skip
        lines.append(json.dumps(label))
    (folder / "frames_5.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
