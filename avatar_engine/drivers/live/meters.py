"""Numbers of the media plane: counts, and distributions over the last few hundred values."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

KEPT = 500


class Distribution:
    """Median and 95th percentile of what was added last."""

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=KEPT)

    def add(self, value: float) -> None:
        self._values.append(value)

    def __len__(self) -> int:
        return len(self._values)

    def quantile(self, share: float) -> float:
        """The value below which `share` of the values lie; 0 without any."""
        values = sorted(self._values)
        return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0

    def numbers(self, name: str) -> dict[str, float]:
        """name_median and name_p95, where there are values."""
        if not self._values:
            return {}
        return {f"{name}_median": self.quantile(0.5), f"{name}_p95": self.quantile(0.95)}


class Offsets:
    """How much later than its sound each picture leaves, whichever of the two comes first."""

    def __init__(self) -> None:
        self._left: dict[str, tuple[int, float]] = {}

    def left(self, what: Literal["sound", "picture"], slot: int, now: float) -> float | None:
        """`what` of a slot leaves now; the offset in seconds once both have left."""
        self._left[what] = (slot, now)
        if len(self._left) < 2 or self._left["sound"][0] != self._left["picture"][0]:
            return None
        return self._left["picture"][1] - self._left["sound"][1]


@dataclass
class Meters:
    """Of one engine, over all its sessions."""

    webrtc_first_frame_ms: Distribution = field(default_factory=Distribution)
    "From a viewer's offer to the first picture that left for it."
    avatar_first_frame_ms: Distribution = field(default_factory=Distribution)
    "From the first speech of an utterance to its first sound and picture leaving."
    interrupt_ms: Distribution = field(default_factory=Distribution)
    "From an interrupt to the last stale item leaving."
    av_drift_ms: Distribution = field(default_factory=Distribution)
    "How much later than its sound a picture left."
    render_fps: Distribution = field(default_factory=Distribution)
    "New pictures a second of each session that is watched, once a second."
    worker_replaced_ms: Distribution = field(default_factory=Distribution)
    "From the loss of a session's worker to the first frame of its next one."
    dropped_frames: int = 0
    repeated_frames: int = 0
    rejected: int = 0
    workers_lost: int = 0

    def numbers(self) -> dict[str, float]:
        made: dict[str, float] = {}
        for name in (
            "webrtc_first_frame_ms",
            "avatar_first_frame_ms",
            "interrupt_ms",
            "av_drift_ms",
            "render_fps",
            "worker_replaced_ms",
        ):
            distribution: Distribution = getattr(self, name)
            made |= distribution.numbers(name)
        for name in ("dropped_frames", "repeated_frames", "rejected", "workers_lost"):
            made[name] = float(getattr(self, name))
        return made
