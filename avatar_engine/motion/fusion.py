"""Speech, emotion and seeded life, weighed per region of the face, into one face a frame. Knows no model and
no text.

Speech owns jaw and lips, emotion owns brows and cheeks and colours the mouth, life gives blinks, gaze, breath
and sway. The order: weighted sum -> limits -> causal smoother -> limits. All of it is causal and looks ahead
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from avatar_engine.config import MotionOptions
from avatar_engine.motion.attention import Attention
from avatar_engine.motion.blinks import Blinks
from avatar_engine.motion.emotion import Expression
from avatar_engine.motion.frames import Feeling, HeardFrame
from avatar_engine.motion.gaze import Gaze
from avatar_engine.motion.head import STRESS, Head, Stress
from avatar_engine.motion.limits import Limits, aperture_window, fit_aperture, in_range
from avatar_engine.motion.lips import aperture
from avatar_engine.motion.noise import Drift, Ease, generator
from avatar_engine.motion.poise import Poise
from avatar_engine.motion.templates import HEADS_RAD, face_of
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES, EMOTION_INDEX
from avatar_engine.types import ExpressionFrame

Float64 = NDArray[np.float64]

HUSH_FRAMES = 3
"An interrupted mouth is shut after so many frames."
LONGEST_BRIDGE_FRAMES = 12
"Speech missing for longer than this counts as silence: the mouth closes."
CONSONANT_FRAMES = 5
"Unvoiced for no longer than this somebody is still speaking."
GAZE_LARGEST_RAD = np.radians([18.0, 12.0])
LOOK_AT_RAD = np.radians([30.0, 25.0])
"Gaze at which the eyeLook weights would be 1 (sideways, up and down)."
STEADY_GAZE = 0.92
"Part of the head's rotation that the eyes undo to stay on the viewer (vestibulo-ocular reflex)."

EMPHASIS, EMPHASIS_REST = 0.22, 0.08
"How much stressed words add to an expression, and unstressed ones take from it."
REST_FRAMES = 15
"Silence from which lips are free: they do not part in the pauses of a sentence."
STIRRING = 0.02
"A weight of the speech's mouth from which lips are about to say something."
FREEDOM_GAINED, FREEDOM_LOST = 0.08, 0.5
"A frame: lips part within half a second and are back within two frames."
PARTING = (0.3, 0.6)
"Strength of an emotion from which lips may part in silence, and from which they part as they like."
GAPE_S = 2.5
"So long after an emotion began lips may be apart; within another second they close, as in any long silence."
DROOP_LARGEST = 0.3
QUESTION_BROWS = 1.1
"How far brows rise at the end of a question, against a flash (Ekman, About brows, 1979)."


class Smoother(Protocol):
    """A causal smoother of one face over time."""

    def step(self, weights: Float64, wanted: float, valid: bool) -> tuple[Float64, float]:
        """Weights float64 [52] and the speech's own aperture of one frame -> the same, smoothed.

        valid False: the speech in this frame is a guess (held from before); bridge it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Region:
    """How much of what goes into a part of the face."""

    prefixes: tuple[str, ...]
    speech: float
    emotion_speaking: float
    emotion_silent: float
    life: float
    "Standard deviation of the seeded noise."


SPEAKING_LIPS = (
    *("mouthDimple", "mouthFrown", "mouthFunnel", "mouthLeft", "mouthLower", "mouthPress", "mouthPucker"),
    *("mouthRight", "mouthRoll", "mouthSmile", "mouthStretch", "mouthUpper"),
)
REGIONS = {
    "jaw": Region(("jaw", "tongue"), 1.0, 0.0, 1.0, 0.0),
    "lips": Region(SPEAKING_LIPS, 1.0, 0.7, 1.0, 0.0),
    # the chin that holds sad or disgusted lips together lets go of those that speak
    "seal": Region(("mouthShrug", "mouthClose"), 1.0, 0.1, 1.0, 0.0),
    "cheeks": Region(("cheek",), 1.0, 0.9, 1.0, 0.012),
    # a wrinkled nose lifts the upper lip: over speech that is a snarl
    "nose": Region(("nose",), 1.0, 0.4, 1.0, 0.012),
    "brows": Region(("brow",), 0.3, 1.0, 1.0, 0.035),
    "lids": Region(("eyeSquint", "eyeWide"), 0.3, 1.0, 1.0, 0.02),
    "droop": Region(("eyeBlink",), 0.0, 1.0, 1.0, 0.0),
    "gaze": Region(("eyeLook",), 0.0, 0.0, 0.0, 0.0),
}


def _gains(field: str) -> Float64:
    gains = np.zeros(len(ARKIT_NAMES))
    for region in REGIONS.values():
        for name, i in ARKIT_INDEX.items():
            if name.startswith(region.prefixes):
                gains[i] = getattr(region, field)
    return gains


