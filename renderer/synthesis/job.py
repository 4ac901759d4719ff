"""What one run of the renderer is asked for. Knows no renderer."""

from __future__ import annotations

from dataclasses import dataclass

from renderer.synthesis.clip import Clip
from renderer.synthesis.controls import Controls, LipGap, frame_controls


@dataclass(frozen=True)
class RenderJob:
    """What to render."""

    seed: int
    frames: int
    full_share: float = 0.12
    "share of full 512 x 512 frames; the others are 240 x 240 face crops"
    samples: int | None = None
    "per pixel; None: SAMPLES_FULL or SAMPLES_FACE"
    clip: Clip | None = None
    "shown in place of faces drawn at random, `frames` of it; all face crops"

    def controls(self, index: int, lip_gap: LipGap) -> tuple[Controls, bool]:
        """What frame `index` is asked to show, and whether it is a full frame."""
        if self.clip is not None:
            return self.clip.controls[index], False
        return frame_controls(self.seed, index, self.full_share, lip_gap)

    @property
    def origin(self) -> dict[str, str | float | None]:
        """What the job's pictures depend on."""
        drawn = {"full_share": self.full_share, "samples": self.samples}
        return drawn | ({"clip": self.clip.digest} if self.clip else {})
