"""Sessions opened, watched, spoken into and closed, one after another, on a real `serve`: what stays behind?

    python -m tests.benchmarks.live_soak [--sessions 500] [--every 25] [--size 256]

Prints, every so many sessions, the server's own memory, its open files and threads, and the memory of all its
processes. The last line is JSON: those rows, and the server's growth from the second row (the first sessions
fill caches) to the last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path

import httpx2

from avatar_engine.client import connect
from avatar_engine.drivers.probe.live_doctor import RATE, tone
from avatar_engine.drivers.probe.own_server import OwnServer, own_server
from avatar_engine.drivers.probe.viewer import Viewer

PICTURE_S = 30.0
SPOKEN_S = 0.5
BETWEEN_S = 0.1


async def one_session(server: OwnServer, size: int | None) -> None:
    """Open, watch, speak, hang up."""
    async with connect(server.url, api_key=server.key, size=size) as avatar:
        viewer = Viewer()
        try:
            await viewer.post(avatar.whep_url, avatar.token, await viewer.offer())
            await viewer.first_picture(PICTURE_S)
            speaking = asyncio.create_task(
                avatar.speak([tone(SPOKEN_S)], sample_rate=RATE, text="Hello there.")
            )
            await asyncio.sleep(SPOKEN_S)
            await avatar.interrupt()
            await speaking
        finally:
            await viewer.close()


def state_of(server: OwnServer, closed: int) -> dict[str, float]:
    """Of the server's process alone; workers come and go."""
    home = Path(f"/proc/{server.process.pid}")
    pages = int((home / "statm").read_text().split()[1])
    return {
        "closed": closed,
        "server_mb": round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 1),
        "files": len(list((home / "fd").iterdir())),
        "threads": len(list((home / "task").iterdir())),
        "all_mb": server.memory_mb() or 0.0,
    }


async def soak(sessions: int, every: int, size: int | None) -> dict[str, object]:
    rows: list[dict[str, float]] = []
    refused = 0
    async with own_server() as server:
        closed = 0
        while closed < sessions:
            try:
                await one_session(server, size)
            except Exception as error:  # full for a moment, or really broken: told, and the last row shows it
                refused += 1
                print(f"session {closed}: {type(error).__name__}: {error}", flush=True)
                if refused > sessions // 10:
                    raise
                await asyncio.sleep(1)
                continue
            closed += 1
            await asyncio.sleep(BETWEEN_S)
            if closed % every == 0:
                await asyncio.sleep(2)
                rows.append(state_of(server, closed))
                print(rows[-1], flush=True)
        async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
            metrics = (await client.get(f"{server.url}/metrics")).text
    left = [line for line in metrics.splitlines() if "sessions" in line and not line.startswith("#")]
    growth = rows[-1]["server_mb"] - rows[min(1, len(rows) - 1)]["server_mb"]
    return {
        "sessions": closed,
        "refused": refused,
        "growth_mb": round(growth, 1),
        "rows": rows,
        "metrics": left,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=500)
    parser.add_argument("--every", type=int, default=25)
    parser.add_argument("--size", type=int, choices=(256, 384, 512))
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(soak(arguments.sessions, arguments.every, arguments.size))))


if __name__ == "__main__":
    main()
