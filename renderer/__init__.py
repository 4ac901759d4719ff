"""renderer: face controls in, pictures out. Stands alone: numpy arrays and a weights folder, nothing of the
engine.

from renderer import Portrait
portrait = Portrait.load("renderer/weights/ava", size=512)
rgba = portrait.draw(weights, head_rad, gaze_rad)
"""

from renderer.portrait import FormatError, Portrait

__all__ = ["FormatError", "Portrait"]
