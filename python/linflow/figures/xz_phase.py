"""The phases of [XZ]: kernel and feature learning over exponents of the settings.

References
----------
[XZ] Xu, Ziyin, "Three Mechanisms of Feature Learning in a Linear Network", ICLR 2025,
arXiv 2401.07085.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from linflow.figures import _panels as panels
from linflow.plot._style import COLOURS, SEAMLESS, legend_outside, outline

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from linflow._streams import RngLike

NAME = "xz-phase"
SUMMARY = "[XZ] phase diagram: change of the kernel over exponents, and with width"

WIDTHS = (1e2, 1e3, 1e4, 1e5, 1e6)
SEEDS = 10
"""Of the cut, which shows means; the plane shows single networks."""
# Of the output scale; with equal variances that do not grow, on both sides of -1.
CUTS = (-1.5, -1.25, -1.0, -0.75, -0.5)
LABELS = {
    "standard": ("standard,\nKaiming", (-4, 14)),
    "ntk": ("NTK", (6, 6)),
    "mean-field": ("mean-field,\nXavier", (5, -14)),
}


def draw(rng: RngLike = 0, *, grid: int = 25) -> tuple[Figure, xr.Dataset]:
    """Train networks over the plane of size and imbalance, and along a cut of it.

    Parameters
    ----------
    rng
        Root of the networks.
    grid
        Number of sizes and of imbalances in the plane.
    """
    import linflow as lf

    plane = lf.kernel_phase_diagram(
        {
            "scale": np.linspace(-2, 0, grid),
            "variance_ratio": np.linspace(-2, 2, grid),
        },
        N=WIDTHS[-1],
        rng=rng,
    ).isel(N=0, seed=0)
    cuts = lf.kernel_phase_diagram({"scale": CUTS}, N=WIDTHS, seeds=SEEDS, rng=rng)

    figure, axes = panels.panels(1, 2, height=2.9)
    left, right = axes[0]
    _plane(left, plane)
    shades = [COLOURS[1], COLOURS[1], "black", COLOURS[0], COLOURS[0]]
    for i, (scale, shade) in enumerate(zip(CUTS, shades, strict=True)):
        line = abs(cuts.sel(scale=scale)).mean("seed")
        dashes = "--" if i % 2 else "-"
        panels.exact(right, line.N, line.kernel_change, color=shade, linestyle=dashes)
        panels.simulated(
            right, line.N, line.simulated_kernel_change, i % 4, color=shade
        )
        exponent = float(cuts.laziness_exponent.sel(scale=scale))
        right.annotate(
            rf"$N^{{{exponent:g}}}$",
            (WIDTHS[-1], float(line.kernel_change[-1])),
            (5, -3),
            textcoords="offset points",
            color=shade,
        )
    right.set(
        xscale="log",
        yscale="log",
        xlim=(60, 6e7),
        xlabel="width $N$",
        ylabel=r"mean kernel change $|K_\infty / K_0 - 1|$",
        title=r"Dotted cut, by growth of $\Lambda$",
    )
    panels.letters(axes)
    legend_outside(left, panels.key(simulated="integrated flow"), 2)
    names = ("scale", *map(str, plane.data_vars))
    renamed = plane.drop_vars(("N", "seed")).rename({n: f"plane_{n}" for n in names})
    return figure, cuts.assign(renamed.data_vars)


def _plane(ax: Axes, plane: xr.Dataset) -> None:
    """Draw the simulated change at the largest width, and the predicted line."""
    import linflow as lf

    mesh = ax.pcolormesh(
        plane.scale,
        plane.variance_ratio,
        np.log10(np.maximum(abs(plane.simulated_kernel_change), 1e-16)).transpose(),
        cmap="RdBu_r",
        vmin=-6,
        vmax=6,
        **SEAMLESS,
    )
    bar = ax.figure.colorbar(mesh, ax=ax, extend="both")
    bar.set_label(r"$\log_{10} |K_\infty / K_0 - 1|$, $N = 10^6$")
    y = np.linspace(-2, 2, 3)
    ax.plot(-1 - abs(y) / 2, y, color="black", path_effects=outline(3.0))
    for word, x in (("feature", -1.65), ("kernel", -0.4)):
        ax.text(
            x,
            -1.2 if word == "kernel" else 0.0,
            word,
            ha="center",
            va="center",
            fontweight="bold",
            path_effects=outline(2.5),
        )
    ax.axhline(0, color=panels.GREY, linewidth=0.6, linestyle=":")
    for name, (label, offset) in LABELS.items():
        one = lf.parameterisation.EXPONENTS[name]
        ax.plot(one.size, one.imbalance, "D", color="black", markeredgecolor="white")
        ax.annotate(
            label,
            (one.size, one.imbalance),
            offset,
            textcoords="offset points",
            va="center",
            fontsize=7,
            path_effects=outline(2.0),
        )
    ax.set(
        xlabel=r"size: exponent of $\gamma \sigma_w \sigma_u$",
        ylabel=r"imbalance: of $\sigma_w^2 \eta_u / \sigma_u^2 \eta_w$",
        title="Trained kernels and predicted line",
    )
