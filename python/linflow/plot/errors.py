"""Train and test errors over time, as in [TAJ] figure 1 (left).

References
----------
[TAJ] Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks: Unifying the Lazy and
Active Regimes", NeurIPS 2024, arXiv 2405.17580.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._runs import Trajectories, read_runs, run_handles
from ._style import COLOURS, legend_below, one_axes, time_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from ._runs import Floats

LOOKS: dict[str, dict[str, Any]] = {
    "train error": {"color": COLOURS[0]},
    "test error": {"color": COLOURS[1], "marker": "o", "markersize": 4},
}


def errors(
    data: Trajectories,
    *,
    ax: Axes | None = None,
    labels: Sequence[str] | None = None,
    legend: bool = True,
    xscale: str = "linear",
    yscale: str | None = None,
) -> Axes:
    """Draw train and test errors over time, [TAJ] figure 1 (left).

    Test errors carry dots, train errors do not. Each run has a line style; the first
    of several is broad and pale, so that those on top of it show.

    Parameters
    ----------
    data
        One trajectory or several, drawn over each other.
    ax
        Where to draw; a new figure when None.
    labels
        A name for each trajectory, in place of its ``dynamics``.
    legend
        Whether to put a legend below.
    xscale, yscale
        Of the axes, in matplotlib's words. By default y is logarithmic if all errors
        are positive and span a factor of 10.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If something in `data` is not a trajectory.
    ValueError
        If there is none, or arrays or labels do not match in number.
    """
    from matplotlib.lines import Line2D

    runs = read_runs(data, labels)
    ax = one_axes(ax)
    curves = [
        (run, name, values)
        for run in runs
        for name, values in (("train error", run.train), ("test error", run.test))
        if values is not None
    ]
    if not curves:
        raise ValueError("data has no train_error or test_error; observe one of them")
    for run, name, values in curves:
        ax.plot(
            run.times,
            values,
            run.style,
            **LOOKS[name],
            **run.weight,
            # matplotlib can't space markers along a curve without a finite point
            markevery=(0.03 * run.index, 0.12)
            if np.isfinite(run.times).any()
            else None,
            label=name if len(runs) == 1 else f"{run.label}: {name}",
        )
    if yscale is None:
        yscale = _error_scale([values for _, _, values in curves])
    time_axis(ax, xscale)
    ax.set(yscale=yscale, ylabel="error, mean square per entry", title="Errors")
    if legend:
        names = dict.fromkeys(name for _, name, _ in curves)
        quantities = [Line2D([], [], **LOOKS[name], label=name) for name in names]
        legend_below(
            ax, [*quantities, *run_handles(runs, colour="grey", weighted=True)]
        )
    return ax


def _error_scale(curves: list[Floats]) -> str:
    values = np.concatenate(curves)
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() > 10 * values.min():
        return "log"
    return "linear"
