"""The Python face of the engine: render, motion, animate, Session. Knows options by name; the work is done
elsewhere.

Errors are the command line's: a subclass of avatar_engine.errors.AvatarError with a message of one line. What
was put right on the way comes as avatar_engine.errors.AvatarWarning.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np

from avatar_engine import assembly, session
from avatar_engine.clock import FRAME_RATE
from avatar_engine.config import EmotionChoice, MotionOptions, RenderOptions, options_from
from avatar_engine.drivers import offline
from avatar_engine.drivers.media.speech import Speech, SpeechArray, open_speech
from avatar_engine.drivers.motion_files.clip import Limits, MotionClip, fit
from avatar_engine.drivers.motion_files.files import check_suffix, read_motion
from avatar_engine.drivers.plot.plotting import Plotting
from avatar_engine.errors import UsageError
from avatar_engine.types import Float32

if TYPE_CHECKING:
    from renderer import Portrait

PathLike: TypeAlias = str | os.PathLike[str]
SpeechLike: TypeAlias = PathLike | tuple[Float32, int]
"A sound or video file, or (float samples [n] or [n, channels], samples a second)."
OnFrame: TypeAlias = Callable[[int, int | None], None]
"Called with (frames done, frames expected or None) as work goes on."


@dataclass(frozen=True, slots=True)
class Report:
    """What was made."""

    frames: int
    duration_s: float
    device: str
    "What the pictures were drawn on."


class Models:
    """Loads each model once, when first needed. Hand one to several calls to load nothing twice."""

    def __init__(self) -> None:
        self._factories: dict[tuple[Path | None, bool], assembly.SessionFactory] = {}
        self._portraits: dict[RenderOptions, Portrait] = {}

    def open_session(self, options: MotionOptions, *, with_text: bool) -> session.Session:
        """A new session; see assembly.build_motion for the errors."""
        return session.Session(self.parts(options, with_text=with_text), options)

    def parts(self, options: MotionOptions, *, with_text: bool) -> session.SessionParts:
        """The models of a session."""
        # What can take text can do without, so one model is enough once it is loaded.
        key = (options.emotion_model, with_text)
        if not with_text and (options.emotion_model, True) in self._factories:
            key = (options.emotion_model, True)
        if key not in self._factories:
            self._factories[key] = assembly.build_motion(options, with_text=with_text)
        return self._factories[key].parts

    def portrait(self, options: RenderOptions) -> Portrait:
        """The generator of an avatar; UsageError where there is none such, or not at this size or on this
        device."""
        if options not in self._portraits:
            try:
                self._portraits[options] = assembly.build_renderer(options)
            except ValueError as error:
                raise UsageError(f"avatar {options.avatar!r}: {error}") from None
            except RuntimeError as error:
                if options.device != "cuda":
                    raise
                raise UsageError(str(error)) from None
        return self._portraits[options]


class Session(session.Session):
    """A live talking face; see avatar_engine.session for what it does and how it is fed.

    session = avatar_engine.Session(seed=7)
    session.push_text("Hello!")
    session.push_audio(AudioChunk(0, samples))
    for frame in session.advance(): ...
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        emotion: str | EmotionChoice | None = None,
        emotion_model: PathLike | None = None,
        text: bool = True,
        models: Models | None = None,
        **options: Any,
    ) -> None:
        """Options as MotionOptions has them; text: whether push_text will be used. UsageError,
        WeightsError."""
        chosen = motion_options(seed=seed, emotion=emotion, emotion_model=emotion_model, **options)
        super().__init__((models or Models()).parts(chosen, with_text=text), chosen)


def motion_options(
    *,
    seed: int = 0,
    emotion: str | EmotionChoice | None = None,
    emotion_model: PathLike | None = None,
    **more: Any,
) -> MotionOptions:
    """MotionOptions from what users write; emotion: 'joy', 'joy:0.8'. UsageError for what is unknown or out
    of range."""
    choice = EmotionChoice.parse(emotion) if isinstance(emotion, str) else emotion
    model = None if emotion_model is None else Path(emotion_model)
    return options_from(MotionOptions, {"seed": seed, "emotion": choice, "emotion_model": model, **more})


