"""What the figures of [DAP] share: panels, exact lines, open markers, legends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linflow.plot._style import COLOURS, LINE_STYLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

WIDTH = 7.0  # inches, a page's two columns
FONT: Any = {"font.size": 8.0, "axes.titlesize": 8.5, "legend.fontsize": 7.5}
MARKERS = "osD^v<>P"
PALETTE = (*COLOURS, "#E69F00", "#000000")


def panels(
    rows: int, columns: int, height: float, **keywords: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure of two columns' width and its Axes, in reading order."""
    from matplotlib.figure import Figure

    figure = Figure((WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **keywords)
    return figure, list(axes.ravel())


def looks(index: int) -> dict[str, Any]:
    """Return the colour and line style of a curve."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": LINE_STYLES[index % len(LINE_STYLES)],
        "linewidth": 1.4,
    }


def marks(index: int) -> dict[str, Any]:
    """Return the colour and open marker of simulated points."""
    return {
        "color": PALETTE[index % len(PALETTE)],
        "linestyle": "",
        "marker": MARKERS[index % len(MARKERS)],
        "markerfacecolor": "none",
        "markersize": 4.0,
        "markeredgewidth": 0.9,
    }


def both(
    ax: Axes,
    index: int,
    exact: tuple[ArrayLike, ArrayLike],
    simulated: tuple[ArrayLike, ArrayLike],
) -> None:
    """Draw an exact curve and simulated points on it."""
    ax.plot(*exact, **looks(index))
    ax.plot(*simulated, **marks(index))


def entry(index: int, label: str) -> Artist:
    """Return a legend entry for a curve with its points."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **(marks(index) | looks(index)))


def what_is_what(
    simulation: str = "integrated flow", solution: str = "exact"
) -> list[Artist]:
    """Return the legend entries that tell exact from simulated."""
    from matplotlib.lines import Line2D

    grey: dict[str, Any] = {"color": "grey"}
    return [
        Line2D([], [], label=solution, linewidth=1.4, **grey),
        Line2D([], [], label=simulation, **(marks(0) | grey)),
    ]


def legend_under(figure: Figure, handles: Sequence[Artist], columns: int) -> None:
    """Put one legend under all panels."""
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=columns,
        frameon=False,
        handlelength=2.6,
    )


def letter(axes: Sequence[Axes]) -> None:
    """Put a letter above each panel."""
    for ax, name in zip(axes, "abcdefgh", strict=False):
        ax.set_title(f"({name})", loc="left", fontweight="bold")
