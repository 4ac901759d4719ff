from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from renderer.synthesis.controls import (
    EMOTIONS,
    GAZE_LIMIT_DEG,
    HEAD_LIMIT_DEG,
    JAW_OPEN_LIMIT,
    VISEMES,
    Controls,
    LipGap,
    both_sides,
    eye_look_weights,
    frame_controls,
)
from renderer.synthesis.names import ARKIT_NAMES, SHAPE_NAMES, shape_weights, shapes_of

GOLDEN = json.loads((Path(__file__).parent / "golden_controls.json").read_text())
COUNT = 1500


@pytest.fixture(scope="module")
def real_lip_gap() -> LipGap:
    """Of the head model the frames are rendered with: 52 numbers, no geometry."""
    gap = GOLDEN["lip_gap"]
    return LipGap(gap["rest_cm"], dict.fromkeys(ARKIT_NAMES, 0.0) | gap["per_weight_cm"])


@pytest.fixture(scope="module")
def drawn(real_lip_gap: LipGap) -> list[Controls]:
    return [frame_controls(7, index, 0.18, real_lip_gap)[0] for index in range(COUNT)]


@pytest.mark.parametrize("frame", GOLDEN["frames"], ids=lambda f: f"seed {f['seed']} frame {f['index']}")
def test_draws_are_those_of_the_prototype_to_the_last_bit(frame: dict, real_lip_gap: LipGap) -> None:
    controls, full = frame_controls(frame["seed"], frame["index"], GOLDEN["full_share"], real_lip_gap)
    assert {name: value for name, value in controls.weights.items() if value} == frame["weights"]
    assert list(controls.head_deg) == frame["head_deg"]
    assert list(controls.gaze_deg) == frame["gaze_deg"]
    assert full == frame["full"]


def test_all_weights_are_there_in_order_and_in_range(drawn: list[Controls]) -> None:
    values = np.array([list(c.weights.values()) for c in drawn])
    assert all(tuple(c.weights) == ARKIT_NAMES for c in drawn)
    assert values.min() >= 0 and values.max() <= 1
    unused = {name for name, top in zip(ARKIT_NAMES, values.max(0), strict=True) if top == 0}
    assert unused == {"tongueOut"}, "every control but the one the head lacks is exercised"


def test_heads_and_gazes_stay_within_their_limits(drawn: list[Controls]) -> None:
    head, gaze = np.array([c.head_deg for c in drawn]), np.array([c.gaze_deg for c in drawn])
    assert (np.abs(head) <= HEAD_LIMIT_DEG).all() and (np.abs(gaze) <= GAZE_LIMIT_DEG).all()
    assert (np.abs(head).max(0) > 0.8 * np.array(HEAD_LIMIT_DEG)).all()


def test_anatomy_holds(drawn: list[Controls]) -> None:
    for c in drawn:
        w = c.weights
        assert w["jawOpen"] <= JAW_OPEN_LIMIT
        assert w["mouthClose"] <= w["jawOpen"] + 0.05 + 1e-12, "lips do not cross"
        for side in ("Left", "Right"):
            assert w["eyeWide" + side] <= 1 - w["eyeBlink" + side] + 1e-12, "a shut eye is not wide"


def test_lips_meet_in_a_good_share_of_the_frames_over_an_open_jaw_too(
    drawn: list[Controls], real_lip_gap: LipGap
) -> None:
    gap = np.array([real_lip_gap.measure(c.weights) for c in drawn])
    jaw = np.array([c.weights["jawOpen"] for c in drawn])
    assert 0.15 < (gap < 0.05).mean() < 0.6
    assert ((gap < 0.05) & (jaw > 0.15)).mean() > 0.03, "closed lips over an open jaw must be learnt"


def test_eyes_look_as_the_gaze_says(drawn: list[Controls]) -> None:
    for c in drawn[:100]:
        assert {k: v for k, v in c.weights.items() if k.startswith("eyeLook")} == eye_look_weights(c.gaze_deg)
    left_and_down = eye_look_weights((15.0, -12.5))
    assert left_and_down["eyeLookOutLeft"] == left_and_down["eyeLookInRight"] == 0.5
    assert left_and_down["eyeLookDownLeft"] == left_and_down["eyeLookDownRight"] == 0.5
    assert sum(left_and_down.values()) == 2


def test_a_frame_depends_on_its_own_seed_and_index_only(real_lip_gap: LipGap) -> None:
    alone = frame_controls(7, 40, 0.18, real_lip_gap)
    assert alone == frame_controls(7, 40, 0.18, real_lip_gap)
    assert alone[0] != frame_controls(8, 40, 0.18, real_lip_gap)[0]
    assert alone[0] == frame_controls(7, 40, 0.9, real_lip_gap)[0], "the share of full frames moves no face"


def test_tables_name_real_controls() -> None:
    for table in (VISEMES, EMOTIONS):
        for weights in table.values():
            assert set(weights) <= set(ARKIT_NAMES) and all(0 < v <= 1 for v in weights.values())
    assert both_sides(mouthSmile=0.5, jawOpen=0.1) == {
        "mouthSmileLeft": 0.5,
        "mouthSmileRight": 0.5,
        "jawOpen": 0.1,
    }


def test_every_weight_moves_a_shape_of_the_head_except_the_tongue() -> None:
    assert {name for name in ARKIT_NAMES if not set(shapes_of(name)) <= set(SHAPE_NAMES)} == {"tongueOut"}
    assert shape_weights({"browInnerUp": 0.4, "mouthLeft": 0.1, "eyeBlinkLeft": 1}) == {
        "browInnerUp_L": 0.4,
        "browInnerUp_R": 0.4,
        "mouthLeft": 0.1,
        "eyeBlink_L": 1,
    }


def test_the_lip_gap_of_a_head_is_linear_and_opens_with_the_jaw(lip_gap: LipGap) -> None:
    def at(jaw: float) -> float:
        return lip_gap.measure({"jawOpen": jaw})

    assert at(0.4) - at(0.2) == pytest.approx(at(0.2) - at(0))
    assert at(0.4) > at(0)
    assert lip_gap.per_weight_cm["mouthClose"] < 0
