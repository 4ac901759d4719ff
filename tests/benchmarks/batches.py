"""What one device draws: many faces at once, many sessions on one worker, how long a lost worker is missed.

python -m tests.benchmarks.batches --device cuda
python -m tests.benchmarks.batches --device cpu --batches 1,2 --sessions 1,2 --seconds 4

On the CPU it is PyTorch that draws, to see that it works. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import time
from functools import partial
from typing import Any

import numpy as np
import torch

from avatar_engine import assembly
from avatar_engine.clock import FRAME_RATE
from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.drivers.live.worker.handle import Seat, WorkerProcess
from avatar_engine.drivers.live.worker.models import ShippedModels
from avatar_engine.drivers.live.worker.pool import Pool, SharedWorker
from avatar_engine.drivers.live.worker.spawn import spawn
from avatar_engine.drivers.live.worker.wire import Framed, Open, OpenModels, Tell
from avatar_engine.drivers.media.colour import BT601
from renderer import Portrait
from tests.support.live_cast import TorchModels
from tests.support.session_fakes import syllables

AVATAR = "ava"


def faces(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(n)
    weights = random.random((n, 52)) * (random.random((n, 52)) < 0.2)
    return tuple(
        a.astype(np.float32)
        for a in (weights, random.normal(0, 0.08, (n, 3)), random.normal(0, 0.08, (n, 2)))
    )  # type: ignore[return-value]


def models_of(device: str) -> OpenModels:
    return partial(ShippedModels, "cuda") if device == "cuda" else TorchModels


def device_memory_mb() -> float | None:
    """In use on the first GPU, by everybody; None where there is none."""
    try:
        told = subprocess.run(
            ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return float(told.stdout.split()[0])


def drawing(portrait: Portrait, batches: list[int], size: int, seconds: float) -> list[dict[str, Any]]:
    """Guides, network, scaling and YUV, and bringing it back: what a worker does for a batch."""
    rows = []
    for n in batches:
        batch, spent = faces(n), []
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        portrait.draw_yuv420(*batch, [size] * n, BT601)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until or len(spent) < 3:
            start = time.perf_counter()
            portrait.draw_yuv420(*batch, [size] * n, BT601)
            spent.append(time.perf_counter() - start)
        each = float(np.median(spent)) / n
        row = {"batch": n, "ms_a_frame": round(1000 * each, 3), "ms_a_batch": round(1000 * each * n, 2)}
        row |= {"frames_a_second": round(1 / each, 1), "sessions_at_25": int(1 / each / FRAME_RATE)}
        if torch.cuda.is_available():
            row["peak_mb"] = round(torch.cuda.max_memory_allocated() / 2**20)
        rows.append(row)
        print("draw", row, flush=True)
    return rows


class Player:
    """One session that is told a slot every 40 ms; knows when frames came."""

    def __init__(self, seat: Seat, seed: int, size: int) -> None:
        self.seat, self.seed, self.size = seat, seed, size
        self.drawn = self.moved = 0
        self.late_ms: list[float] = []
        self.lost_at: float | None = None
        self.back_at: float | None = None
        self._due: dict[int, float] = {}
        self._open()

    def _open(self) -> None:
        self.next = 0
        self.seat.open(Open(SessionOptions(AVATAR, self.size, self.seed), 0), self._on_frame, self._on_lost)

    def take(self, seat: Seat) -> None:
        self.seat = seat
        self._open()

    def _on_frame(self, framed: Framed) -> None:
        now = time.monotonic()
        self.moved += 1
        self.drawn += framed.number is not None
        self.late_ms.append((now - self._due.pop(framed.index)) * 1000)
        if self.lost_at is not None and self.back_at is None and framed.number is not None:
            self.back_at = now

    def _on_lost(self, _: str) -> None:
        self.lost_at = time.monotonic()

    async def play(self, seconds: float) -> None:
        speech = np.split(syllables(2.0), 50)
        start = time.monotonic() + (self.seed % 8) * 0.005  # sessions do not begin together
        for k in range(round(seconds * FRAME_RATE)):
            await asyncio.sleep(max(0.0, start + k / FRAME_RATE - time.monotonic()))
            due = time.monotonic() + 0.05  # as pace does: leaves 60 ms after it is known, encoding takes 10
            self._due[self.next - 2] = due
            self.seat.tell(Tell(self.next, 0, (), speech[k % 50], False, due, True))
            self.next += 1


async def sessions(open_models: OpenModels, counts: list[int], size: int, seconds: float) -> list[Any]:
    """Real sessions on one worker: is each drawn 25 times a second?"""
    rows = []
    worker = WorkerProcess(spawn(open_models))
    await worker.warm(AVATAR, size)
    worker.is_shared = True
    for n in counts:
        cost = (await worker.measure(AVATAR, (size,), 3, n))[size]
        players = [Player(worker.seat(), seed, size) for seed in range(n)]
        await asyncio.gather(*(player.play(seconds) for player in players))
        await asyncio.sleep(0.3)
        wanted = n * (round(seconds * FRAME_RATE) - 2)
        lates = [ms for player in players for ms in player.late_ms]
        row = {
            "sessions": n,
            "fps": round(sum(p.drawn for p in players) / wanted * FRAME_RATE, 2),
            "worst_fps": round(min(p.drawn for p in players) * n / wanted * FRAME_RATE, 2),
            "worker_ms_a_frame": round(cost.wall_s * 1000, 2),
            "processor_ms_a_frame": round(cost.processor_s * 1000, 2),
            "ms_before_due_median": round(-float(np.median(lates)), 1) if lates else None,
            "gpu_mb": device_memory_mb(),
        }
        for player in players:
            player.seat.end()
        rows.append(row)
        print("live", row, flush=True)
    worker.end()
    return rows


async def recovery(open_models: OpenModels, n: int, size: int) -> dict[str, Any]:
    """From a worker's death, or its stop, to the first new picture of the last of n sessions."""
    made: dict[str, Any] = {"sessions": n}
    for name, how in (("killed", signal.SIGKILL), ("stopped", signal.SIGSTOP)):
        before = device_memory_mb()
        pool = Pool(partial(WorkerProcess, open_models), AVATAR, size)
        worker = await pool.start()
        one = device_memory_mb()
        shared, pid = SharedWorker(pool), worker.pid or 0
        players = [Player(await shared.seat(), seed, size) for seed in range(n)]
        playing = [asyncio.create_task(player.play(60)) for player in players]
        spare = pool._spare
        assert spare is not None
        await spare
        await asyncio.sleep(2)
        if before is not None and one is not None:
            made["worker_gpu_mb"], made["spare_gpu_mb"] = one - before, (device_memory_mb() or 0) - one
        start = time.monotonic()
        os.kill(pid, how)
        while any(player.lost_at is None for player in players):
            await asyncio.sleep(0.005)
        made[f"{name}_noticed_ms"] = round(max(p.lost_at or 0 for p in players) * 1000 - start * 1000)
        for player in players:
            player.take(await shared.seat())
        while any(player.back_at is None for player in players):
            await asyncio.sleep(0.005)
        made[f"{name}_back_ms"] = round(max(p.back_at or 0 for p in players) * 1000 - start * 1000)
        for task in playing:
            task.cancel()
        shared.end()
        await pool.close()
    print("lost", made, flush=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--batches", default="1,8,32,128")
    parser.add_argument("--sessions", default="1,4,8,16,32")
    parser.add_argument("--seconds", type=float, default=10.0)
    given = parser.parse_args()
    batches, counts = ([int(x) for x in text.split(",")] for text in (given.batches, given.sessions))
    if given.device == "cuda":
        portrait = Portrait.load(assembly.find_avatar(AVATAR).folder, device="cuda")
        name = torch.cuda.get_device_name(0)
    else:
        portrait, name = TorchModels().load(AVATAR), "PyTorch on the CPU"
    report: dict[str, Any] = {"device": name, "size": given.size}
    report["draw"] = drawing(portrait, batches, given.size, min(given.seconds, 5.0))
    del portrait
    open_models = models_of(given.device)
    report["live"] = asyncio.run(sessions(open_models, counts, given.size, given.seconds))
    report["lost"] = asyncio.run(recovery(open_models, min(8, max(counts)), given.size))
    print(json.dumps(report))


if __name__ == "__main__":
    main()
