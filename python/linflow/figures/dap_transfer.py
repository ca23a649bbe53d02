"""Transfer: a feature learned in one task is reused when new outputs are added.

The network that has learned task 1 gets new outputs with zero weights
(`Network.extend`). They are learned at once where they use the feature it has; where
they need another one they are learned later than from scratch, because the weights that
are to carry it are smaller than at the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from linflow import _streams as streams
from linflow.figures import _dap as dap
from linflow.figures import _panels as panels
from linflow.initial import Balanced
from linflow.plot._style import COLOURS, LINE_STYLES, legend_outside
from linflow.sequence import LearnedSequence, learn_sequence
from linflow.task import Task

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from linflow._streams import RngLike

NAME = "dap-transfer"
SUMMARY = "[DAP] transfer to new outputs: reused features against learning from scratch"

INPUTS, OUTPUTS, NEW = 6, 3, 3
LEVEL = 0.1  # of the new outputs' error, at which they count as learned
SPAN = 9.0
OVERLAPS = (1.0, 0.0)


def draw(rng: RngLike = 0) -> tuple[Figure, xr.Dataset]:
    """Draw the figure.

    Returns
    -------
    figure : matplotlib.figure.Figure
    data : xarray.Dataset
        ``error`` on the new outputs (curve, time) and ``simulated_error`` (curve,
        point); ``learning_time`` over ``overlap``, ``simulated_learning_time``, and the
        attribute ``scratch_time``.
    """
    import xarray as xr

    rng = streams.root(rng).sequence()
    generator = np.random.default_rng(rng)
    init = Balanced(2, lam=0.02, size=0.002)
    features, _ = np.linalg.qr(generator.normal(size=(INPUTS, 2)))
    left = generator.normal(size=(OUTPUTS + NEW, 2))
    left[:OUTPUTS] /= np.linalg.norm(left[:OUTPUTS], axis=0)
    left[OUTPUTS:] /= np.linalg.norm(left[OUTPUTS:], axis=0)

    def tasks(overlap: float) -> list[Task]:
        old = np.outer(left[:OUTPUTS, 0], features[:, 0])
        used = overlap * features[:, 0] + np.sqrt(1 - overlap**2) * features[:, 1]
        new = np.outer(left[OUTPUTS:, 0], used)
        return [Task(old), Task(np.vstack([old, new]))]

    time = np.linspace(0, SPAN, 181)
    point = time[::9]
    flow: dict[str, Any] = {"dynamics": "gradient_flow", "rtol": 1e-9}
    shared: dict[str, Any] = {"rng": rng, "extend": 0.0}
    curves, marks = [], []
    for overlap in OVERLAPS:
        both = tasks(overlap)
        curves.append(_new(learn_sequence(both, init, times=time, **shared)))
        marks.append(_new(learn_sequence(both, init, times=point, **shared, **flow)))
    scratch = tasks(1.0)[1:]
    curves.append(_new(learn_sequence(scratch, init, times=time, **shared)))
    marks.append(_new(learn_sequence(scratch, init, times=point, **shared, **flow)))
    few = np.linspace(0, 1, 9)
    steep = np.linspace(0.75, 0.85, 41)  # where the old feature just does or does not
    overlaps = np.unique(np.concatenate([np.linspace(0, 1, 41), steep]))
    fine = [np.array([0.0, SPAN]), np.linspace(0, 3 * SPAN, 1441)]
    exact_times = [
        _when(learn_sequence(tasks(one), init, times=fine, **shared), fine[1])
        for one in overlaps
    ]
    simulated = [
        _when(learn_sequence(tasks(one), init, times=fine, **shared, **flow), fine[1])
        for one in few
    ]
    data = xr.Dataset(
        {
            "error": (("curve", "time"), np.array(curves)),
            "simulated_error": (("curve", "point"), np.array(marks)),
            "learning_time": ("overlap", exact_times),
            "simulated_learning_time": ("few", simulated),
        },
        coords={
            "curve": ["same feature", "another feature", "from scratch"],
            "time": time,
            "point": point,
            "overlap": overlaps,
            "few": few,
        },
        attrs={
            "scratch_time": _when(
                learn_sequence(scratch, init, times=fine[1], **shared), fine[1]
            ),
            "units": "time in units of 1/s* of the first task",
        },
    )
    return _picture(data), data


def _new(run: LearnedSequence) -> NDArray[np.float64]:
    """Return the error on the new outputs in the last task, over that of A = 0."""
    product, target = run.runs[-1].product, run.tasks[-1].target
    assert product is not None
    gap = (product - target)[:, OUTPUTS:]
    return np.asarray(
        np.sum(gap**2, axis=(1, 2)) / np.sum(target[OUTPUTS:] ** 2), dtype=np.float64
    )


def _when(run: LearnedSequence, times: NDArray[np.float64]) -> float:
    """Return when the new outputs have been learned, between the times."""
    error = _new(run)
    if not (error < LEVEL).any():
        return float("inf")
    i = int(np.argmax(error < LEVEL))
    share = (error[i - 1] - LEVEL) / (error[i - 1] - error[i])
    return float(times[i - 1] + share * (times[i] - times[i - 1]))


def _picture(data: xr.Dataset) -> Figure:
    figure, grid = panels.panels(1, 2, height=2.5, width_ratios=[1.4, 1])
    left, right = axes = grid[0]
    for i in range(len(data.curve)):
        dap.both(
            left, i, (data.time, data.error[i]), (data.point, data.simulated_error[i])
        )
    left.set(xlabel=r"time since outputs were added $t\,s^*$", title="Transfer")
    left.set(ylabel="error on new outputs, relative")
    panels.exact(right, data.overlap, data.learning_time, color="black")
    panels.simulated(right, data.few, data.simulated_learning_time, color="black")
    scratch = data.attrs["scratch_time"]
    right.axhline(scratch, color=COLOURS[2], linestyle=LINE_STYLES[2])
    right.text(0, scratch, "from scratch", va="bottom", color=COLOURS[2])
    right.set(xlabel="overlap of new and old feature", ylim=(0, None))
    right.set(ylabel=rf"time to {LEVEL:.0%} error $t\,s^*$", title="Reuse")
    panels.letters(axes)
    handles = [dap.entry(i, str(name)) for i, name in enumerate(data.curve.values)]
    legend_outside(left, [*handles, *panels.key(simulated="integrated flow")], 3)
    return figure
