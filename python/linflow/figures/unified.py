"""One formula, all regimes: the mode equation under the starts of three papers.

References
----------
[TAJ], [DAP], [XZ]: see `linflow.regimes`, whose page this figure draws.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.figures import _panels as panels
from linflow.plot._style import COLOURS, legend_outside

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.network import Network
    from linflow.task import Task

NAME = "unified"
SUMMARY = "One formula, all regimes: [TAJ], [DAP] and [XZ] by their laziness number"

STARTS = {
    "TAJ": "random, wide [TAJ]",
    "DAP": r"$\lambda$-balanced [DAP]",
    "XZ": "one-dimensional data [XZ]",
}
CURVES = (0.01, 0.1, 1.0, 10.0)
"""Laziness numbers whose curves are drawn."""


def draw(rng: RngLike = 0, *, width: float = 1e10) -> tuple[Figure, xr.Dataset]:
    """Integrate the three starts at several laziness numbers and solve one mode.

    Parameters
    ----------
    rng
        Root of target directions and starts.
    width
        Of the random networks; their outputs start at about kappa / sqrt(width).
    """
    import xarray as xr

    from linflow import modes

    numbers = np.geomspace(CURVES[0], CURVES[-1], 10)
    unit = np.linspace(0, 12, 121)  # of 1 / (2 sqrt(s*^2 + kappa^2))
    few = np.linspace(0, 12, 13)
    figure, axes = panels.panels(1, 2, height=2.7)
    left, right = axes[0]

    curves = np.stack(
        [modes.curves(unit / _rate(one), 0.0, 1.0, one) for one in CURVES]
    )
    simulated = np.zeros((len(STARTS), len(CURVES), len(few)))
    growth = np.zeros((len(STARTS), len(numbers)))
    for j, name in enumerate(STARTS):
        for i, one in enumerate(CURVES):
            simulated[j, i] = _run(name, one, few / _rate(one), rng, width)[0]
        for i, one in enumerate(numbers):
            end = np.array([0.0, 40 / _rate(one)])
            growth[j, i] = _run(name, one, end, rng, width)[1]

    for i, one in enumerate(CURVES):
        panels.exact(left, unit, curves[i], i)
        left.annotate(
            rf"$\Lambda = {one:g}$",
            (0.96, 0.1 + 0.1 * i),
            xycoords="axes fraction",
            ha="right",
            color=COLOURS[i],
        )
    for j in range(len(STARTS)):
        for i in range(len(CURVES)):
            shown = slice(j, None, len(STARTS))  # in turns, so that all can be seen
            panels.simulated(
                left, few[shown], simulated[j, i, shown], j, color=COLOURS[i]
            )
        panels.simulated(right, numbers, growth[j], j, markersize=6.5 - 1.8 * j)
    fine = np.geomspace(numbers[0], numbers[-1], 101)
    panels.exact(right, fine, np.sqrt(1 + fine**-2), color="black")
    _name_regimes(right)
    left.set(
        xlabel=r"time, in units of $1 / 2\sqrt{s^{*2} + \kappa^2}$",
        ylabel="$s / s^*$",
        title="Learning a mode from zero",
    )
    right.set(
        xscale="log",
        yscale="log",
        xlabel=r"laziness number $\Lambda = \kappa / s^*$",
        ylabel=r"growth of the kernel $K_\infty / K_0$",
        title="Growth of its kernel",
    )
    panels.letters(axes)
    entries = panels.key(exact="one formula")[1:]
    entries += [
        panels.simulated(left, [], [], j, color=panels.GREY, label=label)
        for j, label in enumerate(STARTS.values())
    ]
    legend_outside(left, entries, 2)
    return figure, xr.Dataset(
        {
            "exact": (("laziness", "time"), curves),
            "simulated": (("start", "laziness", "simulated_time"), simulated),
            "kernel_growth": (("start", "laziness_of_growth"), growth),
        },
        coords={
            "laziness": list(CURVES),
            "time": unit,
            "start": list(STARTS),
            "simulated_time": few,
            "laziness_of_growth": numbers,
        },
        attrs={"width": width},
    )


def _rate(kappa: float) -> float:
    return float(2 * np.hypot(1.0, kappa))


def _run(
    name: str, kappa: float, times: Array, rng: RngLike, width: float
) -> tuple[Array, float]:
    """Integrate a start whose mode has s* = 1: its overlap, and its kernel's growth."""
    from linflow import gradient_flow

    task, network, u, v = _start(name, kappa, rng, width)
    run = gradient_flow(
        task,
        network,
        times=times,
        rtol=1e-8,
        observe=(),
        save_product=True,
    )
    assert run.product is not None
    assert run.network is not None
    kernels = [
        float(np.sum((one.W1 @ v) ** 2) + np.sum((u @ one.W2) ** 2))
        for one in (network, run.network)
    ]
    return run.product @ v @ u, kernels[1] / kernels[0]


def _start(
    name: str, kappa: float, rng: RngLike, width: float
) -> tuple[Task, Network, Array, Array]:
    """Return task, start, and the mode's singular vectors, in one of the papers."""
    import linflow as lf

    if name == "XZ":
        one = lf.OneDimensional.random(width, kappa / width, rng=rng)
        return one.task, one.network, np.ones(1), np.ones(1)
    shape = (6, 4) if name == "TAJ" else (4, 6)
    generator = np.random.default_rng(rng)
    U, V = (np.linalg.qr(generator.normal(size=(d, d)))[0] for d in shape)
    values: Any = np.array([1.0, 0.6, 0.3, 0.1])
    task = lf.Task((U[:, :4] * values) @ V[:, :4].T)
    init: Any = lf.Gaussian(width, kappa / width)
    if name == "DAP":  # w = d_out, which lambda > 0 needs
        init = lf.Balanced(shape[0], lam=2 * kappa, size=0.0)
    return task, init.sample(task, rng), U[:, 0], V[:, 0]


def _name_regimes(ax: Axes) -> None:

    ax.axvline(1, color=panels.GREY, linewidth=0.6, linestyle=":")
    for x, word in ((0.2, "active, rich,\nfeature learning"), (3.2, "lazy,\nkernel")):
        ax.annotate(
            word,
            (x, 0.93),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="top",
            color=panels.GREY,
        )
