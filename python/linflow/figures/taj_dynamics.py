"""Figure 1 of [TAJ]: a wide network in the mixed regime, simulated and solved.

References
----------
[TAJ] Tu, Aranguri, Jacot, "Mixed Dynamics In Linear Networks: Unifying the Lazy and
Active Regimes", NeurIPS 2024, arXiv 2405.17580, figure 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow.figures import _data as collect
from linflow.figures import _panels as panels
from linflow.plot._style import COLOURS, legend_outside

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from linflow._core import Array
    from linflow._streams import RngLike
    from linflow.trajectory import Trajectory

NAME = "taj-dynamics"
SUMMARY = "[TAJ] figure 1: errors and singular values against the threshold kappa"

# The exponents of the paper, which has d = 500 and rank 5.
GAMMA_SIGMA2, GAMMA_W, RANK, BULK = -1.85, 2.25, 5, 3
STEPS_PER_UNIT = 50
"""Steps in the time 1/|A*|: ten times the paper's, so that descent is near its flow."""
SAVE_EVERY, MARKS = 8, 20


def draw(rng: RngLike = 0, *, d: int = 200) -> tuple[Figure, xr.Dataset]:
    """Run gradient descent and solve its flow, by formula and by closure.

    Parameters
    ----------
    rng
        Root of task and network.
    d
        Input and output dimension.
    """
    import linflow as lf

    task = lf.low_rank_task(d, rank=RANK, rng=rng)
    network = lf.Gaussian(d**GAMMA_W, d**GAMMA_SIGMA2).sample(task, rng)
    assert task.truth is not None
    largest = float(np.linalg.norm(task.truth, 2))
    step_size = 1 / (STEPS_PER_UNIT * largest)
    steps = 16 * STEPS_PER_UNIT
    shared: dict[str, Any] = {"top": RANK + BULK, "rng": rng}
    descent = lf.gradient_descent(
        task,
        network,
        step_size=step_size,
        max_steps=steps,
        save_every=SAVE_EVERY,
        **shared,
    )
    times = np.geomspace(SAVE_EVERY * step_size, descent.times[-1], 81)
    closed = lf.closed_form(task, network, times=times, **shared)
    formula = lf.self_consistent(task, network, times=times, **shared)

    figure, axes = panels.panels(1, 2, height=2.5)
    for run, look in ((closed, "-"), (formula, ":")):
        _errors(axes[0, 0], run, look)
        _modes(axes[0, 1], run, look)
    _errors(axes[0, 0], descent)
    _modes(axes[0, 1], descent)
    left, right = axes[0]
    for ax in (left, right):
        ax.set(xscale="log", yscale="log", xlabel="time $t$")
    left.set(ylim=(None, 9), ylabel="error per entry", title="Errors")
    for value, word, index in (
        (closed.train_error, "train", 0),
        (closed.test_error, "test", 1),
    ):
        assert value is not None
        left.annotate(
            word,
            (times[0], value[0]),
            (0, 5 if index == 0 else -12),
            textcoords="offset points",
            color=COLOURS[index],
        )
    kappa = descent.kappa
    assert kappa is not None
    right.axhline(kappa, color=panels.GREY, linewidth=0.8)
    right.annotate(
        rf"$\kappa = {kappa:.3g}$",
        (0, kappa),
        (3, 3),
        xycoords=right.get_yaxis_transform(),
        textcoords="offset points",
        color=panels.GREY,
    )
    crossings = closed.crossing_times
    assert crossings is not None
    right.plot(
        crossings[:RANK],
        np.full(RANK, kappa),
        "|",
        color="black",
        markersize=8,
        zorder=4,
        label=r"crossing of $\kappa$",
    )
    assert closed.singular_values is not None
    for word, mode, index in (("signal", RANK - 1, 0), ("noise", RANK + BULK - 1, 1)):
        right.annotate(
            word,
            (times[-1], closed.singular_values[-1, mode]),
            (0, -12),
            textcoords="offset points",
            ha="right",
            color=COLOURS[index],
        )
    right.set(ylabel="singular value of $A$", title="Singular values")
    panels.letters(axes)
    entries = panels.key(
        exact="Riccati closure from $P(0)$",
        simulated="gradient descent",
        approximate="self-consistent formula",
    )
    legend_outside(left, [*entries, *right.get_legend_handles_labels()[0]], 2)
    return figure, collect.of_runs(
        gradient_descent=descent, closed_form=closed, self_consistent=formula
    ).assign_attrs(
        d=d,
        rank=RANK,
        gamma_sigma2=GAMMA_SIGMA2,
        gamma_w=GAMMA_W,
        step_size=step_size,
        kappa=kappa,
    )


def _errors(ax: Axes, run: Trajectory, look: str | None = None) -> None:
    assert run.train_error is not None
    assert run.test_error is not None
    _curve(ax, run, run.train_error, 0, look)
    _curve(ax, run, run.test_error, 1, look)


def _modes(ax: Axes, run: Trajectory, look: str | None = None) -> None:
    assert run.singular_values is not None
    for mode, values in enumerate(run.singular_values.T):
        _curve(ax, run, values, 0 if mode < RANK else 1, look, markersize=2.5)


def _curve(
    ax: Axes, run: Trajectory, y: Array, index: int, look: str | None, **size: float
) -> None:
    """Draw a formula with a line of that look, a simulation (None) with markers."""
    if look is None:
        spaced = np.geomspace(1, len(run.times) - 1, MARKS).round().astype(int)
        where = np.unique(spaced)
        panels.simulated(ax, run.times[where], y[where], index, **size)
    else:
        top = {"color": "black", "zorder": 2.5} if look == ":" else {}
        panels.exact(ax, run.times, y, index, linestyle=look, **top)
