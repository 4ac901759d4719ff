"""Frames of the scene with their labels -> tensors, all of them in memory. Knows files and the rig, no
network.

A folder holds `frames_SEED.jsonl` (one JSON a line: image, kind "full" or "face", box [x, y, w, h] in the
512 picture, weights, head_deg, gaze_deg, landmarks68) and the pictures, as `renderer.synthesis` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from renderer.backend import control_vector
from renderer.geometry import SIZE, Geometry
from renderer.rig import Rig

FACE = 240
"Side of a face crop."
VALIDATION = 29
"Every so manieth frame of a seed is held out, by its number: the split does not move when frames are added."


@dataclass
class Frames:
    """Frames of one kind (all full or all face crops) with guides; tensors on one device."""

    names: list[str]
    pictures: Tensor
    "uint8 [n, 3, side, side], BGR."
    origin: Tensor
    "int64 [n, 2]: x, y of the crop's corner in the 512 picture."
    landmarks: Tensor
    "float32 [n, 68, 2], pixels of the 512 picture, exact."
    controls: Tensor
    "float32 [n, 57]."
    masks: Tensor
    "uint8 [n, 12, 88, 88]."
    warp: Tensor
    "float32 [n, 88, 88, 2]."
    affines: Tensor
    "float32 [n, 4, 2, 3]."
    openings: Tensor
    "uint8 [n, 2, 352, 352]."
    folds: Tensor
    "float16 [n, 128, 128]."

    def __len__(self) -> int:
        return len(self.names)

    @property
    def side(self) -> int:
        return int(self.pictures.shape[-1])

    def to(self, device: str) -> Frames:
        moved = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return Frames(names=self.names, **moved)

    def geometry(self, index: Tensor) -> dict[str, Tensor]:
        """What the generator is fed, for some frames."""
        return {
            "controls": self.controls[index],
            "masks": self.masks[index].float() / 255,
            "warp": self.warp[index],
            "affines": self.affines[index],
            "openings": self.openings[index].float() / 255,
            "folds": self.folds[index].float(),
        }

    def truth(self, index: Tensor) -> Tensor:
        """float32 [k, 3, side, side], -1..1."""
        return self.pictures[index].float() / 127.5 - 1


def read_labels(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """All labels whose picture is there, in a fixed order; `path` is added."""
    rows = []
    for folder in folders:
        files = sorted(folder.glob("frames_*.jsonl"))
        if not files:
            raise FileNotFoundError(
                f"{folder}: no frames_*.jsonl there; render some with python -m renderer.synthesis"
            )
        for file in files:
            for line in file.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                row["path"] = folder / row["image"]
                if row["path"].exists():
                    rows.append(row)
    return rows


def matte_path(row: dict[str, Any]) -> Path:
    """Where a whole picture's matte is, if it has one."""
    return Path(row["path"]).with_suffix(".matte.png")


Controls = tuple[np.ndarray, np.ndarray, np.ndarray]


def face_controls(row: dict[str, Any]) -> Controls:
    """Weights [52], head [3] and gaze [2] (radians) of a label, float32: what the renderer draws from."""
    head, gaze = (np.radians(row[k]).astype(np.float32) for k in ("head_deg", "gaze_deg"))
    return np.asarray(row["weights"], np.float32), head, gaze


def is_validation(row: dict[str, Any]) -> bool:
    return int(Path(row["image"]).stem.split("_")[1]) % VALIDATION == VALIDATION // 2


def load(rows: list[dict[str, Any]], rig: Rig, kind: str) -> Frames:
    """Read the frames of one kind and make their guides (about 3 ms a frame)."""
    rows = [row for row in rows if row["kind"] == kind]
    if not rows:
        raise ValueError(f"no frames of kind {kind!r} among the labels")
    geometry = Geometry(rig)
    side = SIZE if kind == "full" else rows[0]["box"][2]
    pictures, controls, guides = [], [], []
    for row in rows:
        picture = cv2.imread(str(row["path"]), cv2.IMREAD_COLOR)
        if picture is None or picture.shape[:2] != (side, side):
            raise ValueError(f"{row['path']}: not a picture of {side} x {side}")
        pictures.append(picture.transpose(2, 0, 1))
        face = face_controls(row)
        controls.append(control_vector(*face))
        guides.append(geometry.guides(*face))
    stack = lambda name: torch.from_numpy(np.stack([getattr(g, name) for g in guides]))  # noqa: E731
    return Frames(
        names=[row["image"] for row in rows],
        pictures=torch.from_numpy(np.stack(pictures)),
        origin=torch.tensor([row["box"][:2] for row in rows]),
        landmarks=torch.tensor([row["landmarks68"] for row in rows], dtype=torch.float32),
        controls=torch.from_numpy(np.stack(controls)),
        masks=stack("masks"),
        warp=stack("warp"),
        affines=stack("affines"),
        openings=stack("openings"),
        folds=stack("folds").half(),
    )


def crop(pictures: Tensor, origin: Tensor, side: int) -> Tensor:
    """Cut [n, c, side, side] out of [n, c, 512, 512] at origin [n, 2] (x, y); whole pictures pass through."""
    if side == pictures.shape[-1]:
        return pictures
    return torch.stack(
        [p[:, y : y + side, x : x + side] for p, (x, y) in zip(pictures, origin.tolist(), strict=True)]
    )


def part_weights(frames: Frames, index: Tensor, mouth: float = 5.0, eyes: float = 4.0) -> Tensor:
    """float32 [k, 1, side, side]: 1, more in the boxes of mouth (points 49-68 + 6 px) and eyes (37-48 + 6
    px)."""
    side = frames.side
    weights = torch.ones(len(index), 1, side, side, device=frames.pictures.device)
    local = (frames.landmarks[index] - frames.origin[index][:, None]).cpu()
    for i, points in enumerate(local):
        for part, factor in ((points[48:68], mouth), (points[36:48], eyes)):
            low = (part.min(0).values - 6).floor().clamp(0, side).int().tolist()
            high = (part.max(0).values + 6).ceil().clamp(0, side).int().tolist()
            weights[i, 0, low[1] : high[1], low[0] : high[0]] *= factor
    return weights
