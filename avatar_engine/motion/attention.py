"""What a face does in a conversation while it does not speak: it listens or it thinks. Knows no gaze path and
no muscle beyond brows and lids; gaze and head ask it how much of each state holds.

- Listening: the eyes stay with the speaker (listeners look at the other three quarters of the time and more,
  Argyle & Cook, Gaze and Mutual Gaze, 1976), the head is held still but for small slow nods that say "go on"
  (Hadar, Steiner & Rose, J. Nonverbal Behavior 9, 1985; Poggi, D'Errico & Vincze, Types of Nods, LREC 2010:
  the backchannel nod), brows a little up, the head a little aside.
- Thinking: people look away, mostly up or aside, while they search for an answer (Glenberg, Schroeder &
  Robertson, Memory & Cognition 26, 1998: the more the harder the question), and are taken for thinking and
  not for broken when an avatar does so (Andrist, Tan, Gleicher & Mutlu, HRI 2014); brows slightly knit.

Speaking overrides both. All changes are eased over about half a second; eyes jump, as eyes do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avatar_engine.clock import FRAME_RATE
from avatar_engine.motion.noise import Spring
from avatar_engine.names import ARKIT_INDEX, ARKIT_NAMES

Float64 = NDArray[np.float64]

EASE_S = 0.16
"Time constant of the two-pole easing between states: done in some .6 s."
AFTER_SPEECH_FRAMES = 20
"Silence after which speech counts as over: pauses between phrases do not bring the state back."
NOD_MEDIAN_S, NOD_SPREAD = 4.6, 0.4
"Between the beginnings of nods, log-normal; shortest and longest below."
NOD_S_RANGE = (2.4, 10.0)
NOD_SECONDS = (0.62, 0.85)
"Of one dip of the head: slow, a nod of attention and not of agreement."
NOD_DEGREES = (2.6, 4.2)
SECOND_DIP_SHARE, SECOND_DIP = 0.55, 0.6
"How many nods have a second dip, and how deep it is against the first."


def _face(**weights: float) -> Float64:
    face = np.zeros(len(ARKIT_NAMES))
    for stem, value in weights.items():
        for name in (stem, f"{stem}Left", f"{stem}Right"):
            if name in ARKIT_INDEX:
                face[ARKIT_INDEX[name]] = value
    return face


LISTENING_FACE = _face(browInnerUp=0.16, browOuterUp=0.15, eyeWide=0.05)
THINKING_FACE = _face(browDown=0.22, browInnerUp=0.12, eyeSquint=0.12, mouthPress=0.06)
LISTENING_HEAD_RAD = np.radians([0.0, 0.6, 2.2])
THINKING_HEAD_RAD = np.radians([0.0, 1.6, -2.6])
"Yaw, pitch, roll; the roll goes to a seeded side."


@dataclass(frozen=True, slots=True, eq=False)
class Attending:
    """How the states show in one frame."""

    listening: float
    thinking: float
    "0..1, eased; their sum is at most 1."
    weights: Float64
    "float64 [52], to be added to the face."
    posture_rad: Float64
    "float64 [3], to be added to the head's posture."
    nod_degrees: float
    "Added to the head's pitch; at most 0."


class Attention:
    """One face: fed a frame at a time, depends on the seed and on earlier frames only."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._state = "idle"
        self._levels = Spring(2, EASE_S)
        self._silent = AFTER_SPEECH_FRAMES
        self._side = float(rng.choice([-1.0, 1.0]))
        self._next_nod = 0
        self._dips: list[tuple[int, float]] = []
        "What is left of the nod: frames and depth of each dip."
        self._dip_frame = 0

    def set(self, state: str) -> None:
        """One of names.STATE_NAMES, from the next frame on."""
        if state == "listening" != self._state:
            self._next_nod = self._interval() // 2
        self._state = state

    def step(self, *, voiced: bool) -> Attending:
        """voiced: the avatar itself speaks in this frame."""
        self._silent = 0 if voiced else self._silent + 1
        rests = self._silent >= AFTER_SPEECH_FRAMES
        target = [float(rests and self._state == name) for name in ("listening", "thinking")]
        listening, thinking = (float(v) for v in self._levels.step(np.array(target)))
        side = np.array([1.0, 1.0, self._side])
        return Attending(
            listening=listening,
            thinking=thinking,
            weights=listening * LISTENING_FACE + thinking * THINKING_FACE,
            posture_rad=side * (listening * LISTENING_HEAD_RAD + thinking * THINKING_HEAD_RAD),
            nod_degrees=listening * self._nod(bool(target[0])),
        )

    def _nod(self, may_begin: bool) -> float:
        """Degrees of pitch of the nod in this frame, at most 0."""
        self._next_nod -= 1
        if not self._dips:
            if may_begin and self._next_nod <= 0:
                self._begin_nod()
            return 0.0
        frames, depth = self._dips[0]
        self._dip_frame += 1
        angle = -0.5 * depth * (1.0 - float(np.cos(2 * np.pi * self._dip_frame / frames)))
        if self._dip_frame >= frames:
            self._dip_frame = 0
            self._dips.pop(0)
        return angle

    def _begin_nod(self) -> None:
        frames = round(float(self._rng.uniform(*NOD_SECONDS)) * FRAME_RATE)
        depth = float(self._rng.uniform(*NOD_DEGREES))
        self._dips = [(frames, depth)]
        if self._rng.random() < SECOND_DIP_SHARE:
            self._dips.append((frames, SECOND_DIP * depth))
        self._next_nod = self._interval()

    def _interval(self) -> int:
        seconds = NOD_MEDIAN_S * float(np.exp(NOD_SPREAD * self._rng.standard_normal()))
        return round(float(np.clip(seconds, *NOD_S_RANGE)) * FRAME_RATE)
