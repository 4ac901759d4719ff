"""Real processes with tiny models: many sessions in one, and workers that hang."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from avatar_engine.drivers.live.engine import LiveEngine, MediaOptions, build_engine
from avatar_engine.drivers.live.interface import (
    Ended,
    Failed,
    Full,
    Motion,
    SessionOptions,
    SpeechFinished,
    SpeechStarted,
)
from avatar_engine.drivers.live.worker.handle import WorkerProcess
from avatar_engine.drivers.live.worker.spawn import spawn
from avatar_engine.drivers.live.worker.wire import Framed, Open, OpenModels, Tell
from tests.avatar_engine.drivers.live.test_engine import all_gone, event, ring_files, run
from tests.support import live_cast
from tests.support.film_fakes import SketchedFace
from tests.support.live_cast import UNLUCKY, i420
from tests.support.live_rig import pcm
from tests.support.session_fakes import syllables
from tests.support.viewers import Viewer


async def started(open_models: OpenModels = live_cast.pressed, **more: Any) -> LiveEngine:
    engine = build_engine(MediaOptions(open_models=open_models, shared_worker=True, **more))
    await engine.start()
    engine.cost_s = engine.worker_s = dict.fromkeys(engine.sizes, 1e-6)  # this machine's speed is no matter
    return engine


async def moves_on(queue: asyncio.Queue[Any], frames: int = 5) -> None:
    for _ in range(frames):
        await event(queue, Motion)


def told(queue: asyncio.Queue[Any], *kinds: type) -> list[Any]:
    events = [queue.get_nowait() for _ in range(queue.qsize())]
    return [one for one in events if isinstance(one, kinds)]


def test_all_sessions_share_one_worker_and_each_says_its_own() -> None:
    async def scene() -> None:
        before = ring_files()
        engine = await started()
        assert engine.numbers()["admitted_cost_share"] == 0
        sessions = await asyncio.gather(*(engine.open(SessionOptions("ava", 256, k)) for k in range(3)))
        assert len(WorkerProcess.pids) <= 2  # the one, and the spare
        queues, viewer = [session.subscribe() for session in sessions], Viewer()
        await viewer.join(sessions[0])
        for k, session in enumerate(sessions):
            await session.begin(f"u{k}", 16_000, f"Word{k} again.")
            await session.push(f"u{k}", pcm(syllables(0.4)))
            await session.end(f"u{k}")
        for k, queue in enumerate(queues):
            assert (await event(queue, SpeechStarted)).utterance == f"u{k}"
            finished = await event(queue, SpeechFinished)
            assert (finished.utterance, finished.heard_text) == (f"u{k}", f"Word{k} again.")
        await viewer.until("video", 5, 20)
        assert ring_files() <= before
        await sessions[0].close("enough")
        told(queues[1]), told(queues[2])
        await moves_on(queues[1])
        await moves_on(queues[2])
        assert not [e for queue in queues[1:] for e in told(queue, Failed, Ended)]
        await viewer.leave()
        pids = set(WorkerProcess.pids)
        await engine.close()
        await all_gone(pids)

    run(scene())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_shared_worker_that_dies_or_stops_is_replaced_and_all_go_on(how: signal.Signals) -> None:
    async def scene() -> None:
        engine = await started()
        (victim,) = WorkerProcess.pids
        sessions = await asyncio.gather(*(engine.open(SessionOptions("ava", 256, k)) for k in range(3)))
        queues = [session.subscribe() for session in sessions]
        await sessions[1].begin("u1", 16_000, "One two three.")
        await sessions[1].push("u1", pcm(syllables(2.0)))
        await sessions[1].end("u1")
        await event(queues[1], SpeechStarted)
        os.kill(victim, how)
        for queue in queues:
            failed = await event(queue, Failed)
            assert failed.code == "worker_lost" and failed.retryable
            assert ("its process ended" if how == signal.SIGKILL else "it hangs") in failed.message
        for queue in queues:
            await moves_on(queue)
        assert (await event(queues[1], SpeechFinished)).position_s == 2.0
        assert not [e for queue in queues for e in told(queue, Failed, Ended)]
        assert victim not in WorkerProcess.pids and engine.numbers()["workers_lost"] == 3
        pids = set(WorkerProcess.pids)
        await engine.close()
        await all_gone(pids)

    run(scene())


def test_a_session_that_breaks_in_a_shared_worker_ends_alone() -> None:
    async def scene() -> None:
        engine = await started(live_cast.unlucky)
        unlucky = await engine.open(SessionOptions("ava", 256, UNLUCKY))
        other = await engine.open(SessionOptions("ava", 256, 1))
        queues = unlucky.subscribe(), other.subscribe()
        for retryable in (True, True, False):  # the same worker has it again, until that was too often
            failed = await event(queues[0], Failed)
            assert failed.code == "renderer_failed" and "the thread broke" in failed.message
            assert failed.retryable == retryable
        assert (await event(queues[0], Ended)).reason == "renderer_failed"
        assert not told(queues[1], Failed, Ended)
        await moves_on(queues[1])
        await engine.close()

    run(scene())


def test_sessions_are_admitted_by_what_a_frame_takes_in_a_batch() -> None:
    async def scene() -> None:
        engine = build_engine(MediaOptions(open_models=live_cast.pressed, shared_worker=True))
        await engine.start()
        assert all(engine.worker_s[size] > 0 and engine.cost_s[size] > 0 for size in engine.sizes)
        engine.cost_s = dict.fromkeys(engine.sizes, 1e-6)
        engine.worker_s = {256: 0.01, 384: 0.02, 512: 0.03}
        first = await engine.open(SessionOptions("ava", 512))
        assert engine.numbers()["admitted_cost_share"] == pytest.approx(0.75)
        with pytest.raises(Full, match="1 session is on, another of 256 x 256 does not fit"):
            await engine.open(SessionOptions("ava", 256))
        await first.close("enough")
        for _ in range(3):
            await engine.open(SessionOptions("ava", 256))
        with pytest.raises(Full):
            await engine.open(SessionOptions("ava", 256))
        await engine.close()

    run(scene())


def test_without_a_spare_the_next_worker_is_made_when_one_is_lost() -> None:
    async def scene() -> None:
        engine = await started(spare_worker=False)
        session = await engine.open(SessionOptions("ava", 256))
        queue = session.subscribe()
        await moves_on(queue)
        (only,) = WorkerProcess.pids
        os.kill(only, signal.SIGKILL)
        assert (await event(queue, Failed)).retryable
        await moves_on(queue)
        assert only not in WorkerProcess.pids and len(WorkerProcess.pids) == 1
        await engine.close()

    run(scene())


class Played:
    """One seat of a worker, told a slot every 40 ms; keeps what was said and the pictures."""

    def __init__(self, worker: WorkerProcess, seed: int = 0, size: int = 64) -> None:
        self.seat, self.seed, self._size = worker.seat(), seed, size
        self.frames: list[tuple[Framed, np.ndarray | None]] = []
        self.lost: str | None = None
        self._epoch = seed
        self.seat.open(Open(SessionOptions("ava", size, seed), 0), self._on_frame, self._on_lost)

    def _on_frame(self, framed: Framed) -> None:
        number = framed.number
        self.frames.append((framed, None if number is None else self.seat.read(number, self._size)))

    def _on_lost(self, why: str) -> None:
        self.lost = why

    async def play(self, slots: int) -> None:
        speech = np.split(syllables(0.04 * slots), slots)
        for k in range(slots):
            if self.lost is not None:
                return
            due = time.monotonic() + 60
            self.seat.tell(Tell(k, self._epoch, (), speech[k] if self.seed % 2 else None, False, due, True))
            await asyncio.sleep(0.04)


async def warmed(open_models: OpenModels, size: int = 64) -> WorkerProcess:
    worker = WorkerProcess(spawn(open_models))
    await worker.warm("ava", size)
    return worker


def test_pictures_of_many_seats_are_those_of_their_own_faces() -> None:
    async def scene() -> None:
        worker = await warmed(live_cast.pressed)
        worker.is_shared = True
        seats = [Played(worker, seed) for seed in range(4)]
        await asyncio.gather(*(seat.play(25) for seat in seats))
        async with asyncio.timeout(20):
            while any(len(seat.frames) < 23 for seat in seats):
                await asyncio.sleep(0.02)
        face, seen = SketchedFace(64), set()
        for seat in seats:
            seen.add(seat.frames[-1][0].face)
            for framed, picture in seat.frames:
                shown = np.frombuffer(framed.face, np.float32)
                assert framed.epoch == seat.seed
                if picture is not None:  # else this test was too slow to look
                    expected = i420(face.draw(shown[:52], shown[52:55], shown[55:]))
                    assert np.array_equal(picture, expected)
        assert len(seen) == len(seats)
        for seat in seats:
            seat.seat.end()
        assert worker.is_alive and all(seat.lost is None for seat in seats)
        worker.end()

    run(scene())


def test_a_slow_picture_is_waited_for_and_an_endless_one_is_not() -> None:
    async def scene() -> None:
        slow, endless = await asyncio.gather(warmed(live_cast.slowly_drawn), warmed(live_cast.endless))
        patient, doomed = Played(slow), Played(endless)
        await asyncio.gather(patient.play(60), doomed.play(200))
        async with asyncio.timeout(30):
            while doomed.lost is None or len(patient.frames) < 58:
                assert patient.lost is None
                await asyncio.sleep(0.05)
        assert doomed.lost == "it hangs (no answer for 2 s of work)"
        pids = {slow.pid or 0}
        patient.seat.end()
        assert not slow.is_alive  # its only session has left
        await all_gone(pids)

    run(scene())


def test_a_stopped_worker_is_lost_and_ended() -> None:
    async def scene() -> None:
        worker = await warmed(live_cast.sketched)
        played, pid = Played(worker), worker.pid or 0
        os.kill(pid, signal.SIGSTOP)
        await played.play(500)
        assert played.lost is not None and played.lost.startswith("it hangs (no answer for")
        await all_gone({pid})

    run(scene())


@pytest.fixture(autouse=True)
def nobody_is_left() -> Iterator[None]:
    yield
    for pid in list(WorkerProcess.pids):
        os.kill(pid, signal.SIGKILL)
    WorkerProcess.pids.clear()


@pytest.mark.slow
def test_the_shipped_avatar_is_drawn_in_batches_by_pytorch() -> None:
    async def scene() -> None:
        worker = await warmed(live_cast.TorchModels, 256)
        worker.is_shared = True
        assert worker.device == "cpu (PyTorch)"
        seats = [Played(worker, seed, 256) for seed in (1, 2)]
        await asyncio.gather(*(seat.play(6) for seat in seats))
        async with asyncio.timeout(60):
            while any(len(seat.frames) < 4 for seat in seats):
                await asyncio.sleep(0.05)
        models = live_cast.ShippedModels("cpu", 1)
        for seat in seats:
            framed, picture = next(pair for pair in seat.frames if pair[1] is not None)
            shown = np.frombuffer(framed.face, np.float32)
            expected = i420(models.renderer("ava", 256).draw(shown[:52], shown[52:55], shown[55:]))
            assert picture is not None
            error = np.square(picture.astype(float) - expected).mean()
            assert 10 * np.log10(255**2 / error) > 35  # fp32 here, int8 there
        worker.end()

    run(scene())
