"""A `serve` process of our own on a free port of this machine, for as long as a block lasts."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from avatar_engine.drivers.live.service.options import KEY_VARIABLE
from avatar_engine.errors import AvatarError

START_S = 60.0
STOP_S = 15.0
COMMAND = (sys.executable, "-m", "avatar_engine.drivers.cli", "serve", "--port", "0")


class ServerError(AvatarError):
    """Our own server does not start."""


@dataclass
class OwnServer:
    url: str
    key: str
    process: Process
    ready_s: float
    "From the start of the process to its being ready."

    def memory_mb(self) -> float | None:
        """Of the process and its children, shared pages counted once; None where /proc does not tell."""
        found = [pss for pid in _family(self.process.pid) if (pss := _pss_kb(pid)) is not None]
        return round(sum(found) / 1024, 1) if found else None


@asynccontextmanager
async def own_server(*options: str) -> AsyncIterator[OwnServer]:
    """ServerError, with the last line of its log, where it does not get ready."""
    began = time.perf_counter()
    key = os.urandom(12).hex()
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        *options,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env={**os.environ, KEY_VARIABLE: key},
    )
    lines: deque[str] = deque(maxlen=20)
    reading: asyncio.Task[None] | None = None
    try:
        try:
            async with asyncio.timeout(START_S):
                url = await _until_ready(process, lines)
        except TimeoutError:
            raise ServerError(f"serve is not ready after {START_S:g} s; {_last(lines)}") from None
        reading = asyncio.create_task(_read_on(process, lines))
        yield OwnServer(url, key, process, time.perf_counter() - began)
    finally:
        await _stop(process)
        if reading is not None:
            await reading


async def _until_ready(process: Process, lines: deque[str]) -> str:
    assert process.stdout is not None
    url = ""
    async for raw in process.stdout:
        lines.append(raw.decode(errors="replace").strip())
        try:
            entry = json.loads(lines[-1])
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("event") == "listening":
            url = str(entry["url"]).rstrip("/")
        if isinstance(entry, dict) and entry.get("event") == "ready":
            return url
    raise ServerError(f"serve ended with code {await process.wait()}; {_last(lines)}")


async def _read_on(process: Process, lines: deque[str]) -> None:
    """A full pipe would stop the server."""
    assert process.stdout is not None
    async for raw in process.stdout:
        lines.append(raw.decode(errors="replace").strip())


async def _stop(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _last(lines: deque[str]) -> str:
    return f"its last line: {lines[-1][:300]}" if lines else "it said nothing"


def _family(pid: int) -> list[int]:
    """A process and all that it started, as Linux tells."""
    family = [pid]
    for member in family:
        for file in Path(f"/proc/{member}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                family += [int(child) for child in file.read_text().split()]
    return family


def _pss_kb(pid: int) -> int | None:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), None)
