"""Fits the landmark rig: labels of the scene -> renderer.rig.Rig, stored as safetensors. Knows labels, no
pictures.

Labels are cheap (no rendering): `python -m renderer.synthesis.rig_labels` writes an npz of thousands of
random controls with the exact picture positions of every point.

    python -m renderer.training.rig --labels labels.npz --out runs/rig.safetensors
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from safetensors.numpy import save_file

from renderer.folds import MASK_SIZE, FoldMap
from renderer.rig import Rig, features, lid_columns
from renderer.tongue import TongueMap

GROUPS = {
    "landmark": 1, "face": 2, "eyes": 1, "teeth_upper": 1, "teeth_lower": 1, "iris_left": 1, "iris_right": 1,
    "blade": 1, "tongue_way": 1,
}  # fmt: skip
"Groups of points that the generator's guides use, and every how manieth of each."
RIDGE = 1e-2


def fit(controls: np.ndarray, xy: np.ndarray, group: np.ndarray, names: tuple[str, ...]) -> Rig:
    """controls [n, 57] (52 weights, head and gaze in degrees), xy [n, points, 2], group [points] -> Rig."""
    keep = chosen(group)
    x = design(controls, names)
    scale = x.std(0)
    scale[scale < 1e-6] = np.inf  # a weight that no label has says nothing
    scale[0] = 1
    x = x / scale
    y = xy[:, keep].reshape(len(xy), -1).astype(np.float64)
    mean = y.mean(0)
    solution = np.linalg.solve(x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (y - mean)) / scale[:, None]
    return Rig(names, tuple(group[keep].tolist()), mean.astype(np.float32), solution.astype(np.float32))


def chosen(group: np.ndarray) -> np.ndarray:
    """Indices of the points of GROUPS among the labels' groups [points]."""
    return np.concatenate([np.flatnonzero(group == name)[::step] for name, step in GROUPS.items()])


def design(controls: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """The regression's features of controls as the labels store them (angles in degrees)."""
    head, gaze = np.radians(controls[:, 52:55]), np.radians(controls[:, 55:57])
    return features(controls[:, :52], head, gaze, lid_columns(names))


def errors(rig: Rig, controls: np.ndarray, xy: np.ndarray, group: np.ndarray) -> dict[str, float]:
    """Distance in pixels between rig and labels: mean and 95th percentile over all points and frames."""
    keep = chosen(group)
    predicted = design(controls, rig.names).astype(np.float32) @ rig.coefficients + rig.mean
    distance = np.linalg.norm(predicted.reshape(len(xy), -1, 2) - xy[:, keep], axis=2)
    return {"mean_px": float(distance.mean()), "p95_px": float(np.quantile(distance, 0.95))}


def save(rig: Rig, path: Path, bits: type[np.floating[Any]] = np.float32) -> None:
    """Write the rig; names, groups and numbers of the folds travel as metadata. Coefficients in float16 move
    points by .03 px at most."""
    tensors = {"mean": rig.mean, "coefficients": np.ascontiguousarray(rig.coefficients, bits)}
    facts = {"names": json.dumps(rig.names), "groups": json.dumps(rig.groups)}
    if rig.folds:
        tensors["folds.shares"] = np.ascontiguousarray(rig.folds.shares)
        tensors["folds.masks"] = cv2.imencode(".png", rig.folds.masks.reshape(-1, MASK_SIZE))[1]
        facts["folds"] = json.dumps({"onset": rig.folds.onset, "largest": rig.folds.largest})
    if rig.tongue:
        tensors["tongue.share"] = rig.tongue.share
        facts["tongue"] = json.dumps({"steps": rig.tongue.steps, "wide_px": rig.tongue.wide_px})
    save_file(tensors, path, facts)


def read_folds(labels: Mapping[str, np.ndarray]) -> FoldMap | None:
    """The map of folds among the labels, None where the skin has none."""
    if "fold_masks" not in labels:
        return None
    masks, shares = labels["fold_masks"], labels["fold_shares"]
    return FoldMap(masks, shares, float(labels["fold_onset"]), float(labels["fold_largest"]))


def read_tongue(labels: Mapping[str, np.ndarray]) -> TongueMap | None:
    """The tongue's motion among the labels, None where it lies still."""
    if "tongue_share" not in labels:
        return None
    steps = tuple(round(float(step), 4) for step in labels["tongue_steps"])
    return TongueMap(labels["tongue_share"], steps, float(labels["tongue_wide_px"]))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=Path, required=True, help="npz of renderer.synthesis.rig_labels")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--held-out", type=float, default=0.06, help="share of the labels to report on")
    arguments = parser.parse_args(argv)
    with np.load(arguments.labels) as file:
        controls, xy, group, names = (file[k] for k in ("controls", "xy", "group", "names"))
        folds, tongue = read_folds(file), read_tongue(file)
    cut = int(len(xy) * (1 - arguments.held_out))
    rig = replace(fit(controls[:cut], xy[:cut], group, tuple(names.tolist())), folds=folds, tongue=tongue)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    save(rig, arguments.out)
    print(json.dumps({"points": len(rig.groups), "held_out": errors(rig, controls[cut:], xy[cut:], group)}))


if __name__ == "__main__":
    main()
