"""The frames of a motion file as controls for the scene: held-out clips of real motion. Knows no mesh."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renderer.synthesis.controls import Controls
from renderer.synthesis.errors import SynthesisError
from renderer.synthesis.names import ARKIT_NAMES


@dataclass(frozen=True)
class Clip:
    """Consecutive frames of one motion."""

    controls: tuple[Controls, ...]
    digest: str
    "first 12 hex digits of the SHA-256 of the file and of where the clip starts"


def read_clip(path: Path, first: int, frames: int) -> Clip:
    """Frames first..first + frames - 1 of a motion JSON, as `avatar-engine motion` writes it.

    SynthesisError names what is wrong: no JSON, other names than ARKit's, too few frames.
    """
    try:
        content = path.read_bytes()
        motion: Any = json.loads(content)
        names, rows = motion["names"], motion["frames"]
        if sorted(names) != sorted(ARKIT_NAMES):
            raise ValueError("its names are not the 52 of ARKit")
        controls = tuple(_controls(names, row) for row in rows[first : first + frames])
    except OSError as error:
        raise SynthesisError(f"cannot read the motion file {path}: {error.strerror}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise SynthesisError(
            f"{path} is no motion JSON ({error}): expected what 'avatar-engine motion' writes."
        ) from error
    if len(controls) < frames:
        raise SynthesisError(
            f"{path} has {len(rows)} frames: expected at least {first + frames} "
            f"(--first {first} and --frames {frames})."
        )
    return Clip(controls, hashlib.sha256(content + str(first).encode()).hexdigest()[:12])


def _controls(names: Sequence[str], row: Any) -> Controls:
    weights = {name: float(value) for name, value in zip(names, row["weights"], strict=True)}
    yaw, pitch, roll = (float(angle) for angle in row["head_deg"])
    x, y = (float(angle) for angle in row["gaze_deg"])
    return Controls({name: weights[name] for name in ARKIT_NAMES}, (yaw, pitch, roll), (x, y))
