"""What is drawn on top of a phase diagram: cells without value, contours, regimes."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import regimes

from ._style import outline

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from numpy.typing import NDArray

    from ._cells import Cells

# In the order of regimes.Boundaries; black on a white outline shows on any ground.
BOUNDARY_STYLES = ("-", "--", "-.", ":")
MIN_CELLS_FOR_CONTOURS, MIN_CELLS_FOR_SMOOTHING = 5, 12


def mark_cells(ax: Axes, cells: Cells) -> None:
    """Mark cells that failed or are yet to run; each kind has its legend entry.

    Failed cells are hatched, those that failed for some seeds carry a cross; the kinds
    of failure are counted in runs, over both.
    """
    kinds = ", ".join(f"{n} {word}" for word, n in cells.failures.items())
    failed, some = (
        fill(f"{what}: {kinds}" if named else what, 36)
        for what, named in (
            ("failed", True),
            ("failed for some seeds", not cells.failed.any()),
        )
    )
    _patch(ax, cells, cells.failed, failed, "#ffffff", "////", "#404040")
    if cells.partly_failed.any():
        i, j = np.nonzero(cells.partly_failed)
        ax.plot(
            cells.x[j],
            cells.y[i],
            "x",
            color="black",
            markersize=5,
            path_effects=outline(3.0),
            label=some,
            scalex=False,
            scaley=False,
        )
    _patch(ax, cells, cells.pending, "not run yet", "#a0a0a0", "", "#a0a0a0")
    _patch(ax, cells, cells.empty, "no value", "#ffffff", "xx", "#a0a0a0")


def _patch(
    ax: Axes,
    cells: Cells,
    where: NDArray[np.bool_],
    label: str,
    face: str,
    hatch: str,
    edge: str,
) -> None:
    from matplotlib.collections import PolyCollection

    if not where.any():
        return
    x, y = cells.x_edges, cells.y_edges
    corners = [
        [(x[j], y[i]), (x[j + 1], y[i]), (x[j + 1], y[i + 1]), (x[j], y[i + 1])]
        for i, j in np.argwhere(where)
    ]
    ax.add_collection(
        PolyCollection(
            corners,
            facecolor=face,
            edgecolor=edge,
            hatch=hatch or None,
            linewidth=0.0,
            label=label,
        ),
        autolim=False,
    )


def draw_contours(ax: Axes, cells: Cells, norm: Normalize, log: bool) -> None:
    """Draw labelled contour lines through the cell centres, if there are enough."""
    from matplotlib.ticker import LogLocator, MaxNLocator

    value = np.ma.masked_invalid(cells.value)
    if min(value.shape) < MIN_CELLS_FOR_CONTOURS or value.count() < value.size / 4:
        return
    if min(value.shape) >= MIN_CELLS_FOR_SMOOTHING:
        value = _smooth(value)
    low, high = norm.vmin, norm.vmax
    assert low is not None
    assert high is not None
    if log:
        value = np.ma.masked_less_equal(value, 0.0)
        subs = (1.0, 3.0) if high / low < 1e3 else (1.0,)
        levels = LogLocator(subs=subs).tick_values(low, high)
    else:
        levels = MaxNLocator(5).tick_values(low, high)
    actual = value.compressed()
    # A level close to an end of the scale would trace the noise on a plateau.
    position = np.asarray(norm(levels))
    inside = (position > 0.04) & (position < 0.96)
    levels = levels[inside & (levels > actual.min()) & (levels < actual.max())]
    if levels.size == 0:
        return
    lines = ax.contour(
        cells.x, cells.y, value, levels=levels, colors="white", linewidths=0.8
    )
    lines.set(path_effects=outline(1.6, "#404040"))
    for text in ax.clabel(lines, fontsize=7, fmt="%g"):
        text.set_path_effects(outline(1.6, "#404040"))


def _smooth(value: np.ma.MaskedArray[Any, Any]) -> np.ma.MaskedArray[Any, Any]:
    """Return the median of each cell and its neighbours; masked cells stay so."""
    padded = np.pad(value.filled(np.nan), 1, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    near = np.sort(windows.reshape(*value.shape, 9), axis=-1)  # NaN goes last
    count = np.isfinite(near).sum(axis=-1, keepdims=True)
    low = np.take_along_axis(near, np.maximum(count - 1, 0) // 2, axis=-1)
    high = np.take_along_axis(near, np.maximum(count, 1) // 2, axis=-1)
    median = ((low + high) / 2)[..., 0]
    return np.ma.masked_array(median, mask=np.ma.getmaskarray(value))


def draw_boundaries(ax: Axes, d: int, rank: int) -> None:
    """Draw the lines of `linflow.regimes.boundaries` inside the present limits."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    lines = regimes.boundaries(d, rank)
    for line, style in zip(lines, BOUNDARY_STYLES, strict=True):
        ends = _clip(line, (left, right), (bottom, top))
        if ends is not None:
            ax.plot(
                ends,
                line(ends),
                style,
                color="black",
                linewidth=1.8,
                label=line.label,
                path_effects=outline(3.6),
                scalex=False,
                scaley=False,
            )
    ax.set(xlim=(left, right), ylim=(bottom, top))


def _clip(
    line: regimes.Line, x: tuple[float, float], y: tuple[float, float]
) -> NDArray[np.float64] | None:
    """Return the x at which a line enters and leaves a box; None if it misses it."""
    left, right = x
    if line.slope == 0:
        return np.array(x) if y[0] <= line.intercept <= y[1] else None
    crossings = sorted((bound - line.intercept) / line.slope for bound in y)
    left, right = max(left, crossings[0]), min(right, crossings[1])
    return np.array([left, right]) if left < right else None


def draw_regions(ax: Axes, d: int, rank: int, points: int = 48) -> None:
    """Write each regime's name where it has most room, if it has any to speak of."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    unit = (np.arange(points) + 0.5) / points
    u, v = np.meshgrid(unit, unit)
    codes = regimes.classify(
        left + u * (right - left), bottom + v * (top - bottom), d=d, rank=rank
    )
    for regime in regimes.Regime:
        inside = codes == regime
        if inside.mean() < 0.015:
            continue
        i, j = _roomiest(inside)
        ax.text(
            u[i, j],
            v[i, j],
            regime.label,
            transform=ax.transAxes,
            ha="center",
            va="center",
            fontsize="small",
            fontweight="bold",
            color="black",
            path_effects=outline(3.0),
        )


def _roomiest(inside: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the cell farthest from the outside, and in the middle of several such.

    Words are wide, so that x counts half.
    """
    padded = np.pad(inside, 1)
    i, j = np.argwhere(padded).T
    p, q = np.argwhere(~padded).T
    distance = np.minimum.reduce(
        [(i - a) ** 2 + ((j - b) / 2) ** 2 for a, b in zip(p, q, strict=True)]
    )
    middle = (i - i.mean()) ** 2 + (j - j.mean()) ** 2
    best = np.where(distance > 0.8 * distance.max(), middle, np.inf).argmin()
    return int(i[best]) - 1, int(j[best]) - 1
