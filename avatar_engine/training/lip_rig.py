"""Makes avatar_engine/motion/lip_rig.json: lip aperture and mouth width as linear functions of the 52
weights.

    python -m avatar_engine.training.lip_rig --face-model ict_facekit.npz [--out
    avatar_engine/motion/lip_rig.json]

The face model is a user's own copy of ICT-FaceKit (USC Institute for Creative Technologies, MIT licence) as
an npz with `V` float [vertices, 3] (neutral mean face, cm), `E` float [shapes, vertices, 3] and `Enames` (the
57 expression shapes). Aperture is the mean of three inner-lip gaps, width the distance of the inner mouth
corners, both over the outer eye distance: what MediaPipe measures on video. Only these derived numbers ship.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from avatar_engine.errors import UsageError
from avatar_engine.names import ARKIT_NAMES

INNER_LIPS = ((5711, 5966), (5533, 5517), (6216, 6470))
"Vertices (upper, lower) of the landmark pairs 62/68, 63/67 and 64/66 of the usual 68."
MOUTH_CORNERS = (5702, 6207)
"Landmarks 61 and 65."
EYE_CORNERS = (1507, 3721)
"Outer corners of both eyes, landmarks 37 and 46."
VERTEX_SETS = {"INNER_LIPS": INNER_LIPS, "MOUTH_CORNERS": MOUTH_CORNERS, "EYE_CORNERS": EYE_CORNERS}


def shape_names(name: str) -> list[str]:
    """The ICT-FaceKit shapes that make up one ARKit weight: some are split in two, sides are written _L and
    _R."""
    if name in ("browInnerUp", "cheekPuff"):
        return [f"{name}_L", f"{name}_R"]
    if name in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        return [name]
    for side in ("Left", "Right"):
        if name.endswith(side):
            return [name[: -len(side)] + "_" + side[0]]
    return [name]


def aperture_cm(points: np.ndarray) -> float:
    """Mean height of the inner-lip gaps of vertices (or displacements) float [vertices, 3]."""
    return float(np.mean([points[up, 1] - points[low, 1] for up, low in INNER_LIPS]))


def lip_rig(neutral: np.ndarray, shapes: dict[str, np.ndarray]) -> dict[str, object]:
    """The table: rest and one coefficient per ARKit name, for aperture (exactly linear) and width (to first
    order)."""
    eyes = float(np.linalg.norm(neutral[EYE_CORNERS[0], :2] - neutral[EYE_CORNERS[1], :2]))
    mouth = neutral[MOUTH_CORNERS[0]] - neutral[MOUTH_CORNERS[1]]
    direction = mouth / np.linalg.norm(mouth)
    aperture, width = {}, {}
    for name in ARKIT_NAMES:
        moved = sum((shapes[shape] for shape in shape_names(name) if shape in shapes), np.zeros_like(neutral))
        aperture[name] = round(aperture_cm(moved) / eyes, 5) + 0.0
        width[name] = (
            round(float((moved[MOUTH_CORNERS[0]] - moved[MOUTH_CORNERS[1]]) @ direction) / eyes, 5) + 0.0
        )
    return {
        "unit": "outer eye distance",
        "aperture": {"rest": round(aperture_cm(neutral) / eyes, 5), "weights": aperture},
        "width": {"rest": round(float(np.linalg.norm(mouth)) / eyes, 5), "weights": width},
    }


def read_face_model(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Neutral vertices and named shapes of an ICT-FaceKit npz; UsageError where it is not one."""
    try:
        with np.load(path) as data:
            neutral = data["V"].astype(np.float64)
            shapes = {str(name): data["E"][i].astype(np.float64) for i, name in enumerate(data["Enames"])}
    except (OSError, KeyError, ValueError) as error:
        raise UsageError(f"{path}: not an ICT-FaceKit npz with V, E and Enames ({error})") from None
    if len(neutral) <= max(max(np.ravel(indices)) for indices in VERTEX_SETS.values()):
        raise UsageError(f"{path}: {len(neutral)} vertices; the ICT-FaceKit head has more than 26 000")
    return neutral, shapes


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--face-model", type=Path, required=True, help="npz of ICT-FaceKit with V, E, Enames")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "motion" / "lip_rig.json")
    options = parser.parse_args(arguments)
    table = {
        "command": "python -m avatar_engine.training.lip_rig --face-model ict_facekit.npz",
        "source": "derived from ICT-FaceKit, (c) 2020 USC Institute for Creative Technologies, MIT licence",
        **lip_rig(*read_face_model(options.face_model)),
    }
    options.out.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    print(f"{options.out}: aperture at rest {table['aperture']['rest']}")


if __name__ == "__main__":
    main()
