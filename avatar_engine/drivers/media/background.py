"""What stands behind the avatar: a colour, an image or nothing. Knows no avatar and no renderer."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from avatar_engine.config import SIZES
from avatar_engine.errors import UsageError
from avatar_engine.types import UInt8

TRANSPARENT = "transparent"
COLOURS = {
    "black": "000000", "silver": "c0c0c0", "gray": "808080", "grey": "808080", "white": "ffffff",
    "maroon": "800000", "red": "ff0000", "purple": "800080", "fuchsia": "ff00ff", "magenta": "ff00ff",
    "green": "008000", "lime": "00ff00", "olive": "808000", "yellow": "ffff00", "navy": "000080", "blue":
    "0000ff", "teal": "008080", "aqua": "00ffff", "cyan": "00ffff", "orange": "ffa500",
}  # fmt: skip
"The names of CSS 2 and a few."


def read_background(text: str, size: int = max(SIZES)) -> UInt8 | None:
    """uint8 [size, size, 3], RGB, of a colour ('white', '#fff', '#20c0ff') or the path of an image; None for
    'transparent'. UsageError for anything else.

    The image is scaled until it covers the square and cut evenly at both ends.
    """
    if text == TRANSPARENT:
        return None
    digits = COLOURS.get(text.lower(), text.removeprefix("#"))
    if re.fullmatch(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}", digits) and (text.startswith("#") or digits != text):
        if len(digits) == 3:
            digits = "".join(digit * 2 for digit in digits)
        colour = [int(digits[place : place + 2], 16) for place in (0, 2, 4)]
        return np.full((size, size, 3), colour, np.uint8)
    return _cover(_read_image(Path(text)), size)


def _read_image(path: Path) -> UInt8:
    if not path.is_file():
        raise UsageError(
            f"background {str(path)!r}: not a colour (white, #20c0ff), not 'transparent' and no image file"
        )
    try:
        encoded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise UsageError(f"background {str(path)!r}: cannot be read: {error.strerror or error}") from None
    image = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    if image is None:
        raise UsageError(
            f"background {str(path)!r}: not an image that can be read; expected PNG, JPEG or WebP"
        )
    rgb: UInt8 = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return rgb


def _cover(image: UInt8, size: int) -> UInt8:
    height, width = image.shape[:2]
    scale = size / min(height, width)
    shape = (max(size, round(width * scale)), max(size, round(height * scale)))
    scaled = cv2.resize(image, shape, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    top, left = (scaled.shape[0] - size) // 2, (scaled.shape[1] - size) // 2
    return np.ascontiguousarray(scaled[top : top + size, left : left + size])
