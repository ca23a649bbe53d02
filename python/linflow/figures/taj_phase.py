"""Figure 2 of [TAJ]: the phase diagram, simulated, with contours of its exact flow.

References
----------
[TAJ] Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks: Unifying the Lazy and
Active Regimes", NeurIPS 2024, arXiv 2405.17580, figure 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.figures import _panels as panels
from linflow.plot._style import legend_outside, outline

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from linflow._streams import RngLike

NAME = "taj-phase"
SUMMARY = "[TAJ] figure 2: error, rank, steps and distance over variance and width"

RANK = 3
PANELS = ("min_test_error", "stable_rank", "best_step", "distance")
LEVELS: dict[str, tuple[float, ...]] = {
    "min_test_error": (0.2, 0.5, 0.8),
    "stable_rank": (2.0, 3.0),
    "best_step": (50.0, 100.0, 300.0),
}


def draw(rng: RngLike = 0, *, d: int = 40, grid: int = 16) -> tuple[Figure, xr.Dataset]:
    """Train a network in every cell, and solve its flow by the Riccati closure.

    Parameters
    ----------
    rng
        Root of task and networks.
    d, grid
        Dimension, and number of variances and of widths; the paper has 200 and 30.
    """
    import linflow as lf

    shared: dict[str, Any] = {"progress": False, "rng": rng}
    axes_of = (d, RANK, np.linspace(-3, 0, grid), np.linspace(0, 2.8, grid))
    descent = lf.phase_diagram(*axes_of, distance_to="self_consistent", **shared)
    flow = lf.phase_diagram(*axes_of, dynamics="closed_form", **shared)

    figure, axes = panels.panels(2, 2, height=2.55)
    for name, ax in zip(PANELS, axes.flat, strict=True):
        lf.plot.phase_panel(descent, name, ax=ax, contours=False, legend=False)
        if name in LEVELS:
            _contours(ax, flow, name)
        ax.set(xlabel=r"$\log_d \sigma^2$", ylabel=r"$\log_d$ width")
    panels.letters(axes)
    lines = axes[0, 0].get_legend_handles_labels()[0]
    legend_outside(axes[0, 0], [*lines, _entry()], 3)
    return figure, descent.assign(
        {f"closed_form_{name}": flow[name] for name in map(str, flow.data_vars)}
    )


def _contours(ax: Axes, flow: xr.Dataset, name: str) -> None:
    """Draw the same quantity of the exact flow as contours, from the width `RANK` on.

    Narrower networks can't follow the closure, which has full rank.
    """
    value = flow[name].mean("seed").transpose("gamma_w", "gamma_sigma2")
    value = value.where(flow["width"] >= RANK)
    lines = ax.contour(
        value.gamma_sigma2,
        value.gamma_w,
        value,
        levels=LEVELS[name],
        colors="white",
        linewidths=0.9,
    )
    lines.set(path_effects=outline(1.8, "#404040"))
    for text in ax.clabel(lines, fontsize=6.5, fmt="%g"):
        text.set_path_effects(outline(1.6, "#404040"))


def _entry() -> Any:
    from matplotlib.lines import Line2D

    return Line2D(
        [],
        [],
        color="white",
        linewidth=0.9,
        path_effects=outline(1.8, "#404040"),
        label="contours: closed form",
    )
