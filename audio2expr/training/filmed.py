"""Filmed speech as examples: the shapes that its phones ask for, opened as far as the real lips were. Knows
clips and the front end, no net."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import soundfile

from audio2expr.training.augment import Strength, augment
from audio2expr.training.corpus import Session
from audio2expr.training.dataset import Example, make_example
from audio2expr.training.shapes import CHANNELS, GAP_AT_REST, GAP_ROW
from audio2expr.training.targets import CLOSED_GAP, OPENNESS, LipModel, RealClip

TOUCHING = 0.012
"Measured aperture below which real lips touch."
LEAST_VOWEL_GAP = 0.03
JAW = CHANNELS.index("jawOpen")
SAME_TIME = Strength(speed=0.0)
"Damage that moves nothing in time: the lips were measured."


def wanted_gap(measured: np.ndarray, closed: np.ndarray, voiced: np.ndarray) -> np.ndarray:
    """How far the lips are to be apart in each frame, float64, from what was measured: shut for p, b, m;
    never shut in a vowel, where real lips now and then are but a viewer takes it for a mistake."""
    gap = np.where(closed > 0.5, CLOSED_GAP, np.maximum(measured * OPENNESS, TOUCHING))
    return np.where(voiced > 0.5, np.maximum(gap, LEAST_VOWEL_GAP), gap)


def opened_to(weights: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Shapes [frames, channels] whose lips are `gap` apart: the jaw drops for what is lacking, and the whole
    shape fades towards rest for what is too much."""
    has = weights @ GAP_ROW + GAP_AT_REST
    faded = np.clip((gap - GAP_AT_REST) / np.maximum(has - GAP_AT_REST, 1e-4), 0, 1)
    made = np.where((gap < has)[:, None], weights * faded[:, None], weights)
    made[:, JAW] += np.maximum(gap - has, 0) / GAP_ROW[JAW]
    return np.asarray(made, np.float32)


def filmed_examples(
    clips: list[RealClip],
    config: dict[str, list[float]],
    lips: LipModel,
    variants: int,
    random: np.random.Generator,
) -> list[Example]:
    """Each clip as it is and in `variants` - 1 damaged copies. config: the front end's constants."""
    sessions = []
    for clip in clips:
        samples, _ = soundfile.read(clip.samples_path, dtype="float32")
        sessions.append(Session(f"filmed:{clip.name}", samples, clip.phones, []))
    examples = []
    for clip, session in zip(clips, sessions, strict=True):
        for variant in range(variants):
            heard = augment(session, random, sessions, SAME_TIME) if variant else session
            made = make_example(heard, config, lips, lips.shapes())
            measured = np.pad(clip.gap, (0, max(0, len(made.closed) - len(clip.gap))))[: len(made.closed)]
            known = (made.speech > 0.5) & (made.closed < 0.5) & (np.arange(len(made.closed)) < len(clip.gap))
            gap = wanted_gap(measured, made.closed, made.voiced)
            weights = np.where(known[:, None], opened_to(made.weights, gap), made.weights)
            examples.append(replace(made, weights=weights.astype(np.float32)))
    return examples
