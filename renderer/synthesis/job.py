"""What one run of the renderer is asked for. Knows no renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renderer.synthesis.clip import Clip
from renderer.synthesis.controls import Controls, LipGap, controls_at_rest, frame_controls, move_tongue

TONGUE_STREAM = 1
"Of a frame's random numbers: its own, so that the others stay what they were."


@dataclass(frozen=True)
class RenderJob:
    """What to render."""

    seed: int
    frames: int
    full_share: float = 0.12
    "share of full 512 x 512 frames; the others are 240 x 240 face crops"
    tongue_share: float = 0.0
    "share of faces whose tongue moves if their lips are parted; what else they show does not depend on it"
    samples: int | None = None
    "per pixel; None: SAMPLES_FULL or SAMPLES_FACE"
    at_rest: bool = False
    "whole pictures of the face at rest, looking ahead, all alike: one with many samples shows single hairs"
    clip: Clip | None = None
    "shown in place of faces drawn at random, `frames` of it; all face crops"

    def controls(self, index: int, lip_gap: LipGap) -> tuple[Controls, bool]:
        """What frame `index` is asked to show, and whether it is a full frame."""
        if self.clip is not None:
            return self.clip.controls[index], False
        if self.at_rest:
            return controls_at_rest(), True
        controls, is_full = frame_controls(self.seed, index, self.full_share, lip_gap)
        if self.tongue_share:
            own = np.random.default_rng([self.seed, index, TONGUE_STREAM])
            move_tongue(own, controls, self.tongue_share, lip_gap)
        return controls, is_full

    @property
    def origin(self) -> dict[str, str | float | None]:
        """What the job's pictures depend on."""
        drawn = {"full_share": self.full_share, "samples": self.samples}
        drawn |= {"tongue_share": self.tongue_share} if self.tongue_share else {}
        drawn |= {"at_rest": True} if self.at_rest else {}
        return drawn | ({"clip": self.clip.digest} if self.clip else {})
