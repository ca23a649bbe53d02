"""How each variable of a phase diagram is drawn: words, colours, scale, colour bar."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from linflow.status import Status

from ._style import COLOURS

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import BoundaryNorm, Colormap, Normalize
    from numpy.typing import NDArray

# Below it a logarithmic colour bar has too few ticks to be read.
MIN_LOG_SPAN = 10.0
# From the middle of the values to their top; beyond it a linear scale shows no more
# than the top.
MAX_LINEAR_SPAN = 30.0


# What of a run that ended well a picture may say.
_ENDS = {
    status: status.name.lower().replace("_", " ") for status in Status if status > 0
}


@dataclass(frozen=True)
class Look:
    """How a variable is drawn."""

    title: str
    unit: str
    cmap: str = "viridis"
    log: bool = False
    start: float = 0.0
    whole: bool = False  # a count, whose scale has whole ticks


LOOKS = {
    "min_test_error": Look("Minimal test error", r"$\|A - A^*\|_F^2 / d^2$"),
    "first_train_error": Look(
        "Train error at the start", r"$\|A - T\|_F^2 / d^2$", log=True
    ),
    "final_train_error": Look("Final train error", r"$\|A - T\|_F^2 / d^2$", log=True),
    "rank": Look(
        "Rank at minimal test error",
        "singular values $> s_1/5$",
        "cividis",
        log=True,
        start=1.0,
        whole=True,
    ),
    "stable_rank": Look(
        "Stable rank at minimal test error",
        r"$\|A\|_F^2 / \|A\|_\mathrm{op}^2$",
        "cividis",
        log=True,
        start=1.0,
    ),
    "rank_margin": Look(
        "Margin of the rank", r"$\min_i |s_i - s_1/5| / s_1$", log=True
    ),
    "error_bound": Look(
        "Estimated error of the closure",
        r"$\|\delta A\|_F / \max(\|T\|_F, \|A(0)\|_F)$",
        "magma",
        log=True,
    ),
    "active_modes": Look(
        "Active modes at minimal test error",
        r"singular values $> \kappa$",
        "cividis",
        log=True,
        whole=True,
    ),
    "effective_rank": Look(
        "Effective rank at minimal test error",
        r"$\exp H(s_i / \sum s)$",
        "cividis",
        log=True,
        start=1.0,
    ),
    "alignment": Look("Alignment of the signal modes", r"mean $|u^T u^*||v^T v^*|$"),
    "nuclear_norm": Look("Nuclear norm", r"$\sum_i s_i$", log=True),
    "operator_norm": Look("Operator norm", r"$s_1$", log=True),
    "first_crossing": Look(r"First mode crosses $\kappa$", "steps", "magma", log=True),
    "last_crossing": Look(
        r"All signal modes above $\kappa$", "steps", "magma", log=True
    ),
    "best_step": Look(
        "Steps to minimal test error", "steps", "magma", log=True, whole=True
    ),
    "steps": Look("Steps run", "steps", "magma", log=True, whole=True),
    "status": Look("How the runs ended", "status"),
    "duration": Look("Duration of a run", "seconds", log=True),
    "distance": Look(
        "Distance between two dynamics",
        r"$\max_t \|A - A'\|_F^2 / d^2$",
        "magma",
        log=True,
    ),
}


def look_of(variable: str, attrs: Mapping[Hashable, object]) -> Look:
    """Return how a variable of a phase diagram is drawn, given the diagram's attrs."""
    look = LOOKS.get(variable, Look(variable, variable))
    other = attrs.get("distance_to")
    if variable == "distance" and isinstance(other, str):
        words = {
            "closed_form": "closed form",
            "gradient_flow": "integrated flow",
            "self_consistent": "self-consistent",
        }
        name = words.get(other, other.replace("_", " "))
        return replace(look, title=f"Distance to {name} dynamics")
    return look


