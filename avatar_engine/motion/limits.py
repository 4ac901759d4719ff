"""What a face cannot do: weights out of range, lips that cross or miss each other, lids wide and shut, jumps.

The lips are limited by their aperture, which is linear in the weights (lips.py), not by single weights: a
disgusted upper lip plus a closed [p] would stay apart, mouthClose = jawOpen would press the lips through each
other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_engine.motion.lips import APERTURE, APERTURE_REST
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES

Float64 = NDArray[np.float64]

CLOSED = 0.01
"Aperture (over the outer eye distance) up to which lips count as meant to be closed; at rest it is .009."
LOOKS_CLOSED = 0.02
"Aperture up to which a viewer sees lips that meet (speech.md: 98 % of real p, b, m are below)."
CROSSING = -0.015
"Aperture below which the lips would visibly press through each other."
# paired names stand for Left and Right; the others may be 1
_LARGEST = {
    "jawOpen": 0.62, "mouthClose": 0.48, "mouthFunnel": 0.65, "mouthPucker": 0.85, "mouthLowerDown": 0.5,
    "mouthUpperUp": 0.66, "mouthPress": 0.75, "mouthRollLower": 0.75, "mouthRollUpper": 0.7,
    "mouthFrown": 0.82, "mouthStretch": 0.9, "mouthDimple": 0.5, "mouthShrugLower": 0.75,
    "mouthShrugUpper": 0.7, "cheekSquint": 0.68, "cheekPuff": 0.7, "noseSneer": 0.86, "eyeSquint": 0.85,
    "eyeWide": 0.85, "tongueOut": 0.0,
}  # fmt: skip
LARGEST = np.array([_LARGEST.get(n.removesuffix("Left").removesuffix("Right"), 1.0) for n in ARKIT_NAMES])
"float64 [52]: what faces do and avatars are trained on; beyond it pictures would be guesses."
CLOSE_BEYOND_JAW = 0.05
"mouthClose works over an open jaw; it may exceed jawOpen by this."
PRESS_LARGEST = 0.6

_JAW, _CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]
_PRESSERS = [
    ARKIT_INDEX[n] for n in ("mouthPressLeft", "mouthPressRight", "mouthRollLower", "mouthShrugLower")
]
_BLINK = np.array([ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]])
_WIDE = np.array([ARKIT_INDEX["eyeWideLeft"], ARKIT_INDEX["eyeWideRight"]])
_SMALL = 1e-3
_OPENERS = np.where(_SMALL < APERTURE, APERTURE, 0.0)
# nose and cheeks part the lips a little too, but they must not twitch with every [p]: they give way last
_LIP_OPENERS = np.where([name.startswith(("mouth", "jaw")) for name in ARKIT_NAMES], _OPENERS, 0.0)
_CLOSERS = np.where(-_SMALL > APERTURE, -APERTURE, 0.0)

_SPEED = {"brow": 0.25, "cheek": 0.2, "nose": 0.2, "eyeBlink": 0.85, "eyeSquint": 0.25, "eyeWide": 0.3}
_MOUTH_SPEED = 0.45
_JAW_SPEED = 0.3


def _largest_step(name: str) -> float:
    if name.startswith("eyeLook"):
        return 1.0  # saccades are done within a frame
    for prefix, step in _SPEED.items():
        if name.startswith(prefix):
            return step
    return _JAW_SPEED if name.startswith("jaw") else _MOUTH_SPEED


LARGEST_STEP = np.array([_largest_step(name) for name in ARKIT_NAMES], dtype=np.float64)
"""float64 [52]: what a weight may move in one frame of 40 ms. Lids shut within two frames (closing takes 60
to 90 ms), a jaw falls by .3 (about 1.2 cm) and lips cross half their range, so a [p] closes in two; brows
need 160 ms and more. Where closing the lips needs more, closing wins."""


def in_range(weights: Float64) -> Float64:
    """The weights float64 [52] clipped to what each alone may be."""
    clipped = np.clip(weights, 0.0, LARGEST)
    clipped[_CLOSE] = min(clipped[_CLOSE], clipped[_JAW] + CLOSE_BEYOND_JAW)
    return clipped


def aperture_window(wanted: float) -> tuple[float, float]:
    """The lowest and highest aperture of the whole face where the speech alone has the aperture `wanted`.

    What looks closed (to .02) stays so and lips never cross; what is clearly open (from .025) never looks
    closed and keeps most of its opening, to which an emotion may add up to .025. Lips that nearly meet in a
    [w] do so in a smile as well.
    """
    wanted = max(wanted, CLOSED)
    low = min(CROSSING + 2.3 * (wanted - CLOSED), 0.82 * wanted)
    return low, wanted + min(0.025, max(0.0, 0.5 * (wanted - LOOKS_CLOSED)))


def fit_aperture(weights: Float64, speech: Float64, low: float, high: float) -> Float64:
    """The weights changed as little as it takes to bring their aperture into low..high.

    weights, speech: float64 [52] within range, the whole face and the speech alone. First goes what an
    emotion added to the speech, then mouthClose and the lips' pressing move, last everything gives way: high
    >= .01 and low <= .009 can always be reached.
    """
    opening = APERTURE_REST + float(weights @ APERTURE)
    if opening > high:
        return _close(weights.copy(), speech, high)
    if opening < low:
        return _open(weights.copy(), speech, low)
    return weights


def _take(weights: Float64, amounts: Float64, coefficients: Float64, too_much: float) -> float:
    """Lower `weights` by a share of `amounts` such that sum(coefficients * share) = too_much; what is left of
    it."""
    reach = float(amounts @ coefficients)
    if reach <= 0 or too_much <= 0:
        return too_much
    share = min(1.0, too_much / reach)
    weights -= share * np.where(coefficients > 0, amounts, 0.0)
    return too_much - share * reach


def _raise(weights: Float64, ceiling: Float64, coefficients: Float64, too_much: float) -> float:
    """Raise `weights` towards `ceiling` float64 [52], equal shares of the way, until `too_much` is gone; what
    is left of it.
    """
    room = np.maximum(ceiling - weights, 0.0)
    reach = float(room @ coefficients)
    if reach <= 0 or too_much <= 0:
        return too_much
    share = min(1.0, too_much / reach)
    weights += share * np.where(coefficients > 0, room, 0.0)
    return too_much - share * reach


def _close(weights: Float64, speech: Float64, high: float) -> Float64:
    too_much = APERTURE_REST + float(weights @ APERTURE) - high
    added = np.maximum(weights - speech, 0.0)
    # the jaw must stay open enough for the mouthClose that is there
    added[_JAW] = min(added[_JAW], max(0.0, weights[_JAW] + CLOSE_BEYOND_JAW - weights[_CLOSE]))
    too_much = _take(weights, added, _LIP_OPENERS, too_much)
    ceiling = np.zeros_like(weights)
    ceiling[_CLOSE] = min(weights[_JAW] + CLOSE_BEYOND_JAW, LARGEST[_CLOSE])
    too_much = _raise(weights, ceiling, _CLOSERS, too_much)
    ceiling = np.zeros_like(weights)
    ceiling[_PRESSERS] = PRESS_LARGEST
    too_much = _raise(weights, ceiling, _CLOSERS, too_much)
    # the jaw can stay: mouthClose outweighs it, even .48 over the widest; the other openers settle the rest
    without_jaw = weights.copy()
    without_jaw[_JAW] = 0.0
    too_much = _take(weights, without_jaw, _LIP_OPENERS, too_much)
    _take(weights, without_jaw, _OPENERS - _LIP_OPENERS, too_much)
    return weights


def _open(weights: Float64, speech: Float64, low: float) -> Float64:
    too_much = low - APERTURE_REST - float(weights @ APERTURE)
    too_much = _take(weights, np.maximum(weights - speech, 0.0), _CLOSERS, too_much)
    only_close = np.zeros_like(weights)
    only_close[_CLOSE] = weights[_CLOSE]
    too_much = _take(weights, only_close, _CLOSERS, too_much)
    too_much = _take(weights, weights.copy(), _CLOSERS, too_much)
    _raise(weights, speech, _OPENERS, too_much)  # what the smoother or a speed limit took from the speech
    return weights


class Limits:
    """The last stage: one face over time. Keeps the previous weights and nothing else."""

    def __init__(self) -> None:
        self._last: Float64 | None = None

    def apply(self, weights: Float64, speech: Float64, wanted: float) -> Float64:
        """The possible face nearest to `weights` float64 [52], given the frame before.

        speech: float64 [52], the mouth of the speech alone; wanted: its aperture. The lips close whenever
        wanted <= .01.
        """
        possible = in_range(weights)
        if self._last is not None:
            possible = self._last + np.clip(possible - self._last, -LARGEST_STEP, LARGEST_STEP)
        possible[_WIDE] *= 1.0 - possible[_BLINK]
        possible = in_range(possible)
        possible = in_range(fit_aperture(possible, speech, *aperture_window(wanted)))
        self._last = possible
        return possible.copy()
