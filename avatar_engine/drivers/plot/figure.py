"""A scene as a figure: sound, phones, lips, weights, emotions, head and gaze on one time axis. Knows
matplotlib and the layout.

matplotlib is an extra ('plot') and imported only when something is drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from avatar_engine.drivers.plot.panels import FAINT, INK, panels_of
from avatar_engine.drivers.plot.scene import Scene
from avatar_engine.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}
DPI = 160
INCHES_PER_S = 1.15
NARROWEST, WIDEST = 7.5, 40.0
"Inches of the time axis."
LEFT, RIGHT, TOP, BOTTOM, GAP = 1.15, 0.55, 0.3, 0.42, 0.1
"Margins and the space between the panels, in inches."
TICKS_S = ((0.1, 1.0), (0.5, 5.0), (1.0, 40.0), (5.0, np.inf))
"(step, longest time shown with it)."
STYLE = {
    "font.size": 8.0, "axes.linewidth": 0.6, "axes.edgecolor": FAINT, "axes.labelcolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "xtick.color": INK, "ytick.color": INK,
    "xtick.labelsize": 7.5, "ytick.labelsize": 7.0, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "xtick.major.size": 2.5, "ytick.major.size": 2.5, "lines.linewidth": 1.1, "svg.hashsalt": "avatar-engine",
}  # fmt: skip
"The salt makes the names inside an SVG repeatable: same scene, same file."
DATELESS = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}


def check_plot(path: Path) -> str:
    """The kind of a plot's file by its ending. UsageError for other endings and where matplotlib is
    missing."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"plot {str(path)!r}: the name must end in .png, .svg or .pdf")
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        remedy = "pip install 'avatar-engine[plot]'"
        raise UsageError(f"a plot needs matplotlib, which is not installed: {remedy}") from None
    return kind


def save(scene: Scene, path: Path, kind: str) -> None:
    """Draw `scene` into a file; kind: as check_plot gives it. OSError where it cannot be written."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        draw(scene).savefig(path, format=kind, dpi=DPI, metadata=DATELESS[kind])


def draw(scene: Scene) -> Figure:
    """The figure; its width grows with the time shown, its height with the weights and emotions there are."""
    from matplotlib.figure import Figure

    panels = panels_of(scene)
    across = float(np.clip(INCHES_PER_S * (scene.end_s - scene.start_s), NARROWEST, WIDEST))
    down = sum(panel.height for panel in panels) + GAP * (len(panels) - 1)
    width, height = LEFT + across + RIGHT, TOP + down + BOTTOM
    figure = Figure(figsize=(width, height), facecolor="white")
    figure.text(LEFT / width, 1 - 0.1 / height, scene.title, va="top", fontsize=7.5, color=FAINT)
    first: Axes | None = None
    bottom = height - TOP + GAP
    for panel in panels:
        bottom -= GAP + panel.height
        place = (LEFT / width, bottom / height, across / width, panel.height / height)
        axes = figure.add_axes(place, sharex=first)
        first = first or axes
        axes.tick_params(axis="x", labelbottom=False, bottom=False)
        axes.spines["bottom"].set_visible(False)
        axes.grid(axis="x", color="#e4e4e4", linewidth=0.5)
        axes.set_axisbelow(True)
        axes.text(0.1 / width, 0.5, panel.title, va="center", transform=_figure_across(axes))
        panel.draw(axes, scene)
    axes.tick_params(axis="x", labelbottom=True, bottom=True)
    axes.spines["bottom"].set_visible(True)
    axes.set_xlabel("seconds", labelpad=2)
    _set_time_axis(axes, scene)
    return figure


def _figure_across(axes: Axes) -> object:
    """Places from left to right over the whole figure, from bottom to top over the axes."""
    from matplotlib.transforms import blended_transform_factory

    return blended_transform_factory(axes.figure.transFigure, axes.transAxes)


def _set_time_axis(axes: Axes, scene: Scene) -> None:
    from matplotlib.ticker import MultipleLocator

    shown_s = scene.end_s - scene.start_s
    axes.set_xlim(scene.start_s, scene.end_s)
    axes.xaxis.set_major_locator(
        MultipleLocator(next(step for step, longest in TICKS_S if shown_s <= longest))
    )
