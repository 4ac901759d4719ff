"""Lip aperture and mouth width of a weight vector: linear, from a table. Knows geometry, not what a mouth
should do.

The table (lip_rig.json) was derived from ICT-FaceKit by `python -m avatar_engine.training.lip_rig`. Both
measures are over the outer eye distance; at rest the aperture is .009, lips that touch are below about .02,
an open [a] is near .1.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avatar_engine.names import ARKIT_NAMES

Float64 = NDArray[np.float64]

_TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "lip_rig.json").read_text(encoding="utf-8"))


def _coefficients(measure: str) -> Float64:
    weights = _TABLE[measure]["weights"]
    return np.array([weights[name] for name in ARKIT_NAMES], dtype=np.float64)


APERTURE_REST = float(_TABLE["aperture"]["rest"])
APERTURE = _coefficients("aperture")
"float64 [52]: what a weight of 1 adds to the aperture."
WIDTH_REST = float(_TABLE["width"]["rest"])
WIDTH = _coefficients("width")


def aperture(weights: Float64) -> Float64:
    """Lip aperture of weights [..., 52] -> [...]; below 0 the lips press through each other."""
    return np.asarray(APERTURE_REST + weights @ APERTURE)


def width(weights: Float64) -> Float64:
    """Mouth width of weights [..., 52] -> [...]."""
    return np.asarray(WIDTH_REST + weights @ WIDTH)
