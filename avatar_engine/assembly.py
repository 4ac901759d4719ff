"""Options in, working parts out: the only module that knows audio2expr, text_emotion and renderer.

Weights are verified (hash) before a model reads them, and names that must fit together are checked here,
once. Heavy libraries are imported when a part is built, not when this module is.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from avatar_engine.clock import LOOKAHEAD_LIMIT_SAMPLES
from avatar_engine.config import MotionOptions, RenderOptions, nearest
from avatar_engine.errors import UsageError, WeightsError
from avatar_engine.names import ARKIT_NAMES, EMOTION_NAMES
from avatar_engine.session import Session, SessionParts
from avatar_engine.types import EmotionReader
from avatar_engine.weights import read_manifest, verify

if TYPE_CHECKING:
    from renderer import Portrait

ModelT = TypeVar("ModelT")
SMOOTHER_FOLDER = Path(__file__).parent / "motion" / "weights" / "smoother"


@dataclass(frozen=True, slots=True)
class AvatarFacts:
    """An avatar that is installed, as its manifest tells."""

    name: str
    version: str
    folder: Path
    config: dict[str, Any]
    "The generator's own facts: names, sizes, limits."

    @property
    def picture(self) -> Path | None:
        """A small picture of it, WebP; None where there is none."""
        path = self.folder / "thumbnail.webp"
        return path if path.is_file() else None


class TextModel(EmotionReader, Protocol):
    """What text_emotion.Reader and its Hugging Face twin have in common."""

    def coverage(self, text: str) -> float: ...


class SessionFactory:
    """Makes sessions that share their models. Immutable and safe to use from several threads."""

    def __init__(self, parts: SessionParts, options: MotionOptions) -> None:
        self.parts = parts
        self.options = options

    def __call__(self, options: MotionOptions | None = None) -> Session:
        """A new session, with the factory's options or others; UsageError for another text model than the
        factory's."""
        chosen = options or self.options
        if chosen.emotion_model != self.options.emotion_model:
            raise UsageError(
                f"emotion_model {str(chosen.emotion_model)!r} is not the one that was loaded, "
                f"{str(self.options.emotion_model)!r}: build another factory for it"
            )
        return Session(self.parts, chosen)


def build_motion(options: MotionOptions | None = None, *, with_text: bool = True) -> SessionFactory:
    """Load what motion needs: audio2expr, the smoother and, unless `with_text` is False, text_emotion.

    WeightsError for damaged weights and for weights that do not fit together, UsageError for an emotion model
    that cannot be used. Without text the sessions refuse push_text; leaving it out saves a third of a second
    at the start.
    """
    options = options or MotionOptions()
    return SessionFactory(_session_parts(options, with_text), options)


def build_renderer(options: RenderOptions | None = None) -> Portrait:
    """The generator of one avatar; UsageError for an unknown avatar, WeightsError for a damaged one."""
    from renderer import FormatError, Portrait

    options = options or RenderOptions()
    manifest = verify(find_avatar(options.avatar).folder)
    try:
        portrait = Portrait.load(
            manifest.folder, size=options.size, device=options.device, threads=options.threads
        )
    except FormatError as error:
        raise WeightsError(str(error)) from None
    if tuple(portrait.names) != ARKIT_NAMES:
        raise WeightsError(
            f"{manifest.folder}: not driven by the 52 ARKit names in alphabetical order; train it again"
        )
    return portrait


def build_text_reader(model: Path | None = None) -> TextModel:
    """The text model: the shipped one, or a local Hugging Face sequence-classification folder.

    UsageError where `model` is no folder, WeightsError where the shipped one is damaged or speaks of other
    emotions.
    """
    reader: TextModel
    if model is not None:
        if not model.is_dir():
            raise UsageError(
                f"emotion model {str(model)!r}: no such folder; give a local Hugging Face model folder"
            )
        from text_emotion.hugging_face import load

        try:
            reader = load(model)
        except ValueError as error:
            raise UsageError(f"emotion model {error}") from None
    else:
        from text_emotion import Reader

        weights = _package_folder("text_emotion") / "weights"
        languages = verify(weights / "languages").folder
        reader = _load(lambda english: Reader.load(english, languages), verify(weights / "base").folder)
    if tuple(reader.names) != EMOTION_NAMES:
        raise WeightsError(
            f"the text model knows {', '.join(reader.names)}, not {', '.join(EMOTION_NAMES)}; train it again"
        )
    return reader


