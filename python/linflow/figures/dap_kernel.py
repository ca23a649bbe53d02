"""How far the kernel moves: by balance level and shape, and over time.

[DAP]: a network is lazy for large ``|lam|`` only where ``lam I`` fills its outputs or
inputs; elsewhere it is delayed rich: it first learns what its large layer spans, then
turns the kernel, in a time ~ ``|lam| / s*^2``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _streams as streams
from linflow.figures import _dap as dap
from linflow.figures import _panels as panels
from linflow.lazy_to_rich import lazy_to_rich
from linflow.plot._style import COLOURS, legend_outside

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from linflow._streams import RngLike

NAME = "dap-kernel"
SUMMARY = "[DAP] kernel distance against lam by shape of the network, and over time"

SHAPES = ((5, 2, 2), (2, 2, 5), (4, 4, 4))
SIZE = 0.1
CURVES = (-10.0, 0.0, 10.0, 100.0)


def draw(rng: RngLike = 0) -> tuple[Figure, xr.Dataset]:
    """Draw the figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
    data : xarray.Dataset
        ``distance`` and ``simulated_distance`` at convergence (shape, lam), and
        ``curve_*`` of the inverted funnel over time (curve, time).
    """
    import xarray as xr

    rng = streams.root(rng).sequence()
    steps = np.linspace(-4, 4, 97)  # even on the axis, which is linear up to 1
    lam = np.where(abs(steps) <= 1, steps, np.sign(steps) * 10.0 ** (abs(steps) - 1))
    few = lam[::6]
    keywords: dict[str, Any] = {"size": SIZE, "rng": rng}
    exact = lazy_to_rich(SHAPES, lam, **keywords).kernel_distance[:, 0, :, 0, -1]
    simulated = np.stack([_simulate(level, keywords) for level in few], axis=1)
    times = np.concatenate([[0.0], np.logspace(-2.5, 3, 161)])
    points = times[::8]
    inverted = {"shapes": SHAPES[1], "lam": CURVES} | keywords
    fine = lazy_to_rich(times=times, **inverted).isel(shape=0, size=0, seed=0)
    coarse = lazy_to_rich(
        times=points, dynamics="gradient_flow", rtol=1e-7, **inverted
    ).isel(shape=0, size=0, seed=0)
    data = xr.Dataset(
        {
            "distance": (("shape", "lam"), exact.values),
            "simulated_distance": (("shape", "few_lam"), simulated),
            "curve_distance": (("curve", "time"), fine.kernel_distance.values),
            "curve_error": (("curve", "time"), fine.train_error.values),
            "simulated_curve_distance": (
                ("curve", "point"), coarse.kernel_distance.values
            ),
            "simulated_curve_error": (("curve", "point"), coarse.train_error.values),
        },
        coords={
            "d_in": ("shape", [shape[0] for shape in SHAPES]),
            "width": ("shape", [shape[1] for shape in SHAPES]),
            "d_out": ("shape", [shape[2] for shape in SHAPES]),
            "lam": lam,
            "few_lam": few,
            "curve": list(CURVES),
            "time": times,
            "point": points,
        },
        attrs={"units": "lam and 1/time in units of the target's singular values"},
    )  # fmt: skip
    return _picture(data), data


def _simulate(level: float, keywords: dict[str, Any]) -> NDArray[np.float64]:
    """Integrate the flow for as long as a delayed network takes."""
    end = 20.0 * (1.0 + abs(level))
    run = lazy_to_rich(
        SHAPES,
        level,
        times=[0.0, end],
        dynamics="gradient_flow",
        rtol=1e-6,
        **keywords,
    )
    return np.asarray(run.kernel_distance[:, 0, 0, 0, -1])


def _picture(data: xr.Dataset) -> Figure:
    figure, grid = panels.panels(1, 3)
    first, *others = axes = grid[0]
    names = ("funnel", "inverted\nfunnel", "square")
    places = ((0.03, 0.76, "left"), (0.97, 0.8, "right"), (0.97, 0.12, "right"))
    for i, (name, shape) in enumerate(zip(names, SHAPES, strict=True)):
        dap.both(
            first,
            i,
            (data.lam, data.distance[i]),
            (data.few_lam, data.simulated_distance[i]),
        )
        x, y, side = places[i]
        first.text(
            x,
            y,
            f"{name}\n" + "-".join(map(str, shape)),
            color=COLOURS[i],
            ha=side,
            va="bottom" if i == 2 else "top",
            transform=first.transAxes,
            fontsize="small",
        )
    first.set_xscale("symlog", linthresh=1)
    first.set_xticks([-1e3, -1e1, 0, 1e1, 1e3])
    first.set(xlabel=r"balance level $\lambda / s^*$", ylim=(-0.06, None))
    first.set(ylabel="kernel distance at $t=\\infty$", title="By shape")
    for ax, name in zip(others, ("distance", "error"), strict=True):
        for i in range(len(CURVES)):
            dap.both(
                ax,
                i,
                (data.time[1:], data[f"curve_{name}"][i, 1:]),
                (data.point[1:], data[f"simulated_curve_{name}"][i, 1:]),
            )
        ax.set(xscale="log", xlabel=r"time $t\,s^*$", title="Inverted funnel")
    others[0].set(ylabel="kernel distance")
    others[1].set(ylabel="error per entry")
    panels.letters(axes)
    handles = [dap.entry(i, rf"$\lambda/s^*={v:g}$") for i, v in enumerate(CURVES)]
    legend_outside(first, [*handles, *panels.key(simulated="integrated flow")], 3)
    return figure
