"""The live engine as Chromium sees it, on the same machine: measured in the page, nothing passes or fails.

    python -m tests.benchmarks.live_browser sync    [--seconds 60]              flash and beep: A/V offset
    python -m tests.benchmarks.live_browser rate    [--seconds 60] [--viewers 4] [--sessions 2]  fps, freezes
    python -m tests.benchmarks.live_browser full    [--seconds 60] [--viewers 2] sessions until one is refused
    python -m tests.benchmarks.live_browser stop    [--tries 20]                interrupt -> mouth at rest
    python -m tests.benchmarks.live_browser join    [--tries 20]                offer -> first frame painted

Needs Playwright and a Chromium (--chromium PATH). The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from playwright.async_api import Browser, Page, async_playwright

from avatar_engine.drivers.bench import murmur
from avatar_engine.drivers.live.engine import LiveEngine, MediaOptions, build_engine
from avatar_engine.drivers.live.interface import Busy, Full, SessionOptions
from avatar_engine.drivers.live.performance import LivePerformance
from avatar_engine.drivers.live.worker.spawn import default_threads
from tests.benchmarks.live_media import spread
from tests.support import live_cast
from tests.support.chromium import FLAGS, SOUND_AT_ONCE
from tests.support.live_rig import pcm

SCRIPT = Path(__file__).with_name("live_page.js")
MOUTH = (0.35, 0.55, 0.3, 0.22)
"x, y, width, height of the mouth box in parts of the picture."
WHOLE = (0.0, 0.0, 1.0, 1.0)
SETTLED_S = 3.0
"A browser's jitter buffers need so long."


@dataclass
class Seat:
    """One page that watches one session."""

    page: Page
    performance: LivePerformance
    painted_ms: float


def talk(seconds: int) -> bytes:
    """Something to say. Made before anybody watches: it takes the event loop 0.1 s."""
    return pcm(np.clip(2 * murmur(seconds), -1, 1))


async def seat(browser: Browser, performance: LivePerformance, box: tuple[float, ...]) -> Seat:
    page = await (await browser.new_context()).new_page()

    async def watch(sdp: str) -> str:
        return (await performance.watch(sdp))[1]

    async def interrupt() -> None:
        await performance.interrupt()

    await page.expose_function("watch", watch)
    await page.expose_function("interrupt", interrupt)
    await page.evaluate(SCRIPT.read_text(encoding="utf-8"))
    return Seat(page, performance, await page.evaluate("box => join(box)", list(box)))


async def sync(engine: LiveEngine, browser: Browser, size: int, arguments: Any) -> dict[str, Any]:
    one = await seat(browser, await engine.open(SessionOptions("ava", size, 1)), WHOLE)
    await asyncio.sleep(SETTLED_S)
    t = np.arange(1280) / 16_000
    beeps = np.zeros(11 * 8_000, np.float32)  # at odd distances, so that a beep has but one flash near it
    for k, at in enumerate(np.cumsum([0, 0.9, 1.3, 1.0, 1.2])):
        beeps[round(at * 16_000) : round(at * 16_000) + 1280] = 0.5 * np.sin(2 * np.pi * (900 + 50 * k) * t)
    playout = []
    until = asyncio.get_running_loop().time() + arguments.seconds
    count = 0
    while asyncio.get_running_loop().time() < until:
        await one.performance.begin(f"b{count}", 16_000)
        await one.performance.push(f"b{count}", pcm(beeps))
        await one.performance.end(f"b{count}")
        count += 1
        await asyncio.sleep(5.6)
        seen = await one.page.evaluate("numbers()")
        times = [seen[kind].get("estimatedPlayoutTimestamp") for kind in ("video", "audio")]
        if all(times):
            playout.append(times[0] - times[1])
    shown = await one.page.evaluate("shown.map(([at, level]) => [at, level])")
    heard = await one.page.evaluate("beeps")
    flashes = [at for (_, was), (at, is_) in zip(shown, shown[1:], strict=False) if was < 128 <= is_]
    offsets = [min((beep - flash for beep in heard), key=abs) for flash in flashes] if heard else []
    return {
        "beep_minus_flash_ms": spread(offsets),
        "beep_minus_flash_p95_abs_ms": round(float(np.percentile(np.abs(offsets), 95)), 1)
        if offsets
        else None,
        "chromium_playout_video_minus_audio_ms": spread(playout),
    }


async def rate(engine: LiveEngine, browser: Browser, size: int, arguments: Any) -> dict[str, Any]:
    speech = talk(10)
    sessions = [await engine.open(SessionOptions("ava", size, k)) for k in range(arguments.sessions)]
    seats = [await seat(browser, s, MOUTH) for s in sessions for _ in range(arguments.viewers)]
    await asyncio.sleep(SETTLED_S)
    return await watched(seats, speech, arguments.seconds)


async def full(engine: LiveEngine, browser: Browser, size: int, arguments: Any) -> dict[str, Any]:
    """As many sessions as are admitted, watched before, while and after one more asks."""
    speech, seats, refused = talk(10), [], ""
    while not refused:
        try:
            session = await engine.open(SessionOptions("ava", size, len(seats)))
        except Full as error:
            refused = str(error)
        else:
            seats += [await seat(browser, session, MOUTH) for _ in range(arguments.viewers)]
    await asyncio.sleep(SETTLED_S)
    before = await watched(seats, speech, arguments.seconds)
    knocking = asyncio.create_task(knock(engine, size))
    after = await watched(seats, speech, arguments.seconds)
    knocking.cancel()
    return {
        "sessions": len(seats) // arguments.viewers,
        "refused": refused,
        "alone": before,
        "knocked": after,
    }


async def knock(engine: LiveEngine, size: int) -> None:
    """Somebody whom there is no room for, once a second."""
    while True:
        with suppress(Full):
            await engine.open(SessionOptions("ava", size, 99))
        await asyncio.sleep(1)


async def watched(seats: list[Seat], speech: bytes, seconds: float) -> dict[str, Any]:
    """All sessions speak for so long: what their pages tell, and how many of the pictures were new."""
    sessions = list({id(one.performance): one.performance for one in seats}.values())
    before = [await one.page.evaluate("numbers()") for one in seats]
    repeated = [session.screen.repeated for session in sessions]
    began = asyncio.get_running_loop().time()
    until, count = began + seconds, 0
    while asyncio.get_running_loop().time() < until:
        for session in sessions:
            with suppress(Busy):
                name = f"talk{began:.3f}.{count}"
                await session.begin(name, 16_000)
                await session.push(name, speech)
                await session.end(name)
        count += 1
        await asyncio.sleep(min(11, max(0.1, until - asyncio.get_running_loop().time())))
    lasted = asyncio.get_running_loop().time() - began
    after = [await one.page.evaluate("numbers()") for one in seats]
    made: dict[str, Any] = {"fps": [], "freezes": [], "dropped": [], "key_frames": []}
    for old, new in zip(before, after, strict=True):
        was, is_ = old["video"], new["video"]
        shown_s = (is_["timestamp"] - was["timestamp"]) / 1000
        made["fps"].append(round((is_["framesDecoded"] - was["framesDecoded"]) / shown_s, 2))
        made["freezes"].append(is_["freezeCount"] - was["freezeCount"])
        made["dropped"].append(is_["framesDropped"] - was["framesDropped"])
        made["key_frames"].append(is_["keyFramesDecoded"])
    made["new_a_second"] = [
        round(25 - (session.screen.repeated - old) / lasted, 2)
        for session, old in zip(sessions, repeated, strict=True)
    ]
    return made


async def stop(engine: LiveEngine, browser: Browser, size: int, arguments: Any) -> dict[str, Any]:
    speech, chance, times = talk(6), np.random.default_rng(0), []
    one = await seat(browser, await engine.open(SessionOptions("ava", size, 1)), MOUTH)
    await asyncio.sleep(SETTLED_S)
    for k in range(arguments.tries):
        await one.performance.begin(f"u{k}", 16_000)
        await one.performance.push(f"u{k}", speech)
        await asyncio.sleep(1.0 + chance.random())
        times.append(await one.page.evaluate("interrupted()"))
    return {"interrupt_to_mouth_at_rest_ms": spread(times)}


async def join(engine: LiveEngine, browser: Browser, size: int, arguments: Any) -> dict[str, Any]:
    performance, times = await engine.open(SessionOptions("ava", size, 1)), []
    for _ in range(arguments.tries):
        one = await seat(browser, performance, MOUTH)
        times.append(one.painted_ms)
        await one.page.context.close()
        await asyncio.sleep(0.5)
    return {"offer_to_first_frame_painted_ms": spread(times)}


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    options = MediaOptions(threads=arguments.threads)
    if arguments.what != "full":
        options = replace(options, admitted_share=9.0)
    if arguments.what == "sync":
        options = replace(options, open_models=live_cast.flashing)
    engine = build_engine(options)
    await engine.start()
    size = arguments.size or (256 if arguments.what == "sync" else engine.default_size)
    work = {"sync": sync, "rate": rate, "full": full, "stop": stop, "join": join}[arguments.what]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=arguments.chromium, headless=True, args=[*FLAGS, SOUND_AT_ONCE]
        )
        await asyncio.sleep(2)
        costs = {size: round(cost * 1000, 1) for size, cost in engine.cost_s.items()}
        made = {"what": arguments.what, "size": size, "device": engine.device, "cost_ms": costs}
        made |= await work(engine, browser, size, arguments)
        await browser.close()
    made["engine"] = {name: round(value, 1) for name, value in engine.numbers().items()}
    await engine.close()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("sync", "rate", "full", "stop", "join"))
    parser.add_argument("--size", type=int, choices=(256, 384, 512))
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--viewers", type=int, default=1, help="of each session")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--threads", type=int, default=default_threads(), help="of a worker's generator")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="default: the one in PATH")
    logging.basicConfig(level=logging.WARNING)
    print(json.dumps(asyncio.run(measure(parser.parse_args()))))


if __name__ == "__main__":
    main()
