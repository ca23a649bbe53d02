"""What the figures of [DAP] share: an exact curve and the points simulated on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linflow.figures import _panels as panels
from linflow.plot._style import COLOURS, LINE_STYLES

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike


def both(
    ax: Axes,
    index: int,
    exact: tuple[ArrayLike, ArrayLike],
    simulated: tuple[ArrayLike, ArrayLike],
) -> None:
    """Draw a curve and its points; line style, colour and marker by the index."""
    panels.exact(ax, *exact, index, linestyle=LINE_STYLES[index % len(LINE_STYLES)])
    panels.simulated(ax, *simulated, index)


def entry(index: int, label: str) -> Artist:
    """Return the legend entry of a curve with its points."""
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        label=label,
        color=COLOURS[index % len(COLOURS)],
        linestyle=LINE_STYLES[index % len(LINE_STYLES)],
        marker=panels.MARKERS[index % len(panels.MARKERS)],
        markerfacecolor="white",
        markeredgewidth=0.9,
    )
