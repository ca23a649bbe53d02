"""Reversal learning: from T to -T, where lam decides how long it takes.

Every mode has to pass through 0, a saddle: with ``kappa = |lam| / 2`` that takes about
``ln(s*/kappa) / s*``. The balanced network, lam = 0, stays there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _streams as streams
from linflow import modes
from linflow.figures import _dap as dap
from linflow.figures import _panels as panels
from linflow.initial import Weights
from linflow.plot._style import legend_outside
from linflow.sequence import learn_sequence
from linflow.task import Task

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from linflow._streams import RngLike

NAME = "dap-reversal"
SUMMARY = "[DAP] reversal learning: lam decides whether and when the saddle is left"

CURVES = (0.0, 1e-4, 1e-2, 1.0)
DIMENSION, MODES = 4, 2
BEFORE, AFTER = 6.0, 14.0


def draw(rng: RngLike = 0) -> tuple[Figure, xr.Dataset]:
    """Draw the figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
    data : xarray.Dataset
        ``error`` on the present target (lam, time) and ``simulated_error`` (lam,
        point); ``reversal_time`` over ``level``, and ``simulated_reversal_time``.
    """
    import xarray as xr

    rng = streams.root(rng).sequence()
    generator = np.random.default_rng(rng)
    U, _ = np.linalg.qr(generator.normal(size=(DIMENSION, MODES)))
    V, _ = np.linalg.qr(generator.normal(size=(DIMENSION, MODES)))
    tasks = [Task(U @ V.T), Task(-U @ V.T)]
    fine = [np.linspace(0, BEFORE, 61), np.linspace(0, AFTER, 141)]
    coarse = [one[::6] for one in fine]
    flow: dict[str, Any] = {"dynamics": "gradient_flow", "rtol": 1e-9}
    errors, simulated = [], []
    for lam in CURVES:
        init = _start(U, V, lam)
        exact = learn_sequence(tasks, init, times=fine)
        run = learn_sequence(tasks, init, times=coarse, **flow)
        errors.append(exact.errors[np.arange(len(exact.times)), exact.learning])
        simulated.append(run.errors[np.arange(len(run.times)), run.learning])
    level = np.logspace(-6, 1, 71)
    few = level[::10]
    formula = _reversal_time(level)
    found = [_simulate(tasks, _start(U, V, lam), lam) for lam in few]
    data = xr.Dataset(
        {
            "error": (("lam", "time"), np.array(errors)),
            "simulated_error": (("lam", "point"), np.array(simulated)),
            "reversal_time": ("level", formula),
            "simulated_reversal_time": ("few", found),
        },
        coords={
            "lam": list(CURVES),
            "time": exact.times - BEFORE,
            "point": run.times - BEFORE,
            "level": level,
            "few": few,
        },
        attrs={"units": "lam and 1/time in units of the target's singular value"},
    )
    return _picture(data), data


def _start(U: NDArray[Any], V: NDArray[Any], lam: float) -> Weights:
    """Return small weights aligned with the task, W2^T W2 - W1 W1^T = lam I."""
    large = np.hypot(0.05, lam / 2)
    first, second = np.sqrt(large - lam / 2), np.sqrt(large + lam / 2)
    return Weights(first * V.T, second * U)


def _reversal_time(lam: NDArray[Any]) -> NDArray[Any]:
    """Return when the error has fallen to half that of A = 0, having learned T."""
    level = -(1 - np.sqrt(0.5))
    return modes.time_to_reach(level, 1.0, -1.0, lam / 2)


def _simulate(tasks: list[Task], init: Weights, lam: float) -> float:
    """Return the same of an integrated flow, to within the points it is looked at."""
    last = 1.3 * float(_reversal_time(np.array(lam)))
    times = [[0.0, 18.0 / (1.0 + lam)], list(np.linspace(0, last, 400))]
    run = learn_sequence(tasks, init, times=times, dynamics="gradient_flow", rtol=1e-10)
    late = run.learning == 1
    errors, when = run.errors[late, 1], np.array(times[1])
    half = float(np.mean(tasks[1].target ** 2)) / 2
    i = int(np.argmax(errors < half))
    share = (errors[i - 1] - half) / (errors[i - 1] - errors[i])
    return float(when[i - 1] + share * (when[i] - when[i - 1]))


def _picture(data: xr.Dataset) -> Figure:
    figure, grid = panels.panels(1, 2, height=2.5, width_ratios=[1.6, 1])
    left, right = axes = grid[0]
    zero = MODES / DIMENSION**2
    for i in range(len(CURVES)):
        dap.both(
            left, i, (data.time, data.error[i]), (data.point, data.simulated_error[i])
        )
    left.axvline(0, color=panels.GREY, linestyle=":", linewidth=0.8, zorder=0)
    left.axhline(zero, color=panels.GREY, linewidth=0.6, zorder=0)
    left.text(AFTER, 1.15 * zero, r"saddle $A=0$", ha="right", va="bottom")
    left.text(-0.3, 4.15 * zero, r"learning $T$", ha="right", va="bottom")
    left.text(0.3, 4.15 * zero, r"learning $-T$", ha="left", va="bottom")
    left.set(xlabel=r"time since the reversal $t\,s^*$", ylim=(None, 4.7 * zero))
    left.set(ylabel="error on the present target", title="Reversal")
    panels.exact(right, data.level, data.reversal_time, color="black")
    panels.simulated(right, data.few, data.simulated_reversal_time, color="black")
    right.set(xscale="log", xlabel=r"balance level $\lambda / s^*$", title="Escape")
    right.set(ylabel=r"escape time $t\,s^*$")
    panels.letters(axes)
    handles = [
        dap.entry(i, rf"$\lambda={lam}$")
        for i, lam in enumerate(("0", r"10^{-4}\,s^*", r"10^{-2}\,s^*", "s^*"))
    ]
    legend_outside(left, [*handles, *panels.key(simulated="integrated flow")], 3)
    return figure
