"""The names of controls and of the head model's shapes, and how one maps to the other. Knows no geometry."""

from __future__ import annotations

from collections.abc import Mapping

ARKIT_NAMES: tuple[str, ...] = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight",
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight",
    "mouthUpperUpLeft", "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 weights in the internal (alphabetical) order."""

SHAPE_NAMES: tuple[str, ...] = (
    "PupilDilate_L", "PupilDilate_R", "browDown_L", "browDown_R", "browInnerUp_L", "browInnerUp_R",
    "browOuterUp_L", "browOuterUp_R", "cheekPuff_L", "cheekPuff_R", "cheekRaiser_L", "cheekRaiser_R",
    "cheekSquint_L", "cheekSquint_R", "eyeBlink_L", "eyeBlink_R", "eyeLookDown_L", "eyeLookDown_R",
    "eyeLookIn_L", "eyeLookIn_R", "eyeLookOut_L", "eyeLookOut_R", "eyeLookUp_L", "eyeLookUp_R",
    "eyeSquint_L", "eyeSquint_R", "eyeWide_L", "eyeWide_R", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimple_L", "mouthDimple_R", "mouthFrown_L", "mouthFrown_R", "mouthFunnel",
    "mouthLeft", "mouthLowerDown_L", "mouthLowerDown_R", "mouthPress_L", "mouthPress_R", "mouthPucker",
    "mouthRight",
    "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmile_L", "mouthSmile_R",
    "mouthStretch_L", "mouthStretch_R", "mouthUpperUp_L", "mouthUpperUp_R", "noseSneer_L", "noseSneer_R",
)  # fmt: skip
"""The 57 expression shapes of ICT-FaceKit; each is NAME.obj in its folder."""

_SPLIT_IN_TWO = ("browInnerUp", "cheekPuff")  # one ARKit weight, two shapes in the head model
_ONE_SIDED = (
    "jawLeft",
    "jawRight",
    "mouthLeft",
    "mouthRight",
)  # here Left and Right are directions, not sides


def shapes_of(weight_name: str) -> tuple[str, ...]:
    """The head model's shapes that one ARKit weight moves: `mouthSmileLeft` -> `mouthSmile_L`.

    `tongueOut` gives itself, which no head model of ICT-FaceKit has.
    """
    if weight_name in _SPLIT_IN_TWO:
        return (weight_name + "_L", weight_name + "_R")
    if weight_name in _ONE_SIDED:
        return (weight_name,)
    for ending, suffix in (("Left", "_L"), ("Right", "_R")):
        if weight_name.endswith(ending):
            return (weight_name.removesuffix(ending) + suffix,)
    return (weight_name,)


def shape_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """ARKit weights as weights of the head model's shapes, in the order given."""
    return {shape: value for name, value in weights.items() for shape in shapes_of(name)}
