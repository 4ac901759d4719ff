"""All sessions of one worker: each moves its own face, and what waits is drawn together.

Who waits when the last pictures are done is drawn next: one picture at once where little is to do, many in a
batch where much is. That needs no clock, wastes no time waiting for others, and evens itself out: the longer
a batch takes, the more are in the next. What breaks in one session ends that one alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from avatar_engine.clock import SAMPLES_PER_FRAME
from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.drivers.live.worker.ring import Ring
from avatar_engine.drivers.live.worker.stage import Draughtsman, Pending, Stage, draw_together
from avatar_engine.drivers.live.worker.wire import (
    Broke,
    Cost,
    Entered,
    FromSeat,
    Models,
    Open,
    Press,
    Tell,
    in_a_line,
)
from avatar_engine.drivers.media.colour import BT601
from avatar_engine.names import ARKIT_NAMES
from avatar_engine.types import ExpressionFrame, UInt8

SMALL = 16
"Edge of a picture that nobody sees."
MOST = 32
"Faces in one batch: the frame that is due first must not wait long for the others of its batch."


class Studio:
    """Sessions by their seat."""

    def __init__(self, models: Models, most: int = MOST, now: Callable[[], float] = time.monotonic) -> None:
        self._models = models
        self._most = most
        self._now = now
        self._stages: dict[int, Stage] = {}

    @property
    def busy(self) -> bool:
        """Whether frames wait to be drawn."""
        return any(stage.busy for stage in self._stages.values())

    def enter(self, seat: int, message: Open, ring: Ring) -> Entered | FromSeat:
        """Begin a session, whose ring is this."""
        try:
            self._stages[seat] = Stage(self._models, message.options, ring, message.first_slot, self._now)
        except Exception as error:  # whatever a model raises is this session's misfortune alone
            ring.close()
            return FromSeat(seat, Broke(in_a_line(error)))
        return Entered(seat)

    def tell(self, seat: int, slot: Tell) -> FromSeat | None:
        """The next slot of a session; what it has to say where it breaks."""
        stage = self._stages.get(seat)
        if stage is not None:  # else it has broken, and the server does not know yet
            try:
                stage.tell(slot)
            except Exception as error:
                return self._broke(seat, error)
        return None

    def leave(self, seat: int) -> None:
        """End a session. Fine for one that has broken."""
        stage = self._stages.pop(seat, None)
        if stage is not None:
            stage.close()

    def draw(self) -> Iterator[FromSeat]:
        """The next frame of each session that has one waiting, at most `most`, those first that are due
        first. Raises what a press raises that draws nothing any more."""
        waiting = sorted((stage.due, seat) for seat, stage in self._stages.items() if stage.busy)
        start = time.process_time()
        taken = {seat: self._stages[seat].take() for _, seat in waiting[: self._most]}
        pictures = self._pictures({seat: pending for seat, pending in taken.items() if pending.is_drawn})
        share = (time.process_time() - start) / max(1, len(taken))
        for seat, pending in taken.items():
            picture = pictures.get(seat)
            if isinstance(picture, Exception):
                yield self._broke(seat, picture)
            else:
                yield FromSeat(seat, self._stages[seat].framed(pending, picture, share))

    def _pictures(self, wanted: dict[int, Pending]) -> dict[int, UInt8 | Exception]:
        """By seat: a picture, or why there is none."""
        groups: dict[int, list[int]] = {}
        for seat in wanted:
            groups.setdefault(id(self._stages[seat].pen.press), []).append(seat)
        made: dict[int, UInt8 | Exception] = {}
        for seats in groups.values():
            drawn = draw_all([(self._stages[seat].pen, wanted[seat].frame) for seat in seats])
            made.update(zip(seats, drawn, strict=True))
        return made

    def _broke(self, seat: int, error: Exception) -> FromSeat:
        self.leave(seat)
        return FromSeat(seat, Broke(in_a_line(error)))


def draw_all(wanted: Sequence[tuple[Draughtsman, ExpressionFrame]]) -> list[UInt8 | Exception]:
    """Frames of draughtsmen that share a press, or have none: pictures, or why there is none.

    Where a batch fails, each is drawn alone, so that only whose fault it is has no picture; where the press
    cannot even draw a face at rest any more, its error is raised.
    """
    press = wanted[0][0].press
    if press is None:
        return [_attempt(partial(pen.draw, frame)) for pen, frame in wanted]
    try:
        return list(draw_together(press, wanted))
    except Exception:
        _draw_at_rest(press)
        return [_attempt(lambda one=one: draw_together(press, [one])[0]) for one in wanted]  # type: ignore[misc]


def _attempt(draw: Callable[[], UInt8]) -> UInt8 | Exception:
    try:
        return draw()
    except Exception as error:  # whatever a model raises
        return error


def _draw_at_rest(press: Press) -> None:
    weights, head, gaze = (np.zeros((1, count), np.float32) for count in (len(ARKIT_NAMES), 3, 2))
    press.draw_yuv420(weights, head, gaze, [SMALL], BT601)


def measure(
    models: Models, avatar: str, sizes: tuple[int, ...], frames: int, together: int = 1
) -> dict[int, Cost]:
    """What one frame costs at each size where `together` sessions move and are drawn at once; the best of
    `frames` times."""
    sessions = [models.session(SessionOptions(avatar, sizes[0], seed)) for seed in range(together)]
    cost: dict[int, Cost] = {}
    for size in sizes:
        pens = [Draughtsman(models.renderer(avatar, size)) for _ in sessions]
        spent: list[tuple[float, float]] = []
        while len(spent) < frames + 1:
            start = time.process_time(), time.perf_counter()
            wanted: list[tuple[Draughtsman, ExpressionFrame]] = []
            for session, pen in zip(sessions, pens, strict=True):
                session.push_silence(SAMPLES_PER_FRAME)
                wanted += [(pen, frame) for frame in session.iterate()]
            if wanted:
                for picture in draw_all(wanted):
                    if isinstance(picture, Exception):
                        raise picture
                spent.append((time.process_time() - start[0], time.perf_counter() - start[1]))
        processor, wall = (min(times) / together for times in zip(*spent[1:], strict=True))
        cost[size] = Cost(processor, wall)
    return cost
