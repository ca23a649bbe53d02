"""How far the neural tangent kernel has moved, over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linflow import observables

from ._runs import Trajectories, read_runs, run_handles
from ._style import legend_below, one_axes, time_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

QUANTITIES = {
    "distance": (observables.kernel_distance, r"kernel distance, $1-\cos(K, K_0)$"),
    "movement": (
        observables.kernel_movement,
        r"kernel movement, $\|K-K_0\| / \|K_0\|$",
    ),
}


def kernel(
    data: Trajectories,
    *,
    ax: Axes | None = None,
    labels: Sequence[str] | None = None,
    legend: bool = True,
    quantity: str = "distance",
    xscale: str = "linear",
    yscale: str = "linear",
) -> Axes:
    """Draw the distance of the kernel from its start, or its movement, over time.

    Each run has a line style and a colour; the first of several is broad and pale, so
    that those on top of it show.

    Parameters
    ----------
    data
        One trajectory or several, made with ``save_gram=True``.
    ax, labels, legend, xscale, yscale
        As in `errors`.
    quantity : {"distance", "movement"}
        See `linflow.observables`.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If something in `data` is not a trajectory.
    ValueError
        If there is none, one has no Gram matrices, or `quantity` is not known.
    """
    if quantity not in QUANTITIES:
        known = list(QUANTITIES)
        raise ValueError(f"quantity is {quantity!r}; it must be one of {known}")
    function, label = QUANTITIES[quantity]
    runs = read_runs(data, labels)
    given = data if isinstance(data, list | tuple) else [data]
    curves = [function(one) for one in given]
    ax = one_axes(ax)
    for run, curve in zip(runs, curves, strict=True):
        ax.plot(
            run.times,
            np.asarray(curve),
            run.style,
            color=run.colour,
            **run.weight,
            label=run.label,
        )
    time_axis(ax, xscale)
    ax.set(ylabel=label, yscale=yscale, title="Kernel")
    if legend:
        legend_below(ax, run_handles(runs, weighted=True))
    return ax
