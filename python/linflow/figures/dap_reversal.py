"""Reversal learning: from T to -T, where lam decides how long it takes.

Every mode has to pass through 0, a saddle: with ``kappa = |lam| / 2`` that takes about
``ln(s*/kappa) / s*``. The balanced network, lam = 0, stays there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import modes
from linflow.figures import _dap as dap
from linflow.initial import Weights
from linflow.sequence import learn_sequence
from linflow.task import Task

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

NAME = "dap-reversal"
SUMMARY = "reversal learning: lam decides whether and when the saddle is left"

CURVES = (0.0, 1e-4, 1e-2, 1.0)
DIMENSION, MODES = 4, 2
BEFORE, AFTER = 6.0, 14.0


def draw(rng: int = 0) -> tuple[Figure, xr.Dataset]:
    """Draw the figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
    data : xarray.Dataset
        ``error`` on the present target (lam, time) and ``simulated_error`` (lam,
        point); ``reversal_time`` over ``level``, and ``simulated_reversal_time``.
    """
    import matplotlib as mpl
    import xarray as xr

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
    with mpl.rc_context(dap.FONT):
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
    figure, axes = dap.panels(1, 2, 3.0, width_ratios=[1.6, 1])
    zero = MODES / DIMENSION**2
    for i in range(len(CURVES)):
        dap.both(
            axes[0],
            i,
            (data.time, data.error[i]),
            (data.point, data.simulated_error[i]),
        )
    axes[0].axvline(0, color="grey", linestyle=":", linewidth=0.9, zorder=0)
    axes[0].axhline(zero, color="grey", linewidth=0.7, zorder=0)
    axes[0].text(AFTER, 1.15 * zero, r"saddle $A=0$", ha="right", va="bottom")
    axes[0].text(-0.2, 4.1 * zero, r"learning $T$", ha="right", va="bottom")
    axes[0].text(0.2, 4.1 * zero, r"learning $-T$", ha="left", va="bottom")
    axes[0].set(xlabel=r"time since the reversal $t\,s^*$", ylim=(None, 4.7 * zero))
    axes[0].set(ylabel="error on the present target")
    dap.both(
        axes[1],
        4,
        (data.level, data.reversal_time),
        (data.few, data.simulated_reversal_time),
    )
    axes[1].set(xscale="log", xlabel=r"balance level $\lambda\,/\,s^*$")
    axes[1].set(ylabel=r"time to half the error of $A=0$, $t\,s^*$")
    dap.letter(axes)
    handles = [dap.entry(i, rf"$\lambda={lam:g}$") for i, lam in enumerate(CURVES)]
    dap.legend_under(figure, [*handles, *dap.what_is_what()], 6)
    return figure
