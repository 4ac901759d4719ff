"""A live session that loses workers, fails inside or lasts long: how it goes on or ends, what it keeps."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

import av
import pytest

from avatar_engine.drivers.live.interface import Closed, Ended, Failed, SessionOptions, SpeechFinished
from avatar_engine.drivers.live.timeline import Begin, State
from tests.support.live_rig import DELAY, Audience, InstantWorker, Rig, play, tone


def test_a_worker_that_dies_is_replaced_and_the_utterance_goes_on() -> None:
    async def scene() -> None:
        rig = Rig(workers=[InstantWorker(), InstantWorker()])
        await rig.performance.set_emotion("joy", 0.7, None)
        await rig.say("u1", tone(2.0), text="One two three. Four five six.")
        await asyncio.sleep(0.8)
        pictures = len(rig.audience.pictures)
        rig.workers[0].die()
        await asyncio.sleep(0.2)
        (failed,) = rig.events(Failed)
        assert failed.code == "worker_lost" and failed.retryable and "its process ended" in failed.message
        assert len(rig.audience.pictures) >= pictures + 4  # the picture stands, the tracks go on
        await asyncio.sleep(3)
        assert rig.events(SpeechFinished) == [
            SpeechFinished(0, "u1", 2.0, False, "One two three. Four five six.")
        ]
        first = rig.workers[1].told[0]
        assert State("speaking") in first.notes and any(isinstance(n, Begin) for n in first.notes)
        assert rig.meters.workers_lost == 1
        # 50 ms to take one, up to a slot, and what its first frame hears ahead: exact, on this clock.
        assert 130 < rig.meters.worker_replaced_ms.quantile(0.5) < 190
        await rig.performance.close("done")

    play(scene())


def test_a_session_that_loses_worker_after_worker_ends_with_a_reason() -> None:
    async def scene() -> None:
        rig = Rig(workers=[InstantWorker() for _ in range(5)])
        for k in range(3):
            await asyncio.sleep(0.5)
            rig.workers[k].die("UsageError: the pencil broke")
        await asyncio.sleep(0.5)
        told = rig.events(Failed, Ended)
        assert [(e.code, e.retryable) for e in told[:-1]] == [
            ("renderer_failed", True),
            ("renderer_failed", True),
            ("renderer_failed", False),
        ]
        assert told[-1] == Ended(0, "renderer_failed") and rig.closed == [rig.performance]
        assert rig.audience.closed and rig.workers[2].ended
        with pytest.raises(Closed, match="the session has ended: renderer_failed"):
            await rig.performance.begin("x", 16_000, None)

    play(scene())


def test_closing_while_a_worker_is_replaced_sends_the_new_one_away() -> None:
    async def scene() -> None:
        rig = Rig(workers=[InstantWorker(), InstantWorker()])
        await asyncio.sleep(0.2)
        rig.workers[0].die()
        await asyncio.sleep(0.01)
        await rig.performance.close("gone")
        await rig.performance.close("twice")
        await asyncio.sleep(1)
        assert rig.workers[1].ended and rig.events(Ended) == [Ended(0, "gone")]

    play(scene())


def test_a_failure_inside_ends_the_session_with_a_message() -> None:
    class Rude(Audience):
        def send_sound(self, packet: object) -> None:
            raise RuntimeError("boom")

    async def scene() -> None:
        rig = Rig(audience=Rude())
        await asyncio.sleep(0.5)
        told = rig.events(Failed, Ended)
        assert [type(e) for e in told] == [Failed, Ended] and told[0].code == "internal"
        assert rig.workers[0].ended

    play(scene())


def test_a_minute_later_all_is_on_time_and_memory_has_not_grown() -> None:
    async def scene() -> None:
        rig = Rig(audience=Audience(keep=False))
        rig.performance.unsubscribe(rig.queue)
        lates: list[float] = []

        def note(packet: av.Packet) -> None:
            lates[:] = [asyncio.get_running_loop().time() - (1000 + DELAY + (packet.pts + 312) / 48_000)]
            assert abs(lates[0]) < 1e-6 or packet.pts == 0

        rig.audience.send_sound = note  # type: ignore[method-assign]
        tracemalloc.start()
        await asyncio.sleep(21)
        before = measured(rig)
        await asyncio.sleep(20)
        grown = measured(rig) - before
        tracemalloc.stop()
        assert lates and grown < 100_000
        await rig.performance.close("done")

    def measured(rig: Rig) -> int:
        rig.workers[0].told.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    play(scene())


def test_memory_is_flat_over_many_sessions() -> None:
    async def once(k: int) -> None:
        rig = Rig(SessionOptions("ava", 256, 3), audience=Audience(present=False))
        await rig.say(f"u{k}", tone(0.1))
        await asyncio.sleep(0.1)
        await rig.performance.close("done")
        await asyncio.sleep(0)

    async def scene() -> None:
        for k in range(10):
            await once(k)
        gc.collect()
        tracemalloc.start()
        await once(-1)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        for k in range(100):
            await once(k)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert grown < 100_000

    play(scene())
