"""What an emotion looks like: a face and a posture for each, how its parts answer to its strength, and how
two mix. Knows no time and no sound.

The faces are the action-unit prototypes of Ekman & Friesen (Facial Action Coding System, 1978, table 11-1,
and EMFACS; the units that Du, Tao & Martinez, PNAS 111, 2014 found in most of their posers agree), written as
ARKit weights. An intensity of 1 is the strongest face that still looks felt:

    joy 6+12+25 · sadness 1+4+15+17, lids half down (Ekman & Friesen, Unmasking the Face, 1975) · anger
    4+5+7+9+23+24 · fear 1+2+4+5+20+25 · disgust 4+7+9+10+17 · surprise 1+2+5+26

Pairs that people mix up are kept apart where they are told apart (Smith, Cottrell, Gosselin & Schyns,
Psychological Science 16, 2005): fear from surprise by brows drawn together and stretched lips (Gosselin &
Simard, J. Genetic Psychology 160, 1999: mostly taken for surprise without them), disgust from anger by a
wrinkled nose, raised upper lip and narrowed eyes against lips pressed under wide ones. Disgust keeps its lips
shut (the chin is raised, 17): apart, they show teeth and gums, and that is a snarl.

Mixed emotions are the union of the units of both (Du, Tao & Martinez 2014: happily surprised is 1+2+12+25),
each ruling the half of the face in which it is recognised: smiles and sneers the lower one, fear, anger and
sadness the upper one (Smith et al. 2005; Calvo & Nummenmaa, Cognition & Emotion 30, 2016).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_NAMES

Float64 = NDArray[np.float64]

# paired names stand for Left and Right
TEMPLATES: dict[str, dict[str, float]] = {
    "neutral": {},
    "joy": {"mouthSmile": 0.88, "cheekSquint": 0.65, "eyeSquint": 0.6, "mouthUpperUp": 0.35,
            "mouthLowerDown": 0.12, "mouthDimple": 0.2, "browOuterUp": 0.08},
    "sadness": {"browInnerUp": 0.95, "browDown": 0.45, "mouthFrown": 0.8, "mouthShrugLower": 0.5,
                "eyeSquint": 0.3, "eyeBlink": 0.2},
    "anger": {"browDown": 0.92, "eyeSquint": 0.6, "eyeWide": 0.45, "noseSneer": 0.3, "mouthPress": 0.75,
              "mouthRollLower": 0.3, "mouthFrown": 0.4, "mouthShrugLower": 0.2, "jawForward": 0.2},
    "fear": {"browInnerUp": 0.95, "browOuterUp": 0.2, "browDown": 0.45, "eyeWide": 0.95, "mouthStretch": 0.95,
             "mouthLowerDown": 0.4, "mouthUpperUp": 0.05, "jawOpen": 0.12},
    "disgust": {"noseSneer": 0.8, "browDown": 0.75, "mouthUpperUp": 0.12, "mouthFrown": 0.65,
                "cheekSquint": 0.65, "eyeSquint": 0.7, "mouthShrugLower": 0.55, "mouthShrugUpper": 0.15,
                "mouthClose": 0.1},
    "surprise": {"browInnerUp": 0.95, "browOuterUp": 0.9, "eyeWide": 0.8, "jawOpen": 0.4,
                 "mouthFunnel": 0.15},
}  # fmt: skip

HEAD_DEGREES: dict[str, tuple[float, float, float]] = {
    "joy": (0.0, 0.8, 1.0),
    "sadness": (1.0, -5.5, 2.5),
    "anger": (0.0, -2.8, 0.0),
    "fear": (1.0, 1.6, -0.8),
    "disgust": (5.0, 2.0, -2.2),
    "surprise": (0.0, 2.8, 0.0),
}
"""Yaw, pitch, roll: heads hang in sadness, lower in anger, rise in surprise and turn from what disgusts
(Wallbott, European J. Social Psychology 28, 1998)."""

UPPER = ("brow", "eye")
"Prefixes of the upper half of the face; cheeks and nose belong to the lower one, with which they are read."
UPPER_RESPONSE, LOWER_RESPONSE = 1.5, 0.6
"""How much sooner than in proportion a half answers to a weak emotion: the slope at 0 is 1 + this. Brows have
a short way and are overlooked where they move by a third of it; mouths are not."""
RULES: dict[str, tuple[float, float]] = {
    "joy": (0.5, 1.0),
    "sadness": (1.0, 0.7),
    "anger": (1.0, 0.7),
    "fear": (1.0, 0.7),
    "disgust": (0.7, 1.0),
    "surprise": (0.9, 0.8),
}
"How much an emotion is recognised by the upper and the lower half: where two are felt, this says who rules."


def paired(parts: dict[str, float]) -> Float64:
    """float64 [52] of weights by name, where a name that has a left and a right form stands for both."""
    weights = np.zeros(len(ARKIT_NAMES))
    for part, value in parts.items():
        for full in (part, part + "Left", part + "Right"):
            if full in ARKIT_INDEX:
                weights[ARKIT_INDEX[full]] = value
    return weights


FACES = np.array([paired(TEMPLATES[name]) for name in EMOTION_NAMES])
"float64 [7, 52]: the face of each emotion at intensity 1."
HEADS_RAD = np.radians([HEAD_DEGREES.get(name, (0.0, 0.0, 0.0)) for name in EMOTION_NAMES])
"float64 [7, 3]: yaw, pitch, roll."

_IS_UPPER = np.array([name.startswith(UPPER) for name in ARKIT_NAMES])
_RESPONSE = np.where(_IS_UPPER, UPPER_RESPONSE, LOWER_RESPONSE)
_RULES = np.array([RULES.get(name, (1.0, 1.0)) for name in EMOTION_NAMES])[:, np.where(_IS_UPPER, 0, 1)]


def face_of(levels: Float64, variation: Float64 | float = 1.0) -> Float64:
    """The face float64 [52], 0..1, of emotions that show with `levels` float64 [7], from 0 on, 1 being full.

    variation: factors on the single weights, float64 [7, 52] or one for all.
    """
    level = levels[:, None]
    part = np.minimum(level * (1.0 + _RESPONSE) / (1.0 + _RESPONSE * level) * FACES * variation, 1.0)
    if np.count_nonzero(levels) > 1:
        ruling = level * _RULES
        part *= np.square(ruling / ruling.max(axis=0))
    return np.asarray(1.0 - np.multiply.reduce(1.0 - part, axis=0))
