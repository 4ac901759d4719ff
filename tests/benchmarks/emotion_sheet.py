"""The seven emotions as contact sheets, silent and over speech, to be judged by looking.

    python -m tests.benchmarks.emotion_sheet -o data/sheets [--avatar ava] [--seed 0] [--shuffle 1]
                                             [--speech FILE --seconds 6]

Draws through the real chain (session, smoother, limits, the avatar's own limits): what the product would
show. For each of `silent` and `speaking` it writes FOLDER/…_shuffled.png (numbered tiles in an order drawn
from --shuffle, no label: look at it first and write down a name for each number), …_key.txt (what they were)
and …_labelled.png (rows are emotions, columns intensities); `mouths.png` (the mouth at the same moments of
the same sentence, a row for each emotion at intensity 1), `eyes.png` (eyes and brows, silent), and
`moving_NAME.png` (consecutive frames of an onset). Prints how well the lips can still be read: the aperture
of closed sounds, and of open vowels against them, under every emotion. Nothing passes or fails.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from avatar_engine.assembly import SessionFactory, build_motion, build_renderer, find_avatar
from avatar_engine.clock import FRAME_RATE, SAMPLE_RATE
from avatar_engine.config import EmotionChoice, MotionOptions, RenderOptions
from avatar_engine.drivers.media.resampling import SpeechConverter
from avatar_engine.drivers.media.speech import open_speech
from avatar_engine.drivers.motion_files.clip import Limits
from avatar_engine.motion.lips import aperture
from avatar_engine.names import ARKIT_INDEX, EMOTION_NAMES
from avatar_engine.types import AudioChunk, ExpressionFrame, Float32, Renderer, UInt8

INTENSITIES = (0.3, 0.6, 1.0)
SPEECH = Path(__file__).parents[2] / "examples" / "sense_and_sensibility.flac"
FACE = (slice(70, 430), slice(96, 416))
"Rows and columns of the face in a picture of 512."
MOUTH = (slice(250, 370), slice(176, 336))
EYES = (slice(100, 225), slice(136, 376))
SETTLED_S = 1.6
"In silence an expression is looked at from here on."
CLOSED, OPEN_VOWEL = 0.02, 0.06
"Aperture below which lips look closed; from which a sound counts as an open vowel."
PRESSING = 0.2
"A weight of pressed lips from which a closed mouth is a [p], [b] or [m] and not a rest."
_BLINK = ARKIT_INDEX["eyeBlinkLeft"]
_PRESSED = [ARKIT_INDEX[name] for name in ("mouthPressLeft", "mouthClose", "mouthRollLower")]


@dataclass(frozen=True)
class Take:
    """The frames of one emotion at one intensity."""

    emotion: str
    intensity: float
    frames: list[ExpressionFrame]

    @property
    def apertures(self) -> np.ndarray:
        return aperture(np.array([frame.weights for frame in self.frames], dtype=np.float64))


class Studio:
    """Motion and pictures of one avatar."""

    def __init__(self, avatar: str, seed: int) -> None:
        self._seed = seed
        self._factory: SessionFactory = build_motion(with_text=False)
        self._renderer: Renderer = build_renderer(RenderOptions(avatar=avatar))
        self._limits = Limits.of_avatar(find_avatar(avatar).config["limits"])

    def take(self, emotion: str, intensity: float, speech: Float32) -> Take:
        options = MotionOptions(seed=self._seed, emotion=EmotionChoice(emotion, intensity))
        session = self._factory(options)
        session.push_audio(AudioChunk(0, speech))
        session.finish()
        return Take(emotion, intensity, session.advance())

    def picture(self, frame: ExpressionFrame) -> UInt8:
        shown = self._limits.clamp(frame)
        rgba = self._renderer.draw(shown.weights, shown.head_rad, shown.gaze_rad)
        return np.ascontiguousarray(rgba[:, :, 2::-1])


def first_seconds(path: Path, seconds: float) -> Float32:
    """The beginning of a file, float32 mono at 16 kHz."""
    speech = open_speech(path)
    converter = SpeechConverter(speech.sample_rate)
    pieces, wanted = [], round(seconds * SAMPLE_RATE)
    for block in speech.blocks():
        pieces.append(converter.push(block))
        if sum(map(len, pieces)) >= wanted:
            break
    return np.concatenate(pieces)[:wanted]


def settled(take: Take) -> ExpressionFrame:
    """The frame at which a silent take is looked at: the first settled one that is in no blink."""
    later = take.frames[round(SETTLED_S * FRAME_RATE) :]
    least = min(frame.weights[_BLINK] for frame in later)
    return next(frame for frame in later if frame.weights[_BLINK] < least + 0.05)


def moments(reference: np.ndarray, voiced_after: int) -> list[int]:
    """Frames worth looking at in a sentence: in turn the widest vowels and the closures between them."""
    peaks = [
        i
        for i in range(max(1, voiced_after), len(reference) - 1)
        if reference[i] >= OPEN_VOWEL and reference[i] == reference[max(0, i - 3) : i + 4].max()
    ]
    found = []
    for here, there in zip(peaks, peaks[1:], strict=False):
        closed = here + int(np.argmin(reference[here:there]))
        found.append(here)
        if reference[closed] < CLOSED:
            found.append(closed)
    return found


def tile(picture: UInt8, part: tuple[slice, slice], zoom: float, label: str) -> UInt8:
    """A part of a picture, enlarged, with a caption above it."""
    shown = cv2.resize(picture[part], None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)
    caption = np.full((22, shown.shape[1], 3), 255, np.uint8)
    cv2.putText(caption, label, (4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.asarray(np.vstack([caption, shown]), dtype=np.uint8)


def sheet(tiles: Sequence[UInt8], columns: int) -> UInt8:
    blank = np.full_like(tiles[0], 255)
    padded = [*tiles, *[blank] * (-len(tiles) % columns)]
    rows = [np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)]
    return np.asarray(np.vstack(rows), dtype=np.uint8)


def write_named(folder: Path, name: str, shots: list[tuple[str, UInt8]], shuffle: int) -> None:
    """The same pictures three ways: numbered without names, their key, and in order with names."""
    order = np.random.default_rng(shuffle).permutation(len(shots))
    numbered = [tile(shots[k][1], FACE, 1.0, str(i + 1)) for i, k in enumerate(order)]
    cv2.imwrite(str(folder / f"{name}_shuffled.png"), sheet(numbered, 6))
    key = "".join(f"{i + 1} {shots[k][0]}\n" for i, k in enumerate(order))
    (folder / f"{name}_key.txt").write_text(key, encoding="utf-8")
    labelled = [tile(picture, FACE, 1.0, label) for label, picture in shots]
    cv2.imwrite(str(folder / f"{name}_labelled.png"), sheet(labelled, len(INTENSITIES)))


def readability(takes: Sequence[Take]) -> str:
    """A line for each take: closures and open vowels where the same speech has them under a neutral face."""
    neutral = next(take for take in takes if take.emotion == "neutral")
    reference = neutral.apertures
    pressed = np.array([frame.weights[_PRESSED].max() for frame in neutral.frames]) > PRESSING
    closed, vowel = pressed & (reference < CLOSED), reference >= OPEN_VOWEL
    lines = [f"{'':>14}  closed: median  worst  below .02    open vowels: median  ratio   r with neutral"]
    for take in takes:
        own = take.apertures
        shut, wide = float(np.median(own[closed])), float(np.median(own[vowel]))
        lines.append(
            f"{take.emotion:>9} {take.intensity:4.1f}  {shut:14.4f} {own[closed].max():6.4f} "
            f"{np.mean(own[closed] < CLOSED):10.1%} {wide:22.4f} {wide / max(shut, 1e-3):6.1f} "
            f"{np.corrcoef(own, reference)[0, 1]:12.3f}"
        )
    return "\n".join(lines)


def draw_silent(studio: Studio, folder: Path, shuffle: int) -> None:
    silence = np.zeros(round(4.5 * SAMPLE_RATE), np.float32)
    shots, eyes = [], []
    for emotion in EMOTION_NAMES:
        for intensity in INTENSITIES:
            take = studio.take(emotion, intensity, silence)
            picture = studio.picture(settled(take))
            shots.append((f"{emotion} {intensity}", picture))
            eyes.append(tile(picture, EYES, 2.0, f"{emotion} {intensity}"))
            if intensity == 1.0:
                onset = [studio.picture(frame) for frame in take.frames[2:26:2]]
                strip = [tile(p, FACE, 0.75, f"{2 + 2 * i}") for i, p in enumerate(onset)]
                cv2.imwrite(str(folder / f"moving_{emotion}.png"), sheet(strip, 6))
    write_named(folder, "silent", shots, shuffle)
    cv2.imwrite(str(folder / "eyes.png"), sheet(eyes, len(INTENSITIES)))


def draw_speaking(studio: Studio, folder: Path, speech: Float32, shuffle: int) -> None:
    takes = [studio.take(e, i, speech) for e in EMOTION_NAMES for i in INTENSITIES]
    neutral = next(take for take in takes if take.emotion == "neutral")
    at = moments(neutral.apertures, round(SETTLED_S * FRAME_RATE))
    if not at:
        seconds = len(speech) / SAMPLE_RATE
        raise SystemExit(f"{seconds:.1f} s of speech hold no open vowel; give more --seconds")
    wide_awake = [i for i in at if neutral.frames[i].weights[_BLINK] < 0.05] or at
    chosen = wide_awake[len(wide_awake) // 2]
    shots = [(f"{take.emotion} {take.intensity}", studio.picture(take.frames[chosen])) for take in takes]
    write_named(folder, "speaking", shots, shuffle + 1)
    mouths = []
    for take in takes:
        if take.intensity == 1.0:
            for i in at[:8]:
                label = f"{take.emotion} {i} {take.apertures[i]:.3f}"
                mouths.append(tile(studio.picture(take.frames[i]), MOUTH, 1.5, label))
    cv2.imwrite(str(folder / "mouths.png"), sheet(mouths, min(8, len(at))))
    print(readability(takes))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the sheets")
    parser.add_argument("--avatar", default="ava")
    parser.add_argument("--seed", type=int, default=0, help="of the motion")
    parser.add_argument("--shuffle", type=int, default=1, help="of the order of the unlabelled tiles")
    parser.add_argument("--speech", type=Path, default=SPEECH)
    parser.add_argument("--seconds", type=float, default=6.0, help="how much of the speech")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    studio = Studio(options.avatar, options.seed)
    draw_silent(studio, options.output, options.shuffle)
    draw_speaking(studio, options.output, first_seconds(options.speech, options.seconds), options.shuffle)


if __name__ == "__main__":
    sys.exit(main())
