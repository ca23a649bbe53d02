"""The three mechanisms of [XZ], each at work by itself, and none in the kernel regime.

References
----------
[XZ] Xu, Ziyin, "Three Mechanisms of Feature Learning in a Linear Network", ICLR 2025,
arXiv 2401.07085.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.figures import _one_dimensional as integrated
from linflow.figures import _panels as panels
from linflow.plot._style import legend_outside

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.one_dimensional import OneDimensional
    from linflow.one_dimensional_run import OneDimensionalRun

NAME = "xz-mechanisms"
SUMMARY = "[XZ] mechanisms: alignment, disalignment, rescaling, and none of them"

WIDTH = 1000
CURVES = {
    "output": "output $|f|$, over its largest",
    "alignment": r"alignment $|\zeta|$",
    "size": "size $|u||w|$, over its largest",
}


def draw(rng: RngLike = 0) -> tuple[Figure, xr.Dataset]:
    """Integrate and solve a start for each mechanism.

    Parameters
    ----------
    rng
        Root of the starts' directions.
    """
    import xarray as xr

    figure, axes = panels.panels(2, 2, height=2.0, sharey=True)
    times, few = np.linspace(0, 1, 101), np.linspace(0, 1, 11)
    parts = []
    for ax, (name, start) in zip(axes.flat, _starts(rng).items(), strict=True):
        end = start.time_to_reach(start.target + 0.01 * (start.output - start.target))
        run = start.solve(end * times)
        points = integrated.integrate(start, end * few)
        exact = _curves(run.output, run.alignment, run.u_norm, run.w_norm)
        simulated = _curves(
            *(points[one] for one in ("output", "alignment", "u_norm", "w_norm"))
        )
        for i, what in enumerate(CURVES):
            # Where output and size are one curve, both are to be seen.
            panels.exact(ax, times, exact[what], i, linewidth=2.6 - 0.7 * i)
            panels.simulated(ax, few, simulated[what], i, markersize=5.5 - i)
        ax.set(title=name, ylim=(-0.05, 1.12))
        _shares(ax, name, run)
        data = run.to_xarray().drop_attrs().assign_coords(time=times)
        points = points.assign_coords(simulated_time=few)
        points = points.rename({one: f"simulated_{one}" for one in points})
        both = data.merge(points).assign(end=end)
        parts.append(both.expand_dims(start=[name]))
    for ax in axes[1]:
        ax.set_xlabel(r"time $t / t_{99}$, until 99 % is learned")
    panels.letters(axes)
    entries = [
        panels.simulated(axes[0, 0], [], [], i, linestyle="-", label=label)
        for i, label in enumerate(CURVES.values())
    ]
    legend_outside(axes[0, 0], [*entries, *panels.key(simulated="integrated")], 2)
    return figure, xr.concat(parts, "start", combine_attrs="drop").assign_attrs(
        width=WIDTH
    )


def _curves(f: Any, zeta: Any, u: Any, w: Any) -> dict[str, Array]:
    size = np.asarray(u) * np.asarray(w)
    output = abs(np.asarray(f))
    return {
        "output": output / output.max(),
        "alignment": abs(np.asarray(zeta)),
        "size": size / size.max(),
    }


def _shares(ax: Axes, name: str, run: OneDimensionalRun) -> None:
    """Write what each mechanism had of the whole change of ln|f|."""
    found = run.mechanisms
    lines = [
        f"{word} {100 * share[-1]:.0f} %"
        for word, share in (
            ("alignment", found.alignment_share),
            ("disalignment", found.disalignment_share),
            ("rescaling", found.rescaling_share),
        )
        if share[-1] > 0
    ]
    if name.startswith("Kernel"):
        moved = abs(run.alignment[-1] - run.alignment[0])
        lines = [
            rf"$\Delta\zeta$ = {_power(moved)}",
            rf"$\Delta K/K$ = {_power(abs(run.kernel_change[-1]))}",
        ]
    ax.annotate(
        "\n".join(lines),
        (0.97, 0.78 if name == "Disalignment" else 0.45),
        xycoords="axes fraction",
        ha="right",
        va="center",
        fontsize=7,
    )


def _power(value: float) -> str:
    digits, exponent = f"{value:.0e}".split("e")
    return rf"${digits}\times 10^{{{int(exponent)}}}$"


def _starts(rng: RngLike) -> dict[str, OneDimensional]:
    """Return a start for each mechanism: |u|, |w| and zeta are prescribed."""
    from linflow import OneDimensional

    vectors = np.random.default_rng(rng).normal(size=(2, WIDTH))
    first, rest = np.linalg.qr(vectors.T)[0].T

    def start(size: float, zeta: float, target: float) -> OneDimensional:
        w = np.sqrt(size) * first
        u = np.sqrt(size) * (zeta * first + np.sqrt(1 - zeta**2) * rest)
        return OneDimensional(u, w, cross_moment=target)

    return {
        "Alignment": start(1.0, 0.05, 1.0),
        "Disalignment": start(3.0, 0.9, 0.15),
        "Rescaling": start(0.05, 1.0, 1.0),
        "Kernel regime: none": start(1e3, 2e-4, 1.0),
    }