_SPEECH, _EMOTION_SPEAKING = _gains("speech"), _gains("emotion_speaking")
_EMOTION_SILENT, _LIFE = _gains("emotion_silent"), _gains("life")
_LIPS = np.array([name.startswith("mouth") for name in ARKIT_NAMES])
_MOUTH = np.array([name.startswith(("mouth", "jaw", "nose", "cheek")) for name in ARKIT_NAMES])
_ROUND = [ARKIT_INDEX["mouthPucker"], ARKIT_INDEX["mouthFunnel"]]
_BLINK = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]
_SQUINT = [ARKIT_INDEX["eyeSquintLeft"], ARKIT_INDEX["eyeSquintRight"]]
_FLASH = np.zeros(len(ARKIT_NAMES))
_FLASH[[ARKIT_INDEX[n] for n in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")]] = (0.14, 0.17, 0.17)
_FROWNING = [EMOTION_INDEX["anger"], EMOTION_INDEX["disgust"]]
_SAD, _AFRAID = EMOTION_INDEX["sadness"], EMOTION_INDEX["fear"]


def look_weights(gaze_rad: Float64) -> dict[str, float]:
    """The eyeLook weights of a gaze: +x the subject's left, +y up."""
    x, y = (float(v) for v in gaze_rad / LOOK_AT_RAD)
    left, right, up, down = max(x, 0.0), max(-x, 0.0), max(y, 0.0), max(-y, 0.0)
    weights = {"OutLeft": left, "InRight": left, "InLeft": right, "OutRight": right}
    weights |= {"UpLeft": up, "UpRight": up, "DownLeft": down, "DownRight": down}
    return {f"eyeLook{where}": min(1.0, value) for where, value in weights.items()}


def weigh(mouth: Float64, felt: Float64, speaking: float) -> Float64:
    """The weighted sum of speech and emotion over the regions.

    mouth: float64 [52] of the speech; felt: float64 [52], the face of the emotion; speaking: 0..1. Returns
    float64 [52] that may leave 0..1.
    """
    gain = _EMOTION_SILENT + (_EMOTION_SPEAKING - _EMOTION_SILENT) * speaking
    rounding = min(1.0, float(mouth[_ROUND].max()) / 0.6)
    gain = gain * np.where(_LIPS, 1.0 - 0.6 * rounding, 1.0)  # an [o] stays round in a smile
    return np.asarray(_SPEECH * mouth + gain * felt)


class Face:
    """One face over time: what is heard and felt in a frame -> ExpressionFrame. Depends on the seed and
    earlier frames."""

    def __init__(self, options: MotionOptions, smoother: Smoother) -> None:
        seed = options.seed
        self._options = options
        self._smoother = smoother
        self._expression = Expression(generator(seed, "expression"))
        self._limits = Limits()
        self._stress = Stress()
        self._head = Head(generator(seed, "head"), options.liveliness)
        self._poise = Poise()
        self._gaze = Gaze(generator(seed, "gaze"), options.liveliness)
        self._attention = Attention(generator(seed, "attention"))
        self._blinks = Blinks(generator(seed, "blinks"))
        self._noise = Drift(generator(seed, "face"), len(ARKIT_NAMES), (0.5, 2.5, 5.0), (0.4, 0.6, 0.7))
        self._depth = Drift(generator(seed, "depth"), 1, (1.2, 5.0), (0.6, 0.8))
        self._rng = generator(seed, "accents")
        self._speaking = Ease(0.12)
        self._arousal = Ease(0.8)
        self._accent = Ease(0.1)
        self._asking = Ease(0.15)
        self._freedom = 1.0
        self._flash = Ease(0.1)
        self._flash_frames = 0
        self._silent = REST_FRAMES + 1
        self._stressed = False
        self._mouth = np.zeros(len(ARKIT_NAMES))
        self._missing = 0
        self._hush_from: Float64 | None = None
        self._hush_left = 0

    def set_state(self, state: str) -> None:
        """What the face does besides speaking, one of names.STATE_NAMES."""
        self._attention.set(state)

    def hush(self) -> None:
        """The speech was broken off: ease from the mouth of the last frame into what is heard from now on;
        the head holds still for a moment."""
        self._poise.hold()
        self._hush_from = self._mouth.copy()
        self._hush_left = HUSH_FRAMES

    def step(self, index: int, heard: HeardFrame, feeling: Feeling) -> ExpressionFrame:
        """The face of frame `index`; frames come in order."""
        mouth, valid = self._speech(heard)
        voiced = heard.voiced if heard.valid else 0.0
        self._silent = 0 if voiced >= 0.5 else self._silent + 1
        speaking = self._speaking.step(float(self._silent <= CONSONANT_FRAMES))
        stress = self._stress.step(heard)
        levels = self._felt(feeling, stress, speaking)
        arousal = self._arousal.step(heard.arousal if heard.valid else 0.5)
        downcast = min(1.0, float(levels[_SAD]) + 0.3 * float(levels[_AFRAID]))
        attending = self._attention.step(voiced=voiced >= 0.5)
        look = self._gaze.step(
            speaking=speaking,
            downcast=downcast,
            listening=attending.listening,
            thinking=attending.thinking,
            phrase_ended=feeling.pause,
        )
        question = max(feeling.question, self._stress.rising) * speaking
        head = self._head.step(
            stress=stress,
            speaking=speaking,
            arousal=arousal,
            posture_rad=levels @ HEADS_RAD + attending.posture_rad,
            gaze_degrees=look,
            listening=attending.listening,
            nod_degrees=attending.nod_degrees,
            question=question,
            phrase_ended=feeling.pause,
        )
        head = self._poise.step(head)
        gaze = np.clip(np.radians(look) - STEADY_GAZE * head[:2], -GAZE_LARGEST_RAD, GAZE_LARGEST_RAD)
        lids = self._blinks.step(
            phrase_ended=feeling.pause,
            gaze_shifted=self._gaze.shifted,
            speaking=speaking,
            listening=attending.listening,
        )
        felt = face_of(levels, self._expression.variation)
        freedom = self._part_lips(mouth, float(levels.max()))
        weights = weigh(mouth, felt, speaking)
        frowning = min(1.0, float(levels[_FROWNING].sum()))
        weights += self._options.liveliness * _LIFE * self._noise.step()
        weights += attending.weights
        raised = self._brow_flash(stress) + QUESTION_BROWS * self._asking.step(question)
        weights += raised * (1.0 - 0.8 * frowning) * _FLASH
        weights[_BLINK] = 1.0 - (1.0 - lids) * (1.0 - np.clip(weights[_BLINK], 0.0, DROOP_LARGEST))
        weights[_SQUINT] += 0.06 * lids
        weights = self._finish(weights, mouth + freedom * np.where(_MOUTH, felt, 0.0), valid)
        for name, value in look_weights(gaze).items():
            weights[ARKIT_INDEX[name]] = value
        return ExpressionFrame(
            index, weights.astype(np.float32), head.astype(np.float32), gaze.astype(np.float32)
        )

    def _felt(self, feeling: Feeling, stress: float, speaking: float) -> Float64:
        """How strongly each emotion shows in this frame, float64 [7]: most on the words that the voice
        stresses."""
        levels = self._options.emotion_strength * self._expression.step(feeling.strengths)
        accent = self._accent.step(min(stress, 1.5))
        emphasis = 1.0 + speaking * (EMPHASIS * accent - EMPHASIS_REST)
        return np.asarray(levels * emphasis * min(1.2, max(0.75, 1.0 + 0.08 * float(self._depth.step()[0]))))

    def _part_lips(self, mouth: Float64, strength: float) -> float:
        """How far the emotion alone may decide how the lips meet, 0..1: where nobody speaks and nothing is
        about to be said. Lips that begin a word have them back at once, so that a [p] after a pause
        closes."""
        speaks = self._silent <= REST_FRAMES or float(mouth.max()) > STIRRING
        step = -FREEDOM_LOST if speaks else FREEDOM_GAINED
        self._freedom = min(1.0, max(0.0, self._freedom + step))
        clear = (strength - PARTING[0]) / (PARTING[1] - PARTING[0])
        fresh = 1.0 + GAPE_S - self._expression.age_s
        return self._freedom * min(1.0, max(0.0, min(clear, fresh)))

    def _speech(self, heard: HeardFrame) -> tuple[Float64, bool]:
        """The mouth that the speech asks for, held where sound is missing, eased where it was broken off."""
        self._missing = 0 if heard.valid else self._missing + 1
        bridged = 0 < self._missing <= LONGEST_BRIDGE_FRAMES
        mouth = self._mouth if bridged else heard.weights
        if self._hush_left and self._hush_from is not None:
            self._hush_left -= 1
            left = self._hush_left / HUSH_FRAMES
            mouth = left * self._hush_from + (1.0 - left) * heard.weights
        self._mouth = mouth
        return mouth, not bridged

    def _brow_flash(self, stress: float) -> float:
        """Brows go up with some stressed syllables (Ekman's conversational batons), 0..1."""
        if stress >= STRESS and not self._stressed and self._rng.random() < 0.35 * self._options.liveliness:
            self._flash_frames = int(self._rng.integers(4, 10))
        self._stressed = stress >= STRESS
        self._flash_frames = max(0, self._flash_frames - 1)
        return self._flash.step(1.0 if self._flash_frames else 0.0)

    def _finish(self, weights: Float64, mouth: Float64, valid: bool) -> Float64:
        """Limits, smoother, limits."""
        speech = in_range(mouth)
        wanted = float(aperture(speech))
        possible = fit_aperture(in_range(weights), speech, *aperture_window(wanted))
        smooth, bridged = self._smoother.step(possible, wanted, valid)
        # where speech was heard, its own lips decide what is closed and what open; the smoother rounds it
        return self._limits.apply(smooth, speech, wanted if valid else bridged)
