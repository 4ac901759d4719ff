"""Where a tongue that moves lies in the picture. Knows arrays only.

The rig says where the blade of the tongue rests and the three places on its tip's way: behind the upper
teeth, between the teeth, over the lower lip. What the scene bends in space (`renderer.synthesis.tongue`) is
bent here in the picture: every point goes along as far as it is near the tip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


TIP_SHARE = 0.75
"What goes so far with the tip is before the lips when the tongue is out."


@dataclass(frozen=True)
class TongueMap:
    """One person's tongue."""

    share: Float32
    "float32 [points]: how far each of the rig's points of the blade goes with the first, the tip, 0..1."
    steps: tuple[float, ...]
    "Weights of `tongueOut` at rest and at the three places."
    wide_px: float
    "How far the teeth are apart, in pixels of 512, when it can come out all the way."

    def limited(self, weight: float, gap_px: float) -> float:
        """What of a `tongueOut` a gap between the teeth lets out; gap_px may be below 0."""
        raised = self.steps[1]
        return min(weight, raised + (1 - raised) * min(max(gap_px, 0.0) / self.wide_px, 1.0))

    def moved(self, weight: float, rest: Float32, way: Float32) -> Float32:
        """The points [points, 2] at `tongueOut` = weight, limited.

        rest [points, 2] and way [3, 2]: as the rig has them, pixels.
        """
        tip = rest[0]
        places = np.concatenate([tip[None], way])
        wanted = np.array([np.interp(weight, self.steps, places[:, axis]) for axis in (0, 1)], np.float32)
        return np.asarray(rest + self.share[:, None] * (wanted - tip), np.float32)

    def seen(self, weight: float, moved: Float32) -> Float32:
        """Points [points, 2] round what one sees of a tongue at this weight: all of the blade while it rises,
        what is near the tip when it is out."""
        _, raised, between, _ = self.steps
        out = min(max((weight - raised) / (between - raised), 0.0), 1.0)
        drawn_in = np.where(self.share > TIP_SHARE, 0.0, out).astype(np.float32)[:, None]
        return np.asarray(moved + drawn_in * (moved[0] - moved), np.float32)
