"""What goes over the pipe between the server and a worker. Frozen, small, pickled by both ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from avatar_engine.drivers.live.interface import SessionOptions
from avatar_engine.drivers.live.timeline import Note
from avatar_engine.motion.said import Place
from avatar_engine.session import Session
from avatar_engine.types import Float32, Renderer, UInt8


class Press(Protocol):
    """Draws the faces of many sessions at once, as renderer.Portrait does on a GPU."""

    def draw_yuv420(
        self,
        weights: Float32,
        head_rad: Float32,
        gaze_rad: Float32,
        sizes: Sequence[int],
        matrix: Float32,
    ) -> list[UInt8]:
        """weights [n, 52], head_rad [n, 3], gaze_rad [n, 2] -> n pictures, each of its own size: planes Y, U,
        V below each other, uint8 [3 / 2 size, size]."""
        ...


class Models(Protocol):
    """What a worker draws with; made inside the worker."""

    def session(self, options: SessionOptions) -> Session: ...
    def renderer(self, avatar: str, size: int) -> Renderer:
        """Loaded once for each avatar and size. One with an attribute `press` can be drawn together with
        all that have the same."""
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
    together: int = 1
    "Faces that are drawn at once."


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


@dataclass(frozen=True, slots=True)
class Enter:
    """A session takes a seat. Say Entered."""

    seat: int
    "A number that no other session of this worker ever has."
    session: Open
    ring: str
    "Name of the shared memory for its pictures, and only its."


@dataclass(frozen=True, slots=True, eq=False)
class ToSeat:
    """The next slot of one session."""

    seat: int
    slot: Tell


@dataclass(frozen=True, slots=True)
class Leave:
    """No more is wanted of this session. Nothing is said for it any more."""

    seat: int


ToWorker: TypeAlias = Warm | Measure | Enter | ToSeat | Leave


@dataclass(frozen=True, slots=True)
class Ready:
    """The models are loaded."""

    device: str
    lookahead_samples: int


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one frame: moved, drawn, converted."""

    processor_s: float
    "Processor seconds of all threads."
    wall_s: float
    "Of the worker's time, alone on it: on a GPU the device's is in it."


@dataclass(frozen=True, slots=True)
class Measured:
    """The cost of a frame at each size."""

    cost: dict[int, Cost]


@dataclass(frozen=True, slots=True)
class Entered:
    """The session has its stage and its ring."""

    seat: int


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
    """Something raised: the session ends, or, said of no seat, the worker."""

    message: str


@dataclass(frozen=True, slots=True, eq=False)
class FromSeat:
    """What one session has to say."""

    seat: int
    said: Framed | Broke


FromWorker: TypeAlias = Ready | Measured | Entered | FromSeat | Broke


def in_a_line(error: Exception) -> str:
    """An exception as Broke tells it."""
    return f"{type(error).__name__}: {(str(error) or type(error).__name__).splitlines()[0]}"
