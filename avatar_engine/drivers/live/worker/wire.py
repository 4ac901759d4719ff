"""What goes over the pipe between the server and a worker. Frozen, small, pickled by both ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.drivers.live.timeline import Note
from avatar_engine.motion.said import Place
from avatar_engine.session import Session
from avatar_engine.types import Float32, Renderer


class Models(Protocol):
    """What a worker draws with; made inside the worker."""

    def session(self, options: SessionOptions) -> Session: ...
    def renderer(self, avatar: str, size: int) -> Renderer:
        """Loaded once for each avatar and size."""
        ...


OpenModels: TypeAlias = Callable[[], Models]
"A function of a module, so that a spawned process finds it."


@dataclass(frozen=True, slots=True)
class Warm:
    """Load what a session of this avatar and size needs, and say Ready."""

    avatar: str
    size: int


@dataclass(frozen=True, slots=True)
class Measure:
    """Draw some frames at each of these sizes and say Measured."""

    avatar: str
    sizes: tuple[int, ...]
    frames: int


@dataclass(frozen=True, slots=True)
class Open:
    """Begin a session: the first slot that is sent is number `first_slot`."""

    options: SessionOptions
    first_slot: int


@dataclass(frozen=True, slots=True, eq=False)
class Tell:
    """The next slot."""

    index: int
    epoch: int
    notes: tuple[Note, ...]
    speech: Float32 | None
    missing: bool
    due: float
    "Monotonic seconds at which the frame of this slot leaves."
    wanted: bool
    "Whether anybody looks: otherwise the face moves and is not drawn."


ToWorker: TypeAlias = Warm | Measure | Open | Tell


@dataclass(frozen=True, slots=True)
class Ready:
    """The models are loaded."""

    device: str
    lookahead_samples: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Processor seconds of all threads for one frame at each size: moved, drawn, converted."""

    cost_s: dict[int, float]


@dataclass(frozen=True, slots=True)
class Mood:
    """The emotion in force."""

    scores: tuple[float, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Framed:
    """A frame has been moved, and drawn where `drawn`; the picture lies in the ring under `number`."""

    index: int
    epoch: int
    number: int | None
    face: bytes
    "float32 [57]: weights, head_rad, gaze_rad."
    place: Place | None
    "How far the utterance is in its text."
    mood: Mood | None
    "None: as before."
    cost_s: float
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Broke:
    """Something raised; the worker ends."""

    message: str


FromWorker: TypeAlias = Ready | Measured | Framed | Broke
