"""avatar-engine: speech and text in, a living talking head out.

    avatar_engine.render("speech.wav", "Hello there!", output="film.mp4")
    clip = avatar_engine.motion("speech.wav")           # weights, head and gaze at 25 frames a second
    session = avatar_engine.Session(seed=7)             # frame by frame, for live use

`avatar_engine.drivers.api` describes each. Nothing heavy is loaded before one of them is used.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from avatar_engine.drivers.api import Models, Report, Session, animate, motion, render

__all__ = ["Models", "Report", "Session", "__version__", "animate", "motion", "render"]

_API = "avatar_engine.drivers.api"


class _Package(ModuleType):
    """This package: its public names are loaded when first asked for (PEP 562 says how modules may do that).

    `motion` is a property, for a reason: the folder `avatar_engine.motion` (how a face moves) bears the same
    name as the public function, and importing a submodule binds it as an attribute of its package, over
    anything that is there. A property cannot be covered up. `from avatar_engine.motion import …` goes on to
    find the folder.
    """

    @property
    def motion(self) -> Any:
        return importlib.import_module(_API).motion

    @motion.setter
    def motion(self, submodule: ModuleType) -> None:
        """What the import system does when the folder is imported."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module(_API), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


sys.modules[__name__].__class__ = _Package