def sentences_of(text: str) -> list[str]:
    """The sentences of a text as they are said, without tags; UsageError for a malformed one. Loads no
    model."""
    from text_emotion import split_text

    try:
        return [span.text for span in split_text(text)]
    except ValueError as error:
        raise UsageError(str(error)) from None


class Sentences(Protocol):
    """A text in pieces -> its sentences as soon as they are certain, verbatim, each once."""

    def push(self, piece: str) -> list[str]: ...

    def finish(self) -> list[str]: ...


def open_sentences() -> Sentences:
    """For one text, such as a chat model's answer. Loads no model."""
    from text_emotion.streaming import SentenceStream

    return SentenceStream()


def spoken_text(text: str) -> str:
    """What a voice should say of a text: no tags (malformed ones neither), emoji or markup; may be empty."""
    from text_emotion.streaming import spoken_text as said

    return said(text)


def avatars() -> list[AvatarFacts]:
    """The avatars that are installed, by name; WeightsError for a manifest that cannot be read."""
    found = []
    for folder in sorted((_package_folder("renderer") / "weights").glob("*/manifest.json")):
        manifest = read_manifest(folder.parent)
        if manifest.config.get("kind") == "portrait":
            found.append(
                AvatarFacts(
                    folder.parent.name, str(manifest.content["version"]), folder.parent, manifest.config
                )
            )
    return found


def find_avatar(name: str) -> AvatarFacts:
    """The avatar of this name; UsageError that lists those there are."""
    there = {facts.name: facts for facts in avatars()}
    if name not in there:
        listing = f"there are {', '.join(there)}" if there else "there are none installed"
        raise UsageError(f"unknown avatar {name!r}{nearest(name, there)}: {listing}")
    return there[name]


def _session_parts(options: MotionOptions, with_text: bool) -> SessionParts:
    from audio2expr import Audio2Expr
    from avatar_engine.motion.mood import TextReading
    from avatar_engine.motion.smoother import SmootherModel

    speech_folder = verify(_package_folder("audio2expr") / "weights" / "base").folder
    speech = _load(Audio2Expr.load, speech_folder)
    _check_known(speech.names, ARKIT_NAMES, speech_folder)
    _check_known(speech.emotion_names, EMOTION_NAMES, speech_folder)
    if not 0 <= speech.lookahead_samples <= LOOKAHEAD_LIMIT_SAMPLES:
        raise WeightsError(
            f"{speech_folder}: looks ahead {speech.lookahead_samples} samples; the whole motion path may "
            f"look ahead {LOOKAHEAD_LIMIT_SAMPLES}: train it again with less"
        )
    smoother = _load(SmootherModel.load, verify(SMOOTHER_FOLDER).folder)
    _check_known(smoother.names, ARKIT_NAMES, SMOOTHER_FOLDER)
    text = None
    if with_text:
        from text_emotion import split_text

        reader = build_text_reader(options.emotion_model)
        text = TextReading(split=split_text, reader=reader, coverage=reader.coverage)
    return SessionParts(
        open_stream=speech.stream,
        speech_names=tuple(speech.names),
        vocal_emotions=tuple(speech.emotion_names),
        lookahead_samples=speech.lookahead_samples,
        open_smoother=smoother.open,
        text=text,
    )


def _load(load: Callable[[Path], ModelT], folder: Path) -> ModelT:
    """A model from its verified folder; WeightsError where model and manifest do not fit this release."""
    try:
        return load(folder)
    except (ValueError, KeyError, OSError) as error:
        where = "" if str(folder) in str(error) else f"{folder}: "
        raise WeightsError(f"{where}{error}; restore it with 'git checkout -- {folder}'") from error


def _check_known(names: Iterable[str], known: Sequence[str], folder: Path) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise WeightsError(
            f"{folder}: gives {unknown[0]!r}, none of {known[0]} … {known[-1]}; it is from another release"
        )


def _package_folder(package: str) -> Path:
    """Where a package lies, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"the package {package} is not installed; install avatar-engine again")
    return Path(spec.submodule_search_locations[0])
