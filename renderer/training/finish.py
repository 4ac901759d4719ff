"""What export does to trained textures: takes the noise of few frames out of folds, gives eyes their edges
back. Knows tensors.
"""

from __future__ import annotations

import cv2
import numpy as np

from renderer.geometry import LIDS_REGION, SIZE
from renderer.training.catch_light import IRISES

FOLDS = "textures.folds"
COLOUR_PX, SHADE_PX = 5.0, 0.8
"How far the folds' colour and shade are spread: few frames show a fold, so its texture keeps their noise."
CRISP = 0.1
"""How much of their finest detail (below CRISP_PX) eyes get in addition. Training pictures have few samples,
and the denoiser takes some of every lash; pictures of many samples are so much sharper."""
CRISP_PX = 1.0
FACE, LIDS = "textures.face", "textures.lids"


def with_even_folds(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The folds as shades of one colour, which is what they are."""
    texture = np.ascontiguousarray(tensors[FOLDS][0].transpose(1, 2, 0), np.float32)
    shade = texture.mean(2)
    colour = cv2.GaussianBlur(texture - shade[:, :, None], (0, 0), COLOUR_PX)
    even = colour + cv2.GaussianBlur(shade, (0, 0), SHADE_PX)[:, :, None]
    return tensors | {FOLDS: np.ascontiguousarray(even.transpose(2, 0, 1)[None])}


def with_crisp_eyes(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Textures of eyes, open and closed, a little sharper: an unsharp mask."""
    left, top, right, bottom = LIDS_REGION
    eyes = np.zeros((SIZE, SIZE), np.float32)
    eyes[top:bottom, left:right] = 1
    eyes = cv2.GaussianBlur(eyes, (0, 0), 4)
    made = {}
    for name in (FACE, LIDS, *IRISES):
        texture = np.ascontiguousarray(tensors[name][0].transpose(1, 2, 0), np.float32)
        where = cv2.resize(eyes, texture.shape[1::-1])[:, :, None] if name == FACE else np.float32(1)
        crisp = texture + CRISP * where * (texture - cv2.GaussianBlur(texture, (0, 0), CRISP_PX))
        made[name] = np.ascontiguousarray(crisp.transpose(2, 0, 1)[None])
    return tensors | made
