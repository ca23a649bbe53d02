"""What the balance level lam does to kernel, representations and error, by shape."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ._style import COLOURS, LINE_STYLES, legend_below, one_axes

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

LABELS = {
    "train_error": "error, mean square per entry",
    "kernel_distance": r"kernel distance, $1-\cos(K, K_0)$",
    "kernel_movement": r"kernel movement, $\|K-K_0\| / \|K_0\|$",
    "input_change": r"change of input representation, $1-\cos$",
    "output_change": r"change of output representation, $1-\cos$",
}
MARKERS = "osD^"


def lazy_to_rich(
    data: xr.Dataset | Sequence[xr.Dataset],
    *,
    ax: Axes | None = None,
    quantity: str = "kernel_distance",
    time: int = -1,
    labels: Sequence[str] | None = None,
    legend: bool = True,
) -> Axes:
    """Draw a quantity against lam for every shape: lines with their spread over seeds.

    Each shape has a colour, its sizes differ in line style; bands are one standard
    deviation over the seeds. The first data set is drawn as lines, others (such as a
    simulation of the same) as open markers on them.

    Parameters
    ----------
    data
        What `linflow.lazy_to_rich` gives, or several.
    ax
        Where to draw; a new figure when None.
    quantity : {"train_error", "kernel_distance", "kernel_movement", "input_change", \
"output_change"}
        What to draw.
    time
        Index of the save point, the last by default.
    labels
        A name for each data set, in place of its dynamics.
    legend
        Whether to put a legend below.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If `data` is empty or no such sweep, or names do not match.
    """
    from matplotlib.lines import Line2D

    given = list(data) if isinstance(data, Sequence) else [data]
    if not given:
        raise ValueError("data is empty; it must hold at least one sweep")
    if quantity not in LABELS:
        raise ValueError(f"quantity is {quantity!r}; it must be one of {list(LABELS)}")
    for one in given:
        if not hasattr(one, "dims") or "lam" not in one.dims or quantity not in one:
            raise ValueError(f"data has no {quantity} over lam; use lf.lazy_to_rich")
    if labels is None:
        labels = [one.attrs["dynamics"].replace("_", " ") for one in given]
    if isinstance(labels, str) or len(labels) != len(given):
        raise ValueError(f"labels is {labels!r}; data needs {len(given)} of them")
    ax = one_axes(ax)
    handles: list[Artist] = []
    first = given[0]
    triples = np.stack([first.d_in, first.width, first.d_out], axis=1).tolist()
    sizes = list(first["size"].values)
    for index, one in enumerate(given):
        values = one[quantity].isel(time=time).sortby("lam")
        lam = values.lam.values
        for (i, shape), (j, size) in product(enumerate(triples), enumerate(sizes)):
            part = values.isel(shape=i, size=j)
            mean, spread = part.mean("seed").values, part.std("seed").values
            colour, style = COLOURS[i % 4], LINE_STYLES[(i + j) % 4]
            if index:
                ax.plot(lam, mean, MARKERS[i % 4], color=colour, mfc="none", ms=5)
                continue
            ax.plot(lam, mean, style, color=colour, linewidth=1.6)
            if one.sizes["seed"] > 1:
                low, high = mean - spread, mean + spread
                ax.fill_between(lam, low, high, color=colour, alpha=0.15, linewidth=0)
            text = _name(shape) + (f", size {size:g}" if len(sizes) > 1 else "")
            looks: dict[str, Any] = {
                "marker": MARKERS[i % 4],
                "markerfacecolor": "none",
                "ms": 5,
            }
            handles.append(
                Line2D(
                    [],
                    [],
                    color=colour,
                    linestyle=style,
                    label=text,
                    **(looks if len(given) > 1 else {}),
                )
            )
    if len(given) > 1:
        handles.append(Line2D([], [], color="grey", label=labels[0]))
        grey: dict[str, Any] = {
            "color": "grey",
            "linestyle": "",
            "markerfacecolor": "none",
        }
        handles += [
            Line2D([], [], marker="o", markersize=5, label=other, **grey)
            for other in dict.fromkeys(labels[1:])
        ]
    levels = np.abs(first.lam.values)
    if (levels > 0).any() and levels.max() > 10:
        width = float(levels[levels > 0].min())
        ax.set_xscale("symlog", linthresh=width)
        top = int(np.floor(np.log10(levels.max())))
        bottom = np.log10(width)
        step = -1 if top - bottom < 3 else -2
        decades = 10.0 ** np.arange(top, bottom + 0.01, step)
        ax.set_xticks(np.concatenate([-decades, [0.0], decades]))
    ax.set(xlabel=r"balance level $\lambda$, units of $s^*_1$", ylabel=LABELS[quantity])
    if legend:
        legend_below(ax, handles)
    return ax


def _name(shape: Sequence[int]) -> str:
    """Return what a network of (d_in, width, d_out) is called."""
    d_in, width, d_out = shape
    kind = "funnel" if d_in > d_out else "inverted funnel" if d_in < d_out else "square"
    return f"{kind} {d_in}-{width}-{d_out}"
