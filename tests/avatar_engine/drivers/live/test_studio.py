"""Many sessions in one worker: each is what it would be alone, whatever the others do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.drivers.live.timeline import Begin, Interrupt
from avatar_engine.drivers.live.worker.ring import Ring
from avatar_engine.drivers.live.worker.stage import Stage
from avatar_engine.drivers.live.worker.studio import SMALL, Studio, measure
from avatar_engine.drivers.live.worker.wire import Broke, Entered, Framed, FromSeat, Open, Tell
from tests.support import session_fakes
from tests.support.live_cast import UNLUCKY, PressedCast, SketchedCast, UnluckyCast

SIZES = (64, 32)
WORDS = ("What a lovely day it is.", "I feel anger. And sadness.", "Yes.")


def slots(seed: int, count: int = 14) -> list[Tell]:
    """What one session is told: its own speech, words and interrupts."""
    random = np.random.default_rng(seed)
    speech = (session_fakes.syllables(1.0) * random.uniform(0.2, 1)).astype(np.float32)
    made, epoch = [], 0
    for k in range(count):
        notes: tuple[object, ...] = ()
        if k == seed % 3:
            notes = (Begin(f"u{seed}", WORDS[seed % 3]),)
        elif k == 8 and seed % 2:
            notes, epoch = (Interrupt(),), epoch + 1
        sound = speech[640 * k : 640 * (k + 1)] if k % 5 else None
        made.append(Tell(k, epoch, notes, sound, False, 1e12 + k, True))  # type: ignore[arg-type]
    return made


def options(seed: int) -> SessionOptions:
    return SessionOptions("ava", SIZES[seed % 2], seed)


Shown = tuple[Framed, np.ndarray | None]


def alone(seed: int, told: list[Tell]) -> list[Shown]:
    """The frames and pictures of one session by itself."""
    ring = Ring.create(options(seed).size)
    stage, made = Stage(SketchedCast(), options(seed), ring, 0), []
    for slot in told:
        stage.tell(slot)
        while (framed := stage.step()) is not None:
            made.append((framed, pictured(ring, framed, seed)))
    ring.unlink()
    ring.close()
    return made


def pictured(ring: Ring, framed: Framed, seed: int) -> np.ndarray | None:
    return None if framed.number is None else ring.read(framed.number, options(seed).size)


def same(a: list[Shown], b: list[Shown]) -> None:
    assert [f.index for f, _ in a] == [f.index for f, _ in b]
    for (one, picture), (other, expected) in zip(a, b, strict=True):
        for part in ("epoch", "face", "place", "mood"):
            assert getattr(one, part) == getattr(other, part)
        assert (picture is None) == (expected is None)
        assert picture is None or np.array_equal(picture, expected)


class House:
    """A studio with rings, as the server sees it."""

    def __init__(self, cast: SketchedCast, most: int = 32) -> None:
        self.studio = Studio(cast, most)
        self.rings: dict[int, Ring] = {}
        self.shown: dict[int, list[Shown]] = {}
        self.broken: dict[int, str] = {}

    def enter(self, seat: int, seed: int) -> None:
        self.rings[seat] = Ring.create(options(seed).size)
        theirs = Ring.attach(self.rings[seat].name, options(seed).size)
        self.shown[seat] = []
        assert self.studio.enter(seat, Open(options(seed), 0), theirs) == Entered(seat)

    def draw(self, seeds: dict[int, int]) -> None:
        for said in self.studio.draw():
            self.take(said, seeds)

    def take(self, said: FromSeat | None, seeds: dict[int, int]) -> None:
        if said is not None and isinstance(said.said, Broke):
            self.broken[said.seat] = said.said.message
        elif said is not None:
            picture = pictured(self.rings[said.seat], said.said, seeds[said.seat])
            self.shown[said.seat].append((said.said, picture))

    def close(self) -> None:
        for seat, ring in self.rings.items():
            self.studio.leave(seat)
            ring.unlink()
            ring.close()


@pytest.fixture
def houses() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=4),
    st.integers(1, 3),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_no_session_gets_anything_of_another(
    seeds: list[int], most: int, random: object, together: bool
) -> None:
    """Whatever the order in which slots come and batches are drawn, each session is what it is alone: bit for
    bit its face, its pictures, its place in its words, its mood."""
    house = House(PressedCast() if together else SketchedCast(), most)
    of_seat = dict(enumerate(seeds))
    waiting = {seat: slots(seed) for seat, seed in of_seat.items()}
    for seat, seed in of_seat.items():
        house.enter(seat, seed)
    while waiting:
        seat = random.choice(sorted(waiting))  # type: ignore[attr-defined]
        house.take(house.studio.tell(seat, waiting[seat].pop(0)), of_seat)
        if not waiting[seat]:
            del waiting[seat]
        if random.random() < 0.5 or house.studio.busy:  # type: ignore[attr-defined]
            house.draw(of_seat)
    while house.studio.busy:
        house.draw(of_seat)
    house.close()
    assert house.broken == {}
    for seat, seed in of_seat.items():
        same(house.shown[seat], alone(seed, slots(seed)))


def test_who_waits_is_drawn_at_once_and_who_is_due_first_comes_first() -> None:
    cast = PressedCast()
    house, of_seat = House(cast, most=3), {seat: seat for seat in range(5)}
    for seat in of_seat:
        house.enter(seat, seat)
    for k in range(3):  # the first frame is known with the third slot
        for seat in of_seat:
            house.studio.tell(seat, Tell(k, 0, (), None, False, 1e12 + (seat * 7) % 5, True))
    house.draw(of_seat)
    assert cast.press.batches == [3]
    assert {seat for seat, shown in house.shown.items() if shown} == {0, 1, 3}  # due after 0, 2, 1
    house.draw(of_seat)
    assert cast.press.batches == [3, 2] and not house.studio.busy
    house.close()


def test_nobody_is_drawn_who_is_not_looked_at() -> None:
    cast = PressedCast()
    house, of_seat = House(cast), {0: 0, 1: 1}
    for seat in of_seat:
        house.enter(seat, seat)
        for k in range(3):
            house.studio.tell(seat, Tell(k, 0, (), None, False, 1e12, seat == 1))
    house.draw(of_seat)
    assert cast.press.batches == [1]
    assert [house.shown[seat][0][0].number for seat in of_seat] == [None, 0]
    house.close()


def test_one_that_breaks_or_leaves_ends_alone() -> None:
    house, of_seat = House(UnluckyCast()), {0: 2, 1: UNLUCKY, 2: 4}
    for seat, seed in of_seat.items():
        house.enter(seat, seed)
    quiet = [Tell(k, 0, (), None, False, 1e12, True) for k in range(40)]
    for k, slot in enumerate(quiet):
        if k == 20:
            house.studio.leave(2)
        for seat in of_seat:
            house.take(house.studio.tell(seat, slot), of_seat)
        house.draw(of_seat)
    house.close()
    assert house.broken == {1: "UsageError: the thread broke"}
    assert [len(house.shown[seat]) for seat in of_seat] == [38, 28, 18]
    same(house.shown[0], alone(2, quiet))


def test_a_face_that_cannot_be_drawn_does_not_spoil_the_batch() -> None:
    cast = PressedCast()
    house, of_seat = House(cast), {0: 5, 1: 4}
    for seat, seed in of_seat.items():
        house.enter(seat, seed)
        for slot in slots(seed, 3):
            house.studio.tell(seat, slot)
    cast.press.breaks_on = {options(4).size}
    house.draw(of_seat)
    house.close()
    assert cast.press.batches == [2, 1, 1, 1]  # together, a face at rest, each alone
    assert house.broken == {1: "UsageError: the press broke"} and len(house.shown[0]) == 1


def test_a_press_that_draws_nothing_any_more_is_the_workers_end() -> None:
    cast = PressedCast()
    house = House(cast)
    house.enter(0, 1)
    for slot in slots(1, 3):
        house.studio.tell(0, slot)
    cast.press.breaks_on = {*SIZES, SMALL}
    with pytest.raises(Exception, match="the press broke"):
        house.draw({0: 1})
    house.close()


def test_cost_in_a_batch_is_that_of_one_frame() -> None:
    cast = PressedCast()
    cost = measure(cast, "ava", SIZES, 2, together=4)
    assert set(cost) == set(SIZES) and all(c.wall_s > 0 and c.processor_s > 0 for c in cost.values())
    assert set(cast.press.batches) == {4}
