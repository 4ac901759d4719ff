from __future__ import annotations

import numpy as np

from avatar_engine.drivers.live.playout import FADE, PicturePlayout, SoundPlayout
from avatar_engine.drivers.live.timeline import Begin, Slot


def spoken(index: int, own: int = 640, *, last: bool = False, begins: bool = False, value: int = 5) -> Slot:
    sound = np.full(1920, value, np.int16)
    sound[3 * own :] = 0
    notes = (Begin("a", ""),) if begins else ()
    return Slot(index, 0, notes, np.zeros(640, np.float32), sound, False, "a", own, last)


def test_an_utterance_is_followed_from_its_first_to_its_last_sample() -> None:
    playout = SoundPlayout()
    for slot in (Slot(0, 0), spoken(1, begins=True), spoken(2, 400, last=True), Slot(3, 0)):
        playout.put(slot)
    packets, positions = [], []
    for _ in range(8):
        packets.append(playout.take())
        positions.append(playout.playing.position if playout.playing else None)
        if packets[-1].ended:
            assert playout.finish().position == 1040
    assert [p.index for p in packets] == list(range(8))
    assert [p.began for p in packets] == [None, None, "a"] + [None] * 5
    assert [p.ended for p in packets] == [None] * 5 + ["a", None, None]
    assert positions == [0, 0, 320, 640, 960, 1040, None, None]
    assert [p.sound is None for p in packets] == [True, True, False, False, False, False, True, True]


def test_what_is_broken_off_fades_within_five_milliseconds_and_is_gone() -> None:
    playout = SoundPlayout()
    for index in range(4):
        playout.put(spoken(index, begins=index == 0, value=1000))
    for _ in range(3):
        playout.take()
    (cut,) = playout.drop()
    assert (cut.name, cut.position, cut.first_slot) == ("a", 960, 0)
    fade = playout.take().sound
    assert fade is not None and fade[0] == 1000 and fade[FADE - 1] == 0 and not fade[FADE:].any()
    assert (np.diff(fade[:FADE].astype(int)) <= 0).all()
    rest = [playout.take() for _ in range(4)]
    assert all(packet.sound is None and packet.ended is None for packet in rest)
    assert playout.playing is None and playout.next_index == 8


def test_an_utterance_without_sound_ends_too() -> None:
    playout = SoundPlayout()
    playout.put(spoken(0, 0, last=True, begins=True))
    assert [playout.take().began, playout.take().ended] == [None, "a"]
    assert playout.finish().position == 0


def test_pictures_leave_in_order_each_once_and_late_ones_are_superseded() -> None:
    playout: PicturePlayout[str] = PicturePlayout()
    for index in (0, 1):
        playout.put(index, 0, f"p{index}")
    assert playout.is_ready(0) and playout.take(0) == (0, "p0")
    assert playout.take(1) == (1, "p1")
    assert not playout.is_ready(2) and playout.take(2) is None
    playout.put(2, 0, "p2")  # too late for its slot, but the newest there is
    assert not playout.is_ready(3) and playout.take(3) == (2, "p2")
    for index in (3, 4, 5):
        playout.put(index, 0, f"p{index}")
    assert playout.take(5) == (5, "p5") and playout.dropped == 2 and playout.waiting == 0
    playout.put(4, 0, "p4")
    assert playout.waiting == 0 and playout.dropped == 3


def test_after_an_interrupt_the_next_pictures_leave_early_and_stale_ones_never() -> None:
    playout: PicturePlayout[str] = PicturePlayout()
    for index in range(10, 14):
        playout.put(index, 0, f"stale{index}")
    assert playout.take(10) == (10, "stale10")
    playout.interrupt(1, 13)
    playout.put(12, 0, "stale12")
    assert playout.take(11) is None
    for index in (13, 14, 15, 16):
        playout.put(index, 1, f"new{index}")
    shown = [playout.take(slot) for slot in range(12, 18)]
    assert shown == [(13, "new13"), (14, "new14"), (15, "new15"), (16, "new16"), None, None]
    playout.put(17, 1, "new17")
    playout.put(18, 1, "new18")
    assert playout.take(18) == (18, "new18")