def render(
    speech: SpeechLike,
    text: str | None = None,
    *,
    output: PathLike,
    avatar: str = "ava",
    size: int = 512,
    seed: int = 0,
    emotion: str | EmotionChoice | None = None,
    emotion_model: PathLike | None = None,
    motion: PathLike | None = None,
    device: str = "auto",
    threads: int = 2,
    background: str | None = None,
    models: Models | None = None,
    on_frame: OnFrame | None = None,
) -> Report:
    """A film of the avatar saying `speech`: .mp4, .webm, .webp, or a folder of PNGs (a name without an
    ending).

    speech: a file, or (samples, rate). text: what is said, if known; it may hold tags ([joy], [sadness:0.6])
    and emoji. size: 256, 384 or 512 pixels. seed: of blinks, gaze and sway. emotion: 'joy:0.8' holds
    throughout. emotion_model: a local Hugging Face folder. motion: also write the motion there (.json or
    .csv). background: a colour, an image file or 'transparent', for avatars that have a matte.

    Returns when the file is complete. SpeechError, UsageError, WeightsError, OutputError; nothing is left
    behind then.
    """
    models = models or Models()
    source = _open(speech)
    chosen = motion_options(seed=seed, emotion=emotion, emotion_model=emotion_model)
    target, motion_target = Path(output), None if motion is None else Path(motion)
    _check_paths(source, target, motion_target)
    drawn = RenderOptions(avatar=avatar, size=size, device=device, threads=threads)
    # Cheap checks before anything is loaded.
    offline.check_alpha(target, background)
    portrait = models.portrait(drawn)
    picturing = offline.picturing(target, portrait, Limits.of_avatar(portrait.limits), background)
    director = offline.Director(models.open_session(chosen, with_text=text is not None), source, text)
    counter = _Counter(on_frame, offline.expected_frames(source))
    offline.render_speech(director, source, picturing, motion_target, _meta(source, chosen, avatar), counter)
    return Report(director.frame_count, director.frame_count / FRAME_RATE, picturing.renderer.device)


@overload
def motion(
    speech: SpeechLike,
    text: str | None = None,
    *,
    output: None = None,
    seed: int = 0,
    emotion: str | EmotionChoice | None = None,
    emotion_model: PathLike | None = None,
    plot: PathLike | None = None,
    phones: PathLike | None = None,
    plot_span: tuple[float, float] | None = None,
    models: Models | None = None,
    on_frame: OnFrame | None = None,
) -> MotionClip: ...
@overload
def motion(
    speech: SpeechLike,
    text: str | None = None,
    *,
    output: PathLike,
    seed: int = 0,
    emotion: str | EmotionChoice | None = None,
    emotion_model: PathLike | None = None,
    plot: PathLike | None = None,
    phones: PathLike | None = None,
    plot_span: tuple[float, float] | None = None,
    models: Models | None = None,
    on_frame: OnFrame | None = None,
) -> None: ...
def motion(
    speech: SpeechLike,
    text: str | None = None,
    *,
    output: PathLike | None = None,
    seed: int = 0,
    emotion: str | EmotionChoice | None = None,
    emotion_model: PathLike | None = None,
    plot: PathLike | None = None,
    phones: PathLike | None = None,
    plot_span: tuple[float, float] | None = None,
    models: Models | None = None,
    on_frame: OnFrame | None = None,
) -> MotionClip | None:
    """The motion of a face that says `speech`, without pictures; options as `render` has them.

    Without `output` the whole motion is returned: weights float32 [n, 52] in 0..1, head_rad [n, 3], gaze_rad
    [n, 2] at 25 frames a second. With it (.json or .csv) the motion is written as it comes, and memory does
    not grow.

    plot: also draw it there, on one time axis (.png, .svg or .pdf; needs the extra 'plot'). phones: a
    TextGrid, or lines of `start end phone`, to show what is said. plot_span: which seconds to show, at most
    120 s; None: all, or the first 120 s with an AvatarWarning.
    """
    source = _open(speech)
    chosen = motion_options(seed=seed, emotion=emotion, emotion_model=emotion_model)
    meta = _meta(source, chosen, None)
    target = None if output is None else Path(output)
    if target is not None:
        check_suffix(target)
        _check_paths(source, target, None)
    plotting = _plotting(source, meta, plot, phones, plot_span)
    director = offline.Director(
        (models or Models()).open_session(chosen, with_text=text is not None), source, text
    )
    counter = _Counter(on_frame, offline.expected_frames(source))
    return offline.make_motion(director, meta, counter, output=target, plotting=plotting)


