"""The gate keeps silence still and lets speech through; closures, pursed lips and vowels get their gap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio2expr.mouth import Gate, Lips, MouthConfig, Opinions, Sound, closure_evidence

CONFIG = MouthConfig(
    window_rows=10,
    closed_from=0.4,
    closed_full=0.6,
    closed_shape=(0.0, 0.4),
    pursed_from=0.2,
    pursed_full=0.4,
    pursed_shape=(0.06, 0.0),
    bitten_from=0.3,
    bitten_full=0.6,
    bitten_shape=(0.05, 0.0),
    channel_of=(0, 1, 1),
    speech_on=0.5,
    speech_off=0.25,
    hold_frames=3,
    noise_margin_db=10.0,
    noise_ease=0.5,
    gap_row=(0.3, -0.4),
    gap_at_rest=0.01,
    least_vowel_gap=0.03,
)
WIDE = np.array([0.8, 0.0], np.float32)
LOUD = Sound(-20.0, -20.0, 1.0)
PROBABILITY = st.floats(0, 1)


def push(gate: Gate, speech: float, vowel: float = 0.0, loudness_db: float = -20.0) -> float:
    return gate.push(speech, vowel, Sound(loudness_db, loudness_db, 1.0))


def opened(config: MouthConfig = CONFIG) -> Lips:
    """Lips in the middle of speech."""
    lips = Lips(config)
    for _ in range(3):
        lips.push(WIDE, Opinions(0, 1, 0, 0), LOUD)
    return lips


def mouth_of(lips: Lips, mouth: np.ndarray, **opinions: float) -> np.ndarray:
    heard = Opinions(**{"closed": 0.0, "speech": 1.0, "vowel": 0.0, "pursed": 0.0, **opinions})
    return lips.push(mouth, heard, LOUD)


def test_the_gate_holds_through_short_gaps_and_then_shuts_completely() -> None:
    gate = Gate(CONFIG)
    assert [push(gate, 0.9) for _ in range(4)] == [0.5, 1.0, 1.0, 1.0]
    assert [push(gate, p) for p in (0.1, 0.1, 0.4, 0.1, 0.1)] == [1.0] * 5
    assert [push(gate, 0.1) for _ in range(4)] == [0.5, 0.0, 0.0, 0.0]
    assert [push(gate, 0.4) for _ in range(5)] == [0.0] * 5


def test_a_breath_as_loud_as_the_room_does_not_open_the_gate_and_a_voice_does() -> None:
    gate = Gate(CONFIG)
    for _ in range(20):
        push(gate, 0.0, loudness_db=-40)
    assert [push(gate, 0.9, loudness_db=-34) for _ in range(5)] == [0.0] * 5
    assert push(gate, 0.9, loudness_db=-20) == 0.5


def test_a_breath_in_a_silent_room_has_no_pitch_and_does_not_open_the_gate() -> None:
    gate = Gate(CONFIG)
    for _ in range(20):
        push(gate, 0.0, loudness_db=-100)
    assert [gate.push(0.9, 0.1, Sound(-35.0, -35.0, 0.25)) for _ in range(8)] == [0.0] * 8


def test_the_next_frame_already_tells_that_speech_begins() -> None:
    gate = Gate(CONFIG)
    for _ in range(20):
        push(gate, 0.0, loudness_db=-40)
    assert gate.push(0.9, 0.0, Sound(-38.0, -20.0, 1.0)) == 0.5


def test_a_voice_no_louder_than_music_opens_the_gate_with_its_second_vowel_frame() -> None:
    gate = Gate(CONFIG)
    for _ in range(20):
        push(gate, 0.0, loudness_db=-20)
    assert [push(gate, 0.95, vowel=0.9, loudness_db=-17) for _ in range(3)] == [0.0, 0.5, 1.0]


def test_speech_from_the_very_first_frame_needs_no_noise_to_compare_with() -> None:
    assert push(Gate(CONFIG), 0.9, loudness_db=-50) == 0.5


@settings(max_examples=50, deadline=None)
@given(
    before=st.lists(st.tuples(PROBABILITY, PROBABILITY, st.floats(-100, 0)), max_size=30),
    silence=st.lists(st.tuples(st.floats(0, 0.24), PROBABILITY, st.floats(-100, 0)), min_size=5, max_size=30),
)
def test_whatever_was_heard_five_quiet_frames_shut_the_gate_for_good(
    before: list[tuple[float, float, float]], silence: list[tuple[float, float, float]]
) -> None:
    gate = Gate(CONFIG)
    for speech, vowel, loudness_db in before:
        assert 0 <= push(gate, speech, vowel, loudness_db) <= 1
    amounts = [push(gate, *frame) for frame in silence]
    assert amounts[4:] == [0.0] * len(amounts[4:])


def test_less_evidence_closes_the_lips_in_noise() -> None:
    weak = Opinions(closed=0.35, speech=1.0, vowel=0.2, pursed=0.0)  # evidence .36, below CONFIG's .4
    gaps = [opened().push(WIDE, weak, LOUD._replace(snr_db=snr)) for snr in (60, 30, 27, 15, 5)]
    jaws = [float(gap[0]) for gap in gaps]
    assert jaws[0] == jaws[1] == pytest.approx(0.8)
    assert jaws[1] > jaws[2] > jaws[3] == jaws[4] == pytest.approx(0.0)


def test_lips_are_closed_where_closed_lips_are_likelier_than_a_vowel() -> None:
    lips = opened()
    np.testing.assert_allclose(mouth_of(lips, WIDE, closed=0.3, vowel=0.9), WIDE)
    np.testing.assert_allclose(mouth_of(lips, WIDE, closed=0.3, vowel=0.02), [0.0, 0.4])
    np.testing.assert_allclose(mouth_of(lips, WIDE, closed=0.9, vowel=0.05), [0.0, 0.4])


def test_closed_lips_open_with_the_vowel_that_begins() -> None:
    unsure = {"closed": 0.6, "vowel": 0.25}
    np.testing.assert_allclose(mouth_of(opened(), WIDE, **unsure), [0.0, 0.4])
    lips = opened()
    mouth_of(lips, WIDE, closed=0.9, vowel=0.2)
    np.testing.assert_allclose(mouth_of(lips, WIDE, **unsure), [0.0, 0.4])
    lips = opened()
    mouth_of(lips, WIDE, closed=0.9, vowel=0.0)
    np.testing.assert_allclose(mouth_of(lips, WIDE, **unsure), WIDE)


@given(closed=PROBABILITY, vowel=PROBABILITY)
def test_evidence_grows_with_closed_lips_and_falls_with_a_vowel(closed: float, vowel: float) -> None:
    evidence = closure_evidence(closed, vowel)
    assert -3.1 < evidence < 3.1
    assert closure_evidence(min(1.0, closed + 0.1), vowel) >= evidence
    assert closure_evidence(closed, min(1.0, vowel + 0.1)) <= evidence


def test_pursed_lips_take_the_pursed_shape_as_far_as_they_are_sure() -> None:
    lips = opened()
    np.testing.assert_allclose(mouth_of(lips, WIDE, vowel=0.9, pursed=0.1), WIDE)
    np.testing.assert_allclose(mouth_of(lips, WIDE, vowel=0.9, pursed=0.3), [0.43, 0.0], atol=1e-6)
    np.testing.assert_allclose(mouth_of(lips, WIDE, vowel=0.9, pursed=0.5), [0.06, 0.0], atol=1e-6)


def test_a_vowel_is_never_mistaken_for_a_closure() -> None:
    lips = opened()
    pressed = np.array([0.1, 0.15], np.float32)  # a gap of -.02
    shown = mouth_of(lips, pressed, vowel=0.9)
    assert shown @ np.array(CONFIG.gap_row) + CONFIG.gap_at_rest == pytest.approx(CONFIG.least_vowel_gap)
    np.testing.assert_allclose(mouth_of(lips, pressed, vowel=0.1), pressed)


@pytest.mark.parametrize(("bitten", "jaw"), [(0.0, 0.8), (0.45, 0.425), (0.9, 0.05)])
def test_a_lip_at_the_teeth_draws_the_mouth_to_its_shape(bitten: float, jaw: float) -> None:
    assert mouth_of(opened(), WIDE, bitten=bitten)[0] == pytest.approx(jaw, abs=1e-5)
