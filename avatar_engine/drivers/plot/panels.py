"""The panels of a plot, one under the other: each draws one kind of curve. Knows axes, no files and no
layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE
from avatar_engine.drivers.plot.scene import Scene
from avatar_engine.motion import lips
from avatar_engine.motion.limits import LOOKS_CLOSED
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_INDEX, EMOTION_NAMES
from avatar_engine.types import Float32

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Float64 = NDArray[np.float64]

SHOWN_WEIGHTS = 7
SHOWN_PROBABILITY = 0.1
"Emotions that never reach it get no ribbon."
BLINK = 0.5
"Weight of eyeBlink from which lids count as shut."
ENVELOPE_POINTS = 4000

INK, FAINT = "#222222", "#8a8a8a"
SHUT, OTHER, BLINKING = "#c6dbef", "#f0f0f0", "#dcdcdc"
"Behind p, b and m; behind other phones; behind blinks."
SOUND = "#4d4d4d"
LINES = ("#0072b2", "#d55e00", "#009e73")
"Of Okabe and Ito (2008): told apart by every eye."
EMOTION_COLOURS = {
    "anger": "#d62728", "disgust": "#7f9a2f", "fear": "#8c6bb1", "joy": "#f2b705",
    "neutral": "#b5b5b5", "sadness": "#3b7dbd", "surprise": "#ee7f2d",
}  # fmt: skip
SOURCES = {"audio": "voice", "text": "text", "tag": "tag", "override": "set"}
LINE_INCHES, LETTER_INCHES = 0.125, 0.056
"Room that a line of small type needs, and a letter of it."
_DIRECTIONS = frozenset(("jawLeft", "jawRight", "mouthLeft", "mouthRight"))
"Not halves of a pair: the whole jaw or mouth goes that way."


@dataclass(frozen=True, slots=True)
class Panel:
    """One set of axes."""

    height: float
    "Inches."
    title: str
    draw: Callable[[Axes, Scene], None]


def panels_of(scene: Scene) -> list[Panel]:
    """The panels that a scene needs, from top to bottom."""
    weights, emotions = main_weights(scene.weights), felt_emotions(scene)
    phones = [] if scene.phones is None else [Panel(0.19, "phones", draw_phones)]
    return [
        Panel(0.55, "speech", draw_sound),
        *phones,
        Panel(0.95, "lip\naperture", draw_aperture),
        Panel(0.24 * len(weights), "", partial(draw_weights, weights=weights)),
        Panel(0.25 * len(emotions) + 0.16, "", partial(draw_emotions, emotions=emotions)),
        Panel(0.8, "head\n(degrees)", draw_head),
        Panel(0.7, "gaze\n(degrees)", draw_gaze),
    ]


def draw_sound(axes: Axes, scene: Scene) -> None:
    """The envelope: lowest and highest sample of each of a few thousand stretches."""
    size = max(1, len(scene.sound) // ENVELOPE_POINTS)
    pieces = scene.sound[: len(scene.sound) // size * size].reshape(-1, size)
    times = scene.start_s + (np.arange(len(pieces)) + 0.5) * size / scene.sound_rate
    axes.fill_between(times, pieces.min(axis=1), pieces.max(axis=1), color=SOUND, linewidth=0.3)
    loudest = max(float(np.abs(scene.sound).max(initial=0.0)), 1e-3)
    axes.set_ylim(-1.05 * loudest, 1.05 * loudest)
    _without_scale(axes)


def draw_phones(axes: Axes, scene: Scene) -> None:
    """A strip with the names that have room."""
    axes.set_ylim(0, 1)
    axes.grid(visible=False)
    _without_scale(axes)
    for start_s, end_s, label, shuts_lips in _phones_shown(scene):
        colour = SHUT if shuts_lips else OTHER
        axes.axvspan(start_s, end_s, facecolor=colour, edgecolor="white", linewidth=0.5)
        if _inches(axes, scene, end_s - start_s) > LETTER_INCHES * len(label):
            middle = (start_s + end_s) / 2
            axes.text(middle, 0.46, label, ha="center", va="center", fontsize=6, color=INK)


def draw_aperture(axes: Axes, scene: Scene) -> None:
    """How far the lips are apart, over the outer eye distance, and where that looks closed."""
    aperture = lips.aperture(scene.weights.astype(np.float64))
    for start_s, end_s, _, shuts_lips in _phones_shown(scene):
        if shuts_lips:
            axes.axvspan(start_s, end_s, facecolor=SHUT, linewidth=0, zorder=0.5)
    axes.axhline(LOOKS_CLOSED, color=INK, linewidth=0.6, linestyle=(0, (4, 3)))
    axes.plot(scene.times_s, aperture, color=LINES[0])
    axes.set_ylim(min(0.0, float(aperture.min())) - 0.004, max(0.1, float(aperture.max()) * 1.06))
    axes.set_yticks([0, 0.05, 0.1])
    _label_at_right(axes, [(LOOKS_CLOSED, "closed", INK)])


def main_weights(weights: Float32) -> list[tuple[str, Float64]]:
    """(name, values [k]) of those that move most, most first; left and right as their mean, eyes left out
    (they have a panel of their own). weights: float32 [k, 52]."""
    columns: dict[str, list[int]] = {}
    for name in ARKIT_NAMES:
        if not name.startswith("eye"):
            pair = name if name in _DIRECTIONS else name.removesuffix("Left").removesuffix("Right")
            columns.setdefault(pair, []).append(ARKIT_INDEX[name])
    curves = {name: weights[:, index].astype(np.float64).mean(axis=1) for name, index in columns.items()}
    ranked = sorted(curves, key=lambda name: (-round(float(curves[name].std()), 6), name))
    return [(name, curves[name]) for name in ranked[:SHOWN_WEIGHTS]]


def draw_weights(axes: Axes, scene: Scene, weights: Sequence[tuple[str, Float64]]) -> None:
    """A lane for each, all to one scale, which stands at the right."""
    full = max(0.1, float(np.ceil(max(curve.max() for _, curve in weights) * 10) / 10))
    for lane, (_, curve) in enumerate(reversed(weights)):
        heights = lane + 0.88 * curve / full
        axes.fill_between(scene.times_s, lane, heights, color=LINES[0], alpha=0.28, linewidth=0)
        axes.plot(scene.times_s, heights, color=LINES[0], linewidth=0.8)
    _name_lanes(axes, [name for name, _ in weights])
    axes.set_ylim(-0.05, len(weights))
    axes.plot([1.006, 1.006], [0, 0.88], transform=axes.get_yaxis_transform(), color=INK, clip_on=False)
    axes.text(1.013, 0.44, f"{full:.1f}", transform=axes.get_yaxis_transform(), va="center", fontsize=7)


def felt_emotions(scene: Scene) -> list[str]:
    """The emotions that get a ribbon; neutral where there is none."""
    rows = np.array([scores.probs for _, _, scores in scene.emotions]).reshape(-1, len(EMOTION_NAMES))
    highest = rows.max(axis=0, initial=0.0)
    felt = [name for name in EMOTION_NAMES if highest[EMOTION_INDEX[name]] >= SHOWN_PROBABILITY]
    return felt or ["neutral"]


def draw_emotions(axes: Axes, scene: Scene, emotions: Sequence[str]) -> None:
    """A ribbon for each, as thick as it is probable, and above them where that is known from."""
    for lane, name in enumerate(reversed(emotions)):
        axes.axhline(lane + 0.5, color=FAINT, linewidth=0.3, zorder=0.6)
        for start_s, end_s, scores in scene.emotions:
            half = 0.42 * float(scores.probs[EMOTION_INDEX[name]])
            axes.fill_between(
                [start_s, end_s],
                lane + 0.5 - half,
                lane + 0.5 + half,
                color=EMOTION_COLOURS[name],
                linewidth=0,
            )
    for number, (start_s, end_s, scores) in enumerate(scene.emotions):
        source = SOURCES[scores.source]
        if number and scores.source != "audio":
            axes.axvline(start_s, color=FAINT, linewidth=0.5, linestyle=(0, (1, 2)))
        is_new = number == 0 or scores.source != scene.emotions[number - 1][2].source
        has_room = _inches(axes, scene, end_s - start_s) > LETTER_INCHES * len(source)
        if (is_new or scores.source != "audio") and has_room:
            axes.text(start_s, len(emotions) + 0.1, f" {source}", fontsize=6.5, color=FAINT, va="bottom")
    _name_lanes(axes, emotions)
    axes.set_ylim(0, len(emotions) + 0.6)


def draw_head(axes: Axes, scene: Scene) -> None:
    """Yaw, pitch and roll."""
    _draw_angles(axes, scene, scene.head_rad, ("yaw", "pitch", "roll"), least=2.0)


def draw_gaze(axes: Axes, scene: Scene) -> None:
    """Where the eyes look, and in grey the blinks."""
    _draw_angles(axes, scene, scene.gaze_rad, ("x", "y"), least=5.0)
    lids = scene.weights[:, [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]].mean(axis=1)
    shut = np.flatnonzero(np.diff(lids >= BLINK, prepend=False, append=False)).reshape(-1, 2)
    for number, (first, stop) in enumerate(scene.start_s + shut / FRAME_RATE):
        axes.axvspan(first, stop, facecolor=BLINKING, linewidth=0, zorder=0.5)
        if number == 0:
            axes.text(
                *(stop, 0.99, " blink"),
                transform=axes.get_xaxis_transform(),
                va="top",
                fontsize=6.5,
                color=FAINT,
            )


def _draw_angles(axes: Axes, scene: Scene, angles_rad: Float32, names: Sequence[str], least: float) -> None:
    degrees = np.degrees(angles_rad.astype(np.float64))
    axes.axhline(0, color=FAINT, linewidth=0.4)
    for values, colour in zip(degrees.T, LINES, strict=False):
        axes.plot(scene.times_s, values, color=colour)
    reach = 1.1 * max(least, float(np.abs(degrees).max()))
    axes.set_ylim(-reach, reach)
    ends = [(float(values[-1]), name) for values, name in zip(degrees.T, names, strict=True)]
    _label_at_right(axes, [(end, name, colour) for (end, name), colour in zip(ends, LINES, strict=False)])


def _phones_shown(scene: Scene) -> list[tuple[float, float, str, bool]]:
    """(start_s, end_s, label, whether the lips shut) of the phones that sound in the part shown."""
    cut = [(max(p.start_s, scene.start_s), min(p.end_s, scene.end_s), p) for p in scene.phones or ()]
    return [(a, b, p.label, p.shuts_lips) for a, b, p in cut if a < b and not p.is_silence]


def _inches(axes: Axes, scene: Scene, seconds: float) -> float:
    across: float = axes.bbox.width / axes.figure.dpi
    return across * seconds / (scene.end_s - scene.start_s)


def _without_scale(axes: Axes) -> None:
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _name_lanes(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(np.arange(len(names)) + 0.45, list(reversed(names)))
    axes.tick_params(axis="y", length=0, labelsize=7.5)
    axes.spines["left"].set_visible(False)


def _label_at_right(axes: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """(height, text, colour) behind the ends of curves, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    apart = (high - low) * LINE_INCHES / (axes.bbox.height / axes.figure.dpi)
    place = -np.inf
    lowest_last = high - apart * (len(labels) - 1)
    for number, (wanted, text, colour) in enumerate(sorted(labels)):
        place = max(min(wanted, lowest_last + number * apart), place + apart)
        axes.text(
            *(1.008, place, text),
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=7.5,
            color=colour,
        )
