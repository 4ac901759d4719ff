from __future__ import annotations

import time
from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from avatar_engine.config import MotionOptions
from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.drivers.live.timeline import Begin, Emotion, Interrupt, Timeline
from avatar_engine.drivers.live.worker.ring import PLACES, Ring
from avatar_engine.drivers.live.worker.stage import Stage, i420
from avatar_engine.drivers.live.worker.studio import measure
from avatar_engine.drivers.live.worker.wire import Framed, Tell
from avatar_engine.names import ARKIT_INDEX
from avatar_engine.session import Session
from tests.support import session_fakes
from tests.support.live_cast import SketchedCast

OPTIONS = SessionOptions("ava", 64, seed=5)


@pytest.fixture
def ring() -> Iterator[Ring]:
    made = Ring.create(64)
    yield made
    made.unlink()
    made.close()


def tell(timeline: Timeline, due: float = 1e12, wanted: bool = True) -> Tell:
    slot = timeline.compose()
    return Tell(slot.index, slot.epoch, slot.notes, slot.speech, slot.missing, due, wanted)


def drain(stage: Stage) -> list[Framed]:
    made = []
    while (framed := stage.step()) is not None:
        made.append(framed)
    return made


def faces(frames: list[Framed]) -> np.ndarray:
    return np.stack([np.frombuffer(framed.face, np.float32) for framed in frames])


def offline(samples: np.ndarray, text: str | None) -> np.ndarray:
    """The motion of the same speech through the core alone, as the offline driver makes it."""
    session = Session(session_fakes.parts(), MotionOptions(seed=5))
    if text is not None:
        session.push_text(text)
    frames = session_fakes.run(session, samples)
    return np.stack([np.concatenate([f.weights, f.head_rad, f.gaze_rad]) for f in frames])


@pytest.mark.parametrize("piece", [333, 16_000])
@pytest.mark.parametrize("text", [None, "What a lovely day it is. [anger] And then it rained all day."])
def test_motion_is_that_of_the_offline_driver_bit_for_bit(ring: Ring, piece: int, text: str | None) -> None:
    pcm = (session_fakes.syllables(2.0) * 32767).astype("<i2")
    timeline, stage, made = Timeline(lambda _: None), Stage(SketchedCast(), OPTIONS, ring, 0), []
    timeline.begin("a", 16_000, text)
    for start in range(0, 20 * piece if piece < 1000 else len(pcm), piece):
        timeline.push("a", pcm[start : start + piece].tobytes())
    if piece < 1000:
        timeline.push("a", pcm[20 * piece :].tobytes())
    timeline.end("a")
    for _ in range(60):
        stage.tell(tell(timeline))
        made += drain(stage)
    expected = offline((pcm / np.float32(32768)).astype(np.float32), text)
    known = len(pcm) // 640 - 2  # the last two hear what follows: silence here, the end there
    assert [framed.index for framed in made[:known]] == list(range(known))
    assert faces(made[:known]).tobytes() == expected[:known].tobytes()


def test_pictures_lie_in_the_ring_until_they_are_written_over(ring: Ring) -> None:
    timeline, stage = Timeline(lambda _: None), Stage(SketchedCast(), OPTIONS, ring, 0)
    for _ in range(2 + 2 * PLACES):
        stage.tell(tell(timeline))
    made = drain(stage)
    assert [framed.number for framed in made] == list(range(2 * PLACES))
    assert ring.read(PLACES - 1, 64) is None
    picture = ring.read(2 * PLACES - 1, 64)
    assert picture is not None and picture.shape == (96, 64)
    rgb = cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420)
    assert abs(rgb[2, 2].astype(int) - (40, 60, 90)).max() <= 3  # the sketch's backdrop


def test_i420_is_bt601_with_chroma_of_all_four_pixels() -> None:
    rgba = np.zeros((4, 4, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[0, 0] = (255, 0, 0, 255)
    picture = i420(rgba)
    assert picture[0, 0] == 81 and picture[0, 1] == 16 and picture[3, 3] == 16
    v = picture[5]
    assert v[0] == 128 + round(112 / 4) and v[3] == 128


def test_a_late_frame_is_moved_and_not_drawn_while_a_newer_one_waits(ring: Ring) -> None:
    now = [0.0]
    timeline = Timeline(lambda _: None)
    stage = Stage(SketchedCast(), OPTIONS, ring, 0, now=lambda: now[0])
    for k in range(7):
        stage.tell(tell(timeline, due=0.04 * k))
    now[0] = 0.1
    made = drain(stage)
    assert [framed.number for framed in made] == [None, None, None, 0, 1]
    unhurried = Stage(SketchedCast(), OPTIONS, ring, 0)
    again = Timeline(lambda _: None)
    for _ in range(7):
        unhurried.tell(tell(again))
    assert faces(made).tobytes() == faces(drain(unhurried)).tobytes()


def test_nothing_is_drawn_for_nobody(ring: Ring) -> None:
    timeline, stage = Timeline(lambda _: None), Stage(SketchedCast(), OPTIONS, ring, 0)
    for k in range(6):
        stage.tell(tell(timeline, wanted=k == 3))
    assert [framed.number for framed in drain(stage)] == [None, None, None, 0]


def test_what_an_interrupt_makes_stale_is_not_drawn_and_the_mouth_is_shut_three_frames_later(
    ring: Ring,
) -> None:
    timeline, stage = Timeline(lambda _: None), Stage(SketchedCast(), OPTIONS, ring, 0)
    timeline.begin("a", 16_000, None)
    timeline.push("a", (session_fakes.syllables(2.0) * 32767).astype("<i2").tobytes())
    for _ in range(20):
        stage.tell(tell(timeline))
    speaking = drain(stage)
    for _ in range(3):
        stage.tell(tell(timeline))
    timeline.interrupt()
    for _ in range(5):
        stage.tell(tell(timeline))
    made = drain(stage)
    assert [framed.epoch for framed in made] == [0, 0, 0, 1, 1, 1, 1, 1]
    assert [framed.number is None for framed in made] == [True] * 3 + [False] * 5
    jaw = faces([*speaking, *made])[:, ARKIT_INDEX["jawOpen"]]
    assert jaw[:20].max() > 0.05
    assert jaw[23] < 0.02


def test_notes_reach_the_session_and_changes_are_told_once(ring: Ring) -> None:
    stage = Stage(SketchedCast(), OPTIONS, ring, first_slot=100)
    speech = np.split(session_fakes.syllables(2.0), 50)
    for k, piece in enumerate(speech):
        notes = {
            0: (Begin("a", "I am full of joy. Yes."),),
            30: (Emotion("anger", 0.5, None),),
            40: (Interrupt(),),
        }
        stage.tell(Tell(100 + k, int(k >= 40), notes.get(k, ()), piece, False, 1e12, True))
    made = drain(stage)
    assert [framed.index for framed in made] == list(range(100, 148))
    told = [(framed.index, framed.mood.source) for framed in made if framed.mood is not None]
    assert told[0][0] == 100 and told[0][1] == "text"
    assert (128, "override") in told and len(told) <= 4
    assert all(framed.cost_s >= 0 for framed in made)
    places = [framed.place for framed in made if framed.place is not None]
    assert len(places) == len(made) and places[0].span == 0 and places[0].syllables < 1 < places[30].syllables


def test_cost_is_measured_for_each_size() -> None:
    start = time.process_time()
    cost = measure(SketchedCast(), "ava", (64, 128), 3)
    spent = time.process_time() - start
    assert set(cost) == {64, 128} and all(0 < c.processor_s < spent and c.wall_s > 0 for c in cost.values())
