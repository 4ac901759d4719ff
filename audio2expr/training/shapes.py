"""How lips look for each phone: recipes in ARKit shapes, solved so that the gap between the lips is exactly
the wanted one.

The gap (aperture) is the mean height of the inner lip opening over the outer eye distance of ICT-FaceKit's
mean head; it is linear in the weights. GAP and GAP_AT_REST are that model's numbers, and `gap_of_face_model`
makes them again from a user's own copy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

CHANNELS = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper", "mouthPress",
    "mouthLowerDown", "mouthUpperUp", "mouthSmile", "mouthStretch",
)  # fmt: skip
"What the net predicts; the last five move left and right alike."
PAIRED = frozenset(("mouthPress", "mouthLowerDown", "mouthUpperUp", "mouthSmile", "mouthStretch"))
ARKIT_NAMES = tuple(n for c in CHANNELS for n in ((f"{c}Left", f"{c}Right") if c in PAIRED else (c,)))
"The ARKit names of the weights, in the order of CHANNELS."

GAP_AT_REST = 0.00904
GAP = {
    "jawOpen": 0.3242, "mouthClose": -0.4172, "mouthFunnel": 0.1214, "mouthPucker": -0.0145,
    "mouthRollLower": -0.0276,
    "mouthRollUpper": 0.0177, "mouthPress": -0.0244, "mouthLowerDown": 0.0654, "mouthUpperUp": 0.0784,
    "mouthSmile": -0.0022,
    "mouthStretch": -0.0040,
}  # fmt: skip
WIDTH_AT_REST = 0.4955
WIDTH = {
    "jawOpen": -0.0475, "mouthClose": 0.0241, "mouthFunnel": -0.0774, "mouthPucker": -0.1176,
    "mouthRollLower": 0.0116, "mouthRollUpper": 0.0199, "mouthPress": -0.0071, "mouthLowerDown": 0.0005,
    "mouthUpperUp": -0.0032, "mouthSmile": 0.1559, "mouthStretch": 0.1574,
}  # fmt: skip
"Distance of the inner mouth corners over that of the outer eye corners, to first order; as in GAP."
GAP_ROW = np.array([GAP[c] for c in CHANNELS], np.float32)

_CLOSED = {"jawOpen": 0.05, "mouthPress": 0.35, "mouthRollLower": 0.25, "mouthRollUpper": 0.22}
_FRONT = {"mouthLowerDown": 0.18, "mouthUpperUp": 0.08}
# everything but the jaw, which is solved for; strengths as in the renderer's visemes
RECIPES: dict[str, dict[str, float]] = {
    "sil": {},
    "p": _CLOSED, "b": _CLOSED, "m": {**_CLOSED, "mouthPress": 0.28},
    "f": {"mouthRollLower": 0.5, "mouthUpperUp": 0.22, "mouthFunnel": 0.04},
    "v": {"mouthRollLower": 0.42, "mouthUpperUp": 0.2, "mouthFunnel": 0.04},
    "th": {"mouthLowerDown": 0.2, "mouthUpperUp": 0.06}, "dh": {"mouthLowerDown": 0.18, "mouthUpperUp": 0.05},
    "t": {**_FRONT, "mouthStretch": 0.1}, "d": {**_FRONT, "mouthStretch": 0.1},
    "n": {**_FRONT, "mouthStretch": 0.05},
    "l": {"mouthLowerDown": 0.2, "mouthUpperUp": 0.08},
    "s": {"mouthStretch": 0.25, "mouthSmile": 0.12, "mouthLowerDown": 0.22, "mouthUpperUp": 0.12},
    "z": {"mouthStretch": 0.22, "mouthSmile": 0.1, "mouthLowerDown": 0.2, "mouthUpperUp": 0.1},
    "sh": {"mouthFunnel": 0.36, "mouthPucker": 0.2, "mouthUpperUp": 0.12},
    "zh": {"mouthFunnel": 0.34, "mouthPucker": 0.2, "mouthUpperUp": 0.1},
    "ch": {"mouthFunnel": 0.36, "mouthPucker": 0.2, "mouthUpperUp": 0.12},
    "jh": {"mouthFunnel": 0.34, "mouthPucker": 0.18, "mouthUpperUp": 0.1},
    "k": {"mouthLowerDown": 0.15, "mouthUpperUp": 0.05}, "g": {"mouthLowerDown": 0.15, "mouthUpperUp": 0.05},
    "ng": {"mouthLowerDown": 0.15, "mouthUpperUp": 0.05},
    "hh": {"mouthLowerDown": 0.12, "mouthUpperUp": 0.05},
    "r": {"mouthPucker": 0.28, "mouthFunnel": 0.2}, "w": {"mouthPucker": 0.7, "mouthFunnel": 0.16},
    "y": {"mouthSmile": 0.22, "mouthStretch": 0.2, "mouthLowerDown": 0.12},
    "aa": {"mouthLowerDown": 0.25, "mouthUpperUp": 0.14},
    "ae": {"mouthLowerDown": 0.25, "mouthUpperUp": 0.16, "mouthStretch": 0.15, "mouthSmile": 0.08},
    "ah": {"mouthLowerDown": 0.18, "mouthUpperUp": 0.08}, "ao": {"mouthFunnel": 0.32, "mouthPucker": 0.16},
    "eh": {"mouthLowerDown": 0.2, "mouthUpperUp": 0.1, "mouthStretch": 0.2, "mouthSmile": 0.12},
    "er": {"mouthFunnel": 0.16, "mouthPucker": 0.18, "mouthLowerDown": 0.08},
    "ey": {"mouthLowerDown": 0.2, "mouthUpperUp": 0.1, "mouthStretch": 0.25, "mouthSmile": 0.18},
    "ih": {"mouthLowerDown": 0.16, "mouthUpperUp": 0.07, "mouthStretch": 0.16, "mouthSmile": 0.12},
    "iy": {"mouthLowerDown": 0.18, "mouthUpperUp": 0.08, "mouthStretch": 0.28, "mouthSmile": 0.26},
    "ow": {"mouthFunnel": 0.34, "mouthPucker": 0.3}, "uh": {"mouthFunnel": 0.2, "mouthPucker": 0.35},
    "uw": {"mouthFunnel": 0.22, "mouthPucker": 0.62},
    "ue": {"mouthFunnel": 0.26, "mouthPucker": 0.6}, "oe": {"mouthFunnel": 0.32, "mouthPucker": 0.36},
    "ix": {"mouthLowerDown": 0.15, "mouthStretch": 0.12},
}  # fmt: skip
LEAST_JAW = 0.015
MOST_JAW = 0.6


def aperture(weights: np.ndarray) -> np.ndarray:
    """The gap between the lips of channel weights [..., len(CHANNELS)]; .009 at rest, at most 0 where the
    lips press."""
    return weights @ GAP_ROW + np.float32(GAP_AT_REST)


def shape(phone: str, gap: float) -> np.ndarray:
    """The channel weights of a phone with exactly this gap between the lips; float32 [len(CHANNELS)].

    The jaw makes the gap; where the recipe alone opens the lips too far, mouthClose takes the rest back.
    ValueError if that fails.
    """
    weights = np.zeros(len(CHANNELS), np.float32)
    for name, value in RECIPES[phone].items():
        weights[CHANNELS.index(name)] = value
    if phone == "sil":
        return weights
    jaw, close = CHANNELS.index("jawOpen"), CHANNELS.index("mouthClose")
    if not RECIPES[phone].get("jawOpen"):
        weights[jaw] = np.clip((gap - aperture(weights)) / GAP["jawOpen"], LEAST_JAW, MOST_JAW)
    weights[close] = np.clip((gap - aperture(weights)) / GAP["mouthClose"], 0, 1)
    lips = (CHANNELS.index("mouthFunnel"), CHANNELS.index("mouthUpperUp"))
    while (
        weights[close] > weights[jaw] + 0.04
    ):  # ARKit's mouthClose is at most the jaw: soften what else opens
        for channel in lips:
            weights[channel] *= 0.9
        weights[jaw] += 0.004
        weights[close] = np.clip((gap - aperture(weights)) / GAP["mouthClose"], 0, 1)
    if abs(float(aperture(weights)) - gap) > 1e-3:
        raise ValueError(f"no shape of {phone!r} has a gap of {gap:.3f} between the lips")
    return weights


def width(weights: np.ndarray) -> np.ndarray:
    """The width of the mouth of channel weights [..., len(CHANNELS)]."""
    return np.asarray(weights @ np.array([WIDTH[c] for c in CHANNELS]) + WIDTH_AT_REST)


def expand(weights: np.ndarray) -> np.ndarray:
    """Channel weights [..., len(CHANNELS)] -> [..., len(ARKIT_NAMES)]: paired channels twice."""
    return np.repeat(weights, [2 if c in PAIRED else 1 for c in CHANNELS], axis=-1)


# Multi-PIE landmarks on ICT-FaceKit's mesh: outer corners of the eyes, and three points on either inner lip
_EYES, _UPPER, _LOWER = (1507, 3721), (5711, 5533, 6216), (5966, 5517, 6470)


def face_model_gap(path: Path) -> tuple[Callable[[np.ndarray | float], float], dict[str, np.ndarray]]:
    """The gap between the lips of displaced points, and the displacements by shape name, of a .npz of ICT-
    FaceKit.

    The file has `V` [n, 3] (mean head), `E` [k, n, 3] (displacements) and `Enames` [k].
    """
    with np.load(path) as model:
        points = model["V"].astype(float)
        shapes = {str(name): model["E"][i].astype(float) for i, name in enumerate(model["Enames"])}
    eyes = float(np.linalg.norm(points[_EYES[0], :2] - points[_EYES[1], :2]))

    def gap(displacement: np.ndarray | float) -> float:
        moved = points + displacement
        return float(np.mean([moved[a, 1] - moved[b, 1] for a, b in zip(_UPPER, _LOWER, strict=True)])) / eyes

    return gap, shapes


def gap_of_face_model(path: Path) -> tuple[float, dict[str, float]]:
    """GAP_AT_REST and GAP from a .npz of ICT-FaceKit."""
    gap, shapes = face_model_gap(path)
    gaps = {}
    for channel in CHANNELS:
        sides = [f"{channel}_L", f"{channel}_R"] if channel in PAIRED else [channel]
        gaps[channel] = gap(np.sum([shapes[s] for s in sides], axis=0)) - gap(0.0)
    return gap(0.0), gaps
