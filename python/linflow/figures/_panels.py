"""What the figures share: size and type for a column, markers over lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linflow.plot._style import COLOURS

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike, NDArray

WIDTH = 5.5
"""Inches: the text width of the conferences that the papers appeared at."""

MARKERS = ("o", "s", "^", "D")
GREY = "#595959"
_TICKS = 7.0


def style() -> AbstractContextManager[None]:
    """Return a context in which figures are made; the user's own settings stay."""
    import matplotlib as mpl

    return mpl.rc_context(
        {
            "font.size": 8.0,
            "axes.titlesize": 8.0,
            "axes.labelsize": 8.0,
            "legend.fontsize": 7.0,
            "xtick.labelsize": _TICKS,
            "ytick.labelsize": _TICKS,
            "lines.linewidth": 1.3,
            "lines.markersize": 3.5,
            "axes.linewidth": 0.6,
        }
    )


def panels(
    rows: int,
    columns: int,
    *,
    height: float = 2.3,
    width: float = WIDTH,
    **keywords: Any,
) -> tuple[Figure, NDArray[Any]]:
    """Return a figure and its Axes in an array (rows, columns), made without pyplot.

    Parameters
    ----------
    rows, columns
        Of panels; three columns are as many as stay legible.
    height, width
        Height of a row and width of the figure, in inches.
    keywords
        For `matplotlib.figure.Figure.subplots`, such as ``sharex``.
    """
    from matplotlib.figure import Figure

    figure = Figure((width, rows * height), layout="constrained")
    axes: NDArray[Any] = figure.subplots(rows, columns, squeeze=False, **keywords)
    return figure, axes


def settle(figure: Figure) -> None:
    """Fix what would be looked up when the figure is saved, outside of `style`."""
    for ax in figure.axes:
        ax.tick_params(which="both", labelsize=_TICKS)


def exact(
    ax: Axes, x: ArrayLike, y: ArrayLike, index: int = 0, **keywords: Any
) -> Line2D:
    """Draw an exact solution: a line in the colour of its index."""
    look: dict[str, Any] = {
        "color": COLOURS[index % len(COLOURS)],
        "zorder": 2.0,
    } | keywords
    return ax.plot(x, y, **look)[0]


def simulated(
    ax: Axes, x: ArrayLike, y: ArrayLike, index: int = 0, **keywords: Any
) -> Line2D:
    """Draw a simulation: open markers, their shape and colour by its index."""
    look: dict[str, Any] = {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index % len(MARKERS)],
        "linestyle": "none",
        "markerfacecolor": "white",
        "markeredgewidth": 0.9,
        "zorder": 3.0,
    } | keywords
    return ax.plot(x, y, **look)[0]


def letters(axes: NDArray[Any]) -> None:
    """Put (a), (b), … before the titles of panels, in reading order."""
    for ax, letter in zip(axes.flat, "abcdefghijkl", strict=False):
        ax.set_title(f"({letter}) {ax.get_title()}", loc="left")
        ax.set_title("", loc="center")


def key(
    *, exact: str = "exact", simulated: str = "simulated", approximate: str = ""
) -> list[Artist]:
    """Return legend entries that tell lines from markers, in a neutral colour."""
    from matplotlib.lines import Line2D

    entries: list[Artist] = [
        Line2D(
            [],
            [],
            color=GREY,
            marker=MARKERS[0],
            linestyle="none",
            markerfacecolor="white",
            label=simulated,
        ),
        Line2D([], [], color=GREY, label=exact),
    ]
    if approximate:
        entries.append(Line2D([], [], color=GREY, linestyle=":", label=approximate))
    return entries
