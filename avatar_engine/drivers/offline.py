"""Files in, files out: drives a session and a generator as fast as they go. Knows threads and files, no
command line.

Frame i shows what is heard in samples [640 i, 640 (i + 1)), whatever the lookahead: here the frames wait for
the sound, so the sound of a file is never moved. Three threads share the work, joined by bounded queues: this
one listens and moves the face, one draws, one encodes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from avatar_engine import __version__
from avatar_engine.clock import FRAME_RATE
from avatar_engine.drivers.media.background import TRANSPARENT, read_background
from avatar_engine.drivers.media.pictures import (
    PNG_FOLDER,
    PNG_PATTERN,
    PictureWriter,
    SoundFormat,
    kind_of,
    open_writer,
)
from avatar_engine.drivers.media.resampling import SpeechConverter
from avatar_engine.drivers.media.speech import Speech
from avatar_engine.drivers.motion_files.clip import Limits, MotionClip
from avatar_engine.drivers.motion_files.files import MotionWriter, check_suffix
from avatar_engine.drivers.output import NewFile, NewFolder, reporting
from avatar_engine.drivers.pipeline import Stage
from avatar_engine.drivers.plot.plotting import Plotting
from avatar_engine.errors import AvatarWarning, SpeechError, UsageError
from avatar_engine.session import Session
from avatar_engine.types import (
    AudioChunk,
    EmotionScores,
    ExpressionFrame,
    Float32,
    StagedRenderer,
    UInt8,
)

WAITING_FRAMES = 32
"Moved but not drawn; more would only hold memory."
WAITING_PICTURES = 8
"Drawn but not encoded, and blocks of sound: a megabyte each at 512 x 512."

OnFrame = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Picturing:
    """How frames become a file."""

    output: Path
    renderer: StagedRenderer
    limits: Limits
    "What is drawn never goes beyond these: the generator has not seen what lies there."
    is_transparent: bool = False
    "Whether the pictures' alpha is kept."


def picturing(output: Path, renderer: StagedRenderer, limits: Limits, background: str | None) -> Picturing:
    """Frames as a file, with the person before a background, as the option names it; UsageError."""
    if background is None:
        return Picturing(output, renderer, limits)
    if not renderer.has_matte:
        raise UsageError(
            f"background {background}: this avatar has no matte, its own background is part of the picture; "
            f"leave the background out"
        )
    return Picturing(output, renderer.before(read_background(background)), limits, background == TRANSPARENT)


def check_alpha(output: Path, background: str | None) -> None:
    """UsageError where the background is to be transparent and the file's format has no alpha."""
    kind = kind_of(output)
    if background == TRANSPARENT and not kind.has_alpha:
        raise UsageError(
            f"background transparent: {kind.suffix} has no alpha; name a .webm, a .webp or a folder of PNGs"
        )


def emit_warnings(lines: Iterable[str]) -> None:
    """Each line as an AvatarWarning."""
    for line in lines:
        warnings.warn(line, AvatarWarning, stacklevel=3)


class Director:
    """Speech in, frames out: pushes a source into a session and collects what else the session tells."""

    def __init__(self, session: Session, speech: Speech, text: str | None) -> None:
        self._session = session
        self._speech = speech
        self._text = text
        self.emotions: list[EmotionScores] = []
        self.frame_count = 0

    def frames(self, on_sound: Callable[[Float32], None] | None = None) -> Iterator[ExpressionFrame]:
        """All frames in order, once. on_sound: gets each block of the source before its frames come.

        SpeechError where the source is unusable; what was given until then is void.
        """
        converter = SpeechConverter(self._speech.sample_rate)
        if self._text:
            self._session.push_text(self._text)
        for block in self._speech.blocks():
            if on_sound is not None:
                on_sound(block)
            yield from self._pushed(converter.push(block))
        yield from self._pushed(converter.push(np.zeros((0, self._speech.channels), np.float32), last=True))
        self._session.finish()
        yield from self._known()
        if self.frame_count == 0:
            raise SpeechError(f"{self._speech.name}: is shorter than one sample at 16 kHz; expected speech")

    def _pushed(self, samples: Float32) -> Iterator[ExpressionFrame]:
        self._session.push_audio(AudioChunk(self._session.position, samples))
        yield from self._known()

    def _known(self) -> Iterator[ExpressionFrame]:
        for frame in self._session.iterate():
            self.frame_count += 1
            yield frame
        self.emotions += self._session.take_emotions()
        emit_warnings(self._session.take_warnings())


def expected_frames(speech: Speech) -> int | None:
    """As many frames as the source's header promises."""
    return None if speech.duration_s is None else math.ceil(speech.duration_s * FRAME_RATE)


def make_motion(
    director: Director,
    meta: dict[str, Any],
    on_frame: OnFrame,
    *,
    output: Path | None = None,
    plotting: Plotting | None = None,
) -> MotionClip | None:
    """The motion of some speech into a .json or .csv file; without one, as a whole. With a plot of it, both
    appear together or not at all. OutputError where something cannot be written.
    """
    frames: list[ExpressionFrame] = []
    with ExitStack() as stack:
        # The motion file is put in its place after the plot: it can be read again, the plot only looked at.
        writer = None if output is None else stack.enter_context(_new_motion(output))
        plot = None if plotting is None else stack.enter_context(plotting.open())
        for frame in director.frames(None if plot is None else plot.sound):
            if writer is None:
                frames.append(frame)
            else:
                writer.write(frame)
            if plot is not None:
                plot.frame(frame)
            on_frame()
        if plot is not None:
            plot.draw(director.emotions)
        if writer is not None:
            writer.finish(director.emotions, _with_version(meta))
    if plotting is not None and plotting.warning is not None:
        emit_warnings([plotting.warning])
    return MotionClip.from_frames(frames, director.emotions, meta) if output is None else None


