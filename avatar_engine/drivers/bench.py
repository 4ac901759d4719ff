"""How fast each stage is on this machine; the last line is JSON. Figures of two machines do not compare."""

from __future__ import annotations

import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from avatar_engine import __version__
from avatar_engine.clock import FRAME_RATE, SAMPLE_RATE, SAMPLES_PER_FRAME
from avatar_engine.config import MotionOptions, RenderOptions
from avatar_engine.drivers import api
from avatar_engine.drivers.doctor import available_cores
from avatar_engine.drivers.media.pictures import SoundFormat, kind_of, open_writer
from avatar_engine.types import AudioChunk, ExpressionFrame, Float32, UInt8

SECONDS = 8
"Of speech that each stage is measured on."
WARM_UP = 10
KEPT_PICTURES = 60
"To be encoded: what moves costs more than what does not."
SENTENCE = "I can hardly believe it, this is the best news that I have heard all year!"


def run(options: RenderOptions, *, only_json: bool) -> None:
    """avatar-engine bench"""
    report: dict[str, Any] = {
        "version": __version__,
        "processor": _processor(),
        "cores": available_cores(),
        "size": options.size,
        "threads": options.threads,
        "ms": {},
    }
    speech = murmur(SECONDS)
    models = api.Models()
    stages: dict[str, Any] = report["ms"]
    stages["start"] = _once(lambda: models.parts(MotionOptions(), with_text=True))
    stages["start_avatar"] = _once(lambda: models.portrait(options))
    portrait = models.portrait(options)
    report["device"] = portrait.device
    parts = models.parts(MotionOptions(), with_text=True)
    if parts.text is not None:
        reader = parts.text.reader
        stages["text_sentence"] = _spread(lambda _: reader.read([SENTENCE]), range(WARM_UP + 20))
    stream = parts.open_stream()
    pieces = np.split(speech, len(speech) // SAMPLES_PER_FRAME)
    stages["speech_frame"] = _spread(lambda piece: stream.push(piece), pieces)
    frames: list[ExpressionFrame] = []
    stages["motion_frame"] = _spread(_Mover(models, frames).push, pieces)
    pictures: list[UInt8] = []
    stages["draw_frame"] = _spread(lambda frame: _keep(pictures, _draw(portrait, frame)), frames)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "film.mp4"
        writer = open_writer(
            output, kind_of(output), size=options.size, sound=SoundFormat(SAMPLE_RATE, 1), transparent=False
        )
        stages["encode_frame"] = _spread(writer.picture, pictures)
        writer.close()
        start = time.perf_counter()
        api.render((speech, SAMPLE_RATE), SENTENCE, output=output, models=models, **_drawn(options))
        report["render_x_real_time"] = round(SECONDS / (time.perf_counter() - start), 2)
    report["peak_memory_mb"] = _peak_memory_mb()
    if not only_json:
        _print_table(report)
    print(json.dumps(report))


def murmur(seconds: int) -> Float32:
    """Something like speech: syllables of a buzzing tone under moving formants; float32 [seconds * 16
    000]."""
    t = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    formant = 700 + 300 * np.sin(2 * np.pi * 1.9 * t)
    tone = sum(np.exp(-(((k * pitch - formant) / 400) ** 2)) * np.sin(k * phase) for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 4 * t), 0, None) * (np.sin(2 * np.pi * 0.4 * t) > -0.5)
    samples: Float32 = np.asarray(0.1 * tone * syllables, np.float32)
    return samples


class _Mover:
    """A session fed a frame's worth of speech at a time."""

    def __init__(self, models: api.Models, frames: list[ExpressionFrame]) -> None:
        self._session = models.open_session(MotionOptions(), with_text=True)
        self._session.push_text(SENTENCE)
        self._frames = frames

    def push(self, piece: Float32) -> None:
        self._session.push_audio(AudioChunk(self._session.position, piece))
        self._frames += self._session.advance()


def _draw(portrait: Any, frame: ExpressionFrame) -> UInt8:
    picture: UInt8 = portrait.draw(frame.weights, frame.head_rad, frame.gaze_rad)
    return picture


def _keep(pictures: list[UInt8], picture: UInt8) -> None:
    if len(pictures) < KEPT_PICTURES:
        pictures.append(picture)


def _drawn(options: RenderOptions) -> dict[str, Any]:
    return {
        "avatar": options.avatar,
        "size": options.size,
        "device": options.device,
        "threads": options.threads,
    }


def _once(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return round((time.perf_counter() - start) * 1000, 1)


def _spread(work: Callable[[Any], object], items: Any) -> dict[str, float]:
    """Milliseconds of `work` on each item: median and 95th percentile, without the first few."""
    times = []
    for item in items:
        start = time.perf_counter()
        work(item)
        times.append((time.perf_counter() - start) * 1000)
    kept = times[WARM_UP:] or times
    return {"p50": round(float(np.percentile(kept, 50)), 2), "p95": round(float(np.percentile(kept, 95)), 2)}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _peak_memory_mb() -> float | None:
    """None where the system does not tell."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def _print_table(report: dict[str, Any]) -> None:
    print(f"{report['processor']}, {report['cores']} cores; {report['size']} pixels on {report['device']}")
    for name, figure in report["ms"].items():
        text = (
            f"{figure:8.1f} ms"
            if isinstance(figure, float)
            else f"{figure['p50']:8.2f} ms, 95 %: {figure['p95']:.2f}"
        )
        print(f"  {name:16} {text}")
    budget = 1000 / FRAME_RATE
    print(f"  a frame lasts {budget:g} ms; render runs at {report['render_x_real_time']} x real time")
    print(f"  peak memory {report['peak_memory_mb']} MB")
