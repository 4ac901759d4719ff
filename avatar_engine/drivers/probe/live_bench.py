"""avatar-engine bench --live: what a viewer of a live session waits for, on this machine. The last line is
JSON.

Server, viewer (aiortc, decoding all it gets) and client share the machine, as in a demo. Columns: cold is
the first session of a fresh server, warm the median of further sessions, steady one session that goes on.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from avatar_engine import __version__
from avatar_engine.client import Avatar, SpeechStarted, connect
from avatar_engine.drivers.doctor import available_cores
from avatar_engine.drivers.probe.live_doctor import RATE, tone
from avatar_engine.drivers.probe.own_server import OwnServer, own_server
from avatar_engine.drivers.probe.viewer import Viewer

PICTURE_S = 20.0
SOUND_S = 10.0
SETTLE_S = 1.0
ROWS = {
    "ready_ms": "start of serve -> ready",
    "memory_mb": "memory of serve and its workers",
    "session_ms": "POST session -> WebSocket ready",
    "connect_ms": "WHEP POST -> ICE connected",
    "first_frame_ms": "WHEP POST -> first picture decoded",
    "speech_sent_ms": "speech in -> its first sound and picture leave",
    "speech_heard_ms": "speech in -> its first sound decoded",
    "interrupt_ms": "interrupt -> answer",
    "silence_ms": "interrupt -> last sound decoded",
    "fps": "pictures a second",
    "freezes": "gaps of more than 150 ms between pictures",
    "av_drift_ms": "sound against picture, as the server sends them",
}


@dataclass
class Column:
    """Figures by row; several of a row become median and 95th percentile."""

    figures: dict[str, list[float]] = field(default_factory=dict)

    def add(self, row: str, value: float | None) -> None:
        if value is not None:
            self.figures.setdefault(row, []).append(value)

    def summary(self) -> dict[str, Any]:
        return {row: _summary(values) for row, values in self.figures.items()}


async def run(*, tries: int, steady_s: float, size: int | None, device: str, only_json: bool) -> None:
    """Prints a table and a line of JSON. AvatarError where the live path is broken: see doctor --live."""
    cold, warm, steady = Column(), Column(), Column()
    async with own_server("--device", device) as server:
        cold.add("ready_ms", server.ready_s * 1000)
        cold.add("memory_mb", server.memory_mb())
        info = await _one_session(server, size, cold)
        for _ in range(tries):
            await _one_session(server, size, warm)
        warm.add("memory_mb", server.memory_mb())
        await _long_session(server, size, steady, tries, steady_s)
    report = {
        "version": __version__,
        "cores": available_cores(),
        "device": info.get("device"),
        "size": info.get("size"),
        "tries": tries,
        "steady_s": steady_s,
        "cold": cold.summary(),
        "warm": warm.summary(),
        "steady": steady.summary(),
    }
    if not only_json:
        _print_table(report)
    print(json.dumps(report))


async def _one_session(server: OwnServer, size: int | None, column: Column) -> dict[str, Any]:
    """Open, watch, speak, interrupt, close."""
    began = time.perf_counter()
    async with connect(server.url, api_key=server.key, size=size) as avatar:
        column.add("session_ms", _ms(began))
        async with _watching(avatar, column) as viewer:
            await asyncio.sleep(SETTLE_S)
            await _speak_and_interrupt(avatar, viewer, column)
        return dict(avatar.ready.fields)


async def _long_session(
    server: OwnServer, size: int | None, column: Column, tries: int, seconds: float
) -> None:
    """One session: speech and interrupts again and again, then `seconds` of speech and silence in turn."""
    async with (
        connect(server.url, api_key=server.key, size=size) as avatar,
        _watching(avatar, Column()) as viewer,
    ):
        await asyncio.sleep(SETTLE_S)
        for _ in range(tries):
            await _speak_and_interrupt(avatar, viewer, column)
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            await avatar.speak([tone(2.0)], sample_rate=RATE)
            await asyncio.sleep(1.0)
        lasted = time.perf_counter() - began
        times = [at for at in viewer.pictures if at >= began]
        column.add("fps", len(times) / lasted)
        column.add("freezes", float(sum(b - a > 0.15 for a, b in zip(times, times[1:], strict=False))))
        column.add("memory_mb", server.memory_mb())
        for name, value in (await _metrics(server)).items():
            column.add(name, value)


@asynccontextmanager
async def _watching(avatar: Avatar, column: Column) -> AsyncIterator[Viewer]:
    """A viewer that has its first picture."""
    viewer = Viewer(avatar.ice_servers)
    try:
        offer = await viewer.offer()
        await viewer.post(avatar.whep_url, avatar.token, offer)
        await viewer.connected()
        column.add("connect_ms", _ms(viewer.posted))
        column.add("first_frame_ms", (await viewer.first_picture(PICTURE_S) - viewer.posted) * 1000)
        yield viewer
    finally:
        await viewer.close()


async def _speak_and_interrupt(avatar: Avatar, viewer: Viewer, column: Column) -> None:
    """A second of a long speech, broken off."""
    events = avatar.events()
    began = time.perf_counter()
    saying = asyncio.create_task(avatar.speak([tone(8.0)], sample_rate=RATE))
    try:
        async for event in events:
            if isinstance(event, SpeechStarted):
                break
        column.add("speech_sent_ms", _ms(began))
        column.add("speech_heard_ms", (await viewer.sound_after(began, SOUND_S) - began) * 1000)
        await asyncio.sleep(0.7)
        asked = time.perf_counter()
        await avatar.interrupt()
        column.add("interrupt_ms", _ms(asked))
        await saying
        await asyncio.sleep(0.8)
        column.add("silence_ms", max(0.0, viewer.last_sound() - asked) * 1000)
    finally:
        events.close()
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)


async def _metrics(server: OwnServer) -> dict[str, float]:
    """What only the server knows: the medians of these numbers."""
    async with httpx2.AsyncClient(timeout=10, trust_env=False, verify=False) as client:
        text = (await client.get(f"{server.url}/metrics")).text
    found = re.findall(r'^(av_drift_ms)(?:\{quantile="0\.5"\})? (\S+)$', text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def _summary(values: list[float]) -> Any:
    if len(values) == 1:
        return round(values[0], 1)
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * (len(ordered) - 1)))]
    return {"p50": round(statistics.median(ordered), 1), "p95": round(p95, 1)}


def _print_table(report: dict[str, Any]) -> None:
    print(
        f"{report['device']}, {report['cores']} cores, {report['size']} pixels; "
        f"median / 95 % of {report['tries']} tries"
    )
    print(f"  {'':48} {'cold':>14} {'warm':>14} {'steady':>14}")
    for row, title in ROWS.items():
        cells = [_cell(report[column].get(row)) for column in ("cold", "warm", "steady")]
        if any(cells):
            print(f"  {title:48} {cells[0]:>14} {cells[1]:>14} {cells[2]:>14}")


def _cell(figure: Any) -> str:
    if figure is None:
        return ""
    return f"{figure:g}" if isinstance(figure, float) else f"{figure['p50']:g} / {figure['p95']:g}"


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1000
