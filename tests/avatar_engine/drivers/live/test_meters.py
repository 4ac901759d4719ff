from __future__ import annotations

from avatar_engine.drivers.live.meters import KEPT, Distribution, Meters, Offsets


def test_a_distribution_is_of_the_last_values() -> None:
    values = Distribution()
    assert values.numbers("x") == {} and values.quantile(0.5) == 0
    for k in range(KEPT + 101):
        values.add(float(k))
    assert len(values) == KEPT
    numbers = values.numbers("x")
    assert numbers["x_median"] == 351 and numbers["x_p95"] == 576


def test_numbers_have_the_names_that_operators_know() -> None:
    meters = Meters(dropped_frames=3)
    meters.interrupt_ms.add(4.0)
    numbers = meters.numbers()
    assert numbers["interrupt_ms_median"] == numbers["interrupt_ms_p95"] == 4
    assert numbers["dropped_frames"] == 3 and "render_fps_median" not in numbers


def test_an_offset_is_known_when_both_have_left_in_either_order() -> None:
    offsets = Offsets()
    assert offsets.left("picture", 0, 1.0) is None
    assert offsets.left("sound", 0, 1.01) == 1.0 - 1.01
    assert offsets.left("sound", 1, 1.04) is None
    assert offsets.left("picture", 1, 1.06) == 1.06 - 1.04
    assert offsets.left("sound", 2, 1.08) is None and offsets.left("sound", 3, 1.12) is None
    assert offsets.left("picture", 2, 1.13) is None