def _plotting(
    source: Speech,
    meta: dict[str, Any],
    plot: PathLike | None,
    phones: PathLike | None,
    span: tuple[float, float] | None,
) -> Plotting | None:
    if plot is None:
        if phones is not None or span is not None:
            raise UsageError("phones and plot span belong to a plot; name its file too (--plot OUT.png)")
        return None
    _check_paths(source, Path(plot), None)
    title = "   ".join(
        [meta["speech"], f"seed {meta['seed']}", *([meta["emotion"]] if "emotion" in meta else [])]
    )
    return Plotting(Path(plot), source, title, span, None if phones is None else Path(phones))


def animate(
    motion: PathLike | MotionClip,
    *,
    output: PathLike,
    audio: SpeechLike | None = None,
    avatar: str = "ava",
    size: int = 512,
    device: str = "auto",
    threads: int = 2,
    background: str | None = None,
    fps: float | None = None,
    models: Models | None = None,
    on_frame: OnFrame | None = None,
) -> Report:
    """A film of a motion file (.json, or a Live Link Face .csv), with or without sound; options as `render`
    has them.

    fps: frames a second of a .csv whose time codes cannot tell. What goes beyond the avatar's range is
    clamped, with one AvatarWarning. MotionFileError names the frame that is wrong.
    """
    target = Path(output)
    offline.check_alpha(target, background)
    source = None if audio is None else _open(audio)
    if source is not None:
        _check_paths(source, target, None)
    if isinstance(motion, MotionClip):
        clip = motion
    else:
        clip = read_motion(Path(motion), fps)
        if _same_file(Path(motion), target):
            raise UsageError(f"output {str(target)!r} is the motion file itself; name another")
    portrait = (models or Models()).portrait(
        RenderOptions(avatar=avatar, size=size, device=device, threads=threads)
    )
    limits = Limits.of_avatar(portrait.limits)
    fitted, warning = fit(clip, limits)
    offline.emit_warnings([*clip.warnings, *([] if warning is None else [warning])])
    picturing = offline.picturing(target, portrait, limits, background)
    counter = _Counter(on_frame, len(fitted))
    offline.render_clip(fitted, source, picturing, counter)
    return Report(counter.done, counter.done / FRAME_RATE, picturing.renderer.device)


class _Counter:
    def __init__(self, on_frame: OnFrame | None, expected: int | None) -> None:
        self._on_frame = on_frame
        self._expected = expected
        self.done = 0

    def __call__(self) -> None:
        self.done += 1
        if self._on_frame is not None:
            self._on_frame(self.done, self._expected)


def _open(speech: SpeechLike) -> Speech:
    if isinstance(speech, tuple):
        samples, rate = speech
        return SpeechArray(np.asarray(samples), rate)
    return open_speech(speech)


def _check_paths(source: Speech, output: Path, motion: Path | None) -> None:
    """UsageError where one file would replace another that is needed."""
    for target in (output, motion):
        if target is not None and _same_file(Path(source.name), target):
            raise UsageError(f"output {str(target)!r} is the speech itself; name another")
    if motion is not None:
        check_suffix(motion)
        if Path(os.path.realpath(motion)) == Path(os.path.realpath(output)):
            raise UsageError(f"film and motion are both to be written to {str(output)!r}; name two files")


def _same_file(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and first.samefile(second)


def _meta(source: Speech, options: MotionOptions, avatar: str | None) -> dict[str, Any]:
    meta: dict[str, Any] = {"speech": Path(source.name).name, "seed": options.seed}
    if options.emotion is not None:
        meta["emotion"] = f"{options.emotion.name}:{options.emotion.intensity:g}"
    if avatar is not None:
        meta["avatar"] = avatar
    return meta
