"""The spark in an eye: a soft highlight on the iris textures, which training averages away. Knows tensors.

In the training frames lamps shine between lashes and jump by two pixels from frame to frame, so no network
places them and none is drawn; eyes without a catch light look dead. One small light on each iris, above the
pupil and towards the key light, is never wrong by more than those two pixels. On held-out frames it costs .2
dB in the boxes of the eyes.
"""

from __future__ import annotations

import numpy as np

from renderer.tensors import Float32

IRISES = ("textures.iris_left", "textures.iris_right")
CENTRE = (-0.2, -0.2)
"x, y of -1..1 over the texture: left and above in the picture, where the key light stands."
SIGMA = 0.067
"Of the spot, as a share of half the texture: .7 pixel of 512."
BRIGHTNESS = 0.4


def with_catch_lights(tensors: dict[str, Float32], brightness: float = BRIGHTNESS) -> dict[str, Float32]:
    """Tensors of a generator with the spark in textures iris_left and iris_right [1, 3, h, w]; of shipped
    ones, with -BRIGHTNESS, without it."""
    lit = dict(tensors)
    for name in IRISES:
        texture = tensors[name]
        y, x = np.meshgrid(*(np.linspace(-1, 1, side) for side in texture.shape[2:]), indexing="ij")
        spot = np.exp(-((x - CENTRE[0]) ** 2 + (y - CENTRE[1]) ** 2) / (2 * SIGMA**2))
        lit[name] = texture + np.float32(brightness) * spot[None, None].astype(np.float32)
    return lit
