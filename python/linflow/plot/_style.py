"""What all pictures share: colours, outlines, new figures, the place of a legend."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.patheffects import AbstractPathEffect

TIME = "time $t$"
AxesArray: TypeAlias = NDArray[np.object_]
AxesLike: TypeAlias = "Axes | Sequence[Axes] | AxesArray"

# Okabe and Ito's colours, which the colour-blind tell apart; line styles tell the
# same things apart once more.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
LineStyle: TypeAlias = Literal["-", "--", ":", "-."]
LINE_STYLES: tuple[LineStyle, ...] = ("-", "--", ":", "-.")
# Cells that touch: viewers of SVG and PDF show hairlines between bare faces.
SEAMLESS: dict[str, Any] = {"edgecolors": "face", "linewidth": 0.3}


def outline(width: float, colour: str = "white") -> list[AbstractPathEffect]:
    """Return path effects that keep a line or a text legible on any ground."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=width, foreground=colour), Normal()]


def new_axes(count: int = 1, *, columns: int = 2) -> AxesArray:
    """Return `count` Axes in a new figure, made without pyplot."""
    from matplotlib.figure import Figure

    size = (5.4, 4.4) if count == 1 else (4.8, 4.0)
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure((columns * size[0], rows * size[1]), layout="constrained")
    axes: AxesArray = figure.subplots(rows, columns, squeeze=False).ravel()
    for spare in axes[count:]:
        spare.remove()
    return axes[:count]


def one_axes(ax: Any) -> Axes:
    """Return the Axes that are given, or new ones.

    Raises
    ------
    TypeError
        If they are something else.
    """
    from matplotlib.axes import Axes

    if ax is None:
        ax = new_axes()[0]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax is {ax!r}; it must be an Axes, or None")
    return ax


def time_axis(ax: Axes, scale: str) -> None:
    """Set the scale of the times; a logarithmic one leaves out what was at 0.

    By default matplotlib draws that as a level line from the left, which nobody saw.
    """
    ax.set_xlabel(TIME)
    ax.set_xscale(scale, **({"nonpositive": "mask"} if scale == "log" else {}))


def choose_panels(
    panels: str | Sequence[str] | None,
    ax: AxesLike | None,
    *,
    default: Sequence[str],
) -> tuple[list[str], list[Axes] | None, bool]:
    """Match panels with the Axes to draw them on.

    Returns
    -------
    names : list of str
        What to draw: what was asked for; else the first of `default` on a single
        Axes, or all of them.
    axes : list of Axes or None
        As many as names; None when they are yet to be made.
    single : bool
        Whether one name or one Axes was given, so that one Axes is given back.

    Raises
    ------
    TypeError
        If something in `ax` is not an Axes.
    ValueError
        If their numbers differ, or no panel is asked for.
    """
    from matplotlib.axes import Axes

    single = isinstance(panels, str) or isinstance(ax, Axes)
    if isinstance(panels, str):
        names = [panels]
    elif panels is None:
        names = list(default[:1] if single else default)
    else:
        names = list(panels)
    if not names:
        raise ValueError(f"panels is empty; it may name any of {', '.join(default)}")
    if ax is None:
        return names, None, single
    given: list[Any]
    if isinstance(ax, Axes):
        given = [ax]
    elif isinstance(ax, Iterable):
        given = list(np.asarray(ax, dtype=object).ravel())
    else:
        given = [ax]
    for one in given:
        if not isinstance(one, Axes):
            raise TypeError(f"ax holds {one!r}; it must be one or more Axes")
    if len(given) != len(names):
        raise ValueError(
            f"ax holds {len(given)} Axes for {len(names)} panels"
            f" ({', '.join(names)}); the numbers must agree"
        )
    return names, given, single


def as_array(axes: Sequence[Axes]) -> AxesArray:
    """Return Axes as a one-dimensional array of objects."""
    array: AxesArray = np.empty(len(axes), dtype=object)
    array[:] = axes
    return array


def legend_below(ax: Axes, handles: Sequence[Artist], columns: int = 2) -> None:
    """Put a legend under the x label of `ax`, where it hides no data."""
    from matplotlib.transforms import ScaledTranslation

    if not handles:
        return
    down = ScaledTranslation(0, -38 / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=ax.transAxes + down,
        ncols=columns,
        fontsize="small",
        frameon=False,
        borderaxespad=0.0,
        handlelength=2.8,
    )


def legend_outside(ax: Axes, handles: Sequence[Artist], columns: int) -> None:
    """Put one legend for all panels under the figure of `ax`, which makes room."""
    if handles:
        ax.figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=columns,
            fontsize="small",
            frameon=False,
            handlelength=2.8,
        )
