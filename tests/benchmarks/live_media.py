"""How fast the live media plane is on this machine, at the tracks of its viewers.

    python -m tests.benchmarks.live_media [--size 512] [--tries 20] [--seconds 10] [--sessions 1 2]

Prints medians and 95th percentiles, then one line of JSON. Never part of the test run: nothing passes or
fails.

What is measured: speech pushed in one burst until its first sound and the picture of that moment leave; an
interrupt until the last sample of speech and the last stale picture leave; how much later than its sound a
picture leaves; new pictures a second with N sessions, each with one viewer over loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import av
import numpy as np

from avatar_engine.clock import VIDEO_TICKS_PER_FRAME
from avatar_engine.drivers.bench import murmur
from avatar_engine.drivers.live.engine import LiveEngine, MediaOptions, build_engine
from avatar_engine.drivers.live.interface import Full, SessionOptions
from avatar_engine.drivers.live.pace import PACKETS_PER_SLOT, SOUND_PER_PACKET
from avatar_engine.drivers.live.performance import LivePerformance
from avatar_engine.drivers.live.webrtc.encoders import OPUS_DELAY
from tests.support import live_cast
from tests.support.viewers import Viewer

AUDIBLE = 400
"Of 32,768."
SPEECH_RATE = 24_000


class Ear:
    """Notes what leaves for the viewers of a session, and when."""

    def __init__(self, performance: LivePerformance) -> None:
        self.sounds: list[tuple[float, av.Packet]] = []
        self.pictures: dict[int, float] = {}
        audience: Any = performance._audience
        send_sound, send_picture = audience.send_sound, audience.send_picture

        def sound(packet: av.Packet) -> None:
            self.sounds.append((time.monotonic(), packet))
            send_sound(packet)

        def picture(codec: str, packet: av.Packet) -> None:
            self.pictures[packet.pts // VIDEO_TICKS_PER_FRAME] = time.monotonic()
            send_picture(codec, packet)

        audience.send_sound, audience.send_picture = sound, picture

    def clear(self) -> None:
        self.sounds.clear()
        self.pictures.clear()

    def audible(self) -> list[tuple[float, int]]:
        """(moment, slot) of each packet with something to hear in it."""
        decoder, found = av.CodecContext.create("libopus", "r"), []
        for moment, packet in self.sounds:
            loudest = max(
                (
                    int(abs(f.to_ndarray().astype(int)).max())
                    for f in decoder.decode(av.Packet(bytes(packet)))
                ),
                default=0,
            )
            if loudest > AUDIBLE:
                number = -(-(packet.pts + OPUS_DELAY) // SOUND_PER_PACKET)
                found.append((moment, number // PACKETS_PER_SLOT))
        return found

    def offsets_ms(self) -> list[float]:
        """Picture minus sound, for each slot that has both."""
        first = {
            (packet.pts + OPUS_DELAY) // SOUND_PER_PACKET // PACKETS_PER_SLOT: moment
            for moment, packet in reversed(self.sounds)
        }
        return [(moment - first[s]) * 1000 for s, moment in self.pictures.items() if s in first]


def spread(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return {"median": round(float(np.median(ordered)), 1), "p95": round(p95, 1), "n": len(ordered)}


async def open_watched(engine: LiveEngine, size: int, seed: int) -> tuple[LivePerformance, Viewer, float]:
    """A session, its viewer, and ms from the offer to the first decoded picture."""
    performance = await engine.open(SessionOptions("ava", size, seed))
    viewer = Viewer()
    start = time.monotonic()
    await viewer.join(performance)
    await viewer.until("video", 1, 20)
    return performance, viewer, (viewer.frames["video"][0][0] - start) * 1000


async def latencies(engine: LiveEngine, size: int, tries: int) -> dict[str, dict[str, float]]:
    performance, viewer, _ = await open_watched(engine, size, 1)
    ear = Ear(performance)
    speech = np.repeat(murmur(3), 3)[::2]
    pcm = (np.clip(2 * speech, -1, 1) * 32767).astype("<i2").tobytes()
    to_sound: list[float] = []
    to_picture: list[float] = []
    stop_sound: list[float] = []
    wait = np.random.default_rng(0)
    for k in range(tries):
        await asyncio.sleep(0.8 + wait.random() * 0.1)
        ear.clear()
        start = time.monotonic()
        await performance.begin(f"u{k}", SPEECH_RATE)
        await performance.push(f"u{k}", pcm)
        await performance.end(f"u{k}")
        await asyncio.sleep(0.7 + wait.random() * 0.3)
        asked = time.monotonic()
        await performance.interrupt()
        await asyncio.sleep(0.3)
        heard = ear.audible()
        if heard:
            to_sound.append((heard[0][0] - start) * 1000)
            to_picture.append((ear.pictures[heard[0][1]] - start) * 1000)
            stop_sound.append(max(0.0, (heard[-1][0] - asked) * 1000))
    numbers = engine.numbers()
    ear.clear()
    await asyncio.sleep(3)
    made = {
        "speech_to_sound_ms": spread(to_sound),
        "speech_to_picture_ms": spread(to_picture),
        "interrupt_to_last_sound_ms": spread(stop_sound),
        "interrupt_to_last_stale_picture_ms": {
            "median": round(numbers["interrupt_ms_median"], 1),
            "p95": round(numbers["interrupt_ms_p95"], 1),
        },
        "picture_minus_sound_ms": spread(ear.offsets_ms()),
    }
    await performance.close("measured")
    await viewer.leave()
    return made


async def rates(engine: LiveEngine, size: int, sessions: int, seconds: float) -> dict[str, Any]:
    """New pictures a second of each of N sessions that speak all the time, and their processor time."""
    watched = [await open_watched(engine, size, k) for k in range(sessions)]
    speech = (np.clip(2 * murmur(8), -1, 1) * 32767).astype("<i2").tobytes()
    for performance, _, _ in watched:
        await performance.begin("talk", 16_000)
        for _ in range(int(seconds / 8) + 1):
            await performance.push("talk", speech)
    await asyncio.sleep(1)
    before = [(p.screen.encoded, p.screen.repeated, p.cost_s + p.screen.encoding_s) for p, _, _ in watched]
    start, own = time.monotonic(), time.process_time()
    await asyncio.sleep(seconds)
    lasted, own = time.monotonic() - start, time.process_time() - own
    fps, cost = [], 0.0
    for (performance, _, _), (encoded, repeated, spent) in zip(watched, before, strict=True):
        screen = performance.screen
        fps.append(round((screen.encoded - encoded - screen.repeated + repeated) / lasted, 2))
        cost += performance.cost_s + screen.encoding_s - spent
    made = {
        "fps": fps,
        "first_picture_ms": [round(ms) for _, _, ms in watched],
        "processor_ms_a_frame": round(cost / sessions / (25 * lasted) * 1000, 1),
        "server_and_viewers_cores": round(own / lasted, 2),
        "memory_mb": round(engine.numbers()["memory_bytes"] / 1e6),
    }
    for performance, viewer, _ in watched:
        await performance.close("measured")
        await viewer.leave()
    return made


async def measure(arguments: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    options = MediaOptions(admitted_share=9.0, open_models=live_cast.sketched if arguments.sketched else None)
    if arguments.threads is not None:
        options = replace(options, threads=arguments.threads)
    engine = build_engine(options)
    start = time.monotonic()
    await engine.start()
    size = arguments.size or engine.default_size
    report: dict[str, Any] = {
        "ready_s": round(time.monotonic() - start, 2),
        "ready_memory_mb": round(engine.numbers()["memory_bytes"] / 1e6),
        "device": engine.device,
        "size": size,
        "cost_ms": {str(s): round(c * 1000, 1) for s, c in engine.cost_s.items()},
    }
    say(f"ready after {report['ready_s']} s, {report['ready_memory_mb']} MB; a frame: {report['cost_ms']} ms")
    await asyncio.sleep(2)  # the spare has been measured on; let everything settle
    if arguments.tries:
        report |= await latencies(engine, size, arguments.tries)
    for name, value in list(report.items())[5:]:
        say(f"{name:38s} {value}")
    for sessions in arguments.sessions:
        try:
            report[f"sessions_{sessions}"] = made = await rates(engine, size, sessions, arguments.seconds)
        except Full as error:
            made = {"refused": str(error)}
        say(f"{sessions} sessions: {made}")
        await asyncio.sleep(2)
    await engine.close()
    return report


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", type=int, choices=(256, 384, 512), help="default: what this machine allows")
    parser.add_argument("--tries", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--sessions", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--threads", type=int, help="of each worker's generator")
    parser.add_argument("--sketched", action="store_true", help="a drawn disc instead of the avatar")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    print(json.dumps(asyncio.run(measure(arguments, print))))


if __name__ == "__main__":
    main()
