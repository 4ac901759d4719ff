"""Real worker processes, with tiny models."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from avatar_engine.drivers.live.engine import LiveEngine, MediaOptions, build_engine, media_addresses
from avatar_engine.drivers.live.interface import (
    Ended,
    Failed,
    Full,
    Motion,
    SessionOptions,
    SpeechFinished,
    SpeechStarted,
)
from avatar_engine.drivers.live.worker import handle
from avatar_engine.drivers.live.worker.handle import WorkerError, WorkerProcess
from avatar_engine.drivers.live.worker.spawn import spawn
from avatar_engine.errors import UsageError
from tests.support import live_cast
from tests.support.live_rig import pcm
from tests.support.session_fakes import syllables
from tests.support.viewers import Viewer

SHARED = Path("/dev/shm")
OPTIONS = MediaOptions(open_models=live_cast.sketched, max_sessions=3)


def run(scene: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scene, 90))


async def started(options: MediaOptions = OPTIONS) -> LiveEngine:
    engine = build_engine(options)
    await engine.start()
    return engine


async def event(queue: asyncio.Queue[Any], kind: type, seconds: float = 20.0) -> Any:
    async with asyncio.timeout(seconds):
        while not isinstance(got := await queue.get(), kind):
            pass
        return got


async def all_gone(pids: set[int]) -> None:
    async with asyncio.timeout(10):
        while any(Path(f"/proc/{pid}/stat").exists() and pid in WorkerProcess.pids for pid in pids):
            await asyncio.sleep(0.02)


def ring_files() -> set[str]:
    return {path.name for path in SHARED.glob("psm_*")} if SHARED.exists() else set()


def test_a_session_is_seen_and_heard_and_leaves_nothing_behind() -> None:
    async def scene() -> None:
        before = ring_files()
        engine = await started()
        assert engine.ready and engine.default_size in engine.sizes and engine.device == "a pencil"
        assert set(engine.cost_s) == set(engine.sizes) and "ava" in engine.avatars
        performance = await engine.open(SessionOptions("ava", 256, 1))
        queue, viewer = performance.subscribe(), Viewer()
        await viewer.join(performance)
        await viewer.until("video", 5, 20)
        assert ring_files() <= before  # unlinked while in use: no kill can leave it behind
        await performance.begin("u1", 24_000, "Hello there.")
        await performance.push("u1", pcm(syllables(0.6).repeat(2)[: 24_000 * 6 // 10]))
        await performance.end("u1")
        assert (await event(queue, SpeechStarted)).utterance == "u1"
        finished = await event(queue, SpeechFinished)
        assert finished.position_s == pytest.approx(0.6) and finished.heard_text == "Hello there."
        numbers = engine.numbers()
        assert numbers["sessions"] == numbers["viewers"] == 1 and numbers["memory_bytes"] > 5e7
        assert numbers["webrtc_first_frame_ms_median"] > 0 and numbers["avatar_first_frame_ms_median"] > 100
        pids = set(WorkerProcess.pids)
        await engine.close()
        assert isinstance(await event(queue, Ended), Ended)
        await viewer.leave()
        await all_gone(pids)
        with pytest.raises(Full):
            await engine.open(SessionOptions("ava", 256))

    run(scene())


def test_what_does_not_fit_is_refused_and_a_place_that_is_free_again_is_given() -> None:
    async def scene() -> None:
        engine = await started(MediaOptions(open_models=live_cast.sketched, max_sessions=2))
        with pytest.raises(UsageError, match="size must be one of 256, 384, 512, not 300"):
            await engine.open(SessionOptions("ava", 300))
        with pytest.raises(UsageError, match="unknown avatar 'eva'"):
            await engine.open(SessionOptions("eva", 256))
        first, second = await asyncio.gather(*(engine.open(SessionOptions("ava", 256, k)) for k in range(2)))
        with pytest.raises(Full, match="2 sessions are on") as refused:
            await engine.open(SessionOptions("ava", 256))
        assert refused.value.retry_after_s > 0 and engine.numbers()["rejected"] == 1
        await first.close("enough")
        third = await engine.open(SessionOptions("ava", 256))
        # By cost: two that take all that may be taken leave no place, whatever the limit.
        engine.cost_s = dict.fromkeys(engine.sizes, 10.0)
        await second.close("enough")
        with pytest.raises(Full, match="1 session is on"):
            await engine.open(SessionOptions("ava", 256))
        await third.close("enough")
        alone = await engine.open(SessionOptions("ava", 256))  # one always fits
        await alone.close("enough")
        await engine.close()

    run(scene())


def drain(queue: asyncio.Queue[Any]) -> None:
    """What follows is what happens from now on."""
    while not queue.empty():
        queue.get_nowait()


async def motion_until(queue: asyncio.Queue[Any], seconds: float) -> list[float]:
    """Media times of the frames that leave, up to one after `seconds`."""
    moved = [(await event(queue, Motion)).pts_s]
    while moved[-1] <= seconds:
        moved.append((await event(queue, Motion)).pts_s)
    return moved


def test_a_killed_worker_is_replaced_within_a_second_and_the_others_never_notice() -> None:
    """Measured by the engine itself: by its clock from the loss to the next frame, and by its media time. The
    better of two losses counts, where another program has the machine for a while."""

    async def scene() -> None:
        engine = await started()
        (victim,) = WorkerProcess.pids
        first = await engine.open(SessionOptions("ava", 256, 1))
        second = await engine.open(SessionOptions("ava", 256, 2))
        queues, viewer = (first.subscribe(), second.subscribe()), Viewer()
        await viewer.join(second)
        await second.begin("u2", 16_000)
        gaps = []
        for loss in range(2):
            assert engine._pool is not None and engine._pool._spare is not None
            await asyncio.shield(
                engine._pool._spare
            )  # it is made in peace: two losses at once are another test
            await second.push("u2", pcm(syllables(1.0)))
            drain(queues[0])
            before = (await event(queues[0], Motion)).pts_s
            os.kill(victim, signal.SIGKILL)
            failed = await event(queues[0], Failed)
            assert failed.code == "worker_lost" and failed.retryable
            moved = await motion_until(queues[0], before + 1.5)
            gaps.append(max(b - a for a, b in itertools.pairwise([before, *moved])))
            (victim,) = [s._casting._worker._worker.pid for s in engine._sessions if s is first]
            assert engine.numbers()["workers_lost"] == loss + 1
        await second.end("u2")
        assert min(gaps) < 1.0, gaps
        assert engine._meters.worker_replaced_ms.quantile(0.0) < 1000
        told = []
        while not isinstance(finished := await event(queues[1], object), SpeechFinished):
            told.append(finished)
        assert not [one for one in told if isinstance(one, Failed | Ended)]
        assert finished.position_s == pytest.approx(2.0) and not finished.interrupted
        pids = set(WorkerProcess.pids)
        await viewer.leave()
        await engine.close()
        await all_gone(pids)

    run(scene())


def test_a_renderer_that_raises_is_told_in_one_line() -> None:
    async def scene() -> None:
        engine = await started(MediaOptions(open_models=live_cast.broken))
        performance = await engine.open(SessionOptions("ava", 256))
        queue, viewer = performance.subscribe(), Viewer()
        await viewer.join(performance)
        failed = await event(queue, Failed)
        assert failed.code == "renderer_failed" and "the pencil broke" in failed.message
        assert "\n" not in failed.message
        await viewer.leave()
        await engine.close()

    run(scene())


def test_a_worker_that_never_gets_ready_is_an_error_and_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        monkeypatch.setattr(handle, "ANSWER_S", 1.0)
        worker = WorkerProcess(spawn(live_cast.slow))
        pids = {worker.pid or 0}
        with pytest.raises(WorkerError, match="no answer within 1 s"):
            await worker.warm("ava", 64)
        assert not worker.is_alive
        await all_gone(pids)

    run(scene())


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("127.0.0.1", ("127.0.0.1",)),
        ("localhost", ("127.0.0.1",)),
        ("::1", ("127.0.0.1",)),
        ("0.0.0.0", None),
        ("::", None),
        ("192.0.2.7", ("192.0.2.7",)),
        ("avatar.example.net", None),
    ],
)
def test_media_go_where_the_server_listens(host: str, addresses: tuple[str, ...] | None) -> None:
    assert media_addresses(host) == addresses
