"""The exact solution of [XZ] at several widths, over integrated networks.

References
----------
[XZ] Xu, Ziyin, "Three Mechanisms of Feature Learning in a Linear Network", ICLR 2025,
arXiv 2401.07085.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linflow.figures import _one_dimensional as integrated
from linflow.figures import _panels as panels
from linflow.plot._style import legend_outside

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from linflow._streams import RngLike
    from linflow.one_dimensional import OneDimensional

NAME = "xz-solution"
SUMMARY = "[XZ] exact solution at widths 1 to a million, from random starts"

TARGET, END = 3.0, 1.2
PANELS = {
    "output": "output $f$",
    "alignment": r"alignment $\zeta$",
    "kernel": "tangent kernel $K$",
    "u_norm": "output layer $|u| / |u(0)|$",
}


def draw(rng: RngLike = 0) -> tuple[Figure, xr.Dataset]:
    """Integrate four networks and solve them.

    Parameters
    ----------
    rng
        Root of the random starts.
    """
    import xarray as xr

    starts = _starts(rng)
    times = np.linspace(0, END, 121)
    few = np.linspace(0, END, 13)
    figure, axes = panels.panels(2, 2, height=2.0, sharex=True)
    parts = []
    for i, (name, start) in enumerate(starts.items()):
        run = start.solve(times)
        points = integrated.integrate(start, few)
        for (what, label), ax in zip(PANELS.items(), axes.flat, strict=True):
            unit = run.u_norm[0] if what == "u_norm" else 1.0
            panels.exact(ax, times, getattr(run, what) / unit, i)
            panels.simulated(ax, few, points[what] / unit, i)
            ax.set(title=label[0].upper() + label[1:], ylabel=label[label.index("$") :])
        both = run.to_xarray().drop_attrs()
        both = both.merge(points.rename({one: f"simulated_{one}" for one in points}))
        parts.append(both.expand_dims(network=[name]))
    axes[0, 0].axhline(TARGET, color=panels.GREY, linewidth=0.6, linestyle=":")
    axes[0, 1].set_ylim(-1.1, 1.1)
    axes[1, 0].set_yscale("log")
    for ax in axes[1]:
        ax.set_xlabel("time $t$")
    panels.letters(axes)
    entries = [
        panels.simulated(axes[0, 0], [], [], i, linestyle="-", label=name)
        for i, name in enumerate(starts)
    ]
    legend_outside(axes[0, 0], [*entries, *panels.key(simulated="integrated")], 3)
    return figure, xr.concat(parts, "network", combine_attrs="drop").assign_attrs(
        target=TARGET
    )


def _starts(rng: RngLike) -> dict[str, OneDimensional]:
    from linflow import OneDimensional

    return {
        "width 1": OneDimensional([0.9], [-0.5], cross_moment=TARGET),
        "width 10, uneven rates": OneDimensional.random(
            10,
            (0.3, 0.02),
            learning_rates=(0.5, 2.0),
            scale=1.5,
            second_moment=0.8,
            cross_moment=0.8 * TARGET,
            rng=rng,
        ),
        "width 1,000, Xavier": OneDimensional.parameterised(
            "xavier", 1e3, cross_moment=TARGET, rng=rng
        ),
        "width 1,000,000, NTK": OneDimensional.parameterised(
            "ntk", 1e6, cross_moment=TARGET, rng=rng
        ),
    }
