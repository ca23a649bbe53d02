"""Phase diagrams over variance and width, as in [TAJ] figure 2.

References
----------
[TAJ] Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks: Unifying the Lazy and
Active Regimes", NeurIPS 2024, arXiv 2405.17580.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._cells import Cells, Statistic, summarise
from ._marks import draw_boundaries, draw_contours, draw_regions, mark_cells
from ._scale import colour_bar, look_of, make_norm, make_status_norm
from ._style import (
    SEAMLESS,
    as_array,
    choose_panels,
    legend_below,
    legend_outside,
    new_axes,
    one_axes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize

    from ._style import AxesArray, AxesLike

X_LABEL = (
    r"variance exponent $\gamma_{\sigma^2}$   ($\sigma^2 = d^{\gamma_{\sigma^2}}$)"
)
Y_LABEL = r"width exponent $\gamma_w$   ($w = d^{\gamma_w}$)"


def phase_panel(
    data: xr.Dataset,
    variable: str = "min_test_error",
    *,
    ax: Axes | None = None,
    statistic: Statistic = "mean",
    boundaries: bool = True,
    contours: bool = True,
    regions: bool = False,
    legend: bool = True,
    title: str | None = None,
    cmap: str | Colormap | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
) -> Axes:
    """Draw one variable of a phase diagram, a panel of [TAJ] figure 2.

    Colours show the mean over the seeds that ended well; with several seeds a line
    under the title says so, and how much they spread (standard deviation). Cells whose
    runs all failed are hatched, cells yet to run are grey. Ranks, steps and distance
    are on a logarithmic scale if they span a factor of 10; zeros then take the colour
    of the colour bar's lower arrow. Of the status a cell shows the commonest one, each
    in a colour of its own.

    Parameters
    ----------
    data
        What `linflow.phase_diagram` returns: dims gamma_w, gamma_sigma2 and seed (may
        be missing); attrs d and rank.
    variable
        Any numeric variable over these dims.
    ax
        Where to draw; a new figure when None.
    statistic
        ``"mean"`` over seeds, or their standard deviation, ``"std"``.
    boundaries
        Whether to draw the lines of `linflow.regimes.boundaries`.
    contours
        Whether to draw contour lines of the mean, on grids of 5 x 5 cells or more; from
        12 x 12 on they follow the median of 3 x 3 cells, so that one odd cell makes no
        island.
    regions
        Whether to write the regimes' names into the picture.
    legend
        Whether to put a legend below.
    title
        In place of the variable's own.
    cmap, vmin, vmax
        Colour map and the values at its ends. By default a linear map starts at 0
        (ranks: 1), and leaves out the top 2 % if these would take up half of it. The
        status has no ends.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If `data` is not a Dataset.
    ValueError
        If `data` lacks a variable, dimension or attribute that is needed, or
        `statistic` is unknown or has too few seeds.
    """
    from matplotlib.colors import LogNorm

    cells = summarise(data, variable, statistic)
    look = look_of(str(variable), data.attrs)
    own = ax is None
    ax = one_axes(ax)
    if vmin is not None and vmax is not None and not vmin < vmax:
        raise ValueError(f"vmin is {vmin} and vmax {vmax}; vmin must be less")
    norm: Normalize
    if variable == "status":
        if vmin is not None or vmax is not None:
            message = f"vmin and vmax are {vmin}, {vmax}; those of 'status' may be None"
            raise ValueError(message)
        extend, contours = "neither", False
        norm, cmap = make_status_norm(cells.value, cmap)
    else:
        norm, extend = make_norm(cells.value, look, statistic, vmin, vmax)
    log = isinstance(norm, LogNorm)
    # A logarithm masks zeros; just below the scale they show as "less than vmin".
    floor = norm.vmin / 2 if log and norm.vmin is not None else -np.inf
    mesh = ax.pcolormesh(
        cells.x_edges,
        cells.y_edges,
        np.ma.masked_invalid(np.maximum(cells.value, floor)),
        cmap=cmap or look.cmap,
        norm=norm,
        **SEAMLESS,
    )
    if np.isfinite(cells.value).any():
        colour_bar(ax, mesh, look, extend, statistic)
    else:
        ax.annotate("no values", (0.5, 0.5), xycoords="axes fraction", ha="center")
    mark_cells(ax, cells)
    if contours and statistic == "mean":
        draw_contours(ax, cells, norm, log)
    if boundaries or regions:
        d, rank = _attribute(data, "d"), _attribute(data, "rank")
        if boundaries:
            draw_boundaries(ax, d, rank)
        if regions:
            draw_regions(ax, d, rank)
    ax.set(xlabel=X_LABEL, ylabel=Y_LABEL)
    ax.locator_params(axis="x", nbins=6)  # more are too close beside words
    what = {"mean": "mean of", "std": "standard deviation over"}[statistic]
    if variable == "status":
        what = "commonest of"
    _title(ax, look.title if title is None else title, cells, what)
    if legend:
        handles = ax.get_legend_handles_labels()[0]
        if own:
            legend_outside(ax, handles, columns=2)
        else:
            legend_below(ax, handles)
    return ax


def phase_diagram(
    data: xr.Dataset,
    *,
    panels: str | Sequence[str] | None = None,
    ax: AxesLike | None = None,
    statistic: Statistic = "mean",
    boundaries: bool = True,
    contours: bool = True,
    regions: bool = False,
    legend: bool = True,
) -> Axes | AxesArray:
    """Draw a phase diagram in several panels, [TAJ] figure 2.

    Parameters
    ----------
    data
        As in `phase_panel`, which draws each panel and takes the other arguments.
    panels
        Variables to draw. By default those of [TAJ]: minimal test error, stable rank
        at that step, steps to it, and the distance to the other dynamics;
        without a distance, the rank in its place. A single name draws one panel.
    ax
        An Axes, for one panel (by default the first), or as many as panels.
    statistic, boundaries, contours, regions
        As in `phase_panel`.
    legend
        Whether to put a legend below: one for all panels, under a new figure, or under
        the last of your own Axes.

    Returns
    -------
    Axes or ndarray of Axes
        One Axes if `ax` is one or `panels` is a single name; else an array of shape
        (panels,), whose figure is ``axes[0].figure``.

    Raises
    ------
    TypeError, ValueError
        As in `phase_panel`; or if the numbers of `panels` and `ax` differ.
    """
    default = ["min_test_error", "stable_rank", "best_step", "distance"]
    if "distance" not in getattr(data, "data_vars", ()):
        default = ["min_test_error", "rank", "stable_rank", "best_step"]
    names, given, single = choose_panels(panels, ax, default=default)
    axes = list(new_axes(len(names))) if given is None else given
    for name, one in zip(names, axes, strict=True):
        phase_panel(
            data,
            name,
            ax=one,
            statistic=statistic,
            boundaries=boundaries,
            contours=contours,
            regions=regions,
            legend=False,
        )
    if legend:
        found = {
            label: handle
            for one in axes
            for handle, label in zip(*one.get_legend_handles_labels(), strict=True)
        }
        if given is None:
            columns = 2 if len(axes) == 1 else 4
            legend_outside(axes[0], list(found.values()), columns)
        else:
            legend_below(axes[-1], list(found.values()))
    return axes[0] if single else as_array(axes)


def _title(ax: Axes, title: str, cells: Cells, what: str) -> None:
    """Write the title, and under it how many seeds were averaged and their spread."""
    most = int(cells.runs.max())
    if most < 2:
        ax.set_title(title)
        return
    least = int(cells.runs[cells.runs > 0].min())
    note = f"{what} {most} seeds"
    if least < most:
        note = f"{what} {least} to {most} seeds"
    if what == "mean of":
        spread = cells.spread[np.isfinite(cells.spread)]
        note += (
            f"; spread ±{_short(float(np.median(spread)))} (median),"
            f" ±{_short(float(spread.max()))} (largest)"
        )
    ax.set_title(title, pad=18)
    ax.annotate(
        note,
        (0.5, 1),
        (0, 5),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        fontsize="small",
    )


def _short(number: float) -> str:
    """Write two digits, and no exponent for numbers in the hundreds."""
    return f"{number:.0f}" if 99.5 <= number < 1e5 else f"{number:.2g}"


def _attribute(data: xr.Dataset, name: str) -> int:
    if name not in data.attrs:
        raise ValueError(
            f"data.attrs has no {name!r}, which the boundaries need;"
            " set it, or pass boundaries=False and regions=False"
        )
    return int(data.attrs[name])