def make_norm(
    values: NDArray[np.float64],
    look: Look,
    statistic: str,
    vmin: float | None,
    vmax: float | None,
) -> tuple[Normalize, str]:
    """Return the colour scale, and at which of its ends values lie beyond it.

    It is logarithmic if the positive values span a factor of `MIN_LOG_SPAN` and either
    the variable's look wants it or all values are positive and few are
    `MAX_LINEAR_SPAN` times those in the middle. `vmin` and `vmax` are taken as they
    are.
    """
    from matplotlib.colors import LogNorm, Normalize

    finite = values[np.isfinite(values)]
    positive = finite[finite > 0]
    ends = [np.inf if vmin is None else vmin, -np.inf if vmax is None else vmax]
    log = (
        (look.log or (positive.size == finite.size and _top_heavy(positive)))
        and statistic == "mean"
        and positive.size > 0
        and max(positive.max(), ends[1]) >= MIN_LOG_SPAN * min(positive.min(), ends[0])
        and min(ends[0], 1.0) > 0
    )
    usable = positive if log else finite if finite.size else np.ones(1)
    low, high = usable.min(), usable.max()
    if not log:
        low = min(look.start if statistic == "mean" else 0.0, low)
        most = np.quantile(usable, 0.98)
        if high - low > 2 * (most - low) > 0:
            high = most
    low, high = low if vmin is None else vmin, high if vmax is None else vmax
    if not low < high:
        low, high = (low / 2, low * 2) if log else (low - 0.5, low + 0.5)
    below, above = bool((finite < low).any()), bool((finite > high).any())
    extend = ("neither", "min", "max", "both")[below + 2 * above]
    return (LogNorm if log else Normalize)(low, high), extend


def make_status_norm(
    values: NDArray[np.float64], cmap: str | Colormap | None
) -> tuple[BoundaryNorm, Colormap]:
    """Return a colour for each status there is; without `cmap` always the same one."""
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm, ListedColormap

    codes = np.unique(values[np.isfinite(values)]).astype(int)
    if not codes.size:
        codes = np.array([int(Status.REACHED_END)])
    colours = dict(zip(_ENDS, (*COLOURS, "#F0E442"), strict=True))
    own = ListedColormap([colours[Status(code)] for code in codes.tolist()])
    chosen = own if cmap is None else colormaps.get_cmap(cmap)
    return BoundaryNorm([*(codes - 0.5), codes[-1] + 0.5], chosen.N), chosen


def _top_heavy(values: NDArray[np.float64]) -> bool:
    if not values.size:
        return False
    middle, top = np.quantile(values, [0.5, 0.98])
    return bool(top > MAX_LINEAR_SPAN * middle)


def colour_bar(
    ax: Axes, mesh: QuadMesh, look: Look, extend: str, statistic: str
) -> None:
    """Add a colour bar that names the quantity and its unit."""
    from matplotlib.colors import BoundaryNorm, LogNorm
    from matplotlib.ticker import (
        FormatStrFormatter,
        LogLocator,
        MaxNLocator,
        NullFormatter,
    )

    bar = ax.figure.colorbar(mesh, ax=ax, extend=extend)
    what = "standard deviation of " if statistic == "std" else ""
    bar.set_label(what + look.unit)
    low, high = mesh.get_clim()
    if isinstance(mesh.norm, BoundaryNorm):
        edges = np.asarray(mesh.norm.boundaries)
        words = [_ENDS[Status(int(edge + 0.5))] for edge in edges[:-1]]
        bar.set_ticks(((edges[:-1] + edges[1:]) / 2).tolist(), labels=words)
        bar.ax.tick_params(length=0)
        bar.minorticks_off()
    elif isinstance(mesh.norm, LogNorm) and low > 1e-3 and high < 1e4:
        # Few decades: 1, 2, 5, 10 read better than powers of ten.
        subs = (1.0, 2.0, 5.0) if high / low < 300 else (1.0,)
        bar.ax.yaxis.set_major_locator(LogLocator(subs=subs))
        bar.ax.yaxis.set_major_formatter(FormatStrFormatter("%g"))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
    elif look.whole and statistic == "mean" and high - low >= 1:
        bar.ax.yaxis.set_major_locator(MaxNLocator(integer=True))
