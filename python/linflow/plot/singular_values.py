"""Singular values over time, as in [TAJ] figure 1 (right).

References
----------
[TAJ] Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks: Unifying the Lazy and
Active Regimes", NeurIPS 2024, arXiv 2405.17580.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ._runs import (
    Run,
    Trajectories,
    check_count,
    read_runs,
    run_handles,
    split_at,
)
from ._style import legend_below, one_axes, outline, time_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

# Lazy and active modes differ in weight, so that line style is free to tell runs
# apart and nothing hangs on colour.
ACTIVE_WIDTH, LAZY_WIDTH = 1.7, 0.6
MANY_MODES = 20
BAND_HATCHES = ("///", "\\\\\\", "---", "...")


def singular_values(
    data: Trajectories,
    *,
    ax: Axes | None = None,
    labels: Sequence[str] | None = None,
    legend: bool = True,
    top: int | None = None,
    signal: int | None = None,
    xscale: str = "linear",
    yscale: str = "log",
) -> Axes:
    """Draw singular values over time and the threshold kappa, [TAJ] figure 1 (right).

    A mode is thin while lazy, below kappa, where the ground is grey, and thick once
    active, above it. Each run has a line style and a colour. A run without kappa (None)
    is drawn thick throughout, as is one with kappa = 0, whose modes are all active.

    Parameters
    ----------
    data, ax, labels, legend, xscale, yscale
        As in `errors`; y is logarithmic by default, and leaves out what lies a
        thousand times below the largest value.
    top
        How many modes to draw, largest first; all when None.
    signal
        How many of them have lines; the others, the bulk, are drawn as a hatched band
        from the smallest to the largest. All have lines when None.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If something in `data` is not a trajectory.
    ValueError
        If there is none, none has singular values, arrays or labels do not match, or
        `top` is below 1 or `signal` negative.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    check_count("top", top, 1)
    check_count("signal", signal, 0)
    runs = [
        run
        for run in read_runs(data, labels, top=top)
        if run.singular_values is not None
    ]
    if not runs:
        raise ValueError(
            "data has no singular values; save them with observe=('singular_values',)"
        )
    ax = one_axes(ax)
    # Many modes in full weight would run into one another.
    most = max(np.shape(np.asarray(run.singular_values))[1] for run in runs)
    scale = max(0.4, min(1.0, (MANY_MODES / max(most, 1)) ** 0.5))
    everything = runs
    bands: list[Patch] = []
    if signal is not None:
        most = min(most, signal)
        drawn = [_band(ax, run, signal) for run in runs]
        bands = [band for band in drawn if band is not None][:1]
        runs = [_only(run, signal) for run in runs]
    for run in runs:
        below, above = split_at(run, log=yscale == "log")
        for pieces, width, state in (
            (below, LAZY_WIDTH, "lazy"),
            (above, ACTIVE_WIDTH, "active"),
        ):
            ax.add_collection(
                LineCollection(
                    pieces,
                    colors=run.colour,
                    linestyles=run.style,
                    linewidths=scale * width,
                    label=f"{run.label}: {state}",
                )
            )
    time_axis(ax, xscale)
    ax.set(yscale=yscale, ylabel="singular value of $A$", title="Singular values")
    thresholds = sorted({run.kappa for run in runs if run.kappa})
    _limits(ax, everything, thresholds, yscale)
    for kappa in thresholds:
        ax.axhline(kappa, color="black", linewidth=1.4, path_effects=outline(3.0))
        ax.annotate(
            rf"threshold $\kappa$ = {kappa:.3g}",
            (1, kappa),
            (-4, 4),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            ha="right",
            va="bottom",
            color="black",
            path_effects=outline(3.0),
        )
    if thresholds:
        ax.axhspan(ax.get_ylim()[0], thresholds[0], color="grey", alpha=0.2, zorder=0)
    if legend:
        handles = run_handles(runs)
        if thresholds:
            handles += [
                Line2D([], [], color="grey", linewidth=width, label=label)
                for width, label in (
                    (ACTIVE_WIDTH, r"active, above $\kappa$"),
                    (LAZY_WIDTH, r"lazy, below $\kappa$"),
                )
            ]
        legend_below(ax, [*handles, *bands])
    return ax


def _only(run: Run, signal: int) -> Run:
    """Return the run with its first `signal` modes."""
    return replace(run, singular_values=np.asarray(run.singular_values)[:, :signal])


def _band(ax: Axes, run: Run, signal: int) -> Patch | None:
    """Draw the modes after the first `signal` as a band; return its legend entry."""
    from matplotlib.patches import Patch

    rest = np.asarray(run.singular_values)[:, signal:]
    usable = np.isfinite(rest).any(axis=1) if rest.shape[1] else np.zeros(0, dtype=bool)
    if not usable.any():
        return None
    ax.fill_between(
        run.times[usable],
        np.nanmin(rest[usable], axis=1),
        np.nanmax(rest[usable], axis=1),
        facecolor="none",
        edgecolor=run.colour,
        hatch=BAND_HATCHES[run.index % len(BAND_HATCHES)],
        linestyle=run.style,
        linewidth=0.6,
        alpha=0.6,
        label=f"{run.label}: bulk",
    )
    words = f"bulk, modes {signal + 1} to {signal + rest.shape[1]}"
    return Patch(facecolor="none", edgecolor="grey", hatch="///", label=words)


def _limits(
    ax: Axes, runs: Sequence[Run], thresholds: Sequence[float], yscale: str
) -> None:
    """Set limits that show the modes and the thresholds."""
    ax.autoscale_view()
    values = np.concatenate([np.ravel(np.asarray(run.singular_values)) for run in runs])
    values = values[np.isfinite(values) & (values > 0)]
    top = max([*thresholds, values.max() if values.size else 1.0])
    if yscale == "log":
        lowest = values.min() if values.size else top
        bottom = min([max(lowest, top / 1e3), *(k / 3 for k in thresholds)])
        ax.set_ylim(bottom / 1.3, top * 1.5)
    elif yscale == "linear":
        ax.set_ylim(0.0, top * 1.08)
