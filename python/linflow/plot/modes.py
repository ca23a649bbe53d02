"""Alignment with the target and the number of active modes over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._runs import Trajectories, check_count, read_runs, run_handles
from ._style import LINE_STYLES, legend_below, one_axes, time_axis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

MARKERS = "osD^v<>Ph*"


def alignment(
    data: Trajectories,
    *,
    ax: Axes | None = None,
    labels: Sequence[str] | None = None,
    legend: bool = True,
    signal: int | None = None,
    xscale: str = "linear",
) -> Axes:
    """Draw how far each mode is aligned with the target's, 0 to 1.

    ``|u^T u*| |v^T v*|``: each mode has a marker, each run a line style and a colour.

    Parameters
    ----------
    data, ax, labels, legend, xscale
        As in `errors`.
    signal
        How many modes have lines of their own; the others, the bulk, are drawn as a
        hatched band from the least aligned to the most. By default at most ten have
        lines.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If something in `data` is not a trajectory.
    ValueError
        If there is none, none has alignments, or `signal` is negative.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    check_count("signal", signal, 0)
    own = len(MARKERS) if signal is None else min(signal, len(MARKERS))
    runs = [run for run in read_runs(data, labels) if run.alignment is not None]
    if not runs:
        raise ValueError("data has no alignment; save it with observe=('alignment',)")
    ax = one_axes(ax)
    shown, bulk = 0, False
    for run in runs:
        values = np.asarray(run.alignment)
        shown = max(shown, min(own, values.shape[1]))
        for mode, curve in enumerate(values[:, :own].T):
            ax.plot(
                run.times,
                curve,
                run.style,
                color=run.colour,
                linewidth=1.4,
                marker=MARKERS[mode],
                markersize=4.5,
                markerfacecolor="white",
                markevery=(0.02 + 0.015 * mode, 0.16),
                label=f"{run.label}: mode {mode + 1}",
            )
        rest = values[:, own:]
        if rest.shape[1] and np.isfinite(rest).any():
            bulk = True
            usable = np.isfinite(rest).any(axis=1)
            ax.fill_between(
                run.times[usable],
                np.nanmin(rest[usable], axis=1),
                np.nanmax(rest[usable], axis=1),
                facecolor="none",
                edgecolor=run.colour,
                hatch="///",
                alpha=0.5,
                linewidth=0.6,
                label=f"{run.label}: bulk",
            )
    time_axis(ax, xscale)
    ax.set(ylim=(-0.03, 1.03), title="Alignment")
    ax.set(ylabel=r"$|u^\top u^*|\,|v^\top v^*|$")
    if legend:
        handles: list[Artist] = [
            Line2D(
                [],
                [],
                color="grey",
                marker=MARKERS[mode],
                markerfacecolor="white",
                label=f"mode {mode + 1}",
            )
            for mode in range(shown)
        ]
        if bulk:
            band = {"facecolor": "none", "edgecolor": "grey", "hatch": "///"}
            handles.append(Patch(label="bulk", **band))  # type: ignore[arg-type]
        legend_below(ax, [*handles, *run_handles(runs)], columns=3)
    return ax


def active_modes(
    data: Trajectories,
    *,
    ax: Axes | None = None,
    labels: Sequence[str] | None = None,
    legend: bool = True,
    signal: int | None = None,
    xscale: str = "linear",
) -> Axes:
    """Draw the number of active modes, singular values above kappa, over time.

    Parameters
    ----------
    data, ax, labels, legend, xscale
        As in `errors`.
    signal
        Number of signal modes, marked by a line, when given.

    Returns
    -------
    Axes

    Raises
    ------
    TypeError
        If something in `data` is not a trajectory.
    ValueError
        If there is none, none has counted active modes, or `signal` is negative.
    """
    from matplotlib.ticker import MaxNLocator

    check_count("signal", signal, 0)
    runs = [run for run in read_runs(data, labels) if run.active_modes is not None]
    if not runs:
        raise ValueError(
            "data has no active modes; save them with observe=('active_modes',)"
        )
    ax = one_axes(ax)
    most = 1.0
    for run in runs:
        counts = np.asarray(run.active_modes)
        finite = counts[np.isfinite(counts)]
        most = max(most, finite.max() if finite.size else 1.0)
        ax.step(
            run.times,
            counts,
            where="mid",
            color=run.colour,
            linestyle=run.style,
            **run.weight,
            label=run.label,
        )
    time_axis(ax, xscale)
    ax.set(title="Active modes", ylabel=r"singular values above $\kappa$")
    if most > 20:  # the few signal modes would not show beside the bulk
        ax.set_yscale("symlog", linthresh=10, linscale=1.0)
        ax.set_yticks(*_count_ticks(most))
        ax.minorticks_off()
    else:
        ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(-0.4, max(most, signal or 0) * (1.3 if most > 20 else 1.1))
    if signal:
        ax.axhline(signal, color="black", linewidth=0.9, linestyle=LINE_STYLES[2])
        ax.annotate(
            f"{signal} signal modes",
            (1, signal),
            (-4, 3),
            xycoords=ax.get_yaxis_transform(),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize="small",
        )
    if legend:
        legend_below(ax, run_handles(runs, weighted=True))
    return ax


def _count_ticks(most: float) -> tuple[list[float], list[str]]:
    """Return ticks for counts: even ones up to 10, then 1, 2, 3, 5 per decade."""
    steps = [float(m * 10**k) for k in range(1, 7) for m in (1, 2, 3, 5)]
    ticks = [0.0, 2.0, 4.0, 6.0, 8.0, *(step for step in steps if step <= most)]
    return ticks, [f"{tick:g}" for tick in ticks]