def render_speech(
    director: Director,
    speech: Speech,
    picturing: Picturing,
    motion_output: Path | None,
    meta: dict[str, Any],
    on_frame: OnFrame,
) -> None:
    """Speech as a film with its sound, and its motion beside it if asked for; both appear together or not at
    all."""
    with ExitStack() as stack:
        # The motion file is put in its place after the film: it is the lesser loss.
        motion = None if motion_output is None else stack.enter_context(_new_motion(motion_output))
        film = stack.enter_context(
            _Film.open(picturing, SoundFormat(speech.sample_rate, speech.channels), on_frame)
        )
        for frame in director.frames(film.sound):
            if motion is not None:
                motion.write(frame)
            film.frame(frame)
        if motion is not None:
            motion.finish(director.emotions, _with_version(meta))


def render_clip(clip: MotionClip, speech: Speech | None, picturing: Picturing, on_frame: OnFrame) -> None:
    """A clip (already fitted to the avatar) as a film, with sound if there is some.

    The longer of both counts: the last frame is held, or silence added, with a warning if that is more than a
    frame.
    """
    sound = None if speech is None else SoundFormat(speech.sample_rate, speech.channels)
    with _Film.open(picturing, sound, on_frame) as film:
        frames = list(clip.frames())
        if speech is None:
            for frame in frames:
                film.frame(frame)
            return
        heard = shown = 0
        for block in speech.blocks():
            film.sound(block)
            heard += len(block)
            while shown < math.ceil(heard * FRAME_RATE / speech.sample_rate):
                film.frame(frames[min(shown, len(frames) - 1)])
                shown += 1
        if abs(shown - len(frames)) > 1:
            longer = "the last frame is held" if shown > len(frames) else "silence is added"
            lengths = (
                f"the sound lasts {shown / FRAME_RATE:.2f} s, the motion {len(frames) / FRAME_RATE:.2f} s"
            )
            emit_warnings([f"{lengths}: {longer}"])
        for frame in frames[shown:]:
            film.sound(np.zeros((speech.sample_rate // FRAME_RATE, speech.channels), np.float32))
            film.frame(frame)


class _Film:
    """Draws and encodes what it is given, each in a thread of its own."""

    def __init__(self, picturing: Picturing, writer: PictureWriter, on_frame: OnFrame) -> None:
        self._renderer = picturing.renderer
        self._limits = picturing.limits
        self._writer = writer
        self._on_frame = on_frame
        self._encoding: Stage[tuple[str, UInt8 | Float32]] = Stage("encode", self._encode, WAITING_PICTURES)
        self._drawing: Stage[ExpressionFrame] = Stage("draw", self._draw, WAITING_FRAMES)

    @classmethod
    @contextmanager
    def open(cls, picturing: Picturing, sound: SoundFormat | None, on_frame: OnFrame) -> Iterator[_Film]:
        """A film that is put in its place when the block ends well, and leaves nothing behind when not."""
        kind = kind_of(picturing.output)
        new = NewFolder(picturing.output, PNG_PATTERN) if kind is PNG_FOLDER else NewFile(picturing.output)
        is_transparent = picturing.is_transparent
        with new:
            with reporting(picturing.output):
                writer = open_writer(
                    new.temporary, kind, size=picturing.renderer.size, sound=sound, transparent=is_transparent
                )
                try:
                    film = cls(picturing, writer, on_frame)
                    try:
                        yield film
                        film._drawing.finish()
                        film._encoding.finish()
                    finally:
                        film._drawing.abandon()
                        film._encoding.abandon()
                    writer.close()
                finally:
                    writer.abort()
            new.commit()

    def frame(self, frame: ExpressionFrame) -> None:
        self._drawing.put(frame)

    def sound(self, block: Float32) -> None:
        self._encoding.put(("sound", block))

    def _draw(self, frame: ExpressionFrame) -> None:
        shown = self._limits.clamp(frame)
        rgba = self._renderer.draw(shown.weights, shown.head_rad, shown.gaze_rad)
        self._encoding.put(("picture", rgba))

    def _encode(self, item: tuple[str, UInt8 | Float32]) -> None:
        what, data = item
        if what == "sound":
            self._writer.sound(data)  # type: ignore[arg-type]
        else:
            self._writer.picture(data)  # type: ignore[arg-type]
            self._on_frame()


@contextmanager
def _new_motion(output: Path) -> Iterator[MotionWriter]:
    suffix = check_suffix(output)
    with NewFile(output) as new, reporting(output):
        file: TextIO
        with new.temporary.open("w", encoding="utf-8", newline="") as file:
            yield MotionWriter(file, suffix)
        new.commit()


def _with_version(meta: dict[str, Any]) -> dict[str, Any]:
    return {"generator": f"avatar-engine {__version__}", **meta}
