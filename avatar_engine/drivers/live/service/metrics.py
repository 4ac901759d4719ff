"""Numbers for Prometheus, in its text format 0.0.4: what is counted here, what the engine measures."""

from __future__ import annotations

import math
import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from pathlib import Path

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
WINDOW = 256
"Newest measurements that quantiles are taken of."
QUANTILES = {"0.5": 0.5, "0.95": 0.95}
ENGINE_COUNTERS = ("rejected", "dropped_frames", "repeated_frames", "workers_lost")
ENGINE_TIMES = (
    "webrtc_first_frame_ms",
    "avatar_first_frame_ms",
    "render_fps",
    "av_drift_ms",
    "interrupt_ms",
    "worker_replaced_ms",
)
"Shown as NaN until there is a measurement, so that dashboards and alerts know the names from the start."
ENGINE_QUANTILES = {"_median": "0.5", "_p95": "0.95"}
"How the engine's names end, and the quantile that they stand for."

HELP = {
    "up_seconds": "Since the server started",
    "ready": "1 where new sessions are taken",
    "control_sockets": "WebSockets that are open",
    "process_resident_memory_bytes": "Of the server process, without its workers",
    "http_responses_total": "Answers by status class",
    "sessions_opened_total": "Sessions that were made",
    "sessions_ended_total": "Sessions that ended, by reason",
    "sessions_rejected_total": "Sessions refused because the machine or the server was full",
    "control_messages_total": "WebSocket messages taken",
    "control_errors_total": "Errors told to clients on WebSockets, by code",
    "control_dropped_total": "Motion events not sent to sockets that read slowly",
    "session_create_ms": "POST /v1/sessions until its answer",
    "tts_first_pcm_ms": "say until the first sound of the voice",
    "chat_first_sentence_ms": "chat until the relay's first sentence",
    "interrupt_answer_ms": "interrupt until the engine said what was heard",
    "webrtc_first_frame_ms": "WHEP offer until the first picture is sent",
    "avatar_first_frame_ms": "Speech in until its first picture and sound leave",
    "render_fps": "Pictures a second that are drawn",
    "av_drift_ms": "Sound against picture",
    "interrupt_ms": "interrupt until the last stale sample has left",
    "worker_replaced_ms": "Loss of a session's worker until the first frame of its next one",
    "queue_depth": "Utterances that are being said or wait",
    "sessions": "Sessions that are on",
    "rejected": "Sessions that were refused, as sessions_rejected_total",
    "workers_lost": "Workers that died, broke or hung",
    "dropped_frames": "Pictures that were not drawn or not sent",
    "repeated_frames": "Pictures sent twice because the next came late",
    "memory_bytes": "Of the server and its workers",
}


class Metrics:
    """What the control plane counts and times."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._times: dict[str, deque[float]] = {}
        self._started = time.monotonic()

    def count(self, name: str, label: str = "", by: int = 1) -> None:
        """One more; `label` is a finished 'name="value"' of our own choice, never a client's text."""
        self._counts[name, label] += by

    def time(self, name: str, seconds: float) -> None:
        """One measurement more."""
        self._times.setdefault(name, deque(maxlen=WINDOW)).append(seconds * 1000)

    def total(self, name: str) -> int:
        """Over all labels."""
        return sum(count for (known, _), count in self._counts.items() if known == name)

    def text(self, engine: Mapping[str, float], now: Mapping[str, float]) -> str:
        """The page: the engine's numbers, those of this moment, and what was counted and timed so far."""
        lines: list[str] = []
        if "rejected" in engine:  # also those that the engine was not asked for
            engine = {**engine, "rejected": self.total("sessions_rejected_total")}
        for name, samples in _engine_samples(engine).items():
            lines += _family(name, "counter" if name in ENGINE_COUNTERS else "gauge", samples)
        for name, value in now.items():
            lines += _family(name, "gauge", [("", value)])
        lines += _family("up_seconds", "gauge", [("", time.monotonic() - self._started)])
        if (memory := resident_bytes()) is not None:
            lines += _family("process_resident_memory_bytes", "gauge", [("", memory)])
        for name in sorted({name for name, _ in self._counts}):
            samples = [(label, count) for (known, label), count in self._counts.items() if known == name]
            lines += _family(name, "counter", sorted(samples))
        for name, values in sorted(self._times.items()):
            ordered = sorted(values)
            lines += _family(
                name,
                "gauge",
                [
                    (f'quantile="{label}"', ordered[math.ceil(share * len(ordered)) - 1])
                    for label, share in QUANTILES.items()
                ],
            )
        return "\n".join(lines) + "\n"


def _engine_samples(numbers: Mapping[str, float]) -> dict[str, list[tuple[str, float]]]:
    """Families by name: '…_median' and '…_p95' are two quantiles of one."""
    families: dict[str, list[tuple[str, float]]] = {}
    for name in ENGINE_TIMES:
        if not any(known.startswith(name) for known in numbers):
            families[name] = [(f'quantile="{quantile}"', math.nan) for quantile in QUANTILES]
    for name, value in numbers.items():
        for ending, quantile in ENGINE_QUANTILES.items():
            if name.endswith(ending):
                families.setdefault(name.removesuffix(ending), []).append((f'quantile="{quantile}"', value))
                break
        else:
            families.setdefault(name, []).append(("", value))
    return families


def _family(name: str, kind: str, samples: Iterable[tuple[str, float]]) -> list[str]:
    lines = [f"# HELP {name} {HELP.get(name, name.replace('_', ' '))}", f"# TYPE {name} {kind}"]
    for label, value in samples:
        number = f"{value:.12g}" if math.isfinite(value) else "NaN"
        lines.append(f"{name}{{{label}}} {number}" if label else f"{name} {number}")
    return lines


def resident_bytes() -> int | None:
    """Memory of this process; None where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
